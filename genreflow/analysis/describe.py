"""All tables that describe a dataset; the shards of each input are read once."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from genreflow.analysis import examples, importance, projections, quantities, signals, tags
from genreflow.analysis.clips import Collector, Source

# Raise it when any table of the analysis would change.
STAGE_VERSION = 3

TOP = 10
MOST_CLASSES = 28  # that colors and dashes tell apart in a figure
TOP_CORRELATED = 50
TABLES: dict[str, list[str]] = {
    "tag_counts": tags.COUNTS,
    "tags_per_track": tags.TAGS_PER_TRACK,
    "correlations": tags.CORRELATIONS,
    "correlated_pairs": tags.PAIRS,
    "variance": signals.VARIANCE,
    "spectra": signals.SPECTRA,
    "envelopes": examples.ENVELOPES,
    "spectrograms": examples.SPECTROGRAMS,
    "projections": projections.PROJECTIONS,
    "projection_quality": projections.QUALITY,
    "importances": importance.IMPORTANCES,
    "importance_scores": importance.SCORES,
    "quantities": quantities.QUANTITIES,
}


def describe(
    index: pd.DataFrame,
    inputs: Mapping[str, Path],
    *,
    names: Sequence[str] | None = None,
    published: Mapping[str, pd.DataFrame] | None = None,
    seed: int = 0,
) -> dict[str, pd.DataFrame]:
    """Describe a dataset by its index and the stored slices of its inputs.

    Parameters
    ----------
    index
        The tracks, a row each, with the columns of `genreflow.datasets.index`. Counts and
        correlations are of all of them; everything else of those that have slices.
    inputs
        The ``index.parquet`` of each input, beside which its shards lie. Waveforms give variances, envelopes and
        projections; STFT and log-mel spectrograms give spectra, examples and projections; descriptors give importances
        and projections; descriptors and music maps quantities.
    names
        The tags that are looked at closely; if not given, the ten commonest, or the 28 commonest classes.
    published
        ``tags`` (``rank, tag, tracks``), ``correlations`` (``first, second, phi``) and ``quantities`` (``class,
        quantity, least, most``), as far as there are any.
    seed
        Of all that is drawn.

    Returns
    -------
    dict
        `TABLES`, each with its columns. Those for which an input is missing, or too few clips, are empty.
    """
    published = published or {}
    marked = tags.membership(index)
    correlated = tags.correlations(marked, most=TOP_CORRELATED)
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in TABLES}
    parts["tag_counts"].append(tags.counts(index, marked, published.get("tags")))
    parts["tags_per_track"].append(tags.tags_per_track(marked))
    parts["correlations"].append(correlated)
    parts["correlated_pairs"].append(tags.correlated_pairs(marked, correlated, published.get("correlations")))
    chosen = _chosen(index, marked, names)
    for name, path in inputs.items():
        source = Source.of(name, path)
        for table, rows in (_collected(source, index, chosen, seed, published) if source else {}).items():
            parts[table].append(rows)
    return {name: _joined(parts[name], columns) for name, columns in TABLES.items()}


def _chosen(index: pd.DataFrame, marked: pd.DataFrame, names: Sequence[str] | None) -> pd.DataFrame:
    """Return the tracks that have slices, and the tags that are looked at closely."""
    if names is None:
        names = marked.columns[: TOP if tags.is_tagged(index) else MOST_CLASSES]
    usable = index.loc[index["slices"] > 0, "track_id"]
    return marked.loc[list(usable)].reindex(columns=list(names), fill_value=False)


def _collected(
    source: Source, index: pd.DataFrame, marked: pd.DataFrame, seed: int, published: Mapping[str, pd.DataFrame]
) -> dict[str, pd.DataFrame]:
    """Return the tables of all collectors of an input."""
    collectors = _collectors(source, index, marked, seed, published)
    for clip in source.clips(marked.index) if collectors else ():
        for collector in collectors:
            collector.add(clip)
    return {name: rows for collector in collectors for name, rows in collector.tables().items()}


def _collectors(
    source: Source, index: pd.DataFrame, marked: pd.DataFrame, seed: int, published: Mapping[str, pd.DataFrame]
) -> list[Collector]:
    typical = examples.typical_tracks(marked, seed=seed)
    projected = projections.Projections(source, projections.shown_with(marked, seed=seed), seed=seed)
    match source.axes:
        case ("time",):
            gain = dict(zip(index["track_id"], index["gain_db"], strict=True))
            return [signals.Variances(source, marked, gain), examples.Envelopes(source, typical), projected]
        case ("band", "time"):
            return [signals.Spectra(source, marked), examples.Spectrograms(source, typical), projected]
        case ("quantity",):
            by_tag = quantities.Quantities(source, marked, published.get("quantities"))
            return [importance.Importances(source, index, marked, seed=seed), projected, by_tag]
        case ("quantity", "time"):
            return [quantities.Quantities(source, marked, published.get("quantities"))]
    return []


def _joined(parts: Sequence[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    full = [part for part in parts if len(part)]
    return pd.concat(full, ignore_index=True)[columns] if full else pd.DataFrame(columns=columns)
