import pytest

from genreflow.config.load import read_yaml, settings_from
from genreflow.config.pipeline import PipelineSettings
from genreflow.config.study import StudySettings
from genreflow.errors import Problems, UserError


def yaml_of(tmp_path, text):
    path = tmp_path / "x.yaml"
    path.write_text(text)
    return read_yaml(path)


def test_numbers_are_numbers(tmp_path):
    assert yaml_of(tmp_path, "a: 1e-3\nb: 1.5\nc: 3\nd: 0.001\n") == {"a": 1e-3, "b": 1.5, "c": 3, "d": 0.001}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2\n", "line 2: the key 'a' is given twice"),
        ("a: &x [1]\nb: *x\n", "cannot be taken: line 2: aliases"),
        ("\ta: 1\n", "cannot be read as YAML"),
        ("a: {b: 1\nc: 2\n", "line 2, column 2: .* while parsing the flow mapping that begins in line 1"),
        ("- 1\n", "key: value"),
        ("a: !!python/object:os.system x\n", r"line 1: tags \(!!python/object:os.system\) are not accepted"),
    ],
)
def test_what_yaml_should_not_hold_is_refused(tmp_path, text, message):
    with pytest.raises(UserError, match=message):
        yaml_of(tmp_path, text)


def test_all_problems_are_told_at_once_with_their_place_and_a_hint():
    config = {
        "studys": [],
        "audio": {"loudnes": -14, "quality": "six", "sample_rate": True},
        "datasets": {"mine": {"layout": "folders", "pth": "x"}},
    }
    with pytest.raises(Problems) as error:
        settings_from(PipelineSettings, config, "config")
    printed = str(error.value)
    assert "studys: this key is not known. Did you mean 'studies'?" in printed
    assert "audio.loudnes: this key is not known. Did you mean 'loudness'?" in printed
    assert "audio.quality" in printed and "found 'six'" in printed
    assert "audio.sample_rate" in printed
    assert "pth: this key is not known. Did you mean 'path'?" in printed


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"training": {"optimizer": "adm"}}, "training.optimizer"),
        ({"training": {"epochs": 0}}, "training.epochs"),
        ({"training": {"learning_rate": float("nan")}}, "training.learning_rate"),
        ({"inputs": {"slices": {"front_end": {"hop": 0}}}}, "hop"),
        ({"inputs": {"slices": {"front_end": {"fmax": 30000.0}}}}, "above half the sample rate"),
        ({"inputs": {"slices": {"front_end": {"hop": 8192}}}}, "longer than n_fft"),
        ({"folds": {"count": 1}}, "count: stratified"),
    ],
)
def test_impossible_studies_are_refused(changes, message):
    with pytest.raises(Problems, match=message):
        settings_from(StudySettings, {"dataset": "mine", **changes}, "study")
