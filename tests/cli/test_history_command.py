"""`genreflow history`, and the commands that take earlier results: by name, or while an update is not finished."""

import json
from pathlib import Path

import pytest
from finished_runs import track
from finished_study import finish

from genreflow.cli import main
from genreflow.cli.path_checks import check_model, with_model
from genreflow.cli.tidy import old_entries
from genreflow.errors import UserError
from genreflow.project import history

RUN = "runs/cnn/base/fold-final"


@pytest.fixture
def updated(tmp_path, monkeypatch):
    """A study before and after an update: tracks 0 and 1 became right, 2 became wrong. The name of the entry."""
    monkeypatch.chdir(tmp_path)
    study = finish("results/mine", "one", wrong=[0, 1, 5])
    entry = history.keep(study, limit=5, replaced_by="two")
    finish(study, "two", wrong=[2, 5], group=2, batch=4)
    return entry.name


def printed(capsys, *words):
    assert main(list(words)) == 0
    return capsys.readouterr()


def test_entries_are_listed_with_what_changed(updated, capsys):
    out, err = printed(capsys, "history")
    title, headings, before, now = out.splitlines()
    assert title == "mine" and headings.split()[:2] == ["tracks", "accuracy"]
    assert before.split()[:3] == [updated, "12", "0.750"]
    assert now.split()[:4] == ["mine", "(now)", "12", "0.833"] and now.endswith("training.batch 4 (was 6)")
    assert err.startswith("1 entry of earlier results") and f"genreflow compare {updated} mine" in err


def test_an_entry_that_cannot_be_read_is_named(updated, capsys):
    [entry] = history.entries(Path("results/mine"))
    (entry.folder / "entry.json").write_text("{}")
    out, err = printed(capsys, "history")
    assert updated not in out and f"rm -r {entry.folder}" in err


def test_json_has_a_schema_and_units(updated, capsys):
    listed = json.loads(printed(capsys, "history", "mine", "--json").out)
    assert listed["schema"] == "genreflow/history/1"
    study = listed["studies"]["mine"]
    before, now = study["results"]
    assert (before["name"], before["is_present"], now["is_present"]) == (updated, False, True)
    assert before["held"] == study["held"] > 0
    assert (before["accuracy"], now["accuracy"]) == pytest.approx((9 / 12, 10 / 12))
    assert now["changed"] == ["training.batch 4 (was 6)"]


def test_a_study_without_a_history_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    finish("results/mine", "one")
    assert "no earlier results" in printed(capsys, "history").err
    assert main(["compare", "mine"]) == 2
    assert "has no earlier results" in capsys.readouterr().err
    assert main(["history", "nobody"]) == 2


@pytest.mark.parametrize("words", [["{}", "mine"], ["results/mine/history/{}", "results/mine"], ["mine"]])
def test_two_points_in_time_are_compared_on_the_tracks_that_both_judged(updated, capsys, words):
    words = [word.format(updated.partition("@")[2] if "/" in word else updated) for word in words]
    message = json.loads(printed(capsys, "compare", *words, "--json").out)
    assert [side["study"] for side in message["compared"].values()] == [updated, "mine"]
    changes = message["changes"]
    assert [row["track_id"] for row in changes["newly_right"]] == [track(0), track(1)]
    assert [row["track_id"] for row in changes["newly_wrong"]] == [track(2)]
    judged = changes["judged"]
    assert (judged["accuracy_b"], judged["accuracy_a"]) == pytest.approx((9 / 12, 10 / 12))
    assert judged["low"] < judged["difference"] == pytest.approx(1 / 12) and judged["difference"] < judged["high"]
    assert judged["groups"] == 6  # the groups of the two times are joined
    assert all(pair["fold_difference"] is None for pair in message["pairs"])  # the folds differ


def test_newly_right_and_newly_wrong_tracks_are_listed(updated, capsys):
    out, _ = printed(capsys, "compare", "mine")
    assert "On the 12 tracks in 6 groups judged both times, the track accuracy was 75.0 % and is 83.3 % now" in out
    assert "2 tracks became right, 1 track became wrong." in out
    assert "Changed settings: training.batch 4 (was 6)." in out
    assert "goa/0.mp3" not in out
    lines = printed(capsys, "compare", "mine", "--tracks").out.splitlines()
    right, wrong = lines.index("Newly right"), lines.index("Newly wrong")
    assert [line.split() for line in lines[right + 2 : right + 4]] == [
        ["goa/0.mp3", "goa", "techno", "goa"],
        ["techno/1.mp3", "techno", "goa", "techno"],
    ]
    assert lines[wrong + 2].split() == ["goa/2.mp3", "goa", "goa", "techno"]


def test_an_unknown_entry_names_those_that_are_there(updated, capsys):
    assert main(["compare", "mine@2020-01-01-1", "mine"]) == 2
    assert updated in capsys.readouterr().err


def test_the_last_complete_results_serve_during_an_update(updated, capsys):
    study = Path("results/mine")
    entry = history.keep(study, limit=5, replaced_by="three")
    assert check_model(str(study / RUN)) == str(study / RUN)
    (study / RUN / "run.json").unlink()
    (study / RUN / "model.safetensors").unlink()
    assert check_model(str(study / RUN)) == str(entry.folder / RUN)
    [line] = capsys.readouterr().err.splitlines()
    assert line == f"An update of mine is not finished, so {entry.name} is used, its last complete results."
    out, err = printed(capsys, "compare", "mine")
    assert f"B  {entry.name}" in out and f"A  {updated}" in out and "is not finished" in err
    assert check_model(updated.replace("@", "/history/").join(["results/", f"/{RUN}"])).endswith(RUN)
    assert "is not finished" not in capsys.readouterr().err


def test_a_model_that_is_replaced_while_libraries_load_is_taken_from_the_last_complete_results(updated, capsys):
    run = "results/mine/runs/cnn/base/fold-final"
    path, used = check_model(run), []
    assert path == run

    def use(model):
        used.append(model)
        if model == run:  # the job that trains it again has just begun
            Path(run, "run.json").unlink()
            raise UserError(f"{run}/run.json is missing.")
        return "weights"

    assert with_model(path, use) == "weights"
    assert [Path(model).is_relative_to("results/mine/history") for model in used] == [False, True]
    assert "An update of mine is not finished" in capsys.readouterr().err


def test_a_model_that_cannot_be_used_is_refused_once(updated):
    used = []

    def use(model):
        used.append(model)
        raise UserError("it is of another version.")

    with pytest.raises(UserError, match="another version"):
        with_model(check_model("results/mine/runs/cnn/base/fold-final"), use)
    assert len(used) == 1


def test_damage_of_a_file_that_the_history_shares_is_reported_for_both(updated, capsys):
    study = Path("results/mine")
    entry = history.keep(study, limit=5, replaced_by="three")
    headline = study / "tables/headline.json"
    content = headline.read_text()
    headline.write_text(content.replace('"accuracy": 0', '"accuracy": 1'))  # in place, as a disk does
    assert main(["verify", "--json"]) == 5
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert [Path(each["path"]).name for each in found["damaged"]] == ["headline.json"]
    [other] = found["damaged_earlier_results"]
    assert other["path"].endswith(str(entry.folder / "tables/headline.json")) and "same file" in other["problem"]
    history.remove(entry.folder)
    headline.write_text(content)
    assert main(["verify"]) == 0


def test_damage_of_earlier_results_alone_is_not_repaired(updated, capsys):
    Path("genreflow.yaml").write_text("studies: []\n")
    [entry] = history.entries(Path("results/mine"))
    (entry.folder / RUN / "run.json").write_text("{}")
    assert main(["verify", "--repair"]) == 5
    _, err = capsys.readouterr()
    assert err.splitlines()[-1].startswith(
        "1 entry of the history is damaged, and nothing makes earlier results again."
    )
    assert f"rm -r {entry.folder.resolve()}" in err
    assert (entry.folder / RUN / "model.safetensors").exists()


def test_all_but_the_newest_entries_can_be_tidied_away(updated):
    study = Path("results/mine")
    history.keep(study, limit=5, replaced_by="three")
    old, new = (entry.folder for entry in history.entries(study))
    assert old_entries(study, None) == [] == old_entries(study, 2)
    assert (old_entries(study, 1), old_entries(study, 0)) == ([old], [old, new])
    facts = [(folder / "entry.json").stat().st_size for folder in (old, new)]
    assert history.freed([new]) == facts[1]  # the study has its other files
    assert history.freed([old]) > 2 * facts[0]
    history.remove(old)
    assert [entry.folder for entry in history.entries(study)] == [new] and {*study.glob("history/*")} == {new}
