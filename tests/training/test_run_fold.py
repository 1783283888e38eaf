import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from small_study import CLASSES, INPUT, TRAINING, Study

from genreflow.config.audio import AudioSettings
from genreflow.config.inputs import InputSettings
from genreflow.config.training import TrainingSettings
from genreflow.errors import UserError
from genreflow.store.digest import digest, file_sha256
from genreflow.store.parquet import read_frame, read_header
from genreflow.training.run import run_fold


def test_the_four_products_say_what_was_done(study, run_tiny):
    facts = run_tiny()
    folder = study.folder / "run"
    assert {path.name for path in folder.iterdir()} == {
        "model.safetensors",
        "run.json",
        "history.parquet",
        "predictions.parquet",
    }
    assert json.loads((folder / "run.json").read_text()) == facts
    assert facts["key"] == "0123abcd"
    assert (facts["model"], facts["options"], facts["fold"]) == ("tiny", {}, "1")
    assert facts["training"] == TRAINING.model_dump(mode="json")
    assert facts["input"] == InputSettings.model_validate(INPUT).model_dump(mode="json")
    assert facts["audio"] == AudioSettings().model_dump(mode="json")
    assert facts["classes"] == list(CLASSES)
    assert (facts["status"], facts["epochs"], facts["steps"], facts["threads"]) == ("finished", 3, 18, 1)
    assert 1 <= facts["kept_epoch"] <= 3
    assert facts["parameters"] == 48 * 16 + 16 + 16 * 3 + 3
    assert facts["files"]["model.safetensors"] == file_sha256(folder / "model.safetensors")
    assert facts["dataset"]["tracks"] == {"train": 9, "test": 6}
    assert facts["dataset"]["slices"] == {"train": 27, "test": 18}
    folds = read_frame(study.folds, "folds")
    training = folds.loc[(folds["fold"] == "1") & (folds["role"] == "train"), "track_id"]
    sha256 = study.tracks.loc[study.tracks["track_id"].isin(training), "sha256"]
    assert facts["dataset"]["training_tracks"] == digest(sorted(sha256))
    assert set(facts["seconds"]) == {"start_to_first_step", "load", "train", "predict", "total"}
    assert set(facts["versions"]) == {"genreflow", "torch", "numpy", "python"}
    assert read_header(folder / "history.parquet", "history").key == "0123abcd"
    assert read_frame(folder / "history.parquet", "history")["epoch"].tolist() == [1, 2, 3]


@pytest.mark.parametrize(("fold", "role"), [("1", "test"), ("2", "test"), ("final", "holdout")])
def test_exactly_the_tracks_outside_the_training_are_predicted(study, run_tiny, fold, role):
    run_tiny(fold=fold)
    path = study.folder / "run" / "predictions.parquet"
    table = read_frame(path, "predictions")
    assert list(table.columns) == ["track_id", "slice", "start_s", "label", "role", "p0", "p1", "p2"]
    assert read_header(path).facts == {"classes": list(CLASSES), "tags": False}
    folds = read_frame(study.folds, "folds")
    expected = set(folds.loc[(folds["fold"] == fold) & (folds["role"] == role), "track_id"])
    assert set(table["track_id"]) == expected
    assert len(table) == 3 * len(expected)
    probabilities = table[["p0", "p1", "p2"]].to_numpy()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    assert (np.array(CLASSES)[probabilities.argmax(axis=1)] == table["label"]).mean() > 0.8


def test_tracks_with_tags_are_trained_on_and_predicted_tag_by_tag(study, run_tiny):
    study.write_tagged()
    training = TRAINING.model_copy(update={"sampling": "shuffled", "epochs": 25, "learning_rate": 0.05})
    facts = run_tiny(training=training)
    assert facts["tags"] and facts["classes"] == [*CLASSES, "fast", "slow"]
    assert facts["dataset"]["tracks"] == {"train": 6, "validation": 3, "test": 6}
    table = read_frame(study.folder / "run" / "predictions.parquet", "predictions")
    assert table["role"].value_counts().to_dict() == {"test": 18, "validation": 9}
    tags = study.tracks.set_index("track_id")["label"]
    assert all(tags[row.track_id] in row.tags and len(row.tags) == 2 for row in table.itertuples())
    probabilities = table[[f"p{number}" for number in range(5)]].to_numpy()
    assert not np.allclose(probabilities.sum(axis=1), 1)
    has = np.array([[name in row for name in CLASSES] for row in table["tags"]])
    assert ((probabilities[:, :3] > 0.5) == has).mean() > 0.9


def test_segments_divided_one_by_one_are_trained_on_and_tested_of_the_same_track(study, run_tiny):
    study.write_divided()
    facts = run_tiny()
    assert facts["dataset"]["slices"] == {"train": 36, "test": 18}
    table = read_frame(study.folder / "run" / "predictions.parquet", "predictions")
    assert set(table["slice"]) == {0} and table["track_id"].nunique() == 18


def test_a_final_run_without_holdout_has_an_empty_prediction_table(study, run_tiny):
    study.write_folds(holdout=False)
    facts = run_tiny(fold="final")
    assert facts["dataset"]["slices"] == {"train": 54, "holdout": 0}
    assert read_frame(study.folder / "run" / "predictions.parquet", "predictions").empty


def test_the_same_run_writes_the_same_bytes(tmp_path):
    """With the real network, dropout and all, and other random draws between the two."""
    study = Study(tmp_path, shape=(128, 128))
    training = TrainingSettings(batch=6, steps_per_epoch=2, epochs=1, precision="float32")
    one = run_fold(**study.arguments("psytrance_cnn", "one", training=training))
    torch.rand(5)
    other = run_fold(**study.arguments("psytrance_cnn", "other", training=training))
    for name in ("model.safetensors", "predictions.parquet"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes(), name
    others = {"seconds": None, "seal": None, "files": None, "name": None}  # which tell of times and places
    assert one | others == other | others


def test_a_run_leaves_the_random_state_of_its_caller_alone(study, run_tiny):
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    run_tiny()
    assert torch.equal(torch.rand(3), expected)


def test_a_diverged_run_is_recorded_with_finite_weights_and_predictions(study, run_tiny):
    training = TrainingSettings(batch=9, steps_per_epoch=6, epochs=50, optimizer="sgd", learning_rate=100.0)
    facts = run_tiny(training=training)
    assert facts["status"] == "diverged"
    assert facts["epochs"] < 50
    folder = study.folder / "run"
    assert all(torch.isfinite(tensor).all() for tensor in load_file(folder / "model.safetensors").values())
    assert np.isfinite(read_frame(folder / "predictions.parquet", "predictions")[["p0", "p1", "p2"]]).all(axis=None)


def test_an_unknown_fold_is_refused(study, run_tiny):
    with pytest.raises(UserError, match=r"fold '7' has no training tracks\. Folds there: 1, 2, final"):
        run_tiny(fold="7")


def test_a_track_that_the_index_lacks_is_named(study, run_tiny):
    study.tracks = study.tracks.assign(track_id=lambda tracks: tracks["track_id"].str.replace("0000", "ffff", n=1))
    study.write_folds()
    with pytest.raises(UserError, match=r"track ffff\w+ is not in .*index.parquet \(15 such\)"):
        run_tiny()
