"""Scores of models or settings: side by side, ranked, along a number, and their differences.

Scores are 0..1 in every table and drawn in %, save in `ranking` where they are no shares. Names keep the order in
which they first appear, unless said otherwise. NaN is not drawn; a name without any value is marked "no result".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from genreflow.figures import mpl, style
from genreflow.figures.registry import experiment_figure
from genreflow.figures.sources import ExperimentSources, rows_of

_MOST_GROUPS, _MOST_SERIES = 16, 14  # that have room for their names, and that looks keep apart
_ROLES = {"train": "Training", "validation": "Validation", "test": "Test", "holdout": "Holdout"}
# Pale enough for black marks; each lighter or darker than its neighbors.
_FILLS = {"train": "#CFCFCF", "validation": "#9BD0F0", "test": "#4A97C9", "holdout": "#E9B44C"}
# Verdicts on a difference: color, marker, words of the legend.
VERDICTS = {
    "better": (style.PALETTE[0], ">", "the first is better"),
    "worse": (style.PALETTE[5], "<", "the second is better"),
    "same": ("white", "o", "no significant difference"),
}
_ROC_AUC = "ROC-AUC, mean of tags"


@style.styled
def grouped(
    rows: pd.DataFrame, *, title: str, score: str, baseline: float | None = None, tested: str = ""
) -> mpl.Figure:
    """Draw bars of a score (%) in several roles, such as training, validation and test: one group per name.

    Black whiskers are 95 % intervals, open diamonds published values; the score in the last role stands below each
    name (genre_mood study, Figures 7 and 8).

    Parameters
    ----------
    rows
        One row per name and role: ``name, role, value, low, high, published``; role is ``train``, ``validation``,
        ``test`` or ``holdout``.
    score
        The label of the axis, with its level: "Slice accuracy".
    baseline
        Score of the majority baseline; not drawn where it is None or NaN.
    tested
        How many tracks were tested, for the axis: ``n = 40 tracks``.
    """
    if rows.empty:
        return style.notice(f"{title}: there is nothing to compare")
    rows, title = _best(rows, title, most=_MOST_GROUPS)
    names, roles = list(dict.fromkeys(rows["name"])), list(dict.fromkeys(rows["role"]))
    figure = mpl.Figure(figsize=(min(style.PAGE, max(6.2, 1.2 + 1.1 * len(names))), 4.6))
    axes = figure.subplots()
    width = 0.84 / len(roles)
    for place, role in enumerate(roles):
        own = rows[rows["role"] == role].set_index("name").reindex(names)
        x = np.arange(len(names)) + (place - (len(roles) - 1) / 2) * width
        axes.bar(x, 100 * own["value"], width=0.94 * width, color=_FILLS[role], label=_ROLES[role])
        # Beside each other, so that neither hides the other.
        axes.vlines(x - 0.2 * width, 100 * own["low"], 100 * own["high"], color=style.INK, linewidth=1.4)
        axes.plot(x + 0.2 * width, 100 * own["published"], **style.PUBLISHED | {"markersize": 4.5})
    _name_groups(axes, names, own["value"], _ROLES[roles[-1]].lower())
    axes.set_ylabel(f"{score} (%)")
    axes.set_xlabel(tested)
    axes.set_ylim(0, 101.5)
    axes.grid(axis="y")
    keys = [mpl.Patch(color=_FILLS[role], label=_ROLES[role]) for role in roles]
    style.legend_above(axes, [*keys, *_marks(axes, rows, baseline)], columns=4 if len(names) < 6 else 7)
    style.title(figure, title)
    return figure


@style.styled
def ranking(
    rows: pd.DataFrame,
    *,
    title: str,
    percent: bool = True,
    baselines: Mapping[str, float] | None = None,
    tested: str = "",
) -> mpl.Figure:
    """Draw scores as dots with 95 % intervals, the best of the first metric on top, one panel per metric.

    Open diamonds are published values, with their published intervals or ranges; the dashed line is the baseline. A
    baseline so far off that the scores would merge is printed instead of drawn (feature_maps study, Table 2; western8
    study, text; Won et al. 2020, 12 rows).

    Parameters
    ----------
    rows
        One row per name and metric: ``name, metric, value, low, high, published, published_low, published_high``;
        metric with its level: "Track accuracy".
    percent
        Whether scores are shares, drawn in %.
    baselines
        The score without a model, by metric. Where values have several, they are in the column ``baseline`` of the
        rows, and each row has a mark.
    tested
        How many tracks were tested, for the axis: ``n = 40 tracks``.
    """
    metrics = list(dict.fromkeys(rows["metric"]))
    if not metrics:
        return style.notice(f"{title}: there is nothing to compare")
    first = rows[rows["metric"] == metrics[0]].sort_values("value", ascending=False, kind="stable")["name"]
    every = list(dict.fromkeys([*first, *rows["name"]]))
    names = style.ends(every)
    figure = mpl.Figure(figsize=(min(style.PAGE, 2.6 + 4.4 * len(metrics)), 1.9 + 0.34 * len(names)))
    panels = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    for axes, metric in zip(panels, metrics, strict=True):
        own = rows[rows["metric"] == metric].set_index("name").reindex(names)
        _draw_ranking(axes, own, metric, percent, (baselines or {}).get(metric), tested)
        style.part_ends(axes, every)
    style.name_rows(panels[0], [style.label(name, width=30, lines=2) for name in names], margin=0.55)
    panels[0].set_ylim(len(names) - 0.45, -0.55)
    keys = [style.key("here, with 95 % interval", color=style.PALETTE[0], marker="o")]
    if rows["published"].notna().any():
        ranges = rows[["published_low", "published_high"]].notna().any(axis=None)
        name = "published, with its interval or range" if ranges else "published"
        keys.append(style.key(name, **style.PUBLISHED | {"linestyle": "-" if ranges else ""}))
    figure.legend(handles=keys, loc="outside lower left", ncols=len(keys))
    half = len(names) // 2
    style.title(figure, style.chosen(title, f"the {half} best and the {half} worst", len(names), len(every)))
    return figure


def _draw_ranking(
    axes: mpl.Axes, own: pd.DataFrame, metric: str, percent: bool, baseline: float | None, tested: str
) -> None:
    scale = 100 if percent else 1
    own = own.assign(**{column: scale * own[column] for column in own if column != "metric"})
    aside = 0.15 if own["published"].notna().any() else 0.0
    places = np.arange(len(own))
    axes.hlines(places - aside, own["low"], own["high"], color=style.PALETTE[0], linewidth=1.6)
    axes.plot(own["value"], places - aside, "o", color=style.PALETTE[0], markersize=6)
    axes.hlines(places + aside, own["published_low"], own["published_high"], color=style.QUIET, linewidth=0.9)
    axes.plot(own["published"], places + aside, **style.PUBLISHED)
    for place, row in enumerate(own.itertuples()):
        _write_beside(axes, place, _estimate(row.value, row.low, row.high, form=".1f" if percent else ".3f"))
    numbers = own[["value", "low", "high", "published", "published_low", "published_high"]].to_numpy(float)
    low, high = (0, scale) if np.isnan(numbers).all() else (np.nanmin(numbers), np.nanmax(numbers))
    lines = [style.label(f"{metric} (%)" if percent else metric, width=44)]
    if baseline is None and "baseline" in own and own["baseline"].notna().any():
        edges: dict[str, Any] = {"color": style.QUIET, "linestyle": "--", "linewidth": 1.0}
        axes.vlines(own["baseline"], places - 0.42, places + 0.42, **edges)
        low, high = min(low, own["baseline"].min()), max(high, own["baseline"].max())
        lines.append("dashed: baseline of each")
    if baseline is not None and not np.isnan(baseline):
        level = scale * baseline
        near = high - low >= 0.3 * (max(high, level) - min(low, level))
        low, high = (min(low, level), max(high, level)) if near else (low, high)
        axes.axvline(level, color=style.QUIET, linestyle="--", linewidth=1.0, visible=bool(near))
        written = f"{level:.1f} %" if percent else f"{level:.3f}"
        lines.append(f"{'dashed: ' if near else ''}baseline {written}{'' if near else ', beyond the axis'}")
    lines += [tested] if tested else []
    margin = 0.06 * ((high - low) or scale / 10)
    axes.set_xlim(low - margin, high + margin)
    axes.set_xlabel("\n".join(lines))
    axes.xaxis.set_major_locator(mpl.MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="both")


@style.styled
def sweep(
    rows: pd.DataFrame,
    *,
    title: str,
    axis: str,
    score: str,
    logarithmic: bool = False,
    baseline: float | None = None,
) -> mpl.Figure:
    """Draw scores (%) against a number, such as epochs or seconds: test solid, training dashed, one color per series.

    Whiskers are 95 % intervals, open diamonds published values in the color of their series (western8 study, Figure 5).

    Parameters
    ----------
    rows
        One row per series, role and number: ``series, role, x, value, low, high, published``; role as for `grouped`.
    axis
        The label of the numbers, with their unit.
    score
        The label of the scores, with their level.
    """
    if rows["value"].isna().all() and rows["published"].isna().all():
        return style.notice(f"{title}: there is no result")
    rows, title = _best(rows, title, "series", most=_MOST_SERIES)
    strokes = style.colors(rows["series"])
    figure = mpl.Figure(figsize=(7.2, 4.4 + 0.2 * ((len(strokes) - 1) // 2)))
    axes = figure.subplots()
    if logarithmic:
        axes.set_xscale("log")
    _draw_sweep(axes, rows, strokes, figure)
    _name_numbers(axes, np.unique(rows["x"]), logarithmic)
    axes.margins(x=0.06, y=0.08)
    axes.autoscale_view()
    axes.set_ylim(max(0, axes.get_ylim()[0]), min(101.5, axes.get_ylim()[1]))
    axes.set(xlabel=style.label(axis, width=80), ylabel=f"{score} (%)")
    axes.grid(axis="y")
    keys = [
        style.key(style.label(series, width=40), color=strokes[series][0], marker=marker)
        for series, marker in _markers(strokes).items()
    ]
    roles = [style.key(_ROLES[role].lower(), color=style.INK, **_stroke(role)) for role in dict.fromkeys(rows["role"])]
    keys = [*(keys if len(keys) > 1 else []), *roles, *_marks(axes, rows, baseline)]
    style.legend_above(axes, keys, columns=2 if max(len(str(key.get_label())) for key in keys) > 24 else 3)
    style.title(figure, title)
    return figure


def _draw_sweep(axes: mpl.Axes, rows: pd.DataFrame, strokes: Mapping[Any, tuple[str, str]], figure: mpl.Figure) -> None:
    for (series, role), own in rows.sort_values("x").groupby(["series", "role"], sort=False):
        # The series beside each other, so that no interval hides another.
        aside = (list(strokes).index(series) - (len(strokes) - 1) / 2) * min(4, 12 / len(strokes)) / 72
        transform = axes.transData + mpl.ScaledTranslation(aside, 0, figure.dpi_scale_trans)
        color = strokes[series][0]
        look = _stroke(role, _markers(strokes)[series])
        axes.vlines(own["x"], 100 * own["low"], 100 * own["high"], color=color, linewidth=1.2, transform=transform)
        axes.plot(own["x"], 100 * own["value"], color=color, markersize=5, transform=transform, **look)
        marks = style.PUBLISHED | {"markeredgecolor": color if len(strokes) > 1 else style.INK}
        axes.plot(own["x"], 100 * own["published"], **marks, zorder=4)
        # Artists with an offset do not count for the limits of the axes.
        ends = 100 * own[["value", "low", "high"]].to_numpy(float)
        axes.update_datalim([(x, y) for x, line in zip(own["x"], ends, strict=True) for y in line if np.isfinite(y)])


def _stroke(role: str, marker: str = "o") -> dict[str, Any]:
    look = {"linestyle": {"train": "--", "validation": ":"}.get(role, "-"), "marker": marker}
    return look | ({"markerfacecolor": "white"} if role == "train" else {})


def _markers(strokes: Mapping[Any, tuple[str, str]]) -> dict[Any, str]:
    """Return markers that keep series of one color apart."""
    return {name: "os^v"[place // len(style.PALETTE) % 4] for place, name in enumerate(strokes)}


def _name_numbers(axes: mpl.Axes, numbers: np.ndarray, logarithmic: bool) -> None:
    """Label the very numbers where there is room, else round ones."""
    places = np.log(numbers) if logarithmic else numbers
    if len(numbers) > 1 and np.diff(places).min() < 0.06 * np.ptp(places):
        if not logarithmic:
            axes.xaxis.set_major_locator(mpl.MaxNLocator(8, steps=[1, 2, 5, 10]))
    else:
        axes.set_xticks(numbers)
        axes.xaxis.set_minor_locator(mpl.NullLocator())
    axes.xaxis.set_major_formatter(mpl.StrMethodFormatter("{x:,g}"))


@style.styled
def differences(rows: pd.DataFrame, *, title: str, score: str) -> mpl.Figure:
    """Draw differences of pairs with 95 % intervals about the line of no difference; color and marker are the verdict.

    Parameters
    ----------
    rows
        One row per pair: ``first, second, difference, low, high, verdict``; the difference is the first's score minus
        the second's, -1..1; verdict is a key of `VERDICTS`.
    score
        The score that differs, with its level: "Track accuracy".
    """
    if rows.empty:
        return style.notice(f"{title}: there is nothing to compare")
    every = len(rows)
    if every > style.MOST_ROWS:
        rows = rows.sort_values("difference", key=abs, ascending=False, kind="stable").head(style.MOST_ROWS)
    figure = mpl.Figure(figsize=(9.4, 1.8 + 0.26 * len(rows)))
    axes = figure.subplots()
    points = 100 * rows[["difference", "low", "high"]].to_numpy(float)
    for place, (verdict, (difference, low, high)) in enumerate(zip(rows["verdict"], points, strict=True)):
        fill, marker, _ = VERDICTS[verdict]
        edge = style.QUIET if fill == "white" else fill
        axes.hlines(place, low, high, color=edge, linewidth=1.6)
        axes.plot(difference, place, marker=marker, color=fill, markeredgecolor=edge, markersize=7)
        _write_beside(axes, place, _estimate(difference, low, high, form="+.1f"))
    axes.axvline(0, color=style.INK, linewidth=1.0)
    names = [[style.label(name, width=24) for name in pair] for pair in zip(rows["first"], rows["second"], strict=True)]
    style.name_rows(axes, [f"{first} vs {second}" for first, second in names])
    widest = np.nanmax(np.abs(points), initial=1)
    axes.set_xlim(-1.08 * widest, 1.08 * widest)
    axes.set_xlabel(f"{score}, first minus second (percentage points)")
    axes.grid(axis="x")
    keys = [_verdict_key(verdict) for verdict in VERDICTS if (rows["verdict"] == verdict).any()]
    figure.legend(handles=keys, loc="outside lower left", ncols=3)
    style.title(figure, style.chosen(title, "the {} largest", len(rows), every))
    return figure


def _verdict_key(verdict: str) -> mpl.Line2D:
    fill, marker, name = VERDICTS[verdict]
    edge = style.QUIET if fill == "white" else fill
    return style.key(name, color=edge, marker=marker, markerfacecolor=fill, markersize=7)


def _best(rows: pd.DataFrame, title: str, column: str = "name", *, most: int) -> tuple[pd.DataFrame, str]:
    """Return the rows of the `most` names with the highest test values, in their order, and a title that says so."""
    judged = rows[rows["role"] == "test"] if (rows["role"] == "test").any() else rows
    best = judged.groupby(column, sort=False)["value"].max().reindex(list(dict.fromkeys(rows[column])))
    kept = best.sort_values(ascending=False, kind="stable", na_position="last").index[:most]
    return rows[rows[column].isin(kept)], style.chosen(title, "the {} best", len(kept), len(best))


def _name_groups(axes: mpl.Axes, names: Sequence[str], values: pd.Series, role: str) -> None:
    """Name groups of bars below the axis, and print the value of a role under each name."""
    margin = max(0.6, 1.4 - 0.4 * len(names))
    column = (style.figure_of(axes).get_figwidth() - 0.8) / (len(names) - 1 + 2 * margin)
    width = int(column * 72 / 5.3)  # points of a letter
    labels = [style.label(name, width=width, lines=3) for name in names]
    axes.set_xticks(range(len(names)), labels, fontsize=8.5 if len(names) < 10 else 8)
    below: dict[str, Any] = {"xycoords": axes.get_xaxis_transform(), "xytext": (0, -3), "textcoords": "offset points"}
    for place, value in enumerate(values):
        number = "no result" if np.isnan(value) else f"{role} {100 * value:.1f}"
        axes.annotate(number, (place, 0), **below, ha="center", va="top", fontsize=7.5, color=style.QUIET)
    axes.tick_params(axis="x", length=0, pad=14)
    axes.set_xlim(-margin, len(names) - 1 + margin)


def _marks(axes: mpl.Axes, rows: pd.DataFrame, baseline: float | None) -> list[mpl.Line2D]:
    """Return the keys of intervals and published values, as far as there are any; draw the baseline."""
    keys = []
    if rows[["low", "high"]].notna().all(axis=1).any():
        keys.append(style.key("95 % interval", color=style.INK, marker="|", markersize=11, linestyle=""))
    if rows["published"].notna().any():
        keys.append(style.key("published", **style.PUBLISHED))
    if baseline is not None and not np.isnan(baseline):
        line = axes.axhline(100 * baseline, color=style.QUIET, linestyle="--", linewidth=1.0)
        keys.append(style.key("majority baseline", color=line.get_color(), linestyle="--", linewidth=1.0))
    return keys


def _estimate(value: float, low: float, high: float, *, form: str) -> str:
    if np.isnan(value):
        return "no result"
    texts = [f"{number:{form}}".replace("-", "\N{MINUS SIGN}") for number in (value, low, high)]
    return texts[0] if np.isnan(low) or np.isnan(high) else f"{texts[0]} ({texts[1]} to {texts[2]})"


def _write_beside(axes: mpl.Axes, place: float, text: str) -> None:
    """Write a text on the right of the axes."""
    axes.text(1.015, place, text, transform=axes.get_yaxis_transform(), va="center", fontsize=8)


# ---- from the tables of a study -------------------------------------------------------------------------------------


@experiment_figure(
    "grouped",
    title="training, validation and test",
    caption=(
        "Slice accuracy in the last epoch of training, in validation and on test tracks (with the 95 % interval over "
        "groups of tracks). Open diamonds are published values."
    ),
)
def draw_grouped(experiment: ExperimentSources) -> mpl.Figure:
    """Draw the slice accuracies of each value in all roles that have any."""
    rows = experiment.rows
    roles = {
        "train": ("train_accuracy", "published_train"),
        "validation": ("validation_accuracy", "published_validation"),
        "test": ("slice_accuracy", "published_mean"),
    }
    parts = [
        pd.DataFrame(
            {
                "name": rows["value"],
                "role": role,
                "value": rows[ours],
                "low": rows["slice_low"] if role == "test" else np.nan,
                "high": rows["slice_high"] if role == "test" else np.nan,
                "published": rows[theirs],
            }
        )
        for role, (ours, theirs) in roles.items()
        if rows[[ours, theirs]].notna().any(axis=None)
    ]
    if not parts:
        return style.notice(f"{experiment.title}: nothing was judged")
    bars = pd.concat(parts)
    return grouped(
        bars, title=experiment.title, score="Slice accuracy", baseline=experiment.baseline, tested=experiment.tested
    )


@experiment_figure(
    "ranking",
    title="ranking",
    caption=(
        "Each dot is one value with its 95 % interval over groups of tracks, the best on top. Open diamonds are "
        "published values; dashed is the score without a model: the commonest class, or chance."
    ),
    reads=("scores",),
)
def draw_ranking(experiment: ExperimentSources) -> mpl.Figure:
    """Draw the track accuracies of each value; of studies of tags, the areas under the curves."""
    rows = experiment.rows
    parts, baselines = [], {}
    for column, metric, published in (
        ("track_majority", "Track accuracy, majority vote", rows["published_track"]),
        ("track_mean", "Track accuracy, mean probability", rows["published_track_mean"]),
    ):
        if rows["track_majority"].notna().any() and (column == "track_majority" or published.notna().any()):
            parts.append(_measured(rows, metric, column, published).assign(baseline=rows["baseline"]))
            if experiment.baseline is not None:
                baselines[metric] = experiment.baseline
    if parts:  # the published ranges are those of majority votes
        has_range = rows["published_track"].notna()
        parts[0] = parts[0].assign(
            published_low=rows["published_low"].where(has_range), published_high=rows["published_high"].where(has_range)
        )
    chance = {"roc_auc": 0.5, "pr_auc": _chance_of_pr(experiment)}
    for column, metric in (("roc_auc", _ROC_AUC), ("pr_auc", "PR-AUC, mean of tags")):
        if rows[column].notna().any():
            published = rows[f"published_{column}"].fillna(rows[f"published_validation_{column}"])
            parts.append(_measured(rows, metric, column, published).assign(baseline=chance[column]))
    if not parts:
        return style.notice(f"{experiment.title}: nothing was judged")
    has_areas = bool(rows["roc_auc"].notna().any())
    baselines |= {_ROC_AUC: 0.5} if has_areas else {}
    look: dict[str, Any] = {"percent": not has_areas, "baselines": baselines, "tested": experiment.tested}
    return ranking(pd.concat(parts), title=experiment.title, **look)


def _chance_of_pr(experiment: ExperimentSources) -> pd.Series:
    """Return the PR-AUC of random scores of each value: the mean share of tracks with a tag."""
    scores = rows_of(experiment.tables["scores"], metric="track_pr_auc_chance")
    keys = zip(scores["model"], scores["setting"], strict=True)
    known = dict(zip(keys, scores["value"], strict=True))
    settings = zip(experiment.rows["model"], experiment.rows["setting"], strict=True)
    return pd.Series([known.get(key, np.nan) for key in settings], experiment.rows.index, dtype=float)


def _measured(rows: pd.DataFrame, metric: str, column: str, published: pd.Series) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "name": rows["value"],
            "metric": metric,
            "value": rows[column],
            "low": rows[f"{column}_low"],
            "high": rows[f"{column}_high"],
            "published": published,
            "published_low": np.nan,
            "published_high": np.nan,
        }
    )


@experiment_figure(
    "sweep",
    title="value by value",
    caption=(
        "Solid: slices of test tracks, with 95 % intervals over groups of tracks. Dashed: slices of training tracks. "
        "Open diamonds are published values."
    ),
)
def draw_sweep(experiment: ExperimentSources) -> mpl.Figure:
    """Draw accuracies over the number that varies; of inputs it is their length, of protocols their tracks."""
    rows = experiment.rows
    facts = {(each["model"], each["setting"]): each["values"] for each in experiment.study.study["settings"]}
    first, *others = [axis for axis in experiment.axis.split(", ") if axis != "model"]
    fact, axis = {
        "input": ("seconds", "Length of a segment (s)"),
        "protocol": ("tracks", "Tracks"),
    }.get(first, (first, first.replace("_", " ").capitalize()))
    settings = list(zip(rows["model"], rows["setting"], strict=True))
    series = [
        ", ".join([experiment.study.name_of(each[0]), *(f"{name} {facts[each][name]}" for name in others)])
        for each in settings
    ]
    numbers = pd.to_numeric(pd.Series([facts[each].get(fact) for each in settings], index=rows.index), errors="coerce")
    tested = pd.DataFrame(
        {
            "series": series,
            "role": "test",
            "x": numbers,
            "value": rows["slice_accuracy"],
            "low": rows["slice_low"],
            "high": rows["slice_high"],
            "published": rows["published_mean"].fillna(rows["published_track"]),
        }
    )
    trained = tested.assign(role="train", value=rows["train_accuracy"], low=np.nan, high=np.nan, published=np.nan)
    points = pd.concat([tested, trained]).dropna(subset="x")
    if points.empty:
        return style.notice(f"{experiment.title}: {experiment.axis} is no number")
    spread = points["x"].max() / max(points["x"].min(), 1e-9)
    look = {"axis": axis, "score": "Slice accuracy", "logarithmic": spread >= 30, "baseline": experiment.baseline}
    return sweep(points, title=experiment.title, **look)


@experiment_figure(
    "differences",
    title="differences of pairs",
    caption=(
        "Difference of the track accuracies of each pair on the tracks that both judged, with its 95 % interval over "
        "groups of tracks, corrected for the number of pairs (Holm). A difference is significant if its interval "
        "excludes 0."
    ),
    reads=("comparisons",),
)
def draw_differences(experiment: ExperimentSources) -> mpl.Figure:
    """Draw all pairs of values of an experiment."""
    rows = rows_of(experiment.tables["comparisons"], experiment=experiment.name)
    if rows.empty:
        return style.notice(f"{experiment.title}: nothing can be compared")
    names = rows["protocol"].map(experiment.study.name_of)
    prefix = names.where(rows["protocol"] == "", names + ": ")
    verdict = np.where(rows["difference"] > 0, "better", "worse")
    pairs = pd.DataFrame(
        {
            "first": prefix + rows["a"],
            "second": rows["b"],
            "difference": rows["difference"],
            "low": rows["low"],
            "high": rows["high"],
            "verdict": np.where(rows["is_significant"].astype(bool), verdict, "same"),
        }
    )
    return differences(pairs, title=experiment.title, score="Track accuracy")
