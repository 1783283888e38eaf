"""Tables of a study's dataset, built from its index: files by class, warnings and copies."""

import re
from collections.abc import Mapping, Sequence

import pandas as pd

from genreflow.audio.verdict import WARNINGS as WARNING_KINDS
from genreflow.evaluation.registry import (
    Column,
    StudyTable,
    count_column,
    frame_of,
    hours,
    percent_column,
    text_column,
)
from genreflow.folds.feasibility import groups_of

AUDIT = ("class", "tracks", "groups", "accepted", "warned", "quarantined", "ignored", "slices", "padded", "hours")
WARNINGS = ("reason", "kind", "tracks", "share", "title", "message")
COPIES = ("recording", "title", "class", "verdict", "message")
DISAGREEMENTS = ("title", "class", "second", "fate")
NO_CLASS = "(no class)"


def audit_table(index: pd.DataFrame, ignored: Mapping[str, int]) -> pd.DataFrame:
    """Return the files of each class by verdict, `AUDIT`, a row per class.

    `tracks` counts all audio files, quarantined ones included; groups, slices and hours are those of usable tracks.
    `accepted` counts sound tracks with or without notes, `warned` used tracks in doubt, `padded` tracks whose last
    slice is completed with zeros, and `ignored` other files of the class. Files outside of all classes have a row of
    their own, as do tracks with tags instead of a class.
    """
    rows = []
    for label in sorted({*index["label"], *ignored}):
        tracks = index[index["label"] == label]
        verdicts = tracks["verdict"].value_counts()
        usable = tracks[tracks["verdict"] != "quarantine"]
        rows.append(
            {
                "class": label or NO_CLASS,
                "tracks": len(tracks),
                "groups": groups_of(usable).nunique(),
                "accepted": verdicts.get("accept", 0),
                "warned": verdicts.get("warn", 0),
                "quarantined": verdicts.get("quarantine", 0),
                "ignored": ignored.get(label, 0),
                "slices": int(usable["slices"].sum()),
                "padded": int((usable["padded_s"] > 0).sum()),
                "hours": usable["seconds"].sum() / 3600,
            }
        )
    return frame_of(rows, AUDIT)


def warnings_table(index: pd.DataFrame) -> pd.DataFrame:
    """Return each warning with the number of usable tracks that have it and one example, `WARNINGS`.

    Doubts come before notes, and common warnings before rare ones.
    """
    is_warned = (index["verdict"] != "quarantine") & (index["reason"] != "")
    warned = index.loc[is_warned, ["title", "reason", "message"]]
    single = warned.assign(
        reason=warned["reason"].str.split(" "),
        message=[_sentences(*pair) for pair in zip(warned["message"], warned["reason"], strict=True)],
    ).explode(["reason", "message"])
    rows = [
        {
            "reason": reason,
            "kind": str(WARNING_KINDS[str(reason)]),
            "tracks": len(members),
            "share": len(members) / len(index),
            "title": members["title"].iloc[0],
            "message": members["message"].iloc[0],
        }
        for reason, members in single.sort_values("title").groupby("reason")
    ]
    rows.sort(key=lambda row: (row["kind"], -row["tracks"], row["reason"]))
    return frame_of(rows, WARNINGS)


def copies_table(index: pd.DataFrame) -> pd.DataFrame:
    """Return every track that has a copy, `COPIES`; tracks of one recording are adjacent."""
    copies = index[index["recording"].notna()].rename(columns={"label": "class"})
    return copies[list(COPIES)].sort_values(["recording", "title"], ignore_index=True)


def disagreements_table(disagreements: Sequence[Sequence[str]]) -> pd.DataFrame:
    """Return every track whose label differs in a second source, `DISAGREEMENTS`, by class and title."""
    table = frame_of(disagreements, DISAGREEMENTS)
    return table.sort_values(["class", "second", "title"], ignore_index=True)


def _sentences(message: str, reason: str) -> list[str]:
    """Return the sentence of each code of a track; the whole message for each if their numbers differ."""
    codes, sentences = reason.split(" "), re.split(r"(?<=\.) (?=[A-Z0-9])", message)
    return sentences if len(sentences) == len(codes) else [message] * len(codes)


TABLES = (
    StudyTable(
        "audit",
        lambda results: audit_table(results.index, results.ignored),
        AUDIT,
        section="Data audit",
        title="Files of each class",
        caption=(
            "Each row is a class: its tracks, the groups (artists or albums) that they belong to, their verdicts, "
            "slices and hours. Every file of the dataset is counted in exactly one of accepted (sound), warned "
            "(used, in doubt), quarantined and ignored. Padded tracks have a last slice that is completed with zeros."
        ),
        shown=(
            text_column("Class", "class"),
            count_column("Tracks", "tracks"),
            count_column("Groups", "groups"),
            count_column("Accepted", "accepted"),
            count_column("Used, in doubt", "warned"),
            count_column("Quarantined", "quarantined"),
            count_column("Other files, ignored", "ignored"),
            count_column("Slices", "slices"),
            count_column("Padded tracks", "padded"),
            Column("Duration", ("hours",), hours),
        ),
    ),
    StudyTable(
        "warnings",
        lambda results: warnings_table(results.index),
        WARNINGS,
        section="Data audit",
        title="Warnings and notes on the tracks in use",
        caption=(
            "Each row is a warning code: its kind (a doubt, or a note on a sound track), the number and share of its "
            "tracks, and one example."
        ),
        shown=(
            text_column("Reason", "reason"),
            text_column("Kind", "kind"),
            count_column("Tracks", "tracks"),
            percent_column("Share (%)", "share"),
            text_column("Example", "title"),
            text_column("Message", "message"),
        ),
    ),
    StudyTable(
        "copies",
        lambda results: copies_table(results.index),
        COPIES,
        section="Data audit",
        title="Recordings with several copies",
        caption=(
            "Each row is a track whose recording occurs more than once. Copies are always on the same side of a fold; "
            "the column ``verdict`` shows whether copies with different classes are used."
        ),
        shown=(
            text_column("Recording", "recording"),
            text_column("Track", "title"),
            text_column("Class", "class"),
            text_column("Verdict", "verdict"),
            text_column("Message", "message"),
        ),
        folded=True,
    ),
    StudyTable(
        "disagreements",
        lambda results: disagreements_table(results.disagreements),
        DISAGREEMENTS,
        section="Data audit",
        title="Tracks whose label differs in a second source",
        caption="Each row is a track whose label in `second_labels` is another, and whether it is kept.",
        shown=(
            text_column("Track", "title"),
            text_column("Class", "class"),
            text_column("Class by the second source", "second"),
            text_column("Fate", "fate"),
        ),
        folded=True,
    ),
)
