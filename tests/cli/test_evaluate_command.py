"""`genreflow evaluate`: a model is judged on music that it was not trained on, or not at all."""

import json
import shutil

import pandas as pd
import pytest
from little_model import write_music

from genreflow.cli import main


@pytest.fixture
def other(little, tmp_path, monkeypatch):
    """Music of another collection: three pieces of each kind, which one class calls otherwise."""
    monkeypatch.chdir(tmp_path)
    write_music(tmp_path / "new", ("low", "high"), 3, first=50)
    for kind, name in (("low", "low"), ("high", "treble")):
        (tmp_path / "other" / name).mkdir(parents=True)
        for path in (tmp_path / "new").glob(f"{kind}-*"):
            shutil.move(path, tmp_path / "other" / name)
    return little / "model"


def test_accuracy_by_class_and_a_row_a_track(other, capsys):
    assert main(["evaluate", str(other), "other", "--alias", "treble=high", "--csv", "t.csv", "--cores", "1"]) == 0
    out, err = capsys.readouterr()
    assert "On «other», a collection that the model was not trained on, 100.0 % of 6 tracks are right" in out
    assert "high" in out and "low" in out and "6 tracks of 6 files judged: t.csv." in err
    assert set(pd.read_csv("t.csv")["fate"]) == {"judged"}


def test_json_has_no_number_that_json_does_not_know(other, capsys):
    assert main(["evaluate", str(other), "other", "--alias", "treble=high", "--json", "--cores", "1"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert row["accuracy"] == 1 and row["inside"] is None and len(row["classes"]) == 2


def test_files_that_the_model_was_trained_on_are_refused_before_any_is_judged(other, little, capsys):
    shutil.copy(little / "music/low-00.flac", "other/low/known.flac")
    options = ["evaluate", str(other), "other", "--alias", "treble=high", "--cores", "1"]
    assert main(options) == 2
    out, err = capsys.readouterr()
    assert out == "" and "trained on 1 of these files" in err and "known.flac" in err and "--leave-out" in err
    assert main([*options, "--leave-out"]) == 0
    out, err = capsys.readouterr()
    assert "1 track of «other» is also in the training collection" in out and "6 tracks of 7 files judged" in err


def test_unknown_classes_are_named_with_the_remedy(other, capsys):
    assert main(["evaluate", str(other), "other", "--cores", "1"]) == 0
    assert "classes that the model does not know were left out: treble" in capsys.readouterr().out
    shutil.move("other/low", "other/bass")
    assert main(["evaluate", str(other), "other", "--cores", "1"]) == 2
    assert "knows none of the classes bass, treble" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere", "other"], "nowhere does not exist"),
        (["model", "nothing"], "nothing does not exist"),
        (["model", "other", "--alias", "treble"], "'treble' is not THEIRS=OURS"),
    ],
)
def test_mistakes_are_told_in_a_sentence(other, capsys, arguments, message):
    shutil.copytree(other, "model")
    assert main(["evaluate", *arguments]) == 2
    assert message in capsys.readouterr().err
