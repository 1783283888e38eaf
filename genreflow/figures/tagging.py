"""How well each tag of many is found: ROC and precision-recall curves, and the areas under them.

Areas are those of the tables, and never taken from the picture. A tag without a positive, or with nothing else, has
no curve and no area, and is not part of the mean over tags.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from genreflow.figures import limits, style

_NAMED = 12  # so many tags get a colour and a name
_BANDS = ((5, 95, 0.18), (25, 75, 0.3))  # percentiles of the tags between which a band lies, and its opacity
_GRID = np.linspace(0, 1, 201)  # finer steps cannot be seen, and would make large files
_METRICS = {"roc_auc": "ROC-AUC", "pr_auc": "PR-AUC"}


@style.styled
def roc_curves(curves: pd.DataFrame, areas: pd.DataFrame, *, title: str) -> Figure:
    """Draw the ROC curve of each tag and, thick, their mean, a panel a model; up to three (tagging study, AUC-ROC).

    Up to twelve tags have a colour and a name each; of more, the best and the worst. Of more than a hundred, bands take
    the place of the other lines. The dotted diagonal is chance.

    Parameters
    ----------
    curves
        A threshold of a tag a row: ``model, tag, false_positive_rate, true_positive_rate``, 0..1.
    areas
        A tag of a model a row: ``model, tag, roc_auc``, NaN where it has none.
    """
    curves = curves.rename(columns={"false_positive_rate": "x", "true_positive_rate": "y"})
    axes_names = ("False positive rate", "True positive rate")
    return _panels(curves, areas.rename(columns={"roc_auc": "area"}), title, axes_names, steps=False)


@style.styled
def pr_curves(curves: pd.DataFrame, areas: pd.DataFrame, *, title: str) -> Figure:
    """Draw precision against recall of each tag and, thick, their mean, as `roc_curves` does (tagging study, AUC-PR).

    The curves are steps, as average precision takes them: a precision holds from the recall before it.

    Parameters
    ----------
    curves
        A threshold of a tag a row: ``model, tag, recall, precision``, 0..1.
    areas
        A tag of a model a row: ``model, tag, pr_auc``, NaN where it has none.
    """
    curves = curves.rename(columns={"recall": "x", "precision": "y"})
    return _panels(curves, areas.rename(columns={"pr_auc": "area"}), title, ("Recall", "Precision"), steps=True)


@style.styled
def tag_areas(areas: pd.DataFrame, *, title: str) -> Figure:
    """Draw the areas under both curves of each tag as bars, the tag with the largest mean area on top.

    Bars of ROC-AUC begin at chance, 0.5; in those of PR-AUC a black mark is chance, the share of positives. Of more
    than `limits.MOST_BARS` tags there are the best and the worst.

    Parameters
    ----------
    areas
        A tag of a model a row: ``model, tag, roc_auc, pr_auc, share``, 0..1; up to three models; share is that of
        positives. Areas are NaN where there are none.
    """
    if areas.empty:
        return style.notice(f"{title}: there are no tags")
    models = style.colours(areas["model"])
    metric = next(metric for metric in _METRICS if metric in areas)
    order = areas.groupby("tag", sort=False)[metric].mean().sort_values(ascending=False, kind="stable")
    tags = style.ends(list(order.index), limits.MOST_BARS)
    figure = Figure(figsize=(9.0, 1.5 + len(tags) * (0.11 + 0.07 * len(models))))
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (column, name) in zip(panels, _METRICS.items(), strict=True):
        for place, (model, (colour, _)) in enumerate(models.items()):
            mine = areas[areas["model"] == model].set_index("tag").reindex(tags)
            _draw_bars(axes, mine, column, colour, place, len(models))
        axes.set_xlabel(f"{name} of a tag")
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x")
        style.part_ends(axes, order, limits.MOST_BARS)
    if len(order) > len(tags):
        half = len(tags) // 2
        panels[0].set_title(f"The {half} best and the {half} worst of {len(order):,} tags", loc="left")
    panels[0].set_yticks(range(len(tags)), [style.label(tag, width=28) for tag in tags])
    panels[0].set_ylim(len(tags) - 0.4, -0.6)
    panels[0].set_xlim(min(0.5, 0.97 * np.nanmin(areas["roc_auc"], initial=0.5)), 1)
    panels[1].set_xlim(0, 1)
    panels[0].axvline(0.5, color=style.INK, linewidth=1)
    keys = [Line2D([], [], color=c, linewidth=6, label=style.label(m, width=26)) for m, (c, _) in models.items()]
    chance = Line2D([], [], color=style.INK, marker="|", markersize=9, linestyle="", label="chance")
    figure.legend(handles=[*keys, chance], loc="outside lower left", ncols=4)
    style.title(figure, title)
    return figure


def _panels(
    curves: pd.DataFrame, areas: pd.DataFrame, title: str, axes_names: tuple[str, str], *, steps: bool
) -> Figure:
    models = list(dict.fromkeys(areas["model"]))
    if not models:
        return style.notice(f"{title}: there are no tags")
    tags = list(dict.fromkeys(areas["tag"]))
    lines = 1 + (len(tags) + 1) // 2 if len(tags) <= _NAMED else 4
    width = 5.2 if len(models) == 1 else min(style.PAGE, 3.6 * len(models))
    side = width / len(models) - 0.7 / len(models)
    figure = Figure(figsize=(width, side + 1.3 + 0.2 * lines))
    panels = figure.subplots(1, len(models), sharex=True, sharey=True, squeeze=False)[0]
    for axes, model in zip(panels, models, strict=True):
        mine = areas[areas["model"] == model].set_index("tag")["area"].reindex(tags)
        drawn = {tag: rows[["x", "y"]].to_numpy(float) for tag, rows in curves[curves["model"] == model].groupby("tag")}
        drawn = {tag: drawn[tag] for tag in tags if tag in drawn and pd.notna(mine[tag])}
        _draw_curves(axes, drawn, mine, steps=steps, letters=int(15 * width / len(models)))
        axes.get_legend().set_bbox_to_anchor((-0.02, -0.5 / side), transform=axes.transAxes)
        axes.set_title(style.label(model, width=int(10 * width / len(models))), loc="left")
        axes.set_xlabel(axes_names[0])
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal", anchor="N")
        axes.grid()
        if not steps:
            axes.plot([0, 1], [0, 1], color=style.QUIET, linestyle=":", linewidth=1)
    panels[0].set_ylabel(axes_names[1])
    style.title(figure, title)
    return figure


def _draw_curves(axes: Axes, drawn: Mapping[str, np.ndarray], areas: pd.Series, *, steps: bool, letters: int) -> None:
    """Draw the curves of a model with the legend below it, `letters` wide."""
    known = areas[list(drawn)]
    chosen = (
        list(drawn) if len(areas) <= _NAMED else list(dict.fromkeys([known.idxmax(), known.idxmin()])) if drawn else []
    )
    strokes = style.colours(areas.index if len(areas) <= _NAMED else chosen)
    crowded = len(drawn) > limits.MOST_LINES
    heights = [_at(points, steps=steps) for points in drawn.values()]
    for low, high, alpha in _BANDS if crowded else ():
        edges = np.percentile(heights, [low, high], axis=0)
        axes.fill_between(_GRID, *edges, color=style.QUIET, alpha=alpha, linewidth=0)
    for tag, points in drawn.items():
        if crowded and tag not in strokes:
            continue
        colour, dash = strokes.get(tag, (style.QUIET, "-"))
        look = {"color": colour, "linestyle": dash, "linewidth": 1.1} if tag in strokes else _FAINT
        axes.plot(*_path(points, steps=steps), **look)
    keys = []
    if drawn:
        axes.plot(_GRID, np.mean(heights, axis=0), color=style.INK, linewidth=2.4)
        name = f"mean of {len(drawn)} tags {known.mean():.3f}"
        keys.append(Line2D([], [], color=style.INK, linewidth=2.4, label=name))
    for tag, (colour, dash) in strokes.items():
        name = style.label(tag, width=letters // (2 if len(areas) <= _NAMED else 1) - 11)
        area = f"{areas[tag]:.3f}" if tag in drawn else "no area"
        keys.append(Line2D([], [], color=colour, linestyle=dash, label=f"{name} {area}"))
    if crowded:
        keys.append(Patch(color=style.QUIET, alpha=0.4, linewidth=0, label="half of the tags; pale: nine tenths"))
    elif len(areas) > len(strokes):
        keys.append(Line2D([], [], **_FAINT, label="the other tags"))
    columns = 2 if len(areas) <= _NAMED else 1
    look = {"fontsize": 7.5, "handlelength": 1.5, "columnspacing": 1.0, "borderaxespad": 0}
    axes.legend(handles=keys, loc="upper left", ncols=columns, **look)


_FAINT = {"color": style.QUIET, "linewidth": 0.5, "alpha": 0.5}


def _path(points: np.ndarray, *, steps: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return a curve as its picture has it: no more points than can be seen."""
    if len(points) <= len(_GRID) and not steps:
        return points[:, 0], points[:, 1]
    return _GRID, _at(points, steps=steps)


def _at(points: np.ndarray, *, steps: bool) -> np.ndarray:
    """Return the height of a curve [n, 2] at each place of the grid."""
    order = np.lexsort((points[:, 1] if not steps else -points[:, 1], points[:, 0]))
    x, y = points[order].T
    if not steps:
        return np.interp(_GRID, x, y)
    return y[np.minimum(np.searchsorted(x, _GRID, side="left"), len(x) - 1)]


def _draw_bars(axes: Axes, mine: pd.DataFrame, column: str, colour: str, place: int, models: int) -> None:
    height = 0.8 / models
    y = np.arange(len(mine)) + (place - (models - 1) / 2) * height
    start = 0.5 if column == "roc_auc" else 0.0
    axes.barh(y, mine[column] - start, left=start, height=0.9 * height, color=colour)
    if column == "pr_auc":
        axes.vlines(mine["share"], y - height / 2, y + height / 2, color=style.INK, linewidth=1.4)
    for at, missing in zip(y, mine[column].isna(), strict=True):
        if missing:
            axes.text(start, at, " none", va="center", fontsize=7, color=style.QUIET)
