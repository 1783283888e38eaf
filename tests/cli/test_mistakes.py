"""Mistakes that people make: one sentence that says what to do, never a traceback, and nothing is written."""

import os
import re
import shutil
from pathlib import Path

import pytest
from finished_runs import write_folds, write_setting
from resealing import reseal

from genreflow.cli import main
from genreflow.store.runs import RUN_VERSION

RUN = "results/one/runs/cnn/good"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    folds = write_folds(folder / "results/one")
    for setting, wrong in (("good", ()), ("poor", (1, 2))):
        write_setting(folder / "results/one", folds, setting=setting, wrong=wrong)
    (folder / "results/one/runs/cnn/good/fold-1/model.safetensors").write_bytes(b"not a model")
    (folder / "results/two/protocols").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / "music/goa").mkdir(parents=True)
    (folder / "music/goa/song.mp3").write_bytes(b"<html>")
    (folder / os.fsdecode(b"odd \xff\x1b[31m.yaml")).write_bytes(b"\xff\xfe")
    (folder / "list.csv").write_text("file,genre\na.mp3,goa\n")
    return folder


@pytest.fixture
def here(finished, tmp_path, monkeypatch):
    place = tmp_path / "here"
    shutil.copytree(finished, place)
    monkeypatch.chdir(place)
    return place


def refused(capsys, *arguments, code=2):
    """Return what is said of a mistake; nothing may have been written."""
    before = sorted(Path.cwd().rglob("*"))
    assert main(arguments) == code
    message = capsys.readouterr().err
    message = re.sub(r"\AUsing workflow specific profile .*\n", "", message)  # Snakemake's own line
    assert message.startswith("genreflow: ") and "Traceback" not in message and "\x1b" not in message
    assert sorted(Path.cwd().rglob("*")) == before
    return message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        # Commands and options.
        ("modls", "unknown command 'modls'. Did you mean 'models'?"),
        ("check --jsno", "`genreflow check` has no option --jsno. Did you mean '--json'?"),
        ("check music more", "unexpected argument 'more' for `genreflow check`."),
        ("models psytrance_cn", "Did you mean 'psytrance_cnn'?"),
        ("predict somewhere", "Name the files to classify after the model."),
        ("predict somewhere song.mp3 --cores 0", "argument --cores: '0' is not a whole number from 1 up."),
        ("predict somewhere song.mp3 --cores many", "'many' is not a whole number from 1 up."),
        ("predict somewhere song.mp3 --device gpu", "choose from 'auto', 'cpu', 'cuda'"),
        ("synthesize music2 --tracks-per-class -1", "argument --tracks-per-class: "),
        ("synthesize music2 --seconds 1", "seconds: this must be greater than or equal to 3"),
        ("demo list.csv", "list.csv is not a folder"),
        # Models.
        ("predict results/one/runs/cnn/god song.mp3", "results/one/runs/cnn/god does not exist. Did you mean 'good'?"),
        ("predict resluts/one song.mp3", "resluts does not exist. Did you mean 'results'?"),
        ("explain results/three song.mp3", "results/three does not exist."),
        ("predict results/one music", f"results/one is not a trained model, but holds a model. Name one: {RUN}/fold-1"),
        ("export results/two away", "results/two holds no trained model yet. `genreflow status` shows"),
        ("predict empty music", "empty is not a trained model: it holds no model.safetensors."),
        ("predict list.csv music", "list.csv is not a trained model of genreflow."),
        (f"explain {RUN}/fold-1 music/goa/sang.mp3", "sang.mp3 does not exist. Did you mean 'song.mp3'?"),
        # Outputs.
        (f"predict {RUN}/fold-1 music --csv empty", "empty is a folder. Name a file in it."),
        (f"explain {RUN}/fold-1 music --png list.csv/a.png", "list.csv is not a folder"),
        (f"export {RUN}/fold-1 list.csv", "list.csv is not a folder"),
        (f"compare {RUN} results/one/runs/cnn/poor --csv empty", "empty is a folder."),
        # Finished runs.
        (f"compare {RUN}", "expected two to 26 folders, got 1."),
        (f"compare {RUN} {RUN}", "are the same runs."),
        (f"compare {RUN} results/one/runs/cnn/por", "Did you mean 'poor'?"),
        (f"compare {RUN} results/oen", "results/oen does not exist. Did you mean 'one'?"),
        (f"compare {RUN} results/two", "results/two holds no finished run. `genreflow status` shows"),
        (f"compare {RUN} results/one/runs/cnn", "is neither a run nor a setting nor a study. Name one: "),
        (f"compare {RUN} list.csv", "list.csv holds no finished run."),
        (f"compare {RUN} results/one", "has 2 settings and no tables that rank them. Name one: "),
        # Settings and music.
        ("status --configfile nothing.yaml", "nothing.yaml does not exist."),
        ("status --configfile", "argument --configfile: expected at least one argument."),
        ("check --configfile empty", "empty is a folder, but a settings file is needed."),
        ("check nothing", "nothing does not exist."),
        ("check empty", "'empty' holds no tracks in class folders."),
        ("check list.csv", "the column 'path' is missing."),
        ("check music --configfile list.csv", "give a folder or manifest, or --configfile and --config, not both."),
        ("run --cores 1 --configfile my.yaml report", "my.yaml does not exist."),
        ("verify --directory empty", "empty or above, so nothing says what to work on. `genreflow init` makes"),
        ("run --cors 2 --config studies=[demo]", "run: unrecognized arguments: --cors. Did you mean '--cores'?"),
        ("run --config studies=[demo] --jobs", "run: argument --jobs/-j: expected one argument."),
    ],
)  # fmt: skip
def test_a_mistake_is_told_in_a_sentence(here, capsys, arguments, message):
    assert message in refused(capsys, *arguments.split())


def test_an_empty_path_is_a_variable_that_was_not_set(here, capsys):
    assert "argument model: it is empty." in refused(capsys, "predict", "", "song.mp3")


def test_all_files_that_are_missing_are_told_at_once(here, capsys):
    message = refused(capsys, "predict", f"{RUN}/fold-1", "a.mp3", "music", "b.mp3")
    assert "a.mp3 does not exist." in message and "b.mp3 does not exist." in message


def test_names_that_are_no_text_are_shown_safely(here, capsys):
    message = refused(capsys, "status", "--configfile", os.fsdecode(b"odd \xff\x1b[31m.yaml"))
    assert "odd \ufffd\\x1b[31m.yaml is not UTF-8 text (line 1)" in message
    assert "does not exist." in refused(capsys, "predict", f"{RUN}/fold-1", os.fsdecode(b"none \xff\x1b[31m.mp3"))


def test_where_nothing_has_been_run(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    message = refused(capsys, "predict", "results/demo/runs/psytrance_cnn/base/fold-final", "song.mp3")
    assert "nothing has run here. Go to the folder where you ran `genreflow run`." in message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[:100], "run.json is damaged ("),
        (lambda _: "[]", "run.json is damaged (it is no JSON object)"),
        (lambda text: text.replace('"kind": "run"', '"kind": "model"'), "run.json is damaged (its seal is broken"),
    ],
)
def test_a_run_that_cannot_be_read_back(here, capsys, change, message):
    path = here / RUN / "fold-1" / "run.json"
    path.write_text(change(path.read_text()))
    assert message in refused(capsys, "compare", RUN, "results/one/runs/cnn/poor", code=5)


def test_a_run_of_another_version_or_kind(here, capsys):
    reseal(RUN + "/fold-1", version=0)
    message = refused(capsys, "compare", RUN, "results/one/runs/cnn/poor")
    assert "was written by another version of genreflow (version 0 of such files" in message
    reseal(RUN + "/fold-1", version=RUN_VERSION, kind="recipe")
    message = refused(capsys, "compare", RUN, "results/one/runs/cnn/poor", code=5)
    assert "run.json is damaged (it is not that of a run)" in message
    reseal(RUN + "/fold-1", kind="run")
    message = refused(capsys, "predict", f"{RUN}/fold-1", "music", code=5)
    assert "run.json is damaged (it lacks input_shape, audio)" in message


def test_a_run_of_which_a_table_is_missing_or_damaged(here, capsys):
    table = here / RUN / "fold-2" / "predictions.parquet"
    table.write_bytes(table.read_bytes()[:-40])
    assert "verify --repair" in refused(capsys, "compare", RUN, "results/one/runs/cnn/poor", code=5)
    table.unlink()
    message = refused(capsys, "compare", RUN, "results/one/runs/cnn/poor")
    assert "predictions.parquet is missing. `genreflow run` remakes it." in message


def test_a_run_that_has_been_moved(here, capsys):
    shutil.move(here / RUN / "fold-1", here / "moved")
    assert "moved has been moved: runs are compared in results/" in refused(capsys, "compare", RUN, "moved")


def test_a_final_run_that_was_tested_on_nothing(here, capsys):
    from finished_runs import write_one_run

    write_one_run("results/one", write_folds("results/one"), "final", setting="poor")
    message = refused(capsys, "compare", f"{RUN}/fold-1", "results/one/runs/cnn/poor/fold-final")
    assert "tested no tracks" in message


def test_no_permission_to_write_is_told_before_any_work(here, capsys, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != Path("empty"))
    message = refused(capsys, "predict", f"{RUN}/fold-1", "music", "--csv", "empty/a.csv", code=5)
    assert message == ("genreflow: empty: there is no permission. Choose another path, or change the permissions.\n")
