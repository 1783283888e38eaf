"""Behind each cell of a matrix are its tracks, and a mistake can be heard where it was made."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genreflow.report.confusion_browser import LISTED, SliceAnswer, confusion_browser, differing, excerpt_start

CLASSES = ["a", "b", "c"]


def run_of(rows: pd.DataFrame, *, round: str = "0", tags: bool = False, status: str = "finished") -> dict:
    info = {"classes": CLASSES, "tags": tags, "status": status}
    return {"fold": "1", "round": round, "info": info, "predictions": rows.assign(role="test")}


def slices(track: str, label: str, probabilities: list[list[float]]) -> pd.DataFrame:
    rows = pd.DataFrame(probabilities, columns=["p0", "p1", "p2"])
    number = np.arange(len(rows))
    return rows.assign(track_id=track, label=label, slice=number, start_s=2.5 * number)


def tagged(track: str, tags: list[str], probabilities: list[float]) -> pd.DataFrame:
    rows = pd.DataFrame([probabilities], columns=["p0", "p1", "p2"])
    return rows.assign(track_id=track, tags=[tags], slice=0, start_s=0.0)


SURE, HALF = [0.9, 0.05, 0.05], [0.5, 0.3, 0.2]
TRACKS = [
    slices("t0", "a", [SURE, SURE, HALF]),
    slices("t1", "b", [HALF, SURE, [0.1, 0.8, 0.1]]),
    slices("t2", "b", [SURE, SURE, SURE]),
]


def test_a_track_is_in_the_cell_of_its_class_and_its_vote_the_surest_first():
    prepared = confusion_browser([run_of(pd.concat(TRACKS))], "caption")
    assert {cell: [track for track, _ in tracks] for cell, tracks in prepared.cells.items()} == {
        (0, 0): ["t0"],
        (1, 0): ["t2", "t1"],
    }
    answer = prepared.answers["t1"]
    assert (answer.true, answer.predicted, answer.probability) == ("b", "a", pytest.approx(0.5))
    assert [(each.begin_s, each.predicted) for each in answer.slices] == [(0.0, 0), (2.5, 0), (5.0, 1)]


def test_mistakes_are_wanted_before_what_is_right():
    prepared = confusion_browser([run_of(pd.concat(TRACKS))], "caption")
    assert list(prepared.candidates()) == ["t2", "t1", "t0"]


def test_runs_that_diverged_and_later_rounds_are_left_out():
    runs = [run_of(TRACKS[0]), run_of(TRACKS[1], round="1"), run_of(TRACKS[2], status="diverged")]
    assert set(confusion_browser(runs, "caption").answers) == {"t0"}
    assert confusion_browser([runs[2]], "caption") is None


def test_a_cell_lists_so_many_tracks_and_counts_all():
    many = pd.concat([slices(f"t{number:03d}", "a", [SURE]) for number in range(LISTED + 20)])
    prepared = confusion_browser([run_of(many)], "caption")
    assert len(prepared.cells[0, 0]) == LISTED + 20
    assert len(list(prepared.candidates())) == LISTED


def test_tags_are_found_missed_or_wrongly_given():
    rows = pd.concat([tagged("t0", ["a", "b"], [0.9, 0.2, 0.7]), tagged("t1", [], [0.1, 0.2, 0.3])])
    prepared = confusion_browser([run_of(rows, tags=True)], "caption")
    assert prepared.rows == CLASSES and prepared.columns == ["true positive", "missed", "false positive"]
    assert prepared.cells == {(0, 0): [("t0", 0.9)], (1, 1): [("t0", 0.2)], (2, 2): [("t0", 0.7)]}
    assert (prepared.answers["t0"].true, prepared.answers["t0"].predicted) == ("a, b", "a, c")
    assert prepared.answers["t1"].true == "none"


answers = st.lists(
    st.builds(SliceAnswer, st.floats(0, 200), st.integers(0, 2), st.floats(0.34, 1)), min_size=1, max_size=20
)


@given(answers, st.integers(0, 2), st.floats(1, 30), st.floats(1, 300))
def test_an_excerpt_lies_inside_the_track(output, predicted, seconds, whole):
    begin = excerpt_start(output, predicted, seconds, whole)
    assert 0 <= begin <= max(0.0, whole - seconds)


def test_an_excerpt_holds_what_spoke_for_the_answer():
    output = [SliceAnswer(0.0, 0, 0.9), SliceAnswer(30.0, 1, 0.6), SliceAnswer(33.0, 1, 0.6), SliceAnswer(80.0, 1, 0.9)]
    assert excerpt_start(output, 1, 10.0, 100.0) == 30.0
    assert excerpt_start(output, 2, 10.0, 100.0) == 45.0
    assert excerpt_start((), None, 10.0, 4.0) == 0.0


def test_what_differs_and_what_does_not():
    values = pd.DataFrame({"pool": ["max", "mean"], "batch": [300, 300], "classes": [None, None], "fmax": [None, 8000]})
    differs, same = differing(values)
    assert differs.to_dict("list") == {"pool": ["max", "mean"], "fmax": ["", "8000.0"]}
    assert same == {"batch": "300", "classes": "None"}
