"""Measure how well the level of tracks predicts their class, as they are and after normalization to -14 and -23 LUFS.

    python benchmarks/levels.py [FOLDER]

FOLDER holds a folder per class; without it, 100 synthetic tracks of ten genres are made. Each file is decoded and
measured as a run does, and a small decision tree predicts its class from its level alone, in five folds. Where the
true-peak ceiling keeps the target out of reach, the level still tells the class.
"""

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pandas as pd

from genreflow.audio.normalize import Normalized, gain_of, measure
from genreflow.audio.verdict import RejectedTrack
from genreflow.config.audio import AudioSettings
from genreflow.config.folds import FoldSettings
from genreflow.datasets.layouts.folders import Folders
from genreflow.folds.assign import assign
from genreflow.folds.leakage import leakage
from genreflow.synthetic.corpus import plan, write

TARGETS = (None, -14.0, -23.0)
TRACKS_PER_CLASS, SECONDS, FOLDS = 10, 30.0, 5
PAIRS = pd.DataFrame(columns=["a", "b", "kind", "similarity", "offset_s"])


def main(folder: Path | None) -> None:
    with tempfile.TemporaryDirectory() as made:
        if folder is None:
            folder = Path(made)
            for track in plan(tracks_per_class=TRACKS_PER_CLASS, seconds=SECONDS, seed=0, corpus="genres"):
                write(track, folder)
        tracks = measured(folder)
    print(f"{len(tracks)} tracks of {tracks['label'].nunique()} classes\n")
    print("normalized to  limited by the ceiling  level, 5th to 95th percentile  spread of class medians  predicts")
    for target in TARGETS:
        print(row(tracks, target))


def measured(folder: Path) -> pd.DataFrame:
    """Return ``track_id, label, record`` of every usable track."""
    listing = Folders(layout="folders", path=str(folder)).find()
    rows = []
    for number, track in enumerate(listing.tracks):
        try:
            _, record, _ = measure(listing.root + b"/" + track.path, AudioSettings())
        except RejectedTrack:
            continue
        rows.append((f"{number:06}", track.label, record))
    return pd.DataFrame(rows, columns=["track_id", "label", "record"])


def row(tracks: pd.DataFrame, target: float | None) -> str:
    """Return a line on the levels that tracks have after normalization to a target, or as they are."""
    settings = AudioSettings(level="none") if target is None else AudioSettings(loudness=target)
    gains = [0.0 if target is None else gain_of(record, settings) for record in tracks["record"]]
    levels = pd.Series([record.lufs for record in tracks["record"]]) + gains
    limited = "–" if target is None else f"{(levels < target - 0.05).mean():.0%}"
    medians = levels.groupby(tracks["label"]).median()
    name = "as it is" if target is None else f"{target:g} LUFS"
    low, high = levels.quantile([0.05, 0.95])
    cells = [f"{low:.1f} to {high:.1f} LUFS", f"{medians.max() - medians.min():.1f} dB"]
    return f"{name:<13}  {limited:>22}  {cells[0]:>29}  {cells[1]:>23}  {predicted(tracks, levels):>8.0%}"


def predicted(tracks: pd.DataFrame, levels: pd.Series) -> float:
    """Return the share of tracks whose class a small tree predicts from the level."""
    heard = [
        replace(record, gain_db=level - record.lufs) for record, level in zip(tracks["record"], levels, strict=True)
    ]
    index = index_of(tracks, heard)
    folds = assign(index[["track_id", "label", "group"]], FoldSettings(count=FOLDS, group=False))
    audit = leakage(folds, index, PAIRS)
    return float(audit.loc[audit["what"] == "level", "share"].item())


def index_of(tracks: pd.DataFrame, heard: list[Normalized]) -> pd.DataFrame:
    """Return the columns of an index that the audit reads."""
    facts = pd.DataFrame([vars(record) for record in heard])
    columns = ["container", "codec", "source_rate", "channels", "bandwidth_hz", "lufs", "gain_db", "seconds"]
    return tracks[["track_id", "label"]].join(facts[columns]).assign(title=tracks["track_id"], group=None, artist=None)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
