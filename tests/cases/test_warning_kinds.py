"""Warnings are of two kinds: a doubt about a track, and a note on how a sound one was handled."""

import re
from pathlib import Path

import pandas as pd
import pytest

from genreflow.audio.verdict import UNSETTLED, WARNINGS, WarningKind, verdict_of
from genreflow.evaluation.dataset_tables import audit_table, warnings_table
from genreflow.evaluation.study import TABLES
from genreflow.run_summary import fates

HOME = Path(__file__).parents[2]
PAGE = (HOME / "docs/verdicts.md").read_text(encoding="utf-8")


def test_each_code_that_is_given_is_of_one_kind():
    sources = [path for path in (HOME / "genreflow").rglob("*.py") if path.name != "verdict.py"]
    given = {code for path in sources for code in re.findall(r'"(W_[A-Z0-9_]+)"', path.read_text(encoding="utf-8"))}
    assert set(WARNINGS) == given


def test_the_page_gives_each_code_its_kind():
    assert dict(re.findall(r"^\| `(W_\w+)` \| (\w+) \|", PAGE, re.M)) == WARNINGS


def test_the_page_names_the_verdicts_that_are_tried_again():
    sentence = next(line for line in PAGE.split("* ") if "tries it again" in line)
    assert tuple(re.findall(r"`(Q_\w+)`", sentence)) == UNSETTLED


@pytest.mark.parametrize(
    ("codes", "verdict"),
    [
        ("", "accept"),
        ("W_PEAK_LIMITED W_LONG W_MULTICHANNEL", "accept"),
        ("W_PEAK_LIMITED W_TRUNCATED", "warn"),
        ("Q_SILENT", "quarantine"),
        (["W_DC", "W_CLIPPED"], "warn"),
    ],
)
def test_the_verdict_follows_from_the_codes(codes, verdict):
    assert verdict_of(codes) == verdict


@pytest.fixture
def index():
    reasons = ["", "W_PEAK_LIMITED", "W_PEAK_LIMITED W_GAP", "W_GAP", "Q_EMPTY", "W_PEAK_LIMITED"]
    return pd.DataFrame(
        {
            "title": list("abcdef"),
            "label": "goa",
            "tags": None,
            "group": "",
            "artist": "",
            "track_id": list("abcdef"),
            "verdict": [verdict_of(codes) for codes in reasons],
            "reason": reasons,
            "message": [" ".join(f"Said {code}." for code in codes.split()) for codes in reasons],
            "slices": 1,
            "seconds": 60.0,
            "padded_s": 0.0,
        }
    )


def test_the_audit_counts_what_is_sound_as_accepted(index):
    [row] = audit_table(index, {}).to_dict("records")
    assert (row["tracks"], row["accepted"], row["warned"], row["quarantined"]) == (6, 3, 2, 1)
    assert [column.heading for column in TABLES["audit"].shown if column.keys[0] in ("accepted", "warned")] == [
        "Accepted",
        "Used, in doubt",
    ]


def test_doubts_come_before_notes_and_say_that_they_are(index):
    table = warnings_table(index)
    assert table[["reason", "kind", "tracks"]].to_numpy().tolist() == [
        ["W_GAP", WarningKind.DOUBT, 2],
        ["W_PEAK_LIMITED", WarningKind.NOTE, 3],
    ]
    assert "kind" in [column.keys[0] for column in TABLES["warnings"].shown]


def test_a_run_closes_with_what_became_of_the_tracks(index):
    audit = [{name: str(value) for name, value in row.items()} for row in audit_table(index, {}).to_dict("records")]
    refused = [{"dataset": "goa", "reason": "Q_MACHINE"}, {"dataset": "other", "reason": "Q_MACHINE"}]
    assert fates(audit, [], ["goa"]) == "3 tracks accepted, 2 used in doubt, 1 quarantined."
    assert fates(audit, refused, ["goa"]).endswith("1 quarantined, 1 of them to be tried again by the next run.")
