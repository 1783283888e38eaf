"""Figures of a dataset: its tags, and the sound of the clips of each tag (tagging study, Figures 3.1.1 to 3.1.10).

Each function takes a table of `genreflow.analysis.describe`; `noun` is ``tag`` or ``class``. The figure of an empty
table is a notice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from genreflow.config.inputs import Axis
from genreflow.figures import mpl, style
from genreflow.figures.inputs import name_octaves
from genreflow.figures.registry import analysis_figure
from genreflow.figures.sources import Sources

PLURAL = {"tag": "tags", "class": "classes"}
_NAMED = 50  # bars with a name; of more tags, all are also drawn as a curve
_WIDE_RANGE = 20  # from the smallest to the largest count, beyond which the scale is logarithmic
_DIVERGING = "RdBu_r"
_METHODS = {"pca": "PCA", "mds": "MDS", "tsne": "t-SNE"}
_LOWEST_HZ = 20.0
_PANELS = 4  # of quantities, in a line
_COLUMNS = 400  # of a waveform
_TICKS_HZ = (16_000, 8_000, 4_000, 2_000, 1_000, 500, 250, 125, 63)  # of an axis


@style.styled
def tag_counts(counts: pd.DataFrame, *, title: str, noun: str = "tag") -> mpl.Figure:
    """Draw the number of tracks of each tag: bars of the commonest and, if there are too many to name, all by rank.

    The scale is logarithmic where the numbers span a wide range.

    Parameters
    ----------
    counts
        One row per tag, the commonest first: ``rank, tag, tracks, published_tracks``; open diamonds are published.
    """
    counts = counts[(counts.tracks > 0) | counts.published_tracks.notna()]
    if not counts.tracks.any():
        return style.notice(f"No track has a {noun}")
    top, crowded = counts.head(_NAMED), len(counts) > _NAMED
    figure = mpl.Figure(figsize=(9.4 if crowded else 6.4, 1.3 + 0.165 * max(6, len(top))))
    panels = figure.subplots(1, 1 + crowded, squeeze=False, width_ratios=[1.15, 1][: 1 + crowded])[0]
    places, published = np.arange(len(top)), top.published_tracks.to_numpy(float)
    panels[0].barh(places, top.tracks, height=0.72, color=style.PALETTE[0])
    if np.isfinite(published).any():
        panels[0].plot(published, places, label="published", **style.PUBLISHED)
        figure.legend(loc="outside lower right")
    style.name_rows(panels[0], [style.label(tag, width=24) for tag in top.tag], fontsize=7.5)
    least, largest = top.tracks[top.tracks > 0].min(), np.nanmax([*top.tracks, *published])
    if largest > _WIDE_RANGE * least:
        panels[0].set_xlim(max(0.8, 0.5 * least), 1.4 * largest)
        _logarithmic(panels[0], "x")
    else:
        panels[0].xaxis.set_major_locator(mpl.MaxNLocator(integer=True))
        panels[0].grid(axis="x")
    panels[0].set_xlabel(f"Tracks with the {noun}")
    if crowded:
        panels[0].set_title(f"(a) The {_NAMED} commonest", loc="left")
        panels[1].set_title(f"(b) All {len(counts)} {PLURAL[noun]}", loc="left")
        panels[1].plot(counts["rank"], counts.tracks, ".", color=style.PALETTE[0], markersize=4)
        _logarithmic(panels[1], "y")
        panels[1].set_ylabel(f"Tracks with the {noun}")
        panels[1].set_xlabel("Rank")
        panels[1].set_xlim(-0.02 * len(counts), 1.3 * len(counts))
        _name_some(panels[1], counts)
    style.title(figure, title)
    return figure


@style.styled
def tags_per_track(table: pd.DataFrame, *, title: str, noun: str = "tag") -> mpl.Figure:
    """Draw the number of tracks by their number of tags: ``tags, tracks`` (tagging study, Figure 3.1.2)."""
    if table.empty or not table.tracks.any():
        return style.notice("There are no tracks")
    figure = mpl.Figure(figsize=(max(4.2, min(9.4, 1.6 + 0.42 * len(table))), 3.2))
    axes = figure.subplots()
    bars = axes.bar(table.tags, table.tracks, width=0.75, color=style.PALETTE[0])
    if len(table) <= 25:
        axes.bar_label(bars, [f"{n:,}" if n else "" for n in table.tracks], fontsize=7, padding=1)
    axes.set_xlabel(f"{PLURAL[noun].capitalize()} of a track")
    axes.set_ylabel("Tracks")
    axes.set_xlim(table.tags.min() - 0.7, table.tags.max() + 0.7)
    axes.xaxis.set_major_locator(mpl.MaxNLocator(integer=True, steps=[1, 2, 5, 10], nbins=25))
    axes.yaxis.set_major_locator(mpl.MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter(mpl.StrMethodFormatter("{x:,g}"))
    axes.grid(axis="y")
    style.title(figure, title)
    return figure


@style.styled
def correlation(table: pd.DataFrame, *, title: str, most: int = _NAMED) -> mpl.Figure:
    """Draw phi of each pair of the commonest tags as color, and of up to twelve tags also as a number.

    Parameters
    ----------
    table
        One row per pair, the commonest tag first: ``first, second, phi``. Gray cells have no phi, or are a tag with
        itself.
    most
        Number of tags.
    """
    tags = list(dict.fromkeys(table["first"]))[:most]
    if len(tags) < 2:
        return style.notice("There are no two tags to correlate")
    matrix = _matrix(table, "first", "second", "phi", tags, tags)
    np.fill_diagonal(matrix, np.nan)
    few = len(tags) <= 12
    size = 2.2 + (0.42 if few else 0.138) * len(tags)
    figure = mpl.Figure(figsize=(size + 0.8, size), layout="compressed")
    axes = figure.subplots()
    limit = np.nanmax(np.abs(matrix), initial=0.05)
    image = _heat_map(axes, matrix, tags, tags, limit=limit, size=8.5 if few else 7.0)
    if few:
        for (row, column), phi in np.ndenumerate(matrix):
            if np.isfinite(phi):
                color = "white" if abs(phi) > 0.5 * limit else style.INK
                text = f"{round(phi, 2) + 0.0:.2f}".replace("0.", ".").replace("-", "−")
                axes.text(column, row, text, ha="center", va="center", fontsize=7, color=color)
    figure.colorbar(image, ax=axes, label="Correlation φ", pad=0.02, shrink=0.85)
    style.title(figure, title)
    return figure


@style.styled
def variance(table: pd.DataFrame, *, title: str, noun: str = "tag") -> mpl.Figure:
    """Draw the distribution over clips of the variance of samples as boxes, one panel per level, by falling median.

    A box reaches from the first quartile to the third, its line is the median; whiskers are 5 and 95 %. Of more than
    `style.MOST_ROWS` tags, those with the largest and the smallest medians are drawn.

    Parameters
    ----------
    table
        One row per tag and level: ``level, tag, clips, p05, q25, median, q75, p95``. The order is that of the first
        level, ``recorded`` where there is one.
    """
    table = table[table.clips > 0]
    if table.empty:
        return style.notice("There are no waveforms")
    names = {"recorded": "as recorded", "fed": "as fed to models, loudness being the same"}
    levels = [level for level in names if level in set(table.level)]
    every = table[table.level == levels[0]].sort_values("median", ascending=False).tag.tolist()
    order = style.ends(every)
    figure = mpl.Figure(figsize=(1.6 + 3.7 * len(levels), 1.5 + 0.27 * len(order)))
    panels = figure.subplots(1, len(levels), sharex=True, sharey=True, squeeze=False)[0]
    for axes, level in zip(panels, levels, strict=True):
        rows = table[table.level == level].set_index("tag").reindex(order)
        _boxes(axes, rows)
        style.part_ends(axes, every)
        axes.set_title(names[level].capitalize(), loc="left")
        axes.set_xlabel("Variance of samples (full scale 1)")
    counts = table[table.level == levels[0]].set_index("tag").clips
    labels = [f"{style.label(tag, width=22)} ({counts[tag]:,})" for tag in order]
    panels[0].set_yticks(range(len(order)), labels)
    chosen = f", the ends of {len(every):,}" if len(every) > len(order) else ""
    panels[0].set_ylabel(f"{noun.capitalize()} (number of clips){chosen}")
    panels[0].set_ylim(len(order) - 0.5, -0.5)
    style.title(figure, title)
    return figure


@style.styled
def quantities(table: pd.DataFrame, *, title: str, noun: str = "tag") -> mpl.Figure:
    """Draw the distribution over tracks of each quantity that has a unit as boxes, one panel per quantity.

    A box reaches from the first quartile to the third, its line is the median; whiskers are 5 and 95 %. A published
    value is an open diamond; of a range, each end that is stated. Tags keep their order in all panels.

    Parameters
    ----------
    table
        One row per quantity and tag of one input: ``quantity, unit, tag, clips, p05, q25, median, q75, p95,
        published_least, published_most``.
    """
    table = table[(table.clips > 0) & (table.unit != "")]
    if table.empty:
        return style.notice(f"{title}: there are no quantities")
    names, order = list(dict.fromkeys(table.quantity)), style.ends(list(dict.fromkeys(table.tag)))
    columns = min(_PANELS, len(names))
    lines = -(-len(names) // columns)
    figure = mpl.Figure(figsize=(min(style.PAGE, 2.2 + 3.0 * columns), 0.9 + lines * (0.9 + 0.27 * len(order))))
    panels = figure.subplots(lines, columns, sharey=True, squeeze=False)
    for axes, name in zip(panels.flat, names, strict=False):
        rows = table[table.quantity == name].set_index("tag").reindex(order)
        _boxes(axes, rows, logarithmic=False)
        for end in ("published_least", "published_most"):
            axes.plot(rows[end], range(len(order)), **style.PUBLISHED)
        axes.set_xlabel(f"{name.capitalize()} ({rows.unit.dropna().iloc[0]})")
        axes.grid(axis="x")
    for axes in panels.flat[len(names) :]:
        axes.set_axis_off()
    counts = table.groupby("tag").clips.max()
    labels = [f"{style.label(tag, width=22)} ({counts[tag]:,})" for tag in order]
    for axes in panels[:, 0]:
        axes.set_yticks(range(len(order)), labels)
        axes.set_ylabel(f"{noun.capitalize()} (number of tracks)")
    panels[0, 0].set_ylim(len(order) - 0.5, -0.5)
    if table[["published_least", "published_most"]].notna().any(axis=None):
        handles = [style.key("published value, or end of a range", **style.PUBLISHED)]
        figure.legend(handles=handles, loc="outside lower left")
    style.title(figure, title)
    return figure


@style.styled
def mean_spectra(spectra: pd.DataFrame, *, title: str) -> mpl.Figure:
    """Draw the time-averaged spectrum of each tag, one line each: the mean over its clips and sixths of an octave.

    At most the first `style.MOST_STROKES` tags are drawn, which are the commonest.

    Parameters
    ----------
    spectra
        One row per tag and band of one input: ``tag, clips, frequency_hz, mean, unit``.
    """
    if spectra.empty:
        return style.notice("There are no spectrograms")
    every = list(dict.fromkeys(spectra.tag))
    strokes = style.colors(every[: style.MOST_STROKES])
    figure = mpl.Figure(figsize=(8.6, 0.9 + max(3.4, 0.19 * len(strokes))))
    axes = figure.subplots()
    for tag, (color, dash) in strokes.items():
        rows = spectra[(spectra.tag == tag) & (spectra.frequency_hz >= _LOWEST_HZ)]
        rows = rows.groupby((6 * np.log2(rows.frequency_hz)).round())[["frequency_hz", "mean", "clips"]].mean()
        name = f"{style.label(tag, width=24)} ({rows.clips.max():,.0f})"
        axes.plot(rows.frequency_hz, rows["mean"], color=color, linestyle=dash, linewidth=1.3, label=name)
    axes.set_xscale("log")
    axes.margins(x=0)
    _octaves(axes)
    axes.set_xlabel("Frequency (Hz)")
    axes.set_ylabel(f"Mean level over time and clips ({spectra.unit.iloc[0]})")
    axes.grid()
    heading = "Number of clips in brackets"
    if len(every) > len(strokes):
        heading = f"The first {len(strokes)} of {len(every):,}\n{heading}"
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right center", title=heading)
    style.title(figure, title)
    return figure


@style.styled
def projections(points: pd.DataFrame, *, title: str, quality: pd.DataFrame | None = None) -> mpl.Figure:
    """Draw clips of one input as points, one panel per method, one color and shape per tag.

    Of more than `style.MOST_STROKES` tags, the commonest have a look of their own; all others are small and gray.

    Parameters
    ----------
    points
        One row per clip and method: ``front_end, method, tag, x, y``.
    quality
        One row per method: ``method, explained, stress, divergence, neighbors, chance``; written over each panel.
    """
    if points.empty:
        return style.notice("There are too few clips to project")
    methods = [method for method in _METHODS if method in set(points.method)]
    looks = _looks(points.tag)
    others = points.tag.nunique() - len(looks)
    figure = mpl.Figure(figsize=(1 + 3.1 * len(methods), 3.9 + 0.2 * (len(looks) // 6)))
    panels = figure.subplots(1, len(methods), squeeze=False)[0]
    for axes, method in zip(panels, methods, strict=True):
        projected = points[points.method == method]
        rest = projected[~projected.tag.isin(looks)]
        axes.scatter(rest.x, rest.y, s=7, color="#BDBDBD", linewidth=0)
        for tag, (color, marker) in looks.items():
            own = projected[projected.tag == tag]
            axes.scatter(own.x, own.y, s=13, color=color, marker=marker, alpha=0.75, linewidth=0)
        remarks = [] if quality is None else [_remark(row) for row in quality[quality.method == method].itertuples()]
        axes.set_title(_METHODS[method] + "".join(remarks[:1]), loc="left")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(True)
        axes.spines[:].set_color("#D0D0D0")
        axes.set_box_aspect(1)
        axes.set_aspect("equal", adjustable="datalim")
    keys = [
        style.key(style.label(tag, width=22), color=color, marker=marker, linestyle="")
        for tag, (color, marker) in looks.items()
    ]
    if others:
        keys.append(style.key(f"the other {others:,}", color="#BDBDBD", marker=".", linestyle=""))
    figure.legend(handles=keys, loc="outside lower center", ncols=min(6, len(keys)), handletextpad=0.2)
    style.title(figure, title)
    return figure


@style.styled
def importances(table: pd.DataFrame, *, title: str, value: str = "coefficient") -> mpl.Figure:
    """Draw the importance of each feature for each tag as color: features to the right in their groups, tags downwards.

    Parameters
    ----------
    table
        One row per tag and feature: ``tag, group, feature`` and the value. Gray cells have none.
    value
        ``coefficient`` or ``auc_drop``.
    """
    if table.empty or table[value].isna().all():
        return style.notice("There are no descriptors, or too few clips")
    every, features = list(dict.fromkeys(table.tag)), list(dict.fromkeys(table.feature))
    tags = every[: style.MOST_ROWS]
    matrix = _matrix(table, "tag", "feature", value, tags, features)
    groups = table.drop_duplicates("feature").group.tolist()
    figure = mpl.Figure(figsize=(min(style.PAGE, 3.4 + 0.27 * len(features)), 2.3 + 0.27 * len(tags)))
    axes = figure.subplots()
    names = [feature.partition("_")[2].lstrip("0") or feature for feature in features]
    limit = np.nanmax(np.abs(matrix)) or 1.0
    image = _heat_map(axes, matrix, tags, names, limit=limit, size=8.0, square=False)
    _bracket(axes, groups)
    labels = {
        "coefficient": "Standardized\ncoefficient",
        "auc_drop": "Loss of ROC-AUC\nwhen shuffled",
    }
    figure.colorbar(image, ax=axes, label=labels[value], pad=0.01)
    if len(every) > len(tags):
        axes.set_title(f"The first {len(tags)} of {len(every):,}", loc="left")
    style.title(figure, title)
    return figure


@style.styled
def waveforms(envelopes: pd.DataFrame, *, title: str) -> mpl.Figure:
    """Draw the samples of one clip of each tag over time, full scale being 1.

    Parameters
    ----------
    envelopes
        One row per tag and interval of time: ``tag, time_s, low, high``.
    """
    if envelopes.empty:
        return style.notice("There are no waveforms")
    figure, panels = _grid(list(dict.fromkeys(envelopes.tag)), height=1.15)
    limit = max(abs(envelopes.low.min()), abs(envelopes.high.max()), 1e-3)
    for tag, axes in panels.items():
        rows = _thinned(envelopes[envelopes.tag == tag])
        axes.fill_between(rows.time_s, rows.low, rows.high, color=style.PALETTE[0], linewidth=0)
        axes.set_ylim(-limit, limit)
        axes.set_xlim(rows.time_s.min(), rows.time_s.max())
        axes.yaxis.set_major_locator(mpl.MaxNLocator(3, symmetric=True))
    figure.supylabel("Amplitude (full scale 1)", fontsize=9)
    style.title(figure, title)
    return figure


def _thinned(envelope: pd.DataFrame) -> pd.DataFrame:
    """Return an envelope in no more columns than a panel has pixels."""
    column = np.arange(len(envelope)) * _COLUMNS // max(len(envelope), _COLUMNS)
    return envelope.groupby(column).agg(time_s=("time_s", "first"), low=("low", "min"), high=("high", "max"))


@style.styled
def spectrograms(table: pd.DataFrame, *, title: str) -> mpl.Figure:
    """Draw the spectrogram of one clip of each tag on one scale of levels.

    Parameters
    ----------
    table
        One row per tag, time and band of one input: ``tag, time_s, frequency_hz, level, unit``.
    """
    if table.empty:
        return style.notice("There are no spectrograms")
    figure, panels = _grid(list(dict.fromkeys(table.tag)), height=1.75)
    unit, levels = table.unit.iloc[0], table.level
    if unit == "magnitude":
        unit, levels = "dB", 20 * np.log10(np.maximum(levels, 1e-5))
    table = table.assign(level=levels)
    limits = {"vmin": levels.quantile(0.01), "vmax": levels.max()}
    for tag, axes in panels.items():
        grid = table[table.tag == tag].pivot(index="frequency_hz", columns="time_s", values="level")
        image = axes.imshow(
            grid, origin="lower", aspect="auto", cmap="magma",
            extent=(0, _end(grid.columns), -0.5, len(grid) - 0.5), **limits,
        )  # fmt: skip
        name_octaves(axes, grid.index.to_numpy(), apart=0.16)
    figure.colorbar(image, ax=list(panels.values()), label=f"Level ({unit})", pad=0.01, aspect=40)
    figure.supylabel("Frequency (Hz)", fontsize=9)
    style.title(figure, title)
    return figure


def _name_some(axes: mpl.Axes, counts: pd.DataFrame) -> None:
    """Write names beside the points of the first and last tag, and of some between."""
    last = len(counts) - 1
    for place in sorted({0, last // 4, last // 2, 3 * last // 4}):
        row = counts.iloc[place]
        text = f"{style.label(row.tag, width=22)} ({row.tracks:,})"
        axes.annotate(text, (row["rank"], max(row.tracks, 1)), xytext=(6, 5), textcoords="offset points", fontsize=7.5)


def _matrix(table: pd.DataFrame, down: str, across: str, value: str, rows: Sequence, columns: Sequence) -> np.ndarray:
    wide = table.pivot(index=down, columns=across, values=value)
    return wide.reindex(index=rows, columns=columns).to_numpy(float, copy=True)


def _heat_map(
    axes: mpl.Axes,
    matrix: np.ndarray,
    rows: Sequence,
    columns: Sequence,
    *,
    limit: float,
    size: float,
    square: bool = True,
) -> mpl.AxesImage:
    colors = mpl.colormaps[_DIVERGING].with_extremes(bad=style.NO_DATA)
    image = axes.imshow(matrix, cmap=colors, vmin=-limit, vmax=limit, aspect="equal" if square else "auto")
    axes.set_yticks(range(len(rows)), [style.label(name, width=24) for name in rows], fontsize=size)
    names = [style.label(name, width=24) for name in columns]
    axes.set_xticks(range(len(columns)), names, fontsize=size, rotation=90)
    for tick in axes.get_xticklabels():
        if len(tick.get_text()) <= 2:
            tick.set_rotation(0)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return image


def _bracket(axes: mpl.Axes, groups: Sequence[str]) -> None:
    """Part the columns of a heat map by their groups, and name these below."""
    below = axes.get_xaxis_transform()
    for group in dict.fromkeys(groups):
        first, last = groups.index(group), len(groups) - 1 - groups[::-1].index(group)
        if first:
            axes.axvline(first - 0.5, color="white", linewidth=3)
        if last > first:
            offset: dict[str, Any] = {"xycoords": below, "xytext": (0, -28), "textcoords": "offset points"}
            axes.annotate(group.capitalize(), ((first + last) / 2, 0), **offset, ha="center", va="top")


def _logarithmic(axes: mpl.Axes, name: Literal["x", "y"]) -> None:
    """Make an axis logarithmic, with plain numbers: powers of ten, and as many between as the range leaves room for."""
    axes.set(**{f"{name}scale": "log"})
    axis: mpl.Axis = axes.xaxis if name == "x" else axes.yaxis
    low, high = axis.get_view_interval()
    between = (1, 2, 5) if high < 30 * low else (1, 3) if high < 300 * low else (1,)
    axis.set_major_locator(mpl.LogLocator(subs=between, numticks=7))
    axis.set_major_formatter(mpl.StrMethodFormatter("{x:,g}"))
    axis.set_minor_formatter(mpl.NullFormatter())
    axes.grid(axis=name)


def _boxes(axes: mpl.Axes, rows: pd.DataFrame, *, logarithmic: bool = True) -> None:
    """Draw a lying box for each row that has clips, by default on a logarithmic scale."""
    names = {"median": "med", "q25": "q1", "q75": "q3", "p05": "whislo", "p95": "whishi"}
    places = np.flatnonzero((rows.clips > 0) & ((rows["median"] > 0) | (not logarithmic)))
    stats = rows.iloc[places][list(names)].rename(columns=names).to_dict("records")
    color = {"color": style.PALETTE[0]}
    axes.bxp(
        stats,
        positions=places,
        widths=0.6,
        orientation="horizontal",
        showfliers=False,
        patch_artist=True,
        boxprops={"facecolor": style.PALETTE[4], "alpha": 0.45, "edgecolor": style.PALETTE[0]},
        medianprops={"color": style.INK, "linewidth": 1.6},
        whiskerprops=color,
        capprops=color,
        manage_ticks=False,
    )
    if logarithmic:
        _logarithmic(axes, "x")


def _looks(tags: pd.Series) -> dict[str, tuple[str, str]]:
    """Return a color and a marker, no pair twice, for each of the commonest tags, the commonest first."""
    order = tags.value_counts().index[: style.MOST_STROKES]
    markers = dict(zip(style.DASHES, "o^sX", strict=True))
    return {tag: (color, markers[dash]) for tag, (color, dash) in style.colors(order).items()}


def _remark(row: Any) -> str:
    """Return how well a projection preserves the distances of clips, and how often neighbors share a tag."""
    measures = {
        "explained": f": {100 * row.explained:.0f} % of the variance",
        "stress": f": stress {row.stress:.2f}",
        "divergence": f": divergence {row.divergence:.2f}",
    }
    kept = "".join(text for name, text in measures.items() if np.isfinite(getattr(row, name)))
    return f"{kept}\nalike with nearest: {100 * row.neighbors:.0f} %, by chance {100 * row.chance:.0f} %"


def _grid(tags: Sequence[str], *, height: float) -> tuple[mpl.Figure, dict[str, mpl.Axes]]:
    """Return a figure with one panel per tag (at most `style.MOST_STROKES`), two in a row, over one axis of time."""
    tags = tags[: style.MOST_STROKES]
    rows = (len(tags) + 1) // 2
    figure = mpl.Figure(figsize=(8.6, 0.8 + height * rows))
    panels = figure.subplots(rows, 2, sharex=True, sharey=True, squeeze=False).ravel()
    for axes in panels[len(tags) :]:
        axes.set_axis_off()
    for tag, axes in zip(tags, panels, strict=False):
        axes.set_title(style.label(tag, width=50), loc="left")
    for axes in panels[max(0, len(tags) - 2) : len(tags)]:
        axes.set_xlabel("Time (s)")
        axes.tick_params(labelbottom=True)
    return figure, dict(zip(tags, panels, strict=False))


def _end(times: pd.Index) -> float:
    """Return the end of the last of evenly spaced intervals."""
    return float(times[-1] + (times[1] - times[0] if len(times) > 1 else 1))


def _octaves(axes: mpl.Axes) -> None:
    low, high = axes.get_xlim()
    ticks = [hz for hz in _TICKS_HZ if low <= hz <= high]
    axes.set_xticks(ticks, [f"{hz:,}" for hz in ticks])
    axes.minorticks_off()


# ---- from the tables of a study -------------------------------------------------------------------------------------

# Axes of the inputs that a figure is drawn for.
_SAMPLES: tuple[Axis, ...] = ("time",)
_SPECTRA: tuple[Axis, ...] = ("band", "time")
_NUMBERS: tuple[Axis, ...] = ("quantity",)
_MAPS: tuple[Axis, ...] = ("quantity", "time")


@analysis_figure(
    "counts",
    caption=(
        "Each bar is the number of tracks with a tag or of a class, the commonest first; open diamonds are "
        "published numbers. Of more than fifty, the commonest have bars, and all are drawn by rank."
    ),
    reads=("tag_counts",),
)
def draw_counts(sources: Sources, **_: str) -> mpl.Figure:
    """Draw the number of tracks of each tag or class."""
    noun = _noun(sources)
    return tag_counts(sources.tables["tag_counts"], title=sources.titled(f"Tracks of each {noun}"), noun=noun)


@analysis_figure(
    "tags_per_track",
    caption=("Each bar is the number of tracks with so many tags; tracks without any tag count, too."),
    reads=("tags_per_track",),
    tags_only=True,
)
def draw_tags_per_track(sources: Sources, **_: str) -> mpl.Figure:
    """Draw the number of tracks by their number of tags."""
    title = sources.titled("Tags of a track")
    return tags_per_track(sources.tables["tags_per_track"], title=title, noun=_noun(sources))


@analysis_figure(
    "correlation_50",
    caption=(
        "Phi of each pair of the fifty commonest tags: 1 where they are always together, below 0 where they "
        "avoid each other. Gray: not defined, or a tag with itself."
    ),
    reads=("correlations",),
    tags_only=True,
)
def draw_correlation_50(sources: Sources, **_: str) -> mpl.Figure:
    """Draw the correlations of the fifty commonest tags."""
    return _correlation(sources, 50)


@analysis_figure(
    "correlation_10",
    caption=("Phi of each pair of the ten commonest tags, with its value."),
    reads=("correlations",),
    tags_only=True,
)
def draw_correlation_10(sources: Sources, **_: str) -> mpl.Figure:
    """Draw the correlations of the ten commonest tags."""
    return _correlation(sources, 10)


def _correlation(sources: Sources, most: int) -> mpl.Figure:
    table = sources.tables["correlations"]
    most = min(most, table["first"].nunique())
    return correlation(table, title=sources.titled(f"Correlation of the {most} commonest tags"), most=most)


@analysis_figure(
    "waveforms",
    caption=(
        "The samples of one track with each tag or of each class, as their range in each pixel: one with few other "
        "tags, drawn at random."
    ),
    reads=("envelopes",),
    axes=(_SAMPLES,),
)
def draw_waveforms(sources: Sources, *, input: str) -> mpl.Figure:
    """Draw the samples of one clip of each tag."""
    rows = _rows_of_input(sources, "envelopes", input)
    return waveforms(rows, title=sources.titled(f"A clip of {_tags_of(sources, rows)}"))


@analysis_figure(
    "variance",
    caption=(
        "Each box is the distribution over tracks of the variance of samples: quartiles, median, and 5 and 95 "
        "% (whiskers). Tracks are brought to one loudness before models are fed them, which takes away most "
        "of the differences: where the gain of a track is known, it is undone on the left (as recorded), and "
        "kept on the right (as fed)."
    ),
    reads=("variance",),
    axes=(_SAMPLES,),
)
def draw_variance(sources: Sources, *, input: str) -> mpl.Figure:
    """Draw the variance of the samples of each tag."""
    rows = _rows_of_input(sources, "variance", input)
    title = sources.titled(f"Variance of samples of {_tags_of(sources, rows)}")
    return variance(rows, title=title, noun=_noun(sources))


@analysis_figure(
    "spectrograms",
    caption=(
        "The spectrogram of one track with each tag or of each class, all on one color scale: one with few other tags, "
        "drawn at random."
    ),
    reads=("spectrograms",),
    axes=(_SPECTRA,),
)
def draw_spectrograms(sources: Sources, *, input: str) -> mpl.Figure:
    """Draw the spectrogram of one clip of each tag."""
    rows = _rows_of_input(sources, "spectrograms", input)
    return spectrograms(rows, title=sources.titled(f"A clip of {_tags_of(sources, rows)}, input «{input}»"))


@analysis_figure(
    "spectra",
    caption=(
        "Each line is the mean over time and tracks of the spectra of a tag or class, and over sixths of an octave."
    ),
    reads=("spectra",),
    axes=(_SPECTRA,),
)
def draw_spectra(sources: Sources, *, input: str) -> mpl.Figure:
    """Draw the mean spectrum of each tag."""
    rows = _rows_of_input(sources, "spectra", input)
    return mean_spectra(rows, title=sources.titled(f"Mean spectrum of {_tags_of(sources, rows)}, input «{input}»"))


@analysis_figure(
    "importances",
    caption=(
        "Color is the coefficient of a standardized feature in a linear regression of each tag or class: red, more of "
        "the feature speaks for it; blue, against it."
    ),
    reads=("importances",),
    axes=(_NUMBERS,),
)
def draw_importances(sources: Sources, *, input: str) -> mpl.Figure:
    """Draw the coefficients of a linear model of each tag."""
    return _importances(sources, input, "coefficient")


@analysis_figure(
    "forest_importances",
    caption=(
        "Color is the loss of ROC-AUC of a random forest when a feature's values are shuffled among tracks: "
        "the darker, the more it needs the feature."
    ),
    reads=("importances",),
    axes=(_NUMBERS,),
)
def draw_forest_importances(sources: Sources, *, input: str) -> mpl.Figure:
    """Draw the permutation importances of a random forest of each tag."""
    return _importances(sources, input, "auc_drop")


def _importances(sources: Sources, input: str, value: str) -> mpl.Figure:
    rows = _rows_of_input(sources, "importances", input)
    return importances(rows, title=sources.titled(f"Features that indicate {_tags_of(sources, rows)}"), value=value)


@analysis_figure(
    "quantities",
    caption="Each box is the middle half of the tracks with a tag or of a class; whiskers reach from 5 to 95 %.",
    reads=("quantities",),
    axes=(_NUMBERS, _MAPS),
)
def draw_quantities(sources: Sources, *, input: str) -> mpl.Figure:
    """Draw tempo, or music maps, of each tag."""
    rows = _rows_of_input(sources, "quantities", input)
    names = rows.loc[rows["unit"] != "", "quantity"].unique()
    what = str(names[0]).capitalize() if len(names) == 1 else "Music features"
    return quantities(rows, title=sources.titled(f"{what} of {_tags_of(sources, rows)}"), noun=_noun(sources))


@analysis_figure(
    "projections",
    caption=(
        "Each dot is a track; the nearer two are, the more alike they sound. Above each panel: how much of "
        "the distances is kept, and how often nearest neighbors share the tag or class, beside chance."
    ),
    reads=("projections", "projection_quality"),
    axes=(_SAMPLES, _SPECTRA, _NUMBERS),
)
def draw_projections(sources: Sources, *, input: str) -> mpl.Figure:
    """Draw clips in the plane by their similarity."""
    rows, quality = (_rows_of_input(sources, name, input) for name in ("projections", "projection_quality"))
    return projections(rows, title=sources.titled(f"Clips by similarity, input «{input}»"), quality=quality)


def _rows_of_input(sources: Sources, table: str, input: str) -> pd.DataFrame:
    frame = sources.tables[table]
    return frame[frame["input"] == input]


def _tags_of(sources: Sources, rows: pd.DataFrame) -> str:
    """Return which tags the table of an input holds, in words: of many the commonest."""
    noun, drawn = _noun(sources), rows["tag"].nunique()
    is_whole = drawn >= (sources.tables["tag_counts"]["tracks"] > 0).sum()
    return f"each {noun}" if is_whole or not drawn else f"the {drawn} commonest {PLURAL[noun]}"


def _noun(sources: Sources) -> str:
    return "tag" if next(iter(sources.study["protocols"].values()))["tags"] else "class"
