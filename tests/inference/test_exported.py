import json

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from little_model import CLASSES, write_flat_run, write_predictions, write_run

from genreflow.config.inputs import InputSettings
from genreflow.errors import UserError
from genreflow.export import front_matter as matter
from genreflow.export import onnx_file, record
from genreflow.export.folder import FILES, export
from genreflow.export.front_end import FrontEndModule, obstacle, samples_wanted
from genreflow.export.record import Record
from genreflow.inference.tracks import SEEN, Predictor
from genreflow.models.registry import MODELS
from genreflow.store.parquet import Header, write_table
from genreflow.store.sealed import write_sealed
from genreflow.training.bundle import load_bundle


@pytest.fixture(scope="module")
def study(run):
    """The results that `run` is a part of, with tables."""
    folder = run.parents[3]
    names = {"model": "halves", "setting": "base", "protocol": "standard"}
    row = names | {"folds": 2, "tracks": 40, "groups": 12, "track_majority": 0.9, "track_majority_low": 0.8,
                   "track_majority_high": 0.95, "baseline": 0.5, "music": "of these tests"}  # fmt: skip
    other = row | {"setting": "other", "track_majority": 0.1}
    scores = {"level": "track", "class": ["hi|gh", "low"], "precision": 0.75, "recall": 0.7, "f1": 0.72, "support": 20}
    checks = {"check": ["groups", "encoding"], "what": ["group", "codec"], "share": [0.0, 0.85],
              "verdict": ["ok", "leak"], "message": ["Fine.", "The codec tells."]}  # fmt: skip
    write_table(folder / "tables/settings.parquet", pd.DataFrame([row, other]), Header("table"))
    write_table(folder / "tables/classes.parquet", pd.DataFrame(names | scores), Header("table"))
    write_table(folder / "protocols/standard/leakage.parquet", pd.DataFrame(checks), Header("leakage"))
    write_predictions(run, [[0.8, 0.2], [0.3, 0.7]] * 20, ["high", "low"] * 20, role="holdout")
    yield folder
    (run / "predictions.parquet").unlink()


@pytest.fixture(scope="module")
def exported(study, run, music, tmp_path_factory):
    return export(str(run), tmp_path_factory.mktemp("given") / "away", track=str(music / "new/low-50.flac"))


def test_a_folder_says_what_the_run_says(exported, run, music):
    files = [str(music / "new"), str(music / "train/low-03.flac")]
    tracks = [Predictor(model, device="cpu", cores=1).predict_tracks(files) for model in (run, exported.folder)]
    assert [track.row() for track in tracks[0]] == [track.row() for track in tracks[1]]
    assert SEEN in tracks[1][-1].reason


def test_it_carries_all_that_prediction_needs(exported, run):
    facts = json.loads((exported.folder / "model.json").read_text())
    options = json.loads((run / "run.json").read_text())
    for name in ("classes", "input", "audio", "training", "training_profile", "versions", "key"):
        assert facts[name] == options[name]
    assert facts["calibration"]["tracks"] == 40
    assert facts["metrics"]["track_majority"] == 0.9
    assert load_bundle(exported.folder / "model.safetensors").run["kind"] == "model"


def test_nothing_but_the_files_of_an_export_is_written(exported):
    assert {path.name for path in exported.folder.iterdir()} <= set(FILES)


def test_the_card_tells_metrics_with_intervals_data_and_limits(exported):
    card = (exported.folder / "README.md").read_text()
    assert "| tracks right, by majority vote of their slices | 0.900 | 0.800 to 0.950 |" in card
    assert "| hi\\|gh | 0.750 | 0.700 | 0.720 | 20 |" in card
    assert "1 found leakage:\n\n* The codec tells." in card
    assert "**The codec of the file alone gives 85.0 %, which is as good" in card
    assert "24 tracks" in card and "## Limits" in card and "W_FOREIGN" in card


def test_without_tables_the_card_says_that_nothing_is_known(halves, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_file, "_missing", lambda: "the package onnx")
    done = export(str(write_run(tmp_path / "run")), tmp_path / "away")
    card = (done.folder / "README.md").read_text()
    assert not done.has_metrics and "so there are no metrics" in card
    assert "No `model.onnx`: it needs the package onnx" in card
    assert not (done.folder / "model.onnx").exists()


def test_names_of_classes_do_no_harm_to_the_card(halves, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_file, "_missing", lambda: "the package onnx")
    done = export(str(write_run(tmp_path / "run", classes=["<script>", "`a`|\n#b"])), tmp_path / "away")
    card = (done.folder / "README.md").read_text()
    assert "<script>" not in card and "\n#b" not in card


def front_matter(card):
    before, head, text = card.split("---\n", 2)
    assert not before and text.startswith("\n# ")
    return yaml.safe_load(head)


def test_hugging_face_reads_license_task_and_metrics(exported):
    facts = front_matter((exported.folder / "README.md").read_text())
    assert facts["license"] == "unknown"
    assert (facts["library_name"], facts["pipeline_tag"]) == ("genreflow", "audio-classification")
    assert facts["datasets"] == ["of these tests"]
    assert facts["metrics"] == ["accuracy"]
    [result] = facts["model-index"][0]["results"]
    assert result["dataset"]["type"] == "of these tests" and result["task"]["type"] == "audio-classification"
    assert [(each["type"], each["value"]) for each in result["metrics"]] == [("accuracy", 0.9)]


def test_the_front_matter_takes_any_name_and_no_metrics_without_tables():
    run = {"model": "psytrance_cnn", "tags": False}
    name = 'a: "b" 😀\n---\u2028 #c'
    row = {"music": name, "protocol": "stan-\ndard", "track_majority": 0.51239}
    facts = front_matter(matter.front_matter(run, Record(row=row), license_id="mit") + "\n# ")
    assert facts["license"] == "mit" and facts["datasets"] == ['a: "b" 😀�---� #c']
    assert facts["model-index"][0]["results"][0]["metrics"][0]["value"] == 0.5124
    assert not {"datasets", "metrics", "model-index"} & set(
        front_matter(matter.front_matter(run, Record(), license_id="mit") + "\n# ")
    )


@pytest.mark.parametrize("place", ["", "tables", "runs/halves/base"])
def test_elsewhere_there_is_no_record(tmp_path, place):
    result = record.read(tmp_path / place)
    assert not result.row and result.classes.empty and not result.is_synthetic


def test_a_folder_with_other_files_is_left_alone(run, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="holds other files"):
        export(str(run), tmp_path)
    with pytest.raises(UserError, match="is a file"):
        export(str(run), tmp_path / "thesis.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_an_older_export_is_replaced_and_none_is_exported_again(exported, run, music):
    again = export(str(run), exported.folder, track=str(music / "new/low-50.flac"))
    assert again.folder == exported.folder and load_bundle(again.folder).classes == CLASSES
    with pytest.raises(UserError, match="is an exported model already"):
        export(str(exported.folder), exported.folder / "again")


def test_an_edited_description_is_refused(exported):
    path = exported.folder / "model.json"
    good = path.read_text()
    try:
        path.write_text(good.replace('"high",\n    "low"', '"low",\n    "high"'))
        assert path.read_text() != good
        with pytest.raises(UserError, match="its seal is broken"):
            load_bundle(exported.folder)
        facts = json.loads(good) | {"kind": "run"}
        write_sealed(path, {name: value for name, value in facts.items() if name != "seal"})
        with pytest.raises(UserError, match="does not describe an exported model"):
            load_bundle(exported.folder)
    finally:
        path.write_text(good)


def test_onnx_gives_what_the_pipeline_gives(exported):
    assert exported.onnx.why_not == ""
    assert exported.onnx.facts["front_end"] and exported.onnx.facts["input"] == ["batch", samples_wanted_here()]
    assert exported.onnx.facts["largest_difference"] < 1e-5
    assert exported.onnx.facts["compared_segments"] == 6


def samples_wanted_here():
    from little_model import INPUT

    return samples_wanted(INPUT)


def test_onnx_can_be_run_by_others(exported, music):
    import onnxruntime
    import soundfile

    session = onnxruntime.InferenceSession(str(exported.folder / "model.onnx"), providers=["CPUExecutionProvider"])
    samples, _ = soundfile.read(music / "new/high-50.flac", dtype="float32", frames=3 * samples_wanted_here())
    [output] = session.run(["probabilities"], {"segments": samples.reshape(3, -1)})
    assert output.shape == (3, 2) and (output.argmax(axis=1) == CLASSES.index("high")).all()
    np.testing.assert_allclose(output.sum(axis=1), 1, atol=1e-6)


def test_what_would_differ_is_not_written(run, tmp_path, monkeypatch, music):
    real = onnx_file._run
    monkeypatch.setattr(onnx_file, "_run", lambda *given: real(*given) + 0.01)
    done = export(str(run), tmp_path / "away", track=str(music / "new/low-50.flac"))
    assert "differ from the pipeline by 1.0e-02" in done.onnx.why_not
    assert not (done.folder / "model.onnx").exists() and (done.folder / "model.json").exists()


def test_what_the_exporter_refuses_is_said_with_its_reason(run, tmp_path, monkeypatch, music):
    def refuse(*_):
        raise torch.onnx.OnnxExporterError("Advice.") from ValueError("\nNo form for aten::sort.\nMore of it.")

    monkeypatch.setattr(onnx_file, "_export", refuse)
    done = export(str(run), tmp_path / "away", track=str(music / "new/low-50.flac"))
    assert done.onnx.why_not == "the network has no form in ONNX (No form for aten::sort)"
    assert not (done.folder / "model.onnx").exists() and (done.folder / "model.json").exists()


def test_a_fault_is_not_taken_for_a_network_without_a_form(run, tmp_path, monkeypatch, music):
    monkeypatch.setattr(onnx_file, "_export", lambda *_: {}["fault"])
    with pytest.raises(KeyError):
        export(str(run), tmp_path / "away", track=str(music / "new/low-50.flac"))


def test_where_the_front_end_has_no_form_the_network_begins_at_its_arrays(tmp_path, monkeypatch, music):
    given = {"front_end": {"kind": "descriptors"}, "segments": {"kind": "split", "seconds": 1, "count": 2}}
    entry, folder = write_flat_run(tmp_path / "run", given)
    monkeypatch.setitem(MODELS, "flat", entry)
    done = export(str(folder), tmp_path / "away", track=str(music / "new/low-50.flac"))
    assert "that a network cannot express" in done.onnx.why_not
    assert not done.onnx.facts["front_end"] and done.onnx.facts["input"] == ["batch", 25]


def test_a_track_that_is_too_short_to_check_by_is_told(run, tmp_path):
    import soundfile

    soundfile.write(tmp_path / "short.wav", np.zeros(100), 8_000)
    with pytest.raises(UserError, match=r"short\.wav cannot be used"):
        export(str(run), tmp_path / "away", track=str(tmp_path / "short.wav"))


IN_SECONDS = {"kind": "split", "seconds": 0.5, "count": 3}
FRONT_ENDS = {
    "psytrance": {},
    "psytrance code": {"front_end": {"hop": 512, "fmax": 12_000, "decibels": "double_log", "scale": "frame_minmax"},
                       "segments": IN_SECONDS},
    "western8": {"front_end": {"sample_rate": 22_050, "reference": "max", "top_db": 80.0, "hop": 512},
                 "segments": IN_SECONDS, "peak": True},
    "tagging": {"front_end": {"sample_rate": 16_000, "n_fft": 512, "hop": 256, "mel": "htk", "padding": "reflect"},
                "segments": IN_SECONDS},
    "power": {"front_end": {"decibels": "none"}, "segments": IN_SECONDS},
    "feature_maps": {"front_end": {"kind": "stft"}, "segments": IN_SECONDS},
    "centered": {"front_end": {"kind": "stft", "sample_rate": 16_000, "window": "hann", "hop": 1_024, "centered": True,
                              "magnitude": "log1p"}, "segments": IN_SECONDS},
    "stft in frames": {"front_end": {"kind": "stft"}, "segments": {"kind": "midpoint", "frames": 20, "count": 3}},
    "waveform": {"front_end": {"kind": "waveform"}, "segments": IN_SECONDS, "peak": True},
}  # fmt: skip


@pytest.fixture(scope="module")
def levelled(music, tmp_path_factory):
    """A levelled track with something in all bands."""
    import soundfile

    from genreflow.audio.normalize import normalize
    from genreflow.config.audio import AudioSettings

    folder = tmp_path_factory.mktemp("levelled")
    rng = np.random.default_rng(0)
    time = np.arange(4 * 44_100) / 44_100
    wave = 0.1 * rng.normal(size=len(time)) * np.exp(-8 * (time % 0.5)) + 0.2 * np.sin(2 * np.pi * 110 * time)
    soundfile.write(folder / "a.wav", wave, 44_100)
    normalize(str(folder / "a.wav"), folder / "a.ogg", AudioSettings(), serial=1)
    return folder / "a.ogg"


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_a_front_end_makes_what_the_pipeline_stores(name, levelled):
    import torch

    from genreflow.store.shards import as_fed

    given = {"segments": {"kind": "midpoint", "frames": 20, "count": 3}} | FRONT_ENDS[name]
    settings = InputSettings.model_validate(given)
    assert obstacle(settings) is None
    samples, stored = onnx_file.segments_of(levelled, settings)
    made, expected = FrontEndModule(settings)(torch.from_numpy(samples)).numpy(), as_fed(stored)
    assert made.shape == expected.shape
    step = np.spacing(np.abs(expected).astype(stored.dtype)).astype(float) if stored.dtype != np.int16 else 1.1 / 32_767
    # Rounded as it is stored, neighbors may fall to either side.
    assert (np.abs(made - expected) <= 2 * step + 1e-5 * np.abs(expected).max()).all()
    assert (made == expected).mean() > 0.95 or stored.dtype == np.float32


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"front_end": {"reference": "max"}}, "loudest of all segments"),
        ({"front_end": {"padding": "reflect"}}, "mirrored"),
        ({"front_end": {"kind": "maps"}, "segments": {"kind": "sliding"}}, "that a network cannot express"),
    ],
)
def test_what_has_no_form_is_said(given, why):
    assert why in obstacle(InputSettings.model_validate(given))


@pytest.mark.parametrize(("music", "is_synthetic"), [("music (synthetic)", True), ("music", False), (None, False)])
def test_the_card_says_which_music_is_synthetic(music, is_synthetic):
    assert Record(row={"music": music}).is_synthetic == is_synthetic
