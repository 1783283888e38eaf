"""The public API: `import genreflow as gf`, its examples and its notebook."""

import doctest
import json
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from finished_runs import TRACKS, write_folds, write_setting
from little_model import CLASSES, ENTRY, RATE, sound, write_music, write_predictions, write_run

import genreflow as gf
from genreflow.audio.excerpts import Track
from genreflow.audio.ingest import ingest
from genreflow.config.audio import AudioSettings
from genreflow.errors import UserError
from genreflow.evaluation.intervals import accuracy_interval
from genreflow.models.registry import MODELS
from genreflow.store.digest import file_sha256

NOTEBOOK = Path(__file__).parents[1] / "docs/notebooks/library.ipynb"
DOCUMENTED = (
    "genreflow", "genreflow.audio.load", "genreflow.datasets.scan", "genreflow.evaluation.evaluate",
    "genreflow.features.functional", "genreflow.inference.tracks", "genreflow.models.registry",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with music in class folders, a song, and a study with a trained model, as the notebook expects them."""
    folder = tmp_path_factory.mktemp("library")
    for label, kind in (("dark", "low"), ("goa", "high")):
        (folder / "music" / label).mkdir(parents=True)
        soundfile.write(folder / "music" / label / f"{kind}.flac", sound(kind, 1, 4.0), RATE)
    soundfile.write(folder / "song.mp3", sound("low", 2, 4.0), RATE * 2, format="MP3")
    trained_on = write_music(folder / "trained", ("low", "high"), 3)
    setting = folder / "study/runs/halves/base"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(MODELS, "halves", ENTRY)
        write_run(setting / "fold-final", trained_on=trained_on, work=folder / "audio")
        for fold in ("1", "2"):
            write_run(setting / f"fold-{fold}")
            proba = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
            write_predictions(setting / f"fold-{fold}", proba, ["high", "low", "low"], prefix=fold)
        yield folder


def test_every_public_name_is_there_and_documented():
    assert set(gf.__all__) <= set(dir(gf))
    for name in gf.__all__:
        assert getattr(gf, name).__doc__
    for package in (gf.features, gf.datasets):
        assert set(package.__all__) <= set(dir(package))
        for name in package.__all__:
            assert "Examples" in getattr(package, name).__doc__
    for missing in (gf, gf.features, gf.datasets):
        with pytest.raises(AttributeError, match="no attribute 'nothing'"):
            missing.nothing  # noqa: B018


@pytest.mark.parametrize("module", DOCUMENTED)
def test_examples_of_the_documentation_run(folder, monkeypatch, module):
    monkeypatch.chdir(folder)
    failed, tried = doctest.testmod(import_module(module), verbose=False)
    assert tried and not failed


def test_the_notebook_runs(folder):
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    names = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert not cell["outputs"]
            exec(compile("".join(cell["source"]), NOTEBOOK, "exec"), names)
            if "parameters" in cell["metadata"].get("tags", []):
                names |= {"music": folder / "music", "study": folder / "study"}
    assert list(names["predicted"]["label"]) == ["low", "high"]


def test_samples_are_those_that_the_pipeline_cuts(folder, tmp_path):
    path = folder / "song.mp3"
    row = {"track_id": "0" * 16, "path": str(path).encode(), "bytes": None, "sha256": file_sha256(path)}
    [row] = ingest([row], audio_folder=tmp_path, settings=AudioSettings(), stage_key="another").to_pylist()
    y, sr = gf.load(path, sr=22_050)
    assert np.array_equal(y, Track.open(tmp_path / row["ogg"], 22_050).read())
    assert (y.dtype, y.ndim, sr) == (np.float32, 1, 22_050)


def test_files_that_cannot_be_loaded(tmp_path):
    (tmp_path / "text.wav").write_text("no music " * 100)
    with pytest.raises(UserError, match=r"Q_NOT_AUDIO: .*text\.wav: "):
        gf.load(tmp_path / "text.wav")
    with pytest.raises(FileNotFoundError):
        gf.load(tmp_path / "gone.wav")
    with pytest.raises(UserError, match="96000 Hz is not between"):
        gf.load(tmp_path / "text.wav", sr=96_000)


def test_front_ends_take_the_settings_of_studies():
    y = np.random.default_rng(0).normal(size=66_150).astype(np.float32)
    assert gf.features.logmel(y, sr=22_050, n_mels=40, n_fft=1_024, hop=512).shape == (40, 130)
    assert gf.features.stft(y, n_fft=512, hop=256, centered=True).shape == (257, 259)
    assert list(gf.features.music_maps(y, without="brightness"))[2] == "spectral flatness"
    assert gf.features.descriptors(y, set="means36").index[0].startswith("zcr")
    with pytest.raises(UserError, match=r"(?s)features\.LogMel:.*n_mel: this key is not known. Did you mean 'n_mels'"):
        gf.features.logmel(y, n_mel=40)
    with pytest.raises(UserError, match="finite samples in one dimension"):
        gf.features.stft(y[:100])


def test_tracks_of_a_dataset(folder):
    tracks = gf.datasets.find(folder / "music", labels={"aliases": {"goa": "psytrance"}})
    assert list(tracks["label"]) == ["dark", "psytrance"]
    assert tracks.attrs["notices"] == ["labels.aliases: 'goa' (1 track) is 'psytrance'"]
    with pytest.raises(UserError, match=r"'folder' is none of .*Did you mean 'folders'"):
        gf.datasets.find(folder / "music", layout="folder")
    with pytest.raises(UserError, match="follow_link: this key is not known"):
        gf.datasets.find(folder / "music", follow_link=True)


def test_predictions_of_files(folder):
    model = gf.load_model(folder / "study/runs/halves/base/fold-final", device="cpu", cores=1)
    table = model.predict(folder / "music")
    assert list(table["label"]) == ["low", "high"]
    assert list(model.predict([folder / "song.mp3"], level="slice").columns[-2:]) == list(CLASSES)


def test_scores_of_a_setting_are_those_of_its_tables(tmp_path):
    folds = write_folds(tmp_path)
    setting = write_setting(tmp_path, folds, wrong=(1, 2, 3))
    scores = gf.evaluate(setting)
    assert scores.loc["track_accuracy_majority", "value"] == 1 - 3 / TRACKS
    assert scores.loc["track_baseline", "value"] == 0.5
    groups = folds.drop_duplicates("track_id").set_index("track_id")["group"]
    grouped = gf.evaluate(setting, groups=groups).loc["track_accuracy_majority"]
    correct = np.array([number not in (1, 2, 3) for number in range(TRACKS)])
    assert tuple(grouped[["low", "high"]]) == accuracy_interval(correct, np.arange(TRACKS) // 2)
    assert len(gf.evaluate(setting / "fold-1")) == len(scores)
    with pytest.raises(UserError, match="holds no run"):
        gf.evaluate(tmp_path)


def test_scores_of_tags():
    rng = np.random.default_rng(0)
    has = rng.random((60, 2)) < 0.4
    frame = pd.DataFrame(np.clip(0.6 * has + 0.4 * rng.random((60, 2)), 0, 1), columns=["p0", "p1"])
    frame = frame.assign(
        track_id=[f"t{n}" for n in range(60)],
        slice=0,
        tags=[[t for t, is_so in zip("ab", row, strict=True) if is_so] for row in has],
    )
    scores = gf.evaluate(frame, classes=["a", "b"])
    assert list(scores.index) == ["track_roc_auc_macro", "track_pr_auc_macro"]
    assert (scores["low"] <= scores["value"]).all() and (scores["value"] <= scores["high"]).all()
    with pytest.raises(UserError, match="needs `classes`"):
        gf.evaluate(frame)
