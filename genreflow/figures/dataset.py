"""What a dataset is like: its tags, and how the clips of each tag sound (tagging study, Figures 3.1.1 to 3.1.10).

Each function takes a table of `genreflow.analysis.describe`; `what` is what the dataset calls its tags, ``tag`` or
``class``. Of an empty table the figure says so.
"""

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

from genreflow.figures import limits, style

PLURAL = {"tag": "tags", "class": "classes"}
# Bars that can be named; of more, the others are seen as a curve.
_NAMED = 50
_WIDE_APART = 20
_DIVERGING = "RdBu_r"
_METHODS = {"pca": "PCA", "mds": "MDS", "tsne": "t-SNE"}
_LOWEST_HZ = 20.0
_COLUMNS = 400  # of a waveform
_TICKS_HZ = (16_000, 8_000, 4_000, 2_000, 1_000, 500, 250, 125, 63)


@style.styled
def tag_counts(counts: pd.DataFrame, *, title: str, what: str = "tag") -> Figure:
    """Draw how many tracks bear each tag: bars of the commonest, and where there are too many to name, all by rank.

    The scale is logarithmic where the numbers are wide apart.

    Parameters
    ----------
    counts
        A tag a row, the commonest first: ``rank, tag, tracks, published_tracks``; published ones are diamonds.
    """
    counts = counts[(counts.tracks > 0) | counts.published_tracks.notna()]
    if not counts.tracks.any():
        return style.notice(f"No track has a {what}")
    top, crowded = counts.head(_NAMED), len(counts) > _NAMED
    figure = Figure(figsize=(9.4 if crowded else 6.4, 1.3 + 0.165 * max(6, len(top))))
    panels = figure.subplots(1, 1 + crowded, squeeze=False, width_ratios=[1.15, 1][: 1 + crowded])[0]
    places, published = np.arange(len(top)), top.published_tracks.to_numpy(float)
    panels[0].barh(places, top.tracks, height=0.72, color=style.PALETTE[0])
    if np.isfinite(published).any():
        panels[0].plot(published, places, label="published", **style.PUBLISHED)
        figure.legend(loc="outside lower right")
    panels[0].set_yticks(places, [style.label(tag, width=24) for tag in top.tag], fontsize=7.5)
    panels[0].set_ylim(len(top) - 0.4, -0.6)
    panels[0].tick_params(axis="y", length=0)
    least, largest = top.tracks[top.tracks > 0].min(), np.nanmax([*top.tracks, *published])
    if largest > _WIDE_APART * least:
        panels[0].set_xlim(max(0.8, 0.5 * least), 1.4 * largest)
        _logarithmic(panels[0], "x")
    else:
        panels[0].xaxis.set_major_locator(MaxNLocator(integer=True))
        panels[0].grid(axis="x")
    panels[0].set_xlabel(f"Tracks with the {what}")
    if crowded:
        panels[0].set_title(f"(a) The {_NAMED} commonest", loc="left")
        panels[1].set_title(f"(b) All {len(counts)} {PLURAL[what]}", loc="left")
        panels[1].plot(counts["rank"], counts.tracks, ".", color=style.PALETTE[0], markersize=4)
        _logarithmic(panels[1], "y")
        panels[1].set_ylabel(f"Tracks with the {what}")
        panels[1].set_xlabel("Rank")
        panels[1].set_xlim(-0.02 * len(counts), 1.3 * len(counts))
        _name_some(panels[1], counts)
    style.title(figure, title)
    return figure


@style.styled
def tags_per_track(table: pd.DataFrame, *, title: str, what: str = "tag") -> Figure:
    """Draw how many tracks bear so many tags: ``tags, tracks`` (tagging study, Figure 3.1.2)."""
    if table.empty or not table.tracks.any():
        return style.notice("There are no tracks")
    figure = Figure(figsize=(max(4.2, min(9.4, 1.6 + 0.42 * len(table))), 3.2))
    axes = figure.subplots()
    bars = axes.bar(table.tags, table.tracks, width=0.75, color=style.PALETTE[0])
    if len(table) <= 25:
        axes.bar_label(bars, [f"{n:,}" if n else "" for n in table.tracks], fontsize=7, padding=1)
    axes.set_xlabel(f"{PLURAL[what].capitalize()} of a track")
    axes.set_ylabel("Tracks")
    axes.set_xlim(table.tags.min() - 0.7, table.tags.max() + 0.7)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10], nbins=25))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axes.grid(axis="y")
    style.title(figure, title)
    return figure


@style.styled
def correlation(table: pd.DataFrame, *, title: str, most: int = _NAMED) -> Figure:
    """Draw phi of each pair of the commonest tags as colour; of up to twelve tags also as a number.

    Parameters
    ----------
    table
        A pair a row, the commonest tag first: ``first, second, phi``. A grey cell has no phi, or is a tag with itself.
    most
        So many tags.
    """
    tags = list(dict.fromkeys(table["first"]))[:most]
    if len(tags) < 2:
        return style.notice("There are no two tags to correlate")
    matrix = _matrix(table, "first", "second", "phi", tags, tags)
    np.fill_diagonal(matrix, np.nan)
    few = len(tags) <= 12
    size = 2.2 + (0.42 if few else 0.138) * len(tags)
    figure = Figure(figsize=(size + 0.8, size), layout="compressed")
    axes = figure.subplots()
    limit = np.nanmax(np.abs(matrix), initial=0.05)
    image = _heat_map(axes, matrix, tags, tags, limit=limit, size=8.5 if few else 7.0)
    if few:
        for (row, column), phi in np.ndenumerate(matrix):
            if np.isfinite(phi):
                colour = "white" if abs(phi) > 0.5 * limit else style.INK
                text = f"{round(phi, 2) + 0.0:.2f}".replace("0.", ".").replace("-", "−")
                axes.text(column, row, text, ha="center", va="center", fontsize=7, color=colour)
    figure.colorbar(image, ax=axes, label="Correlation φ", pad=0.02, shrink=0.85)
    style.title(figure, title)
    return figure


@style.styled
def variance(table: pd.DataFrame, *, title: str, what: str = "tag") -> Figure:
    """Draw how the variance of samples is distributed over the clips of a tag, a panel a level, by falling median.

    A box reaches from the first quartile to the third, its line is the median; whiskers are 5 and 95 %. Of more than
    `limits.MOST_ROWS` tags there are those with the largest and the smallest medians.

    Parameters
    ----------
    table
        A tag and level a row: ``level, tag, clips, p05, q25, median, q75, p95``. The order is that of the first level,
        ``recorded`` where there is one.
    """
    table = table[table.clips > 0]
    if table.empty:
        return style.notice("There are no waveforms")
    names = {"recorded": "as recorded", "fed": "as fed to models, loudness being the same"}
    levels = [level for level in names if level in set(table.level)]
    every = table[table.level == levels[0]].sort_values("median", ascending=False).tag.tolist()
    order = style.ends(every)
    figure = Figure(figsize=(1.6 + 3.7 * len(levels), 1.5 + 0.27 * len(order)))
    panels = figure.subplots(1, len(levels), sharex=True, sharey=True, squeeze=False)[0]
    for axes, level in zip(panels, levels, strict=True):
        rows = table[table.level == level].set_index("tag").reindex(order)
        _boxes(axes, rows)
        style.part_ends(axes, every)
        axes.set_title(names[level].capitalize() if len(levels) > 1 else "", loc="left")
        axes.set_xlabel("Variance of samples (full scale 1)")
    counts = table[table.level == levels[0]].set_index("tag").clips
    labels = [f"{style.label(tag, width=22)} ({counts[tag]:,})" for tag in order]
    panels[0].set_yticks(range(len(order)), labels)
    chosen = f", the ends of {len(every):,}" if len(every) > len(order) else ""
    panels[0].set_ylabel(f"{what.capitalize()} (number of clips){chosen}")
    panels[0].set_ylim(len(order) - 0.5, -0.5)
    style.title(figure, title)
    return figure


@style.styled
def mean_spectra(spectra: pd.DataFrame, *, title: str) -> Figure:
    """Draw the time-averaged spectrum of each tag, one line each: the mean over its clips and sixths of an octave.

    Of more than `limits.MOST_STROKES` tags there are the first, which are the commonest.

    Parameters
    ----------
    spectra
        A tag and band of one input a row: ``tag, clips, frequency_hz, mean, unit``.
    """
    if spectra.empty:
        return style.notice("There are no spectrograms")
    every = list(dict.fromkeys(spectra.tag))
    strokes = style.colours(every[: limits.MOST_STROKES])
    figure = Figure(figsize=(8.6, 0.9 + max(3.4, 0.19 * len(strokes))))
    axes = figure.subplots()
    for tag, (colour, dash) in strokes.items():
        rows = spectra[(spectra.tag == tag) & (spectra.frequency_hz >= _LOWEST_HZ)]
        rows = rows.groupby((6 * np.log2(rows.frequency_hz)).round())[["frequency_hz", "mean", "clips"]].mean()
        name = f"{style.label(tag, width=24)} ({rows.clips.max():,.0f})"
        axes.plot(rows.frequency_hz, rows["mean"], color=colour, linestyle=dash, linewidth=1.3, label=name)
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
def projections(points: pd.DataFrame, *, title: str, quality: pd.DataFrame | None = None) -> Figure:
    """Draw clips of one input as points, a panel a method, a colour and shape a tag.

    Of more than `limits.MOST_STROKES` tags the commonest have a look of their own; all others are small and grey.

    Parameters
    ----------
    points
        A clip and method a row: ``front_end, method, tag, x, y``.
    quality
        A method a row: ``method, explained, stress, divergence, neighbours, chance``; written over each panel.
    """
    if points.empty:
        return style.notice("There are too few clips to project")
    methods = [method for method in _METHODS if method in set(points.method)]
    looks = _looks(points.tag)
    others = points.tag.nunique() - len(looks)
    figure = Figure(figsize=(1 + 3.1 * len(methods), 3.9 + 0.2 * (len(looks) // 6)))
    panels = figure.subplots(1, len(methods), squeeze=False)[0]
    for axes, method in zip(panels, methods, strict=True):
        shown = points[points.method == method]
        rest = shown[~shown.tag.isin(looks)]
        axes.scatter(rest.x, rest.y, s=7, color="#BDBDBD", linewidth=0)
        for tag, (colour, marker) in looks.items():
            own = shown[shown.tag == tag]
            axes.scatter(own.x, own.y, s=13, color=colour, marker=marker, alpha=0.75, linewidth=0)
        remarks = [] if quality is None else [_remark(row) for row in quality[quality.method == method].itertuples()]
        axes.set_title(_METHODS[method] + "".join(remarks[:1]), loc="left")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(True)
        axes.spines[:].set_color("#D0D0D0")
        axes.set_box_aspect(1)
        axes.set_aspect("equal", adjustable="datalim")
    keys = [
        Line2D([], [], color=colour, marker=marker, linestyle="", label=style.label(tag, width=22))
        for tag, (colour, marker) in looks.items()
    ]
    if others:
        keys.append(Line2D([], [], color="#BDBDBD", marker=".", linestyle="", label=f"the other {others:,}"))
    figure.legend(handles=keys, loc="outside lower center", ncols=min(6, len(keys)), handletextpad=0.2)
    style.title(figure, title)
    return figure


@style.styled
def importances(table: pd.DataFrame, *, title: str, value: str = "coefficient") -> Figure:
    """Draw what each feature tells of each tag as colour: features to the right in their groups, tags downwards.

    Parameters
    ----------
    table
        A tag and feature a row: ``tag, group, feature`` and the value. Grey is what cannot be told.
    value
        ``coefficient``, ``raw_coefficient`` or ``auc_drop``.
    """
    if table.empty or table[value].isna().all():
        return style.notice("There are no descriptors, or too few clips")
    every, features = list(dict.fromkeys(table.tag)), list(dict.fromkeys(table.feature))
    tags = every[: limits.MOST_ROWS]
    matrix = _matrix(table, "tag", "feature", value, tags, features)
    groups = table.drop_duplicates("feature").group.tolist()
    figure = Figure(figsize=(min(style.PAGE, 3.4 + 0.27 * len(features)), 2.3 + 0.27 * len(tags)))
    axes = figure.subplots()
    names = [feature.partition("_")[2].lstrip("0") or feature for feature in features]
    limit = np.nanmax(np.abs(matrix)) or 1.0
    image = _heat_map(axes, matrix, tags, names, limit=limit, size=8.0, square=False)
    _bracket(axes, groups)
    labels = {
        "coefficient": "Standardised\ncoefficient",
        "raw_coefficient": "Coefficient in the\nunit of the feature",
        "auc_drop": "Loss of ROC-AUC\nwhen shuffled",
    }
    figure.colorbar(image, ax=axes, label=labels[value], pad=0.01)
    if len(every) > len(tags):
        axes.set_title(f"The first {len(tags)} of {len(every):,}", loc="left")
    style.title(figure, title)
    return figure


@style.styled
def waveforms(envelopes: pd.DataFrame, *, title: str) -> Figure:
    """Draw the samples of one clip of each tag over time, full scale being 1.

    Parameters
    ----------
    envelopes
        A tag and stretch of time a row: ``tag, time_s, low, high``.
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
        axes.yaxis.set_major_locator(MaxNLocator(3, symmetric=True))
    figure.supylabel("Amplitude (full scale 1)", fontsize=9)
    style.title(figure, title)
    return figure


def _thinned(envelope: pd.DataFrame) -> pd.DataFrame:
    """Return an envelope in no more columns than can be told apart in a panel."""
    column = np.arange(len(envelope)) * _COLUMNS // max(len(envelope), _COLUMNS)
    return envelope.groupby(column).agg(time_s=("time_s", "first"), low=("low", "min"), high=("high", "max"))


@style.styled
def spectrograms(table: pd.DataFrame, *, title: str) -> Figure:
    """Draw the spectrogram of one clip of each tag on one scale of levels.

    Parameters
    ----------
    table
        A tag, time and band of one input a row: ``tag, time_s, frequency_hz, level, unit``.
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
        _frequency_ticks(axes, grid.index.to_numpy())
    figure.colorbar(image, ax=list(panels.values()), label=f"Level ({unit})", pad=0.01, aspect=40)
    figure.supylabel("Frequency (Hz)", fontsize=9)
    style.title(figure, title)
    return figure


# ---------------------------------------------------------------------------------------------------------------
# Parts
# ---------------------------------------------------------------------------------------------------------------


def _name_some(axes: Axes, counts: pd.DataFrame) -> None:
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
    axes: Axes, matrix: np.ndarray, rows: Sequence, columns: Sequence, *, limit: float, size: float, square: bool = True
) -> AxesImage:
    colours = matplotlib.colormaps[_DIVERGING].with_extremes(bad="#D9D9D9")
    image = axes.imshow(matrix, cmap=colours, vmin=-limit, vmax=limit, aspect="equal" if square else "auto")
    axes.set_yticks(range(len(rows)), [style.label(name, width=24) for name in rows], fontsize=size)
    names = [style.label(name, width=24) for name in columns]
    axes.set_xticks(range(len(columns)), names, fontsize=size, rotation=90)
    for text in axes.get_xticklabels():
        if len(text.get_text()) <= 2:
            text.set_rotation(0)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return image


def _bracket(axes: Axes, groups: Sequence[str]) -> None:
    """Part the columns of a heat map by their groups, and name these below."""
    below = axes.get_xaxis_transform()
    for group in dict.fromkeys(groups):
        first, last = groups.index(group), len(groups) - 1 - groups[::-1].index(group)
        if first:
            axes.axvline(first - 0.5, color="white", linewidth=3)
        if last > first:
            middle = {
                "xy": ((first + last) / 2, 0),
                "xycoords": below,
                "xytext": (0, -28),
                "textcoords": "offset points",
            }
            axes.annotate(group.capitalize(), **middle, ha="center", va="top")


def _logarithmic(axes: Axes, which: str) -> None:
    """Make an axis logarithmic, with plain numbers: powers of ten, and as many between as the range leaves room for."""
    axes.set(**{f"{which}scale": "log"})
    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = axis.get_view_interval()
    between = (1, 2, 5) if high < 30 * low else (1, 3) if high < 300 * low else (1,)
    axis.set_major_locator(LogLocator(subs=between, numticks=7))
    axis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axis.set_minor_formatter(NullFormatter())
    axes.grid(axis=which)


def _boxes(axes: Axes, rows: pd.DataFrame) -> None:
    """Draw a lying box for each row that has clips, on a logarithmic scale."""
    names = {"median": "med", "q25": "q1", "q75": "q3", "p05": "whislo", "p95": "whishi"}
    places = np.flatnonzero((rows.clips > 0) & (rows["median"] > 0))
    stats = rows.iloc[places][list(names)].rename(columns=names).to_dict("records")
    colour = {"color": style.PALETTE[0]}
    axes.bxp(
        stats,
        positions=places,
        widths=0.6,
        orientation="horizontal",
        showfliers=False,
        patch_artist=True,
        boxprops={"facecolor": style.PALETTE[4], "alpha": 0.45, "edgecolor": style.PALETTE[0]},
        medianprops={"color": style.INK, "linewidth": 1.6},
        whiskerprops=colour,
        capprops=colour,
        manage_ticks=False,
    )
    _logarithmic(axes, "x")


def _looks(tags: pd.Series) -> dict[str, tuple[str, str]]:
    """Return a colour and a marker for each tag, the commonest first; no pair comes twice among the first 28."""
    order = tags.value_counts().index[: limits.MOST_STROKES]
    markers = dict(zip(style.DASHES, "o^sX", strict=True))
    return {tag: (colour, markers[dash]) for tag, (colour, dash) in style.colours(order).items()}


def _remark(row: Any) -> str:
    """Return what a projection keeps of the clips' distances, and whether neighbours share a tag."""
    measures = {
        "explained": f": {100 * row.explained:.0f} % of the variance",
        "stress": f": stress {row.stress:.2f}",
        "divergence": f": divergence {row.divergence:.2f}",
    }
    kept = "".join(text for name, text in measures.items() if np.isfinite(getattr(row, name)))
    return f"{kept}\nalike with nearest: {100 * row.neighbours:.0f} %, by chance {100 * row.chance:.0f} %"


def _grid(tags: Sequence[str], *, height: float) -> tuple[Figure, dict[str, Axes]]:
    """Return a figure with a panel for each tag, two in a row, over one axis of time; of many tags, for the first."""
    tags = tags[: limits.MOST_STROKES]
    rows = (len(tags) + 1) // 2
    figure = Figure(figsize=(8.6, 0.8 + height * rows))
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
    """Return where the last of evenly spaced stretches ends."""
    return float(times[-1] + (times[1] - times[0] if len(times) > 1 else 1))


def _octaves(axes: Axes) -> None:
    low, high = axes.get_xlim()
    ticks = [hz for hz in _TICKS_HZ if low <= hz <= high]
    axes.set_xticks(ticks, [f"{hz:,}" for hz in ticks])
    axes.minorticks_off()


def _frequency_ticks(axes: Axes, hertz: np.ndarray) -> None:
    """Name the octaves in view at their places between rows, leaving out crowded low ones."""
    places: dict[int, float] = {}
    for hz in _TICKS_HZ:
        place = float(np.interp(hz, hertz, np.arange(len(hertz)), left=-1, right=-1))
        if place >= 0 and min(places.values(), default=np.inf) - place > 0.16 * len(hertz):
            places[hz] = place
    axes.set_yticks(list(places.values()), [f"{hz:,}" for hz in places])
