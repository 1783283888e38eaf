"""Measure how many tracks change their fold or role when a collection changes.

    python benchmarks/folds.py [FOLDER]

FOLDER holds other code to measure, such as a checkout of an earlier commit; code without placements draws anew. A
collection has 100 albums in four classes, of 10 tracks each or of 1 to 20. A track or an album comes, goes or is
replaced, or a class of 25 albums comes; then ten changes in a row. Each number is a mean over three collections, and
the worst of them. Unevenness is the largest difference between the tracks of a class in a fold, or the test part of a
draw, and its share.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

if len(sys.argv) > 1:
    sys.path.insert(0, sys.argv[1])
else:
    sys.path.insert(0, str(Path(__file__).parents[1]))

from genreflow.config.folds import FoldSettings
from genreflow.folds import assign as module
from genreflow.store.digest import digest

COLLECTIONS, ALBUMS, CLASSES = 3, 100, 4
SETTINGS = {
    "stratified": FoldSettings(),
    "stratified, 40 held out": FoldSettings(holdout=40),
    "stratified, validation": FoldSettings(validation=True),
    "stratified, single tracks": FoldSettings(group=False, holdout=40),
    "random, valid 10 %": FoldSettings(scheme="random", count=1, valid=0.1),
    "random, single tracks": FoldSettings(scheme="random", count=1, group=False),
}


def album(seed: object, label: str, size: int) -> pd.DataFrame:
    """Return the tracks of an album."""
    rows = [(digest(seed, label, number), label, f"{label}/{seed}") for number in range(size)]
    return pd.DataFrame(rows, columns=["track_id", "label", "group"])


def collection(seed: int, *, equal: bool) -> pd.DataFrame:
    """Return the tracks of 100 albums of four classes."""
    sizes = np.full(ALBUMS, 10) if equal else np.random.default_rng(seed).integers(1, 21, ALBUMS)
    return pd.concat([album([seed, n], f"class-{n % CLASSES}", size) for n, size in enumerate(sizes)])


def without(tracks: pd.DataFrame, seed: int, column: str) -> pd.DataFrame:
    """Return tracks without a random track or album."""
    return tracks[tracks[column] != np.random.default_rng([seed, 1]).choice(sorted(set(tracks[column])))]


def with_album(tracks: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return tracks and a new album of ten or, where albums differ, 1 to 20."""
    rng = np.random.default_rng([seed, 2])
    size = 10 if tracks.groupby("group").size().nunique() == 1 else int(rng.integers(1, 21))
    return pd.concat([tracks, album(["new", seed], f"class-{rng.integers(CLASSES)}", size)])


def ten_changes(tracks: pd.DataFrame, seed: int) -> list[pd.DataFrame]:
    """Return ten states of a collection: albums come and go in turn."""
    states = []
    for step in range(10):
        tracks = with_album(tracks, 100 * seed + step) if step % 2 else without(tracks, 100 * seed + step, "group")
        states.append(tracks)
    return states


CHANGES: dict[str, Callable[[pd.DataFrame, int], list[pd.DataFrame]]] = {
    "a track added": lambda t, seed: [pd.concat([t, album(["new", seed], "class-0", 1)])],
    "a track removed": lambda t, seed: [without(t, seed, "track_id")],
    "an album added": lambda t, seed: [with_album(t, seed)],
    "an album removed": lambda t, seed: [without(t, seed, "group")],
    "an album replaced": lambda t, seed: [with_album(without(t, seed, "group"), seed)],
    "a class added": lambda t, seed: [pd.concat([t, *(album(["new", seed, n], "new", 10) for n in range(25))])],
    "ten albums in turn": ten_changes,
}


def divided(tracks: pd.DataFrame, settings: FoldSettings, before: object) -> tuple[pd.DataFrame, object]:
    """Return folds and placement; without placements, folds drawn anew."""
    if hasattr(module, "place"):
        return module.place(tracks, settings, before)
    return module.assign(tracks, settings), None


def roles(folds: pd.DataFrame) -> pd.Series:
    """Return the roles of each track in all folds, as text."""
    return (folds.sort_values("fold")["role"].astype(object) + " ").groupby(folds["track_id"]).sum()


def unevenness(folds: pd.DataFrame, settings: FoldSettings) -> float:
    """Return the largest difference between the test tracks of a class in a fold and its share."""
    tested = folds[folds["role"] == "test"]
    counts = pd.crosstab(tested["fold"], tested["label"])
    rest = folds[(folds["fold"] == "1") & (folds["role"] != "holdout")]["label"].value_counts()
    share = settings.test if settings.scheme == "random" else 1 / settings.count
    return float(np.abs(counts - share * rest.reindex(counts.columns)).to_numpy().max())


def measure(
    equal: bool, settings: FoldSettings, change: Callable[[pd.DataFrame, int], list[pd.DataFrame]]
) -> np.ndarray:
    """Return moved [share], given back, unevenness before and after, of each collection."""
    rows = []
    for seed in range(COLLECTIONS):
        tracks = collection(seed, equal=equal)
        folds, placement = divided(tracks, settings, None)
        old, held, fresh = roles(folds), set(folds["track_id"][folds["role"] == "holdout"]), unevenness(folds, settings)
        back: set[str] = set()
        for state in change(tracks, seed):
            folds, placement = divided(state, settings, placement)
            now = roles(folds)
            back |= {track for track in held & set(now.index) if "holdout" not in now[track]}
            held |= set(folds["track_id"][folds["role"] == "holdout"])
        both = old.index.intersection(now.index)
        rows.append(((old[both] != now[both]).mean(), len(back), fresh, unevenness(folds, settings)))
    return np.array(rows)


def main() -> None:
    """Print a row for each kind of album, settings and change."""
    print("| albums | folds | change | moved, mean (most) | held-out tracks given back | unevenness before, after |")
    print("|---|---|---|---|---|---|")
    begin = time.perf_counter()
    for equal in (True, False):
        for name, settings in SETTINGS.items():
            for what, change in CHANGES.items():
                moved, back, fresh, after = measure(equal, settings, change).T
                albums = "10 tracks" if equal else "1 to 20"
                print(
                    f"| {albums} | {name} | {what} | {moved.mean():.1%} ({moved.max():.1%}) | {back.mean():.1f} | "
                    f"{fresh.mean():.1f}, {after.mean():.1f} |",
                    flush=True,
                )
    print(f"{time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
