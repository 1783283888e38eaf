"""Leakage audit: copies, groups, artists and file properties that reveal the classes of test tracks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.tree import DecisionTreeClassifier

from genreflow.datasets.artists import artist_key
from genreflow.datasets.duplicates import recordings
from genreflow.folds.feasibility import is_missing
from genreflow.folds.placement import Changes
from genreflow.folds.properties import LEAK, NO_LEAKS, NOTE, OK, PROPERTIES
from genreflow.folds.roles import TEST, TRAIN
from genreflow.store.text import listing

# Raise it when the audit would have other checks or verdicts.
STAGE_VERSION = 4

DIGEST = 8  # bytes of the SHA-256 of a file by which the training tracks of a network are known

COLUMNS = ["check", "fold", "what", "tracks", "share", "verdict", "message"]
ALL_FOLDS = "all"

_KINDS = {"bytes": "the same bytes", "samples": "the same samples", "recording": "the same recording"}
_FEW_ARTISTS = 0.05  # share of test tracks with a training artist below which it is only noted
_HALFWAY = 0.5  # share of the way from the most common class to certainty from which a property reveals the class
_STANDARD_ERRORS = 3


@dataclass(frozen=True)
class EarlierTraining:
    """A trained network that trainings start from, or that computes the embeddings that models are fed.

    Attributes
    ----------
    title
        Its name and its data, for a sentence.
    files
        The first `DIGEST` bytes of the SHA-256 of each file that it was trained on; None if they are unknown.
    use
        What it is used for, as a clause.
    """

    title: str
    files: frozenset[bytes] | None
    use: str = "from which training starts"

    @property
    def name(self) -> str:
        """Its name alone."""
        return self.title.partition(",")[0]


def leakage(
    folds: pd.DataFrame,
    index: pd.DataFrame,
    pairs: pd.DataFrame,
    earlier: Sequence[EarlierTraining] = (),
    changes: Changes | None = None,
) -> pd.DataFrame:
    """Return the checks for leaks from the training tracks of each fold to its other tracks.

    Parameters
    ----------
    folds
        Columns `track_id, fold, role, label`, and `slice` if segments are divided.
    index
        Columns `track_id, title, group, artist, container, codec, source_rate, channels, bandwidth_hz, lufs, gain_db,
        seconds`.
    pairs
        Copies, as `genreflow.datasets.duplicates.find_pairs` returns them.
    earlier
        Trained networks that the trainings start from, or whose embeddings models are fed; `index` needs the column
        `sha256` for these.
    changes
        What became of the tracks in the folds when the collection last changed; None for a first draw.

    Returns
    -------
    DataFrame
        `check, fold, what, tracks, share, verdict, message`. The checks `tracks` (if segments are divided),
        `duplicates` (`what` is the kind of copy), `groups` and `artists` have a row per fold: the number and share of
        tracks outside the training set that have something in common with a training track. The check `pretraining`
        has a row per fold and network in `earlier` (`what`): the tracks outside the training set that it was trained
        on, themselves or as a copy. The check `encoding` has a row per file property (`what`): the number and share of
        test tracks that it alone classifies correctly over all folds. The check `placement`, if there were `changes`,
        has a row: the number and share of tracks that moved. The verdict is `ok`, `note` or `leak`.
    """
    known = index.set_index("track_id").assign(artist=[artist_key(artist) for artist in index["artist"]])
    rows = [row for fold, tracks in folds.groupby("fold", sort=False) for row in _shared(fold, tracks, known, pairs)]
    for network in earlier:
        rows += _pretraining(network, folds, known, pairs)
    if "slice" not in folds:  # otherwise a track reveals itself, so its file properties add nothing
        rows += _encoding(folds, known)
    if changes is not None:
        share = changes.moved / max(1, changes.stayed)
        rows.append(("placement", ALL_FOLDS, "moved", changes.moved, share, OK, str(changes)))
    return pd.DataFrame(rows, columns=COLUMNS).astype({"tracks": int, "share": float})


def bandwidth_by_class(index: pd.DataFrame) -> pd.DataFrame:
    """Return the bandwidths and codecs of each class.

    Parameters
    ----------
    index
        Columns `label, tags, verdict, codec, bandwidth_hz`. A track with tags counts for each tag.

    Returns
    -------
    DataFrame
        `class, tracks, p10, median, p90, codecs`: percentiles of the bandwidth (Hz), and the number of tracks of each
        codec as text. Quarantined tracks do not count.
    """
    used = index[index["verdict"] != "quarantine"]
    classes = [
        list(tags) if _is_list(tags) else [label] for label, tags in zip(used["label"], used["tags"], strict=True)
    ]
    rows = []
    classed = used.assign(**{"class": classes}).explode("class")
    for name, tracks in classed[~is_missing(classed["class"])].groupby("class"):
        p10, median, p90 = tracks["bandwidth_hz"].astype(float).quantile([0.1, 0.5, 0.9])
        codecs = ", ".join(f"{codec} {count:,}" for codec, count in tracks["codec"].value_counts().items())
        rows.append((name, len(tracks), p10, median, p90, codecs))
    return pd.DataFrame(rows, columns=["class", "tracks", "p10", "median", "p90", "codecs"])


# ---------------------------------------------------------------------------------------------------------------
# What training and other tracks have in common
# ---------------------------------------------------------------------------------------------------------------


def _shared(fold: str, tracks: pd.DataFrame, known: pd.DataFrame, pairs: pd.DataFrame) -> Iterator[tuple]:
    """Yield the rows of the checks of one fold, except `encoding`; none if the fold tests nothing."""
    if (tracks["role"] == TRAIN).all():
        return
    is_divided = "slice" in tracks
    tracks = tracks[["track_id", "role"]].drop_duplicates().join(known[["title", "group", "artist"]], on="track_id")
    if is_divided:
        own = tracks.assign(common=tracks["track_id"])
        yield _verdict("tracks", fold, "track", own, "other segments of themselves among the training segments")
    # If segments are divided, a track may have several roles.
    every = tracks["track_id"].drop_duplicates()
    for kind, words in _KINDS.items():
        recording = dict(zip(every, recordings(every, pairs[pairs["kind"] == kind]), strict=True))
        copies = tracks.assign(common=tracks["track_id"].map(recording))
        yield _verdict("duplicates", fold, kind, copies, f"{words} as a training track")
    groups = tracks.assign(common=tracks["group"].where(~is_missing(tracks["group"])))
    yield _verdict("groups", fold, "group", groups, "the group of a training track", name_common=True)
    artists = tracks.assign(common=tracks["artist"])
    yield _verdict("artists", fold, "artist", artists, "the artist of a training track", name_common=True)


def _verdict(check: str, fold: str, what: str, tracks: pd.DataFrame, words: str, *, name_common: bool = False) -> tuple:
    """Return the row of a check for equal values of the column `common` in training and other tracks."""
    trained = tracks["role"] == TRAIN
    others = tracks[~trained]
    seen = others[others["common"].notna() & others["common"].isin(tracks.loc[trained, "common"])]
    share = len(seen) / len(others)
    if others["common"].isna().all() and check == "artists":
        return check, fold, what, 0, np.nan, NOTE, f"Fold {fold}: no artist of a tested or held-out track is known."
    if seen.empty:
        return check, fold, what, 0, 0.0, OK, f"Fold {fold}: no tested or held-out track has {words}."
    names = listing(sorted(seen["common"].unique()) if name_common else seen["title"])
    message = (
        f"Fold {fold}: {len(seen):,} of {len(others):,} tested or held-out tracks ({share:.0%}) have {words}: {names}."
    )
    verdict = NOTE if check == "artists" and share < _FEW_ARTISTS else LEAK
    return check, fold, what, len(seen), share, verdict, message


def _pretraining(
    network: EarlierTraining, folds: pd.DataFrame, known: pd.DataFrame, pairs: pd.DataFrame
) -> Iterator[tuple]:
    """Yield a row per fold on its tested and held-out tracks that a network was trained on before."""
    if network.files is None:
        message = (
            f"{network.title}, {network.use}, does not list its training tracks: it may have been trained on tracks "
            "that are tested here."
        )
        yield "pretraining", ALL_FOLDS, network.name, 0, np.nan, NOTE, message
        return
    ids = known.index.to_series()
    recording = recordings(ids, pairs).fillna(ids)
    trained_on = set(recording[[_digest(sha256) in network.files for sha256 in known["sha256"]]])
    for fold, rows in folds.groupby("fold", sort=False):
        others = rows.loc[rows["role"] != TRAIN, "track_id"].drop_duplicates()
        if others.empty:
            continue
        seen = others[recording[others].isin(trained_on).to_numpy()]
        share = len(seen) / len(others)
        if seen.empty:
            message = f"Fold {fold}: {network.title}, {network.use}, was trained on no track tested here."
            yield "pretraining", fold, network.name, 0, 0.0, OK, message
            continue
        message = (
            f"Fold {fold}: {len(seen):,} of {len(others):,} tested or held-out tracks ({share:.0%}) were training "
            f"tracks of {network.title}, {network.use}: {listing(known.loc[seen, 'title'])}."
        )
        yield "pretraining", fold, network.name, len(seen), share, LEAK, message


def _digest(sha256: object) -> bytes:
    """Return the digest by which a file is known; an empty one where its bytes were never read."""
    try:
        return bytes.fromhex(str(sha256))[:DIGEST]
    except ValueError:
        return b""


# ---------------------------------------------------------------------------------------------------------------
# File properties
# ---------------------------------------------------------------------------------------------------------------


def _encoding(folds: pd.DataFrame, known: pd.DataFrame) -> Iterator[tuple]:
    """Yield the rows of the check `encoding`; none if tracks have no classes or nothing is tested."""
    tracks = folds.loc[~is_missing(folds["label"]), ["track_id", "fold", "role", "label"]].drop_duplicates()
    tracks = tracks[tracks["fold"].isin(tracks.loc[tracks["role"] == TEST, "fold"])]
    if tracks["label"].nunique() < 2:
        return
    facts = known.assign(codec=known["container"].fillna("?") + " " + known["codec"].fillna("?"))
    facts["level"] = (facts["lufs"] + facts["gain_db"]).astype(float).round(1)  # what is below is no difference
    numbers = facts[["bandwidth_hz", "source_rate", "channels", "level", "seconds"]].astype(float)
    inputs = pd.concat([numbers, pd.get_dummies(facts["codec"], prefix="codec", dtype=float)], axis=1)
    for what, name in PROPERTIES.items():
        columns = [column for column in inputs if column == what or column.startswith(f"{what}_")]
        row = _predicted(tracks, inputs[columns], what, name)
        yield (*row[:-1], f"{row[-1]} {_levels(tracks, facts['level'])}") if what == "level" else row


def _levels(tracks: pd.DataFrame, level: pd.Series) -> str:
    """Return a sentence on the median level of each class."""
    labels = tracks.drop_duplicates("track_id").set_index("track_id")["label"]
    medians = level.reindex(labels.index).groupby(labels).median().dropna().sort_values()
    if medians.empty:
        return "No level is known."
    (quietest, low), (loudest, high) = medians.iloc[[0, -1]].items()
    return f"Medians of classes are between {low:.1f} LUFS ({quietest}) and {high:.1f} LUFS ({loudest})."


def _predicted(tracks: pd.DataFrame, inputs: pd.DataFrame, what: str, name: str) -> tuple:
    """Return the row on the test tracks that a small decision tree classifies correctly from `inputs` alone."""
    right = tested = 0
    for _, rows in tracks.groupby("fold"):
        train, test = rows[rows["role"] == TRAIN], rows[rows["role"] == TEST]
        tree = DecisionTreeClassifier(max_leaf_nodes=2 * tracks["label"].nunique(), min_samples_leaf=3, random_state=0)
        tree.fit(inputs.loc[train["track_id"]].to_numpy(), train["label"])
        right += int((tree.predict(inputs.loc[test["track_id"]].to_numpy()) == test["label"]).sum())
        tested += len(test)
    commonest = tracks.loc[tracks["role"] == TEST, "label"].value_counts(normalize=True).iloc[0]
    share = right / tested
    message = f"The {name} alone predicts the class with {share:.2f} where the most common class gives {commonest:.2f}"
    if share <= commonest + _STANDARD_ERRORS * np.sqrt(commonest * (1 - commonest) / tested):
        within = ", which chance explains for so few tracks" if share > commonest else ""
        return "encoding", ALL_FOLDS, what, right, share, OK, f"{message}{within}."
    is_leak = what not in NO_LEAKS and share >= commonest + _HALFWAY * (1 - commonest)
    verdict = LEAK if is_leak else NOTE
    return "encoding", ALL_FOLDS, what, right, share, verdict, f"{message}: the model may have learned the {name}."


def _is_list(tags: object) -> bool:
    return isinstance(tags, list | tuple | np.ndarray)
