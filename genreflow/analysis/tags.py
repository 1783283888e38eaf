"""Frequency and correlation of tags, or of classes (tagging study, Figures 3.1.1 to 3.1.4).

In all tables of this room a `tag` is a tag, or the class of a track where a dataset has classes.
"""

import numpy as np
import pandas as pd

COUNTS = ["rank", "tag", "tracks", "share", "usable", "hours", "published_rank", "published_tracks"]
TAGS_PER_TRACK = ["tags", "tracks", "share"]
CORRELATIONS = ["first", "second", "phi", "both"]
PAIRS = ["first", "second", "tracks_first", "tracks_second", "both", "phi", "published_phi"]


def is_tagged(index: pd.DataFrame) -> bool:
    """Return whether tracks have any number of tags; if not, each has one class."""
    return bool(index["tags"].notna().any())


def membership(index: pd.DataFrame) -> pd.DataFrame:
    """Return the tags of each track as a table of booleans.

    Parameters
    ----------
    index
        A row a track: ``track_id, label, tags``.

    Returns
    -------
    DataFrame
        bool, a row a track (its index: ``track_id``) and a column a tag, the commonest first and equals by name. A
        track may bear none.
    """
    names = index["tags"] if is_tagged(index) else index["label"].replace("", None)
    borne = pd.Series(list(names), index=list(index["track_id"]), dtype=object).explode().dropna()
    marked = pd.crosstab(borne.index, borne.to_numpy()).astype(bool)
    order = sorted(marked.columns, key=lambda tag: (-marked[tag].sum(), tag))
    marked = marked.reindex(index=list(index["track_id"]), columns=order, fill_value=False)
    return marked.rename_axis(index="track_id", columns=None)


def counts(index: pd.DataFrame, marked: pd.DataFrame, published: pd.DataFrame | None = None) -> pd.DataFrame:
    """Count the tracks of each tag.

    Parameters
    ----------
    index
        A row a track: ``track_id, slices, seconds``.
    marked
        See `membership`.
    published
        ``rank, tag, tracks``, or None.

    Returns
    -------
    DataFrame
        `COUNTS`, the commonest tag first: ``tracks`` of the catalog and their ``share``, of which ``usable`` have
        slices, lasting so many ``hours``. Published tags that no track bears come with 0 tracks.
    """
    known = pd.DataFrame(columns=["rank", "tag", "tracks"]) if published is None else published
    known = known.set_index("tag")
    tags = [*marked.columns, *(tag for tag in known.index if tag not in marked.columns)]
    borne = marked.reindex(columns=tags, fill_value=False).to_numpy()
    usable = (index.set_index("track_id")["slices"].reindex(marked.index) > 0).to_numpy()
    seconds = index.set_index("track_id")["seconds"].reindex(marked.index).fillna(0).to_numpy(float)
    table = pd.DataFrame({"tag": tags, "tracks": borne.sum(axis=0)})
    table["share"] = table["tracks"] / max(1, len(marked))
    table["usable"] = borne[usable].sum(axis=0)
    table["hours"] = seconds[usable] @ borne[usable] / 3600
    for column in ("rank", "tracks"):
        table[f"published_{column}"] = table["tag"].map(known[column]).astype(float)
    table = table.sort_values("tracks", ascending=False, kind="stable", ignore_index=True)
    return table.assign(rank=np.arange(1, len(table) + 1))[COUNTS]


def tags_per_track(marked: pd.DataFrame) -> pd.DataFrame:
    """Count the tracks that bear 0, 1, 2, … tags: `TAGS_PER_TRACK`, without gaps."""
    numbers = np.bincount(marked.to_numpy().sum(axis=1).astype(int))
    table = pd.DataFrame({"tags": np.arange(len(numbers)), "tracks": numbers})
    return table.assign(share=table["tracks"] / max(1, len(marked)))


def correlations(marked: pd.DataFrame, *, most: int) -> pd.DataFrame:
    """Correlate the commonest tags with each other over all tracks of the catalog.

    Phi is Pearson's correlation of 0 and 1. Tracks without any tag count as well: where a catalog leaves them out, no
    phi is greater and most are smaller.

    Returns
    -------
    DataFrame
        `CORRELATIONS`: every ordered pair of at most `most` tags, and each with itself; ``both`` counts the tracks that
        bear both. Phi is NaN where a tag is on no track, or on all.
    """
    tags = list(marked.columns[:most])
    borne = marked[tags].to_numpy(float)
    both, each = borne.T @ borne, borne.sum(axis=0)
    spread = np.sqrt(each * (len(borne) - each))
    with np.errstate(invalid="ignore", divide="ignore"):
        phi = (len(borne) * both - np.outer(each, each)) / np.outer(spread, spread)
    phi[~np.isfinite(phi)] = np.nan
    first, second = np.indices(phi.shape).reshape(2, -1)
    names = np.array(tags, dtype=object)
    table = {"first": names[first], "second": names[second], "phi": phi.ravel(), "both": both.ravel().astype(int)}
    return pd.DataFrame(table)[CORRELATIONS]


def correlated_pairs(
    marked: pd.DataFrame, correlated: pd.DataFrame, published: pd.DataFrame | None = None, *, most: int = 20
) -> pd.DataFrame:
    """Return the pairs of tags that go together most, and every published one (tagging study, Table 3.1.1).

    Parameters
    ----------
    marked
        See `membership`.
    correlated
        See `correlations`.
    published
        ``first, second, phi``, in either order of the two, or None.
    most
        So many of our own.

    Returns
    -------
    DataFrame
        `PAIRS`, by falling phi; of the two the commoner is first. What is known of only one side is NaN on the other.
    """
    rank = {tag: place for place, tag in enumerate(marked.columns)}
    tracks = marked.sum(axis=0)
    pairs = correlated[correlated["first"].map(rank) < correlated["second"].map(rank)].dropna(subset="phi")
    pairs = pairs.sort_values("phi", ascending=False, kind="stable", ignore_index=True)
    known = {} if published is None else dict(zip(map(frozenset, _couples(published)), published["phi"], strict=True))
    keys = [frozenset(couple) for couple in _couples(pairs)]
    pairs["published_phi"] = pd.Series([known.get(key) for key in keys], dtype=float)
    kept = pairs[(pairs.index < most) | pairs["published_phi"].notna()]
    unseen = [key not in set(keys) for key in known]
    if published is not None and any(unseen):
        missing = published.loc[unseen, ["first", "second", "phi"]].rename(columns={"phi": "published_phi"})
        kept = pd.concat([kept, missing], ignore_index=True)
    for side in ("first", "second"):
        kept = kept.assign(**{f"tracks_{side}": kept[side].map(tracks).fillna(0).astype(int)})
    return kept[PAIRS].reset_index(drop=True)


def _couples(pairs: pd.DataFrame) -> list[tuple[str, str]]:
    return list(zip(pairs["first"], pairs["second"], strict=True))
