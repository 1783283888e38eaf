"""Confusion matrices: of one model, of several in one, against the published one, and of very many classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from genreflow.figures import mpl, style
from genreflow.figures.registry import StudyTraits, experiment_figure, study_figure
from genreflow.figures.sources import ExperimentSources, Sources, rows_of

Level = Literal["slice", "track"]
MOST_MODELS = 3  # whose stripes a cell has room for

_SIDE = 14.4  # inches that the cells of a side take at most
_CELL = 0.66  # inches, of a cell with several numbers
_LEAST_CELL = 0.4  # in which numbers are legible; many classes make a figure wider than the page
_LARGEST = 200  # cells along a side of an image; of more classes, a cell stands for several
_NAMED = 12  # classes that are named along a side of an image
_LEAST_ROWS = 12  # that a panel of pairs has room for, even if there are fewer
_ARROW = "\N{RIGHTWARDS ARROW}"
_MARKERS = "osD"
_DOT: dict[str, Any] = {"linestyle": "", "markersize": 5.5}


@style.styled
def confusion_matrix(rows: pd.DataFrame, *, level: Level, title: str) -> mpl.Figure:
    """Draw a confusion matrix: true classes downwards, predicted classes to the right.

    A cell holds the count and, below it, its share of the true class (%), which is also its color. Empty cells stay
    blank, and a true class without a member is gray. Of more than `style.MOST_CLASSES` classes, `overview` is drawn.

    Parameters
    ----------
    rows
        One row per cell: ``true, predicted, count, share``; share 0..1 of the true class. Missing cells count 0.
        Classes keep the order in which they first appear in `true`, then in `predicted`.
    level
        The level of the answers.
    """
    classes = _classes(rows)
    counts = np.nan_to_num(_matrix(rows, "count", classes))
    if len(classes) > style.MOST_CLASSES:
        return overview(counts, classes, confused(rows), title=title, noun=f"{level}s")
    shares = 100 * _matrix(rows, "share", classes)
    few = len(classes) <= 8
    tilted = not (few and all(style.label(name, width=10) == name for name in classes))
    cell = 0.78 if few else min(0.54, _SIDE / len(classes))
    size = (3.4 + cell * len(classes), (2.5 if tilted else 1.4) + cell * len(classes))
    figure = mpl.Figure(figsize=size, layout="compressed")
    axes = figure.subplots()
    axes.set_facecolor(style.NO_DATA)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            texts = (f"{count:,.0f}", f"{shares[row, column]:.0f} %")
            _write_cell(axes, row, column, texts, on_dark=bool(shares[row, column] > 68), size=9.0 if few else 7.0)
    names = [style.label(name, width=22, lines=2) for name in classes]
    below = [style.label(name, width=24) for name in classes] if tilted else classes
    rows_of_classes = [f"{name} ({total:,.0f})" for name, total in zip(names, counts.sum(axis=1), strict=True)]
    _name_cells(axes, rows_of_classes, below, tilted=tilted)
    axes.grid(which="minor", color="white", linewidth=1.5)
    figure.colorbar(image, ax=axes, label="Share of the true class (%)", pad=0.03)
    axes.set(xlabel="Predicted class", ylabel=f"True class (number of {level}s)")
    style.title(figure, title)
    return figure


@style.styled
def models_in_one(rows: pd.DataFrame, *, title: str, level: Level) -> mpl.Figure:
    """Draw the confusion matrices of two or three models in one (feature_maps study, Table 1).

    A cell has one stripe per model, in the order of the key: the share of the true class (%), as number and as color.
    A cell to which no model assigns anything stays empty; the stripe of a model without answers on a true class is
    gray. Of more than `style.MOST_CLASSES` classes, the pairs that the models confuse most are drawn, one mark per
    model.

    Parameters
    ----------
    rows
        One row per cell of a model: ``model, true, predicted, share``, and ``count`` where there are many classes;
        share 0..1 of the true class or NaN. Classes keep the order of `confusion_matrix`.
    level
        The level of the answers.
    """
    if rows.empty:
        return style.notice(f"{title}: nothing was predicted")
    models, classes = list(dict.fromkeys(rows["model"])), _classes(rows)
    if len(classes) > style.MOST_CLASSES:
        return _pairs_of_models(rows, models, title=f"{title} ({len(classes):,} classes)", level=level)
    shares = np.stack([100 * _matrix(rows[rows["model"] == model], "share", classes) for model in models])
    figure, axes = _matrix_axes(classes, wide=2.6)
    blues = mpl.colormaps["Blues"]
    height = 1 / len(models)
    for (stripe, row, column), share in np.ndenumerate(shares):
        face = style.NO_DATA if np.isnan(share) else blues(share / 100)
        corner = (column - 0.5, row - 0.5 + stripe * height)
        axes.add_patch(mpl.Rectangle(corner, 1, height, facecolor=face, linewidth=0, in_layout=False))
        if np.nansum(shares[:, row, column]) > 0 and not np.isnan(share):
            color = style.QUIET if share == 0 else "white" if share > 62 else style.INK
            middle: dict[str, Any] = {"ha": "center", "va": "center_baseline", "color": color, "in_layout": False}
            axes.text(column, corner[1] + height / 2, f"{share:.0f}", **middle, fontsize=7.5)
    axes.set(xlabel="Predicted class", ylabel=f"True class (share of its {level}s, %)")
    _explain(axes, "In a cell, from top to bottom: " + ", ".join(style.label(model, width=26) for model in models))
    style.title(figure, title)
    return figure


@style.styled
def difference(rows: pd.DataFrame, *, title: str, level: Level) -> mpl.Figure:
    """Draw a confusion matrix minus the published one: percentage points of the true class, and both shares below (%).

    Blue is more than published, orange is less. A cell that is zero in both stays empty; one that only one of them has
    is gray. Of more than `style.MOST_CLASSES` classes, the pairs that differ most are drawn.

    Parameters
    ----------
    rows
        One row per cell: ``true, predicted, share, published``; both 0..1 of the true class or NaN. Classes keep the
        order of `confusion_matrix`.
    level
        The level of the answers.
    """
    if rows.empty:
        return style.notice(f"{title}: nothing was predicted")
    classes = _classes(rows)
    if len(classes) > style.MOST_CLASSES:
        return _pairs_of_both(rows, title=f"{title} ({len(classes):,} classes)", level=level)
    ours, published = (100 * _matrix(rows, column, classes) for column in ("share", "published"))
    points = ours - published
    figure, axes = _matrix_axes(classes, wide=3.4)
    axes.set_facecolor(style.NO_DATA)
    limit = max(10.0, np.nanmax(np.abs(points), initial=0))
    colors = [style.PALETTE[5], "#FCFCFC", style.PALETTE[0]]
    diverging = mpl.LinearSegmentedColormap.from_list("less and more", colors)
    image = axes.imshow(points, cmap=diverging, norm=mpl.Normalize(-limit, limit))
    for (row, column), value in np.ndenumerate(points):
        if not np.isnan(value) and (ours[row, column] or published[row, column]):
            number = "0" if abs(value) < 0.5 else f"{value:+.0f}".replace("-", "\N{MINUS SIGN}")
            both = f"{ours[row, column]:.0f} | {published[row, column]:.0f}"
            on_dark = bool(abs(value) > 0.7 * limit)
            _write_cell(axes, row, column, (number, both), on_dark=on_dark, size=8.5, up=0.02, down=0.1)
    axes.set(xlabel="Predicted class", ylabel=f"True class (share of its {level}s, %)")
    figure.colorbar(image, ax=axes, label="Here minus published (points)", pad=0.03)
    _explain(axes, "In a cell: percentage points more or less than published; below, here | published (%)")
    style.title(figure, title)
    return figure


def confused(rows: pd.DataFrame, by: str = "count", *, most: int = style.MOST_ROWS) -> pd.DataFrame:
    """Return the `most` rows of different classes with the largest values of `by`, the largest first; 0 is left out."""
    wrong = rows[(rows["true"] != rows["predicted"]) & (rows[by] > 0)]
    return wrong.sort_values(by, ascending=False, kind="stable").head(most)


@style.styled
def overview(counts: np.ndarray, classes: Sequence[str], pairs: pd.DataFrame, *, title: str, noun: str) -> mpl.Figure:
    """Draw a whole confusion matrix as colors, a histogram of recalls, and the most confused pairs.

    Parameters
    ----------
    counts
        Items by true class (down) and predicted class (across), [n, n].
    pairs
        The result of `confused`: ``true, predicted, count, share``.
    noun
        The counted items: "slices".
    """
    figure = mpl.Figure(figsize=(style.PAGE, 2.0 + 0.19 * max(30, len(pairs))))
    grid = figure.add_gridspec(2, 2, height_ratios=[3, 1], width_ratios=[1.3, 1])
    _draw_image(figure.add_subplot(grid[0, 0]), counts, classes)
    _draw_recalls(figure.add_subplot(grid[1, 0]), counts)
    _draw_pairs(figure.add_subplot(grid[:, 1]), pairs, noun)
    style.title(figure, f"{title} ({len(classes):,} classes)")
    return figure


def _draw_image(axes: mpl.Axes, counts: np.ndarray, classes: Sequence[str]) -> None:
    step = -(-len(counts) // _LARGEST)
    starts = np.arange(0, len(counts), step)
    blocks = np.add.reduceat(np.add.reduceat(counts, starts, axis=0), starts, axis=1)
    totals = blocks.sum(axis=1, keepdims=True)
    shares = np.divide(100 * blocks, totals, out=np.full(blocks.shape, np.nan), where=totals > 0)
    axes.set_facecolor(style.NO_DATA)
    edges = (-0.5, len(counts) - 0.5)
    # Errors are spread over many cells: on an even scale all but the diagonal would be white.
    image = axes.imshow(
        shares, cmap="Blues", norm=mpl.PowerNorm(0.4, 0, 100), extent=(*edges, *edges[::-1]), aspect="auto"
    )
    bar: dict[str, Any] = {"location": "bottom", "ticks": [0, 1, 5, 20, 50, 100], "pad": 0.02, "aspect": 40}
    style.figure_of(axes).colorbar(image, ax=axes, label="Share of the true class (%)", **bar)
    named = np.unique(np.linspace(0, len(counts) - 1, _NAMED).round().astype(int))
    axes.set_yticks(named, [style.label(classes[place], width=16) for place in named], fontsize=7.5)
    axes.set_xticks(named, [f"{place + 1:,}" for place in named], fontsize=7.5, rotation=90)
    axes.set_ylabel("True class, some named")
    axes.set_xlabel("Predicted class, by number")
    block = f"; a cell stands for {step} × {step} classes" if step > 1 else ""
    axes.set_title(f"(a) The whole matrix{block}", loc="left")


def _draw_recalls(axes: mpl.Axes, counts: np.ndarray) -> None:
    totals = counts.sum(axis=1)
    recalls = 100 * counts.diagonal()[totals > 0] / totals[totals > 0]
    axes.hist(recalls, bins=list(np.linspace(0, 100, 21)), color=style.PALETTE[0], edgecolor="white", linewidth=0.6)
    axes.set_xlim(0, 100)
    axes.set_xlabel("Share of a class that is recognized (%)")
    axes.set_ylabel("Classes")
    axes.yaxis.set_major_locator(mpl.MaxNLocator("auto", integer=True, steps=[1, 2, 2.5, 5, 10]))
    axes.grid(axis="y")
    axes.set_title("(b) Classes by how often they are recognized", loc="left")


def _draw_pairs(axes: mpl.Axes, pairs: pd.DataFrame, noun: str) -> None:
    places = np.arange(len(pairs))
    axes.barh(places, pairs["count"], height=0.72, color=style.PALETTE[0])
    for place, (count, share) in enumerate(zip(pairs["count"], pairs["share"], strict=True)):
        at: dict[str, Any] = {"xytext": (3, 0), "textcoords": "offset points", "va": "center", "fontsize": 7.5}
        axes.annotate(f"{count:,.0f} ({100 * share:.0f} %)", (count, place), **at)
    _name_pairs(axes, pairs)
    axes.set_xlim(0, 1.3 * max(1, pairs["count"].max() if len(pairs) else 1))
    axes.xaxis.set_major_locator(mpl.MaxNLocator(5, integer=True, steps=[1, 2, 2.5, 5, 10]))
    axes.set_xlabel(f"{noun.capitalize()} (share of the true class)")
    axes.grid(axis="x")
    axes.set_title(f"(c) The {len(pairs)} most confused pairs" if len(pairs) else "(c) No pair is confused", loc="left")


def _name_pairs(axes: mpl.Axes, pairs: pd.DataFrame) -> None:
    """Name the rows of a figure by the classes of each pair: true, then predicted."""
    names = [
        f"{style.label(true, width=22)} {_ARROW} {style.label(predicted, width=22)}"
        for true, predicted in zip(pairs["true"], pairs["predicted"], strict=True)
    ]
    axes.set_yticks(np.arange(len(pairs)), names, fontsize=7.5)
    axes.set_ylim(max(len(pairs), _LEAST_ROWS) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)


def _shares_of_pairs(
    pairs: pd.DataFrame, shares: np.ndarray, looks: Mapping[str, Mapping[str, Any]], *, title: str, axis: str, note: str
) -> mpl.Figure:
    """Draw several shares of each pair of classes as marks in a row, joined by a line.

    Parameters
    ----------
    pairs
        One row per pair: ``true, predicted``.
    shares
        Shares of the true class in percent, [pairs, looks]; NaN where there is none.
    looks
        Name of each column of `shares` -> the look of its marks.
    note
        A sentence above them: how the pairs were chosen.
    """
    figure = mpl.Figure(figsize=(style.PAGE, 1.9 + 0.2 * max(6, len(pairs))))
    axes = figure.subplots()
    places = np.arange(len(pairs))
    known = np.isfinite(shares).any(axis=1)
    axes.hlines(
        places[known],
        np.nanmin(shares[known], axis=1),
        np.nanmax(shares[known], axis=1),
        color=style.QUIET,
        linewidth=0.8,
        zorder=1,
    )
    for column, look in enumerate(looks.values()):
        axes.plot(shares[:, column], places, **look)
    _name_pairs(axes, pairs)
    axes.set_xlim(left=-1)
    axes.set_xlabel(axis)
    axes.grid(axis="x")
    axes.set_title(note, loc="left", fontsize=8, color=style.QUIET)
    keys = [style.key(style.label(name, width=30), **look) for name, look in looks.items()]
    figure.legend(handles=keys, loc="outside lower left", ncols=len(keys))
    style.title(figure, title)
    return figure


def _pairs_of_models(rows: pd.DataFrame, models: Sequence[str], *, title: str, level: Level) -> mpl.Figure:
    cells = rows.pivot_table(index=["true", "predicted"], columns="model", values=["share", "count"], sort=False)
    counts = cells["count"].fillna(0).sum(axis=1).rename("count").reset_index()
    pairs = confused(counts)
    index = pd.MultiIndex.from_frame(pairs[["true", "predicted"]])
    shares = cells["share"].reindex(index=index, columns=models).fillna(0)
    looks = {
        model: _DOT | {"color": color, "marker": marker}
        for model, color, marker in zip(models, style.PALETTE, _MARKERS, strict=False)
    }
    note = f"The {len(pairs)} pairs of classes that these models confuse most, all {level}s together"
    axis = f"Share of the true class's {level}s (%)"
    return _shares_of_pairs(pairs, 100 * shares.to_numpy(), looks, title=title, axis=axis, note=note)


def _pairs_of_both(rows: pd.DataFrame, *, title: str, level: Level) -> mpl.Figure:
    both = rows.dropna(subset=["share", "published"])
    both = both.assign(apart=(both["share"] - both["published"]).abs())
    pairs = both[both["apart"] > 0].sort_values("apart", ascending=False, kind="stable").head(style.MOST_ROWS)
    looks = {"here": _DOT | {"color": style.PALETTE[0], "marker": "o"}, "published": style.PUBLISHED}
    note = f"The {len(pairs)} cells that differ most from the published ones: true and predicted class"
    shares = 100 * pairs[["share", "published"]].to_numpy(float)
    axis = f"Share of the true class's {level}s (%)"
    return _shares_of_pairs(pairs, shares, looks, title=title, axis=axis, note=note)


def _classes(rows: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys([*rows["true"], *rows["predicted"]]))


def _matrix(rows: pd.DataFrame, column: str, classes: Sequence[str]) -> np.ndarray:
    table = rows.pivot(index="true", columns="predicted", values=column)
    return table.reindex(index=classes, columns=classes).to_numpy(float)


def _matrix_axes(classes: Sequence[str], *, wide: float) -> tuple[mpl.Figure, mpl.Axes]:
    """Return a figure, `wide` inches wider than the cells, and its axes with the classes at both."""
    count = len(classes)
    few = count <= 10 and all(len(style.label(name, width=10)) == len(str(name)) <= 10 for name in classes)
    cell = min(_CELL, max(_LEAST_CELL, (style.PAGE - wide) / count))
    size = (max(wide + 3.0, wide + cell * count), (1.8 if few else 2.8) + cell * count)
    figure = mpl.Figure(figsize=size, layout="compressed")
    axes = figure.subplots()
    below = [style.label(name, width=10 if few else 22) for name in classes]
    _name_cells(axes, [style.label(name, width=22, lines=2) for name in classes], below, tilted=not few)
    axes.set(xlim=(-0.5, count - 0.5), ylim=(count - 0.5, -0.5), aspect="equal")
    axes.set_axisbelow(False)
    axes.grid(which="minor", color="#B9C6D2", linewidth=0.8)
    return figure, axes


def _name_cells(axes: mpl.Axes, rows: Sequence[str], columns: Sequence[str], *, tilted: bool) -> None:
    """Name the rows and columns of a matrix; minor ticks, which a grid may follow, lie between its cells."""
    tilt: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if tilted else {}
    axes.set_xticks(range(len(columns)), columns, **tilt)
    axes.set_yticks(range(len(rows)), rows)
    axes.set_xticks(np.arange(len(columns) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(rows) + 1) - 0.5, minor=True)
    axes.spines[:].set_visible(False)
    axes.tick_params(which="both", length=0)


def _write_cell(
    axes: mpl.Axes,
    row: int,
    column: int,
    texts: tuple[str, str],
    *,
    on_dark: bool,
    size: float,
    up: float = 0.06,
    down: float = 0.04,
) -> None:
    """Write two texts into a cell, one above the other, the lower one smaller."""
    # Out of the layout: thousands of texts would be measured again and again.
    look: dict[str, Any] = {"ha": "center", "color": "white" if on_dark else style.INK, "in_layout": False}
    axes.text(column, row - up, texts[0], va="bottom", fontsize=size, **look)
    axes.text(column, row + down, texts[1], va="top", fontsize=size - 1.5, **look)


def _explain(axes: mpl.Axes, text: str) -> None:
    """Write above the matrix how to read a cell."""
    width = style.figure_of(axes).get_figwidth()
    axes.set_title(style.label(text, width=int(14 * (width - 1.6)), lines=3), loc="left", fontsize=8, color=style.QUIET)


# ---- from the tables of a study -------------------------------------------------------------------------------------

_CAPTION = "Rows are true classes, columns predicted ones. A cell holds a count and its share of the row."
_OVERVIEW = (
    "The whole matrix as colors: rows are true classes, columns predicted ones. Below it, the number of classes by "
    "recall. Right: the most confused pairs, true class first; confusion.csv has every cell."
)
_TRAINING = " These are the slices that the model was trained on, without dropout: how much it has memorized."


def _levels(study: StudyTraits) -> list[dict[str, str]]:
    levels = (["track"] if study.one_slice else ["slice", "track"]) if study.classifies else []
    levels += ["holdout"] if study.has_holdout else []
    return [{"level": level} for level in levels]


@study_figure(
    "confusion",
    section="Confusion",
    title="Confusion at {level} level",
    caption=_CAPTION,
    crowded=(style.MOST_CLASSES, _OVERVIEW),
    options=_levels,
    reads=("confusion",),
    of_headline=True,
)
def draw_confusion(sources: Sources, *, level: str) -> mpl.Figure:
    """Draw the matrix of the headline's setting; on the holdout, that of the final model."""
    rows = rows_of(sources.tables["confusion"], level=level)
    if level != "holdout":  # where the final model is the only one
        rows = rows_of(rows, **sources.headline)
    titles = {
        "slice": "Slices of all test folds",
        "track": "Tracks of all test folds, majority vote",
        "holdout": "Holdout tracks, majority vote of the final model",
    }
    title = sources.titled(titles[level], sources.headline["protocol"])
    if rows.empty:
        return style.notice(f"{title}: nothing was predicted")
    return confusion_matrix(rows, level="slice" if level == "slice" else "track", title=title)


@experiment_figure(
    "confusions",
    title="confusion",
    caption=_CAPTION,
    crowded=(style.MOST_CLASSES, _OVERVIEW),
    values="each",
    reads=("confusion",),
)
def draw_confusions(experiment: ExperimentSources) -> mpl.Figure:
    """Draw the matrix of the test slices of one value."""
    cells = rows_of(experiment.of_settings("confusion"), level="slice")
    if cells.empty:
        return style.notice(f"{experiment.title}: nothing was predicted")
    return confusion_matrix(cells, level="slice", title=experiment.title)


@experiment_figure(
    "training_confusions",
    title="confusion of training slices",
    caption=_CAPTION + _TRAINING,
    crowded=(style.MOST_CLASSES, _OVERVIEW + _TRAINING),
    values="each",
    heading="{title}, {value}: slices trained on",
    reads=("confusion",),
)
def draw_training_confusions(experiment: ExperimentSources) -> mpl.Figure:
    """Draw the matrix of the slices that one value was trained on."""
    cells = rows_of(experiment.of_settings("confusion"), level="training slice")
    if cells.empty:
        return style.notice(f"{experiment.title}: not predicted; set training.predict_training")
    return confusion_matrix(cells, level="slice", title=experiment.title)


@experiment_figure(
    "published",
    title="ours minus the published confusion",
    caption="Percentage points of the row more (blue) or less (orange) than published; below, both shares.",
    crowded=(
        style.MOST_CLASSES,
        "The cells whose share of the true class differs most from the published one, true class first.",
    ),
    values="first",
    heading="{title}, {value}: ours minus the published matrix",
    reads=("confusion",),
)
def draw_published(experiment: ExperimentSources) -> mpl.Figure:
    """Draw the matrix of the first value minus the published one; classes of other music may have other names."""
    cells = rows_of(experiment.of_settings("confusion"), level="track")
    published, value = experiment.study.published.get("confusion"), experiment.rows.iloc[0]
    if published is None or "percent" not in published or cells.empty:
        return style.notice(f"{experiment.title}: there is nothing to compare")
    setting = (value["model"], value["setting"])
    networks = {(each["model"], each["setting"]): each["network"] for each in experiment.study.study["settings"]}
    printed = rows_of(published, experiment=experiment.name, model=networks[setting])
    both = cells.merge(printed[["true", "predicted", "percent"]], on=["true", "predicted"], how="left")
    return difference(both.assign(published=both["percent"] / 100), title=experiment.title, level="track")


@experiment_figure(
    "triple",
    title="confusion of several models",
    caption=(
        "Rows are true classes, columns predicted ones. Each stripe of a cell is the share of the row (%) that one of "
        "the models assigns to it."
    ),
    crowded=(
        style.MOST_CLASSES,
        "The pairs of classes that the models confuse most, true class first. Each mark is the share of the true class "
        "that one of the models assigns to the other.",
    ),
    reads=("confusion",),
)
def draw_triple(experiment: ExperimentSources) -> mpl.Figure:
    """Draw the matrices of the first values in one."""
    cells = rows_of(experiment.of_settings("confusion", MOST_MODELS), level="track")
    return models_in_one(cells.assign(model=cells["name"]), title=experiment.title, level="track")
