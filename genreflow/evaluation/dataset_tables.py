"""The tables of a dataset: what became of its files, from its index."""

import re
from collections.abc import Mapping

import pandas as pd

from genreflow.audio.verdict import WARNINGS as WARNING_KINDS
from genreflow.folds.feasibility import groups_of

AUDIT = ("class", "tracks", "groups", "accepted", "warned", "quarantined", "ignored", "slices", "padded", "hours")
WARNINGS = ("reason", "kind", "tracks", "share", "title", "message")
COPIES = ("recording", "title", "class", "verdict", "message")
NO_CLASS = "(no class)"


def audit_table(index: pd.DataFrame, ignored: Mapping[str, int]) -> pd.DataFrame:
    """Return a row a class, `AUDIT`: what became of its files.

    `tracks` counts all files taken for music, quarantined ones included; groups, slices and hours those that can be
    used. `accepted` are the sound ones, whatever is noted of them, `warned` those that are used and in doubt; `padded`
    those whose last slice is completed with zeros. `ignored` are the files passed over, by class; those outside of all
    classes have a row of their own, as do tracks that have tags instead of a class.
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
    return pd.DataFrame(rows, columns=list(AUDIT))


def warnings_table(index: pd.DataFrame) -> pd.DataFrame:
    """Return a row a warning, `WARNINGS`: how many usable tracks have it, and one of them.

    Doubts come before notes, and of each kind the commonest first.
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
            "kind": str(WARNING_KINDS[reason]),
            "tracks": len(members),
            "share": len(members) / len(index),
            "title": members["title"].iloc[0],
            "message": members["message"].iloc[0],
        }
        for reason, members in single.sort_values("title").groupby("reason")
    ]
    rows.sort(key=lambda row: (row["kind"], -row["tracks"], row["reason"]))
    return pd.DataFrame(rows, columns=list(WARNINGS))


def _sentences(message: str, reason: str) -> list[str]:
    """Return what each code of a track says; all of it for each where sentences and codes do not pair up."""
    codes, sentences = reason.split(" "), re.split(r"(?<=\.) (?=[A-Z0-9])", message)
    return sentences if len(sentences) == len(codes) else [message] * len(codes)


def copies_table(index: pd.DataFrame) -> pd.DataFrame:
    """Return every track of which there is another copy, `COPIES`; those of one recording follow each other."""
    copies = index[index["recording"].notna()].rename(columns={"label": "class"})
    return copies[list(COPIES)].sort_values(["recording", "title"], ignore_index=True)
