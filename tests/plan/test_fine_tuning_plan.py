"""The weights that a training starts from are checked before anything runs, and are part of its key."""

import shutil
from pathlib import Path

import pytest
import soundfile

from genreflow.config.audio import AudioSettings
from genreflow.config.inputs import InputSettings
from genreflow.errors import UserError
from genreflow.plan.make import make_plan
from genreflow.store.runs import MODEL, RUN_VERSION
from genreflow.store.sealed import write_sealed

HOME = Path(__file__).parents[2]
FRONT_END = {"kind": "logmel", "hop": 512, "n_mels": 128}


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for label in ("goa", "dark"):
        for number in range(5):
            path = tmp_path / "music" / label / f"{number}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, [0.1 * number] * 100, 8000)
    export(tmp_path / "given")
    return tmp_path


def export(folder, weights=b"weights", **changes):
    """Write what looks like an exported psytrance_cnn; nothing reads its weights before it is trained on."""
    folder.mkdir()
    (folder / MODEL).write_bytes(weights)
    facts = {
        "kind": "model", "version": RUN_VERSION, "model": "psytrance_cnn", "classes": ["a", "b"], "tags": False,
        "options": {"pool": "maxmean", "dropout": 0.5, "orient": "time"}, "input_shape": [128, 128],
        "input": InputSettings.model_validate({"front_end": FRONT_END}).model_dump(mode="json"),
        "audio": AudioSettings().model_dump(mode="json"), "training": {},
    }  # fmt: skip
    write_sealed(folder / "model.json", facts | changes, files=[MODEL])


def planned(init="given", training="", model="psytrance_cnn: {{training: {{init: {init}{training}}}}}", hop=512):
    text = f"dataset: music\ninputs: {{slices: {{front_end: {{kind: logmel, hop: {hop}}}}}}}\nfolds: {{count: 2}}\n"
    Path("tune.yaml").write_text(text + "models: {" + model.format(init=init, training=training) + "}\n")
    config = {"studies": ["tune.yaml"], "datasets": {"music": {"layout": "folders", "path": "music"}}}
    return make_plan(config, home=HOME, refresh=True, writes=False).studies["tune"]


def key_of(study):
    [(model, setting)] = study.resolver.cross_validated
    return study.keys.run(model, setting)


def test_the_specification_names_the_weights_and_their_digest(work):
    study = planned(training=", freeze: 0.5")
    spec = study.job("psytrance_cnn/base").spec
    assert Path(spec.pretrained.weights) == Path("given", MODEL)
    assert spec.from_json(spec.to_json()) == spec
    assert spec.training.freeze == 0.5
    assert [source.data for source in study.pretrained_of("standard")] == ["unknown data"]


def test_other_weights_give_another_key_and_another_place_does_not(work):
    shutil.copytree("given", "copy")
    export(work / "other", b"other weights")
    assert key_of(planned()) == key_of(planned("copy")) != key_of(planned("other"))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"init": "gone"}, "training.init: 'gone': there is no such folder or file"),
        ({"init": "music"}, "run.json is missing"),
        ({"hop": 882}, "training.init: given: it was trained on front_end.hop 512, not 882."),
        ({"training": ", keep_head: true"}, "keep_head: its classes are others"),
        ({"training": ", crop: 64"}, "not 128 x 64"),
        ({"model": "psytrance_crnn: {{training: {{init: {init}}}}}"}, "it is a psytrance_cnn, not a psytrance_crnn"),
        (
            {"model": "psytrance_cnn: {{options: {{pool: max}}, training: {{init: {init}}}}}"},
            "its option pool is maxmean, not max",
        ),
    ],
)
def test_what_does_not_suit_is_a_sentence_and_nothing_is_written(work, arguments, sentence):
    with pytest.raises(UserError) as caught:
        planned(**arguments)
    assert sentence in str(caught.value)
    assert not Path("results").exists()


def test_truncated_weights_are_noticed_in_the_plan(work):
    (work / "given" / MODEL).write_bytes(b"weigh")
    with pytest.raises(UserError, match="not the file that was written with the facts beside it"):
        planned()


def test_settings_of_fine_tuning_without_weights_are_refused(work):
    with pytest.raises(UserError, match="layer_decay: of fine-tuning only; set init beside it"):
        planned(model="psytrance_cnn: {{training: {{layer_decay: 0.5}}}}")
