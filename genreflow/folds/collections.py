"""Folds that each test one collection and train on all others."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from genreflow.errors import UserError
from genreflow.folds.feasibility import is_tagged
from genreflow.folds.roles import TEST, TRAIN
from genreflow.store.text import listing


def collections_of(tracks: pd.DataFrame) -> list[str]:
    """Return the collections that tracks are from (`split`), in alphabetical order: fold 1 tests the first."""
    return sorted(tracks["split"].dropna().unique())


def of_shared_classes(tracks: pd.DataFrame) -> pd.DataFrame:
    """Return the tracks of classes that at least two collections have; all if tracks have tags.

    A class of one collection could not be trained on where that collection is tested.
    """
    if is_tagged(tracks):
        return tracks
    return tracks[tracks.groupby("label")["split"].transform("nunique") > 1].reset_index(drop=True)


def check_collections(tracks: pd.DataFrame) -> None:
    """Refuse tracks of fewer than two collections, or with fewer than two classes in common.

    Raises
    ------
    UserError
        With the collections, and their classes.
    """
    names = collections_of(tracks)
    if len(names) < 2:
        raise UserError(
            "folds.scheme: leave_one_collection_out needs tracks of several collections. Join datasets to one with "
            "`layout: collections` (docs/configuration.md)."
        )
    shared = of_shared_classes(tracks)
    if not is_tagged(tracks) and shared["label"].nunique() < 2:
        own = {name: sorted(tracks.loc[tracks["split"] == name, "label"].unique()) for name in names}
        classes = "; ".join(f"{name}: {listing(labels, 8)}" for name, labels in own.items())
        raise UserError(
            f"The collections have fewer than two classes in common ({classes}). Map names by `labels.aliases` of the "
            "datasets if some are the same."
        )
    if len(collections_of(shared)) < len(names):
        alone = sorted(set(names) - set(collections_of(shared)))
        raise UserError(
            f"No other collection has the classes of {listing(alone)}. Leave it out, or map names of classes."
        )


def roles_of(tracks: pd.DataFrame) -> Iterator[np.ndarray]:
    """Yield the roles of the tracks when each collection is tested: `TEST`, `TRAIN`, or None for those left out.

    Left out are tested tracks whose group is in another collection too: an artist in both, or another copy of a
    recording.
    """
    spans = (tracks.groupby("group")["split"].transform("nunique") > 1).to_numpy()
    for name in collections_of(tracks):
        own = (tracks["split"] == name).to_numpy()
        role = np.full(len(tracks), TRAIN, object)
        role[own & ~spans], role[own & spans] = TEST, None
        yield role
