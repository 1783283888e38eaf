"""Models that are fitted at once go through a run, a bundle and a prediction as networks do."""

import shutil
import time
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from resealing import reseal
from safetensors.torch import load_file, save_file
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from small_study import CLASSES, Study

from genreflow.config.inputs import InputSettings
from genreflow.errors import UserError
from genreflow.models import classical, registry
from genreflow.store.parquet import read_frame
from genreflow.training.bundle import load_bundle
from genreflow.training.predict import predict_proba
from genreflow.training.run import run_fold

D = 8
FITTED = [name for name, entry in registry.MODELS.items() if entry.is_estimator]
INPUT = {
    "front_end": {"kind": "descriptors"},
    "segments": {"kind": "random_offset"},
    "standardize": "element",
}


@pytest.fixture
def study(tmp_path):
    return Study(tmp_path, shape=(D,))


@pytest.fixture
def run(study):
    """Return a function that runs a model on fold 1 of the small study, into a folder of it."""

    def run(model, folder="run", **changes):
        return run_fold(**study.arguments(model, folder, **{"input": INPUT} | changes))

    return run


def slices(study, role):
    """Return arrays and classes of the slices of fold 1 that have a role, in the order of a run."""
    folds = read_frame(study.folds, "folds").query("fold == '1' and role == @role").sort_values("track_id")
    arrays = np.concatenate([study.arrays[track] for track in folds["track_id"]]).astype(np.float32)
    return arrays, np.repeat([CLASSES.index(label) for label in folds["label"]], 3)


@pytest.mark.parametrize("model", FITTED)
def test_a_run_has_one_epoch_and_the_products_of_every_run(study, run, model):
    facts = run(model)
    assert (facts["status"], facts["epochs"], facts["kept_epoch"], facts["steps"]) == ("finished", 1, 1, 1)
    assert (facts["device"], facts["precision"], facts["parameters"]) == ("cpu", "float32", 0)
    [layer] = facts["layers"]
    assert layer["shape"] == [3]
    folder = study.folder / "run"
    [epoch] = read_frame(folder / "history.parquet", "history").to_dict("records")
    arrays, targets = slices(study, "train")
    probabilities = predict_proba(load_bundle(folder).model, arrays, device=torch.device("cpu"))
    assert epoch["accuracy"] == pytest.approx((probabilities.argmax(axis=1) == targets).mean())
    assert epoch["loss"] == pytest.approx(-np.log(probabilities[np.arange(27), targets]).mean(), rel=1e-5)
    table = read_frame(folder / "predictions.parquet", "predictions")
    right = np.array(CLASSES)[table[["p0", "p1", "p2"]].to_numpy().argmax(axis=1)] == table["label"]
    assert len(table) == 18
    assert right.mean() > 0.5  # by chance a third; 27 slices are few


@pytest.mark.parametrize("model", FITTED)
def test_a_loaded_model_predicts_what_was_predicted(study, run, model):
    run(model)
    table = read_frame(study.folder / "run" / "predictions.parquet", "predictions")
    again = predict_proba(load_bundle(study.folder / "run").model, slices(study, "test")[0], device=torch.device("cpu"))
    np.testing.assert_array_equal(again, table[["p0", "p1", "p2"]])


@pytest.mark.parametrize("model", FITTED)
def test_the_same_run_writes_the_same_weights_on_any_number_of_threads(study, run, model):
    run(model, "one")
    run(model, "other", threads=2)
    one, other = (study.folder / name / "model.safetensors" for name in ("one", "other"))
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize(
    ("model", "estimator"),
    [
        ("random_forest", RandomForestClassifier(100, max_depth=26, random_state=0)),
        ("logistic_regression", LogisticRegression()),
    ],
)
def test_it_is_fitted_to_the_standardized_training_slices(study, run, model, estimator):
    """The same as scikit-learn on slices of mean 0 and deviation 1 over the training tracks, and no other's."""
    study.arrays = {track: 40 * array - 7 for track, array in study.arrays.items()}
    study.shards = [study.write_shard(name) for name in ("0", "1")]
    run(model)
    table = read_frame(study.folder / "run" / "predictions.parquet", "predictions")
    (train, targets), (test, _) = slices(study, "train"), slices(study, "test")
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    estimator.fit((train - mean) / deviation, targets)
    expected = estimator.predict_proba((test - mean) / deviation)
    np.testing.assert_allclose(table[["p0", "p1", "p2"]], expected, atol=1e-5)


@pytest.mark.parametrize(("model", "names"), [("probe", {"C"}), ("svm", {"C", "gamma"}), ("random_forest", {"depth"})])
def test_the_record_has_what_inner_folds_chose(run, model, names):
    assert run(model)["chosen"].keys() == names


def test_a_probe_is_fitted_to_tags(study, run):
    study.write_tagged()
    facts = run("probe")
    assert facts["tags"]
    table = read_frame(study.folder / "run" / "predictions.parquet", "predictions").query("role == 'test'")
    own = np.array([["goa" in tags, "dark" in tags] for tags in table["tags"]])
    probabilities = table[[f"p{facts['classes'].index(name)}" for name in ("goa", "dark")]].to_numpy()
    assert ((probabilities > 0.5) == own).mean() > 0.8  # 36 tags are few


def test_support_vectors_are_calibrated_on_whole_groups(study, run, monkeypatch):
    seen = []

    def held_out(targets, groups, n):
        seen.append(groups)
        return result(targets, groups, n)

    result = classical.held_out
    monkeypatch.setattr(classical, "held_out", held_out)
    spec = study.arguments("svm", "run")["spec"]
    run("svm", spec=replace(spec, options={"C": 10.0, "gamma": 0.0}, input=InputSettings.model_validate(INPUT)))
    [groups] = seen
    folds = read_frame(study.folds, "folds").query("fold == '1' and role == 'train'")
    assert sorted(groups) == sorted(3 * folds["group"].tolist())


class TestForeignWeights:
    """Well-formed files whose content is no model: refused in words, at once."""

    @pytest.fixture(scope="class")
    def finished(self, tmp_path_factory):
        """Return a function that returns the folder of a run of a model, which is made once; not to be changed."""

        @cache
        def finished(model):
            study = Study(tmp_path_factory.mktemp(model), shape=(D,))
            run_fold(**study.arguments(model, "run", input=INPUT))
            return study.folder / "run"

        return finished

    @pytest.fixture
    def refused(self, finished, tmp_path):
        """Return a function that copies a run of a model, changes its weights, and returns why it is refused."""

        def refused(model, change):
            folder = shutil.copytree(finished(model), tmp_path / "run")
            weights = load_file(folder / "model.safetensors")
            change(weights)
            save_file(weights, folder / "model.safetensors")
            reseal(folder)
            begin = time.process_time()
            with pytest.raises(UserError) as caught:
                load_bundle(folder)
            assert time.process_time() - begin < 5
            return str(caught.value)

        return refused

    @pytest.mark.parametrize(
        ("buffer", "value", "message"),
        [
            ("following", torch.zeros(1, 2, dtype=torch.int64), "does not hold a 'random_forest'"),
            ("following", torch.zeros(3, 2, dtype=torch.float32), "does not hold a 'random_forest'"),
            ("thresholds", torch.zeros(10**12, 0), "does not hold a 'random_forest'"),
            ("shares", torch.zeros(0, 3), "does not hold a 'random_forest'"),
            ("more", torch.zeros(3), "does not hold a 'random_forest'"),
        ],
    )
    def test_tensors_that_do_not_go_together(self, refused, buffer, value, message):
        assert message in refused("random_forest", lambda weights: weights.update({f"network.{buffer}": value}))

    def test_a_tensor_that_is_missing(self, refused):
        assert "network.classes" in refused("knn", lambda weights: weights.pop("network.classes"))

    def test_numbers_that_are_not_finite(self, refused):
        assert "not finite numbers" in refused("svm", lambda weights: weights["network.offsets"].fill_(float("inf")))

    def test_trees_that_lead_in_circles(self, refused):
        def lead_in_circles(weights):
            weights["network.following"].zero_()[0] = 1

        assert "a tree is deeper than 26" in refused("random_forest", lead_in_circles)

    def test_trees_that_lead_out_of_themselves(self, refused):
        why = refused("random_forest", lambda weights: weights["network.following"].fill_(2**62))
        assert "a node leads to none of the" in why
