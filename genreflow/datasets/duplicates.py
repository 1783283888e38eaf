"""Copies of one recording: finding them, and their consequences for labels and groups.

Copies may differ in codec, level, sample rate, equalization, start and end, and by a little in speed, tempo or pitch
(docs/verdicts.md). Excerpts outside the fingerprinted part are not found.
"""

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from genreflow.audio.fingerprint import WORDS_PER_SECOND, from_text
from genreflow.datasets.artists import group_of
from genreflow.datasets.catalog import MISSING
from genreflow.datasets.matching import find_matches

# Raise it when other pairs of tracks would be found.
STAGE_VERSION = 2

PAIRS = "duplicates"
COLUMNS = ["a", "b", "kind", "similarity", "offset_s"]

_EXACT = {"bytes": "sha256", "samples": "samples_sha256"}
_KINDS = {
    "bytes": ("W_DUPLICATE", "It has the same bytes as"),
    "samples": ("W_DUPLICATE", "It has the same samples as"),
    "recording": ("W_NEAR_DUP", "It is the same recording as"),
}


def find_pairs(tracks: pd.DataFrame, search: str) -> pd.DataFrame:
    """Find the tracks that are the same recording.

    Parameters
    ----------
    tracks
        Columns `track_id, sha256, samples_sha256, fingerprint` (as `genreflow.audio.fingerprint.to_text` writes it);
        None, or empty text, equals nothing.
    search
        `exact` for copies with equal bytes or equal samples; `recordings` for those with like fingerprints as well.

    Returns
    -------
    DataFrame
        `a, b, kind, similarity, offset_s`, sorted, with a < b. Kind is `bytes`, `samples` or `recording`. Of equal
        tracks, only the first is paired with each of the others and, for it alone, like recordings are sought.
        Similarity is the share of equal bits of the fingerprints, 1 for exact copies; offset_s is how much later
        the excerpt of b begins than that of a, s.
    """
    rest = tracks.sort_values("track_id", ignore_index=True)
    matches = []
    for kind, column in _EXACT.items():
        first = _first_of_equals(rest, column)
        copies = first != rest["track_id"]
        matches += [(a, b, kind, 1.0, 0.0) for a, b in zip(first[copies], rest.loc[copies, "track_id"], strict=True)]
        rest = rest[~copies]
    if search == "recordings":
        printed = rest[_known(rest["fingerprint"])]
        names = printed["track_id"].to_list()
        matches += [
            (names[match.a], names[match.b], "recording", match.similarity, match.lag / WORDS_PER_SECOND)
            for match in find_matches([from_text(text) for text in printed["fingerprint"]])
        ]
    pairs = pd.DataFrame(matches, columns=COLUMNS).astype({"similarity": float, "offset_s": float})
    return pairs.sort_values(["a", "b"], ignore_index=True)


def resolve(tracks: pd.DataFrame, pairs: pd.DataFrame, across_classes: str) -> pd.DataFrame:
    """Return recording, group and verdict of each track that follow from its copies.

    Parameters
    ----------
    tracks
        Columns `track_id, label, group, artist, tags` and, for messages, `title`. A track with tags has no class, and
        so is never in conflict.
    pairs
        As `find_pairs` returns them; those with other tracks do not count.
    across_classes
        Treatment of copies with different labels: `quarantine` refuses all, `keep_first` all but the one with the
        smallest title, `keep` none.

    Returns
    -------
    DataFrame
        `track_id, group, recording, reason, message`, in the order of `tracks`. Recording is the smallest track_id
        among the copies of a recording, None where there is no copy. Groups that share a recording are one, by the
        smallest of their names; copies without a group get that of their recording. Reason is `W_DUPLICATE` (equal
        bytes or samples) and `W_NEAR_DUP`, separated by a blank, or `Q_LABEL_CONFLICT`, or empty.
    """
    titled = tracks.assign(title=tracks["title"] if "title" in tracks else tracks["track_id"], group=group_of(tracks))
    titled = titled.sort_values("track_id", ignore_index=True)
    pairs = pairs[pairs["a"].isin(titled["track_id"]) & pairs["b"].isin(titled["track_id"])]
    titled["recording"] = recordings(titled["track_id"], pairs)
    titled["group"] = _merged_groups(titled)
    remarks = _copies(titled, pairs)
    remarks |= _conflicts(titled, remarks, across_classes)
    titled["reason"] = [remarks.get(track, ("", ""))[0] for track in titled["track_id"]]
    titled["message"] = [remarks.get(track, ("", ""))[1] for track in titled["track_id"]]
    columns = ["group", "recording", "reason", "message"]
    return titled.set_index("track_id").loc[tracks["track_id"], columns].reset_index()


def recordings(track_ids: pd.Series, pairs: pd.DataFrame) -> pd.Series:
    """Return the smallest track_id among the copies of each track, by the index of `track_ids`; None without a copy.

    Copies of copies are copies. Pairs need `a` and `b` only; those with other tracks do not count.
    """
    ordered = track_ids.sort_values()
    clusters = ordered.groupby(_connected(len(ordered), _edges(ordered, pairs)))
    first = clusters.transform("first").astype(object)
    return first.where(clusters.transform("size") > 1, None).reindex(track_ids.index)


def grouped_by_artist(index: pd.DataFrame, groups: Mapping[str, str | None]) -> pd.DataFrame:
    """Return tracks with other groups, of which those that share a recording are one.

    Parameters
    ----------
    index
        Columns `track_id, recording`.
    groups
        Track_id -> group, None without one.
    """
    ordered = index.sort_values("track_id", ignore_index=True)
    ordered["group"] = pd.Series([groups.get(track) for track in ordered["track_id"]], dtype=object)
    return ordered.assign(group=_merged_groups(ordered))


def _first_of_equals(tracks: pd.DataFrame, column: str) -> pd.Series:
    """Return for each track the first one with the same content of a column; itself, if that is unknown."""
    first = tracks.groupby(column)["track_id"].transform("first")
    return first.where(_known(tracks[column]) & ~tracks[column].astype(str).str.startswith(MISSING), tracks["track_id"])


def _known(column: pd.Series) -> pd.Series:
    return column.notna() & (column != "")


# ---------------------------------------------------------------------------------------------------------------
# Consequences
# ---------------------------------------------------------------------------------------------------------------


def _merged_groups(tracks: pd.DataFrame) -> pd.Series:
    """Return the group of each track when groups that share a recording are one."""
    edges = [_same_as_first(tracks["recording"]), _same_as_first(tracks["group"])]
    names = tracks["group"].groupby(_connected(len(tracks), np.hstack(edges))).transform("min")
    return names.where(names.notna(), "recording:" + tracks["recording"]).astype(object).replace(np.nan, None)


def _same_as_first(column: pd.Series) -> np.ndarray:
    """Return edges [2, n] from each row to the first one with its value, missing values aside; rows are numbered."""
    first = pd.Series(column.index, index=column.index).groupby(column).transform("first").dropna()
    return np.stack([first.index, first.astype(int)])


def _edges(track_ids: pd.Series, pairs: pd.DataFrame) -> np.ndarray:
    """Return the places [2, n] in `track_ids` of both tracks of each pair, where both are there."""
    places = pd.Index(track_ids).get_indexer(pairs["a"]), pd.Index(track_ids).get_indexer(pairs["b"])
    edges = np.stack(places)
    return edges[:, (edges >= 0).all(axis=0)]


def _connected(nodes: int, edges: np.ndarray) -> np.ndarray:
    """Return the number of the connected component of each node; edges are [2, n]."""
    graph = coo_matrix((np.ones(edges.shape[1], bool), edges), shape=(nodes, nodes))
    return connected_components(graph, directed=False)[1]


def _copies(tracks: pd.DataFrame, pairs: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Return reason and message of each track that is in a pair."""
    titles = tracks.set_index("track_id")["title"]
    others: dict[str, dict[str, list[str]]] = defaultdict(lambda: {kind: [] for kind in _KINDS})
    for a, b, kind in pairs[["a", "b", "kind"]].itertuples(index=False):
        others[a][kind].append(titles[b])
        others[b][kind].append(titles[a])
    remarks = {}
    for track, by_kind in others.items():
        copies = [(*_KINDS[kind], sorted(names)) for kind, names in by_kind.items() if names]
        codes = dict.fromkeys(code for code, _, _ in copies)
        remarks[track] = " ".join(codes), " ".join(f"{sentence} {_listing(names)}." for _, sentence, names in copies)
    return remarks


def _conflicts(
    tracks: pd.DataFrame, remarks: dict[str, tuple[str, str]], across_classes: str
) -> dict[str, tuple[str, str]]:
    """Return reason and message of each track whose copies have other labels."""
    classed = tracks[tracks["recording"].notna() & tracks["tags"].isna() & _known(tracks["label"])]
    verdicts = {}
    for _, copies in classed.groupby("recording"):
        if copies["label"].nunique() == 1:
            continue
        copies = copies.sort_values(["title", "track_id"])
        labeled = [f"{label!r} ({title})" for label, title in zip(copies["label"], copies["title"], strict=True)]
        message = f"Copies of one recording have different labels: {_listing(labeled)}."
        kept = {"quarantine": 0, "keep_first": 1, "keep": len(copies)}[across_classes]
        for number, track in enumerate(copies["track_id"]):
            reason, caution = remarks[track]
            verdicts[track] = (reason, f"{caution} {message}") if number < kept else ("Q_LABEL_CONFLICT", message)
    return verdicts


def _listing(names: list[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
