"""Curves of tags: ROC and precision-recall curves, and the areas under them.

Areas are those of the tables, never integrated over the drawn curves. A tag with positives only, or without any, has
no curve and no area, and does not count in the mean over tags.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from genreflow.figures import mpl, style
from genreflow.figures.registry import experiment_figure
from genreflow.figures.sources import ExperimentSources, rows_of

MOST_MODELS = 3  # whose curves a figure has room for
_NAMED = 12  # tags that get a color and a name
_BANDS = ((5, 95, 0.18), (25, 75, 0.3))  # percentiles of the tags between which a band lies, and its opacity
_GRID = np.linspace(0, 1, 201)  # finer steps cannot be seen, and would make large files
_FAINT: dict[str, Any] = {"color": style.QUIET, "linewidth": 0.5, "alpha": 0.5}
_METRICS = {"roc_auc": "ROC-AUC", "pr_auc": "PR-AUC"}


@style.styled
def roc_curves(curves: pd.DataFrame, areas: pd.DataFrame, *, title: str, tested: str = "") -> mpl.Figure:
    """Draw the ROC curve of each tag and, thick, their mean, one panel per model; up to three (tagging study, AUC-ROC).

    Up to twelve tags have a color and a name each; of more, the best and the worst. Of more than a hundred, bands
    replace the other lines. The dotted diagonal is chance.

    Parameters
    ----------
    curves
        One row per threshold of a tag: ``model, tag, false_positive_rate, true_positive_rate``, 0..1.
    areas
        One row per tag of a model: ``model, tag, roc_auc``, NaN where it has none.
    tested
        How many tracks were tested, for the axis: ``n = 40 tracks``.
    """
    curves = curves.rename(columns={"false_positive_rate": "x", "true_positive_rate": "y"})
    axes_names = ("False positive rate", "True positive rate")
    return _panels(curves, areas.rename(columns={"roc_auc": "area"}), title, axes_names, tested, steps=False)


@style.styled
def pr_curves(curves: pd.DataFrame, areas: pd.DataFrame, *, title: str, tested: str = "") -> mpl.Figure:
    """Draw precision against recall of each tag and, thick, their mean, as `roc_curves` does (tagging study, AUC-PR).

    The curves are steps, as in average precision: a precision holds from the recall before it. The dotted line is
    chance, the mean share of positives.

    Parameters
    ----------
    curves
        One row per threshold of a tag: ``model, tag, recall, precision``, 0..1.
    areas
        One row per tag of a model: ``model, tag, pr_auc, share``; the area is NaN where it has none.
    """
    curves = curves.rename(columns={"recall": "x", "precision": "y"})
    return _panels(curves, areas.rename(columns={"pr_auc": "area"}), title, ("Recall", "Precision"), tested, steps=True)


@style.styled
def tag_areas(areas: pd.DataFrame, *, title: str, tested: str = "") -> mpl.Figure:
    """Draw the areas under both curves of each tag as bars, the tag with the largest mean area on top.

    Bars of ROC-AUC begin at chance, 0.5; on those of PR-AUC a black mark is chance, the share of positives. Of more
    than `style.MOST_BARS` tags the best and the worst are drawn.

    Parameters
    ----------
    areas
        One row per tag of a model: ``model, tag, roc_auc, pr_auc, share``, 0..1; up to three models; share is that of
        positives. Areas may be NaN.
    """
    if areas.empty:
        return style.notice(f"{title}: there are no tags")
    models = style.colors(areas["model"])
    metric = next(metric for metric in _METRICS if metric in areas)
    order = areas.groupby("tag", sort=False)[metric].mean().sort_values(ascending=False, kind="stable")
    tags = style.ends(list(order.index), style.MOST_BARS)
    figure = mpl.Figure(figsize=(9.0, 1.5 + len(tags) * (0.11 + 0.07 * len(models))))
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (column, name) in zip(panels, _METRICS.items(), strict=True):
        for place, (model, (color, _)) in enumerate(models.items()):
            own = areas[areas["model"] == model].set_index("tag").reindex(tags)
            _draw_bars(axes, own, column, color, place, len(models))
        axes.set_xlabel(f"{name} of a tag" + (f" ({tested})" if tested else ""))
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x")
        style.part_ends(axes, order, style.MOST_BARS)
    if len(order) > len(tags):
        half = len(tags) // 2
        panels[0].set_title(f"The {half} best and the {half} worst of {len(order):,} tags", loc="left")
    style.name_rows(panels[0], [style.label(tag, width=28) for tag in tags])
    panels[0].set_xlim(min(0.5, 0.97 * np.nanmin(areas["roc_auc"], initial=0.5)), 1)
    panels[1].set_xlim(0, 1)
    panels[0].axvline(0.5, color=style.INK, linewidth=1)
    keys = [style.key(style.label(name, width=26), color=color, linewidth=6) for name, (color, _) in models.items()]
    chance = style.key("chance", color=style.INK, marker="|", markersize=9, linestyle="")
    figure.legend(handles=[*keys, chance], loc="outside lower left", ncols=4)
    style.title(figure, title)
    return figure


def _panels(
    curves: pd.DataFrame, areas: pd.DataFrame, title: str, axes_names: tuple[str, str], tested: str, *, steps: bool
) -> mpl.Figure:
    models = list(dict.fromkeys(areas["model"]))
    if not models:
        return style.notice(f"{title}: there are no tags")
    tags = list(dict.fromkeys(areas["tag"]))
    lines = 1 + (len(tags) + 1) // 2 if len(tags) <= _NAMED else 4
    width = 5.2 if len(models) == 1 else min(style.PAGE, 3.6 * len(models))
    side = width / len(models) - 0.7 / len(models)
    figure = mpl.Figure(figsize=(width, side + 1.3 + 0.2 * lines))
    panels = figure.subplots(1, len(models), sharex=True, sharey=True, squeeze=False)[0]
    for axes, model in zip(panels, models, strict=True):
        own = areas[areas["model"] == model].set_index("tag")["area"].reindex(tags)
        drawn = {tag: rows[["x", "y"]].to_numpy(float) for tag, rows in curves[curves["model"] == model].groupby("tag")}
        drawn = {tag: drawn[tag] for tag in tags if tag in drawn and pd.notna(own[tag])}
        legend = _draw_curves(axes, drawn, own, steps=steps, letters=int(15 * width / len(models)))
        legend.set_bbox_to_anchor((-0.02, -0.5 / side), transform=axes.transAxes)
        axes.set_title(style.label(model, width=int(10 * width / len(models))), loc="left")
        axes.set_xlabel(axes_names[0] + (f" ({tested})" if tested and len(models) == 1 else ""))
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal", anchor="N")
        axes.grid()
        scored = areas[(areas["model"] == model) & areas["area"].notna()]
        chance = [scored["share"].mean()] * 2 if steps else [0, 1]
        axes.plot([0, 1], chance, color=style.INK, linestyle=":", linewidth=1.2)
    panels[0].set_ylabel(axes_names[1])
    style.title(figure, f"{title}, {tested}" if tested and len(models) > 1 else title)
    return figure


def _draw_curves(
    axes: mpl.Axes, drawn: Mapping[str, np.ndarray], areas: pd.Series, *, steps: bool, letters: int
) -> mpl.Legend:
    """Draw the curves of a model, and return its legend, which is `letters` wide."""
    known = areas[list(drawn)]
    few = len(areas) <= _NAMED
    extremes = [known.idxmax(), known.idxmin()] if drawn else []
    strokes = style.colors(areas.index if few else extremes)
    crowded = len(drawn) > style.MOST_LINES
    heights = [_at(points, steps=steps) for points in drawn.values()]
    for low, high, alpha in _BANDS if crowded else ():
        edges = np.percentile(heights, [low, high], axis=0)
        axes.fill_between(_GRID, *edges, color=style.QUIET, alpha=alpha, linewidth=0)
    for tag, points in drawn.items():
        if crowded and tag not in strokes:
            continue
        color, dash = strokes.get(tag, (style.QUIET, "-"))
        look: dict[str, Any] = {"color": color, "linestyle": dash, "linewidth": 1.1} if tag in strokes else _FAINT
        axes.plot(*_path(points, steps=steps), **look)
    keys: list[Any] = []
    if drawn:
        axes.plot(_GRID, np.mean(heights, axis=0), color=style.INK, linewidth=2.4)
        keys.append(style.key(f"mean of {len(drawn)} tags {known.mean():.3f}", color=style.INK, linewidth=2.4))
    for tag, (color, dash) in strokes.items():
        name = style.label(tag, width=letters // (2 if few else 1) - 11)
        area = f"{areas[tag]:.3f}" if tag in drawn else "no area"
        keys.append(style.key(f"{name} {area}", color=color, linestyle=dash))
    if crowded:
        keys.append(mpl.Patch(color=style.QUIET, alpha=0.4, linewidth=0, label="half of the tags; pale: nine tenths"))
    elif len(areas) > len(strokes):
        keys.append(style.key("the other tags", **_FAINT))
    spaces: dict[str, Any] = {"fontsize": 7.5, "handlelength": 1.5, "columnspacing": 1.0, "borderaxespad": 0}
    return axes.legend(handles=keys, loc="upper left", ncols=2 if few else 1, **spaces)


def _path(points: np.ndarray, *, steps: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return a curve with no more points than are visible."""
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


def _draw_bars(axes: mpl.Axes, own: pd.DataFrame, column: str, color: str, place: int, models: int) -> None:
    height = 0.8 / models
    y = np.arange(len(own)) + (place - (models - 1) / 2) * height
    start = 0.5 if column == "roc_auc" else 0.0
    axes.barh(y, own[column] - start, left=start, height=0.9 * height, color=color)
    if column == "pr_auc":
        axes.vlines(own["share"], y - height / 2, y + height / 2, color=style.INK, linewidth=1.4)
    for at, missing in zip(y, own[column].isna(), strict=True):
        if missing:
            axes.text(start, at, " none", va="center", fontsize=7, color=style.QUIET)


# ---- from the tables of a study -------------------------------------------------------------------------------------

_CHANCE_PR = "The dotted line is chance, the mean share of tracks with a tag."
_TRACKS = "Curves of tracks, by the mean probability of their segments."
_BANDS_CAPTION = (
    "The mean of all tags is thick. Half of the tags lie in the dark band, nine tenths in the pale one; the best and "
    "the worst tag have lines. "
)


@experiment_figure(
    "roc",
    title="ROC curves",
    caption=f"Each line is one tag, the mean of all is thick; the dotted diagonal is chance. {_TRACKS}",
    crowded=(style.MOST_LINES, f"{_BANDS_CAPTION}The dotted diagonal is chance. {_TRACKS}"),
    reads=("curves", "tags"),
)
def draw_roc(experiment: ExperimentSources) -> mpl.Figure:
    """Draw the ROC curves of the first values."""
    names = {"x": "false_positive_rate", "y": "true_positive_rate"}
    curves, areas = _curves(experiment, "roc").rename(columns=names), _areas(experiment)
    return roc_curves(curves, areas, title=experiment.title, tested=experiment.tested)


@experiment_figure(
    "pr",
    title="precision-recall curves",
    caption=f"Each line is one tag, the mean of all is thick. {_CHANCE_PR} {_TRACKS}",
    crowded=(style.MOST_LINES, f"{_BANDS_CAPTION}{_CHANCE_PR} {_TRACKS}"),
    reads=("curves", "tags"),
)
def draw_pr(experiment: ExperimentSources) -> mpl.Figure:
    """Draw the precision-recall curves of the first values."""
    curves = _curves(experiment, "pr").rename(columns={"x": "recall", "y": "precision"})
    return pr_curves(curves, _areas(experiment), title=experiment.title, tested=experiment.tested)


@experiment_figure(
    "areas",
    title="areas under the curves",
    caption="Bars begin at chance: 0.5, or the share of tracks with the tag (black mark).",
    crowded=(
        style.MOST_BARS,
        "The best and the worst tags. Bars begin at chance: 0.5, or the share of tracks with the tag (black mark).",
    ),
    reads=("tags",),
)
def draw_areas(experiment: ExperimentSources) -> mpl.Figure:
    """Draw the areas under the curves of the first values."""
    return tag_areas(_areas(experiment), title=experiment.title, tested=experiment.tested)


def _curves(experiment: ExperimentSources, kind: str) -> pd.DataFrame:
    curves = rows_of(experiment.of_settings("curves", MOST_MODELS), curve=kind)
    return curves.assign(model=curves["name"])


def _areas(experiment: ExperimentSources) -> pd.DataFrame:
    areas = experiment.of_settings("tags", MOST_MODELS)
    areas = areas[areas["tag"] != "(macro)"]
    return areas.assign(model=areas["name"], share=areas["base_rate"])
