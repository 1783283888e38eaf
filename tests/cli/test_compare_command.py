"""`genreflow compare` shows what differs, what makes it unfair, and what the common tracks can tell."""

import json
from pathlib import Path

import pandas as pd
import pytest
from finished_runs import TRACKS, track, write_folds, write_one_run, write_setting

from genreflow.cli import main, saved_runs
from genreflow.evaluation.comparisons import track_difference
from genreflow.project.history import State
from genreflow.store.parquet import Header, write_table


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Two settings of one study: `good` is right about all tracks, `poor` wrong about seven."""
    monkeypatch.chdir(tmp_path)
    folds = write_folds("results/one", group=1)
    write_setting("results/one", folds, setting="good", options={"pool": "max", "dropout": 0.2}, final=True)
    write_setting("results/one", folds, setting="poor", wrong=range(7))
    return folds


GOOD, POOR = "results/one/runs/cnn/good", "results/one/runs/cnn/poor"


def compared(capsys, *paths):
    assert main(["compare", *paths, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_only_what_differs_is_shown_and_all_if_asked(results, capsys):
    assert main(["compare", GOOD, POOR]) == 0
    out, err = capsys.readouterr()
    assert "options.pool" in out and "options.dropout" not in out and "Before you conclude anything" not in out
    assert "differ in 1 parameter." in err and "--tracks" in err
    assert main(["compare", GOOD, POOR, "--all"]) == 0
    out, _ = capsys.readouterr()
    assert "options.pool" in out and "options.dropout" in out and "versions.torch" in out


def test_the_difference_and_its_verdict_are_those_of_the_evaluation(results, capsys):
    result = compared(capsys, GOOD, POOR)
    [pair] = result["pairs"]
    right = pd.DataFrame({"track_id": [track(n) for n in range(TRACKS)]}).assign(group=lambda rows: rows["track_id"])
    right = right.assign(fold=[1 + n % 2 for n in range(TRACKS)], repeat=0)
    expected, test = track_difference(right.assign(correct=True), right.assign(correct=[n >= 7 for n in range(TRACKS)]))
    assert expected.pop("training_error") != 0 and pair["training_error"] is None
    assert {name: pair[name] for name in expected} == pytest.approx(expected)
    assert (pair["low"], pair["high"]) == test.interval(0.05)
    assert pair["difference"] == pytest.approx(7 / 12) and pair["low"] < 7 / 12 < pair["high"]
    assert pair["verdict"].startswith("A is better than B on these runs and 12 tracks (difference 58.3 points")
    assert result["metrics"]["track accuracy, majority vote"] == pytest.approx({"A": 1.0, "B": 5 / 12})
    low, high = (result["metrics"][f"track accuracy, majority vote, {end}"]["B"] for end in ("low", "high"))
    assert 0 < low < 5 / 12 < high < 1


def test_too_little_to_tell_is_said(results, capsys):
    write_setting("results/one", results, setting="nearly", wrong=[3])
    [pair] = compared(capsys, GOOD, "results/one/runs/cnn/nearly")["pairs"]
    assert "do not differ significantly" in pair["verdict"] and not pair["is_significant"]


def test_tracks_with_different_answers_are_listed_by_title(results, capsys):
    known = pd.DataFrame({"track_id": [track(0)], "title": ["goa/first.mp3"], "group": ["album 0"]})
    write_table("results/one/tables/tracks.parquet", known, Header("table"))
    assert main(["compare", GOOD, POOR, "--tracks"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines if "first.mp3" in line] == [["goa/first.mp3", "goa", "goa", "techno"]]
    assert sum(track(number) in "\n".join(lines) for number in range(TRACKS)) == 6


def test_all_of_it_as_a_table(results, capsys, tmp_path):
    assert main(["compare", GOOD, POOR, "--csv", "compared.csv"]) == 0
    table = pd.read_csv("compared.csv", index_col=["kind", "name"])
    assert table.loc[("parameter", "options.pool"), f"A: {GOOD}"] == "max"
    assert float(table.loc[("difference", "difference"), "A - B"]) == pytest.approx(7 / 12)
    assert "compared.csv" in capsys.readouterr().err


def test_a_study_stands_for_the_setting_of_its_final_model(results, capsys):
    message = compared(capsys, "results/one", POOR)["compared"]
    assert message["A"] | {"path": ""} == {
        "path": "", "study": "one", "model": "cnn", "setting": "good", "protocol": "standard", "folds": ["1", "2"]
    }  # fmt: skip


def test_runs_of_one_fold_are_compared_on_its_tracks(results, capsys):
    result = compared(capsys, f"{GOOD}/fold-1", f"{POOR}/fold-1")
    assert [remark for remark in result["remarks"] if "trained once on a single split" not in remark] == []
    assert len(result["remarks"]) == 1
    assert result["pairs"][0]["tracks"] == TRACKS / 2


def test_final_runs_are_compared_on_the_holdout(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folds = write_folds("results/one", group=1, holdout=range(4))
    for setting, wrong in (("good", ()), ("poor", [1])):
        write_setting("results/one", folds, setting=setting, wrong=wrong, final=True)
    result = compared(capsys, f"{GOOD}/fold-final", f"{POOR}/fold-final")
    assert result["pairs"][0]["tracks"] == 4
    assert result["metrics"]["track accuracy, majority vote"] == {"A": 1.0, "B": 0.75}


def test_groups_are_those_of_the_folds(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folds = write_folds("results/one", group=3)
    write_setting("results/one", folds, setting="good")
    write_setting("results/one", folds, setting="poor", wrong=[0])
    [pair] = compared(capsys, GOOD, POOR)["pairs"]
    assert (pair["tracks"], pair["groups"]) == (12, 4)


def test_what_makes_it_unfair_is_said_first(results, capsys):
    folds = write_folds("results/two", protocol="albums", group=2)
    other = {"segments": {"kind": "split", "count": 9}}
    dataset = {"tracks": {"train": 6, "test": 6}, "training_tracks": "others"}
    write_one_run("results/two", folds, "1", input=other, dataset=dataset)
    write_one_run("results/two", folds, "2", input=other, dataset=dataset, status="diverged")
    assert main(["compare", GOOD, "results/two"]) == 0
    out = capsys.readouterr().out
    remarks = out.split("Before you conclude anything:\n")[1].split("\n\n")[0].splitlines()
    for words in (
        "tested on different tracks, 6 of them common to all",
        "trained on different tracks",
        "protocols differ (A | B)",
        "slices differ",
        "1 of 2 runs of B diverged",
    ):
        assert [remark for remark in remarks if words in remark], words
    assert out.index("Before you") < out.index("options.pool")


def test_without_folds_tracks_are_their_own_groups_and_that_is_said(results, capsys):
    Path("results/one/protocols/standard/folds.parquet").unlink()
    result = compared(capsys, GOOD, POOR)
    assert any("folds of A were not found" in remark for remark in result["remarks"])
    assert result["pairs"][0]["groups"] == TRACKS


def test_sides_without_a_common_track_are_not_ranked(results, capsys):
    assert main(["compare", f"{GOOD}/fold-1", f"{POOR}/fold-2"]) == 0
    assert "No test is possible: no track was tested by two of them." in capsys.readouterr().out


def test_several_are_corrected_for_how_many_they_are(results, capsys):
    write_setting("results/one", results, setting="other", wrong=[11])
    pairs = compared(capsys, GOOD, POOR, "results/one/runs/cnn/other")["pairs"]
    assert [(pair["a"], pair["b"]) for pair in pairs] == [("A", "B"), ("A", "C"), ("B", "C")]
    assert all(pair["p_holm"] >= pair["p"] for pair in pairs) and pairs[0]["p_holm"] > pairs[0]["p"]


def test_one_thing_twice_is_refused_by_whatever_path(results, capsys):
    assert main(["compare", GOOD, f"results/../{GOOD}"]) == 2
    assert "are the same runs" in capsys.readouterr().err


def test_a_fold_that_there_was_before_does_not_count(tmp_path, monkeypatch):
    """With fewer folds than before, the folders of the others stay; the report is not about them."""
    homes = [tmp_path / f"results/my_study/runs/cnn/base/fold-{fold}" for fold in ("1", "2", "3", "final")]
    for home in homes:
        home.mkdir(parents=True)
    runs = dict.fromkeys((f"runs/cnn/base/fold-{fold}" for fold in ("1", "2", "final")), "key")
    state = State(tmp_path / "results/my_study", "", "", {}, runs, None)
    monkeypatch.setattr(saved_runs, "current", lambda _: state)
    assert saved_runs._present(homes) == [homes[0], homes[1], homes[3]]
    monkeypatch.setattr(saved_runs, "current", lambda _: None)
    assert saved_runs._present(homes) == homes
