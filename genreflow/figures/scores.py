"""Scores of models or settings: side by side, ranked, along a number, and their differences.

Scores are 0..1 in every table. Those that are shares are drawn in %, others, such as areas under curves, as they
are (`percent=False`). Names stand in the order in which they first come, unless said otherwise; what is NaN is not
drawn, and a name of which nothing is known says "no result".
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, NullLocator, StrMethodFormatter
from matplotlib.transforms import ScaledTranslation

from genreflow.figures import limits, style

_MOST_GROUPS, _MOST_SERIES = 16, 14  # that can be named beside each other, and told apart
_ROLES = {"train": "Training", "validation": "Validation", "test": "Test", "holdout": "Holdout"}
# Pale enough for black marks; each lighter or darker than its neighbours.
_FILLS = {"train": "#CFCFCF", "validation": "#9BD0F0", "test": "#4A97C9", "holdout": "#E9B44C"}
# What a difference may be said to be: its colour and its marker.
VERDICTS = {
    "better": (style.PALETTE[0], ">", "the first is better"),
    "worse": (style.PALETTE[5], "<", "the second is better"),
    "same": ("white", "o", "cannot be told apart"),
}


@style.styled
def grouped(rows: pd.DataFrame, *, title: str, score: str, baseline: float | None = None) -> Figure:
    """Draw bars of a score (%) in several roles, such as training, validation and test, a group a name.

    Black whiskers are 95 % intervals, diamonds published values; below each name stands the score in the last role
    (genre_mood study, Figures 7 and 8).

    Parameters
    ----------
    rows
        A name and role a row: ``name, role, value, low, high, published``; role is ``train``, ``validation``,
        ``test`` or ``holdout``.
    score
        What is drawn, with its level: "Slice accuracy".
    baseline
        Score of the majority baseline; not drawn where it is None or NaN.
    """
    if rows.empty:
        return style.notice(f"{title}: there is nothing to compare")
    rows, title = _best(rows, title, most=_MOST_GROUPS)
    names, roles = list(dict.fromkeys(rows["name"])), list(dict.fromkeys(rows["role"]))
    figure = Figure(figsize=(min(style.PAGE, max(6.2, 1.2 + 1.1 * len(names))), 4.6))
    axes = figure.subplots()
    width = 0.84 / len(roles)
    for place, role in enumerate(roles):
        mine = rows[rows["role"] == role].set_index("name").reindex(names)
        x = np.arange(len(names)) + (place - (len(roles) - 1) / 2) * width
        axes.bar(x, 100 * mine["value"], width=0.94 * width, color=_FILLS[role], label=_ROLES[role])
        # Beside each other, so that neither hides the other.
        axes.vlines(x - 0.2 * width, 100 * mine["low"], 100 * mine["high"], color=style.INK, linewidth=1.4)
        axes.plot(x + 0.2 * width, 100 * mine["published"], **style.PUBLISHED | {"markersize": 4.5})
    _name_groups(axes, names, mine["value"], _ROLES[roles[-1]].lower())
    axes.set_ylabel(f"{score} (%)")
    axes.set_ylim(0, 101.5)
    axes.grid(axis="y")
    keys = [Patch(color=_FILLS[role], label=_ROLES[role]) for role in roles]
    _above(axes, [*keys, *_marks(axes, rows, baseline)], columns=4 if len(names) < 6 else 7)
    style.title(figure, title)
    return figure


@style.styled
def ranking(
    rows: pd.DataFrame, *, title: str, percent: bool = True, baselines: Mapping[str, float] | None = None
) -> Figure:
    """Draw scores as dots with 95 % intervals, the best of the first metric on top, a panel a metric.

    Diamonds are published values, with their published intervals or ranges; the dashed line is the baseline. Of a
    baseline that lies so far off that the scores could no longer be told apart, only the value is given
    (feature_maps study, Table 2; western8 study, text; Won et al. 2020, 12 rows).

    Parameters
    ----------
    rows
        A name and metric a row: ``name, metric, value, low, high, published, published_low, published_high``;
        metric with its level: "Track accuracy".
    percent
        Whether scores are shares, drawn in %.
    baselines
        The score that needs no model, by metric.
    """
    metrics = list(dict.fromkeys(rows["metric"]))
    if not metrics:
        return style.notice(f"{title}: there is nothing to compare")
    first = rows[rows["metric"] == metrics[0]].sort_values("value", ascending=False, kind="stable")["name"]
    every = list(dict.fromkeys([*first, *rows["name"]]))
    names = style.ends(every)
    figure = Figure(figsize=(min(style.PAGE, 2.6 + 4.4 * len(metrics)), 1.9 + 0.34 * len(names)))
    panels = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    for axes, metric in zip(panels, metrics, strict=True):
        mine = rows[rows["metric"] == metric].set_index("name").reindex(names)
        _draw_ranking(axes, mine, metric, percent, (baselines or {}).get(metric))
        style.part_ends(axes, every)
    panels[0].set_yticks(range(len(names)), [style.label(name, width=30, lines=2) for name in names])
    panels[0].set_ylim(len(names) - 0.45, -0.55)
    keys = [Line2D([], [], color=style.PALETTE[0], marker="o", label="here, with 95 % interval")]
    if rows["published"].notna().any():
        ranges = rows[["published_low", "published_high"]].notna().any(axis=None)
        name = "published, with its interval or range" if ranges else "published"
        keys.append(Line2D([], [], **style.PUBLISHED | {"linestyle": "-" if ranges else ""}, label=name))
    figure.legend(handles=keys, loc="outside lower left", ncols=len(keys))
    chosen = f" (the {len(names) // 2} best and the {len(names) // 2} worst of {len(every):,})"
    style.title(figure, title + (chosen if len(every) > len(names) else ""))
    return figure


@style.styled
def sweep(
    rows: pd.DataFrame,
    *,
    title: str,
    axis: str,
    score: str,
    percent: bool = True,
    logarithmic: bool = False,
    baseline: float | None = None,
    claims: pd.DataFrame | None = None,
) -> Figure:
    """Draw scores against a number, such as epochs or seconds: test solid, training dashed, one colour a series.

    Whiskers are 95 % intervals, diamonds published values of the colour of their series. What a study says in words
    is a shaded region with a letter, its words below (western8 study, Figure 5 and text).

    Parameters
    ----------
    rows
        A series, role and number a row: ``series, role, x, value, low, high, published``; role as for `grouped`.
    axis
        What the number is, with its unit.
    score
        What is drawn, with its level.
    claims
        A published sentence a row: ``text, x_low, x_high, low, high``, the region that it is about; NaN where it
        has no bound.
    """
    if rows["value"].isna().all() and rows["published"].isna().all():
        return style.notice(f"{title}: there is no result")
    scale = 100 if percent else 1
    claims = pd.DataFrame(columns=["text"]) if claims is None else claims
    sentences = [f"({letter}) published: {text}" for letter, text in zip("abcdefgh", claims["text"], strict=False)]
    sentences = [style.label(sentence, width=88, lines=2) for sentence in sentences]
    rows, title = _best(rows, title, "series", most=_MOST_SERIES)
    strokes = style.colours(rows["series"])
    figure = Figure(figsize=(7.2, 4.4 + 0.2 * ((len(strokes) - 1) // 2) + 0.3 * len(sentences)))
    axes = figure.subplots()
    if logarithmic:
        axes.set_xscale("log")
    _draw_sweep(axes, rows, strokes, scale, figure)
    _name_numbers(axes, np.unique(rows["x"]), logarithmic)
    axes.margins(x=0.06, y=0.08)
    axes.autoscale_view()
    if percent:
        axes.set_ylim(max(0, axes.get_ylim()[0]), min(101.5, axes.get_ylim()[1]))
    for letter, claim in zip("abcdefgh", claims.itertuples(), strict=False):
        _shade(axes, claim, letter, scale)
    axes.set_xlabel(style.label(axis, width=80))
    axes.set_ylabel(f"{score} (%)" if percent else score)
    axes.grid(axis="y")
    looks = [(series, strokes[series][0], marker) for series, marker in _markers(strokes).items()]
    keys = [Line2D([], [], color=c, marker=m, label=style.label(series, width=40)) for series, c, m in looks]
    roles = [
        Line2D([], [], color=style.INK, label=_ROLES[r].lower(), **_stroke(r)) for r in dict.fromkeys(rows["role"])
    ]
    keys = [*(keys if len(keys) > 1 else []), *roles, *_marks(axes, rows, baseline, scale)]
    _above(axes, keys, columns=2 if max(len(key.get_label()) for key in keys) > 24 else 3)
    if sentences:
        figure.supxlabel("\n".join(sentences), x=0.01, ha="left", fontsize=8, color=style.QUIET)
    style.title(figure, title)
    return figure


@style.styled
def differences(rows: pd.DataFrame, *, title: str, score: str, percent: bool = True) -> Figure:
    """Draw differences of pairs with 95 % intervals about the line of no difference; colour and marker say the verdict.

    Parameters
    ----------
    rows
        A pair a row: ``first, second, difference, low, high, verdict``; the difference is the first's score minus
        the second's, -1..1; verdict is a key of `VERDICTS`.
    score
        Of what the difference is, with its level: "Track accuracy".
    """
    if rows.empty:
        return style.notice(f"{title}: there is nothing to compare")
    every = len(rows)
    if every > limits.MOST_ROWS:
        rows = rows.sort_values("difference", key=abs, ascending=False, kind="stable").head(limits.MOST_ROWS)
        title += f" (the {len(rows)} largest of {every:,})"
    figure = Figure(figsize=(9.4, 1.8 + 0.26 * len(rows)))
    axes = figure.subplots()
    scale, digits = (100, 1) if percent else (1, 3)
    for place, row in enumerate(rows.itertuples()):
        fill, marker, _ = VERDICTS[row.verdict]
        edge = style.QUIET if fill == "white" else fill
        axes.hlines(place, scale * row.low, scale * row.high, color=edge, linewidth=1.6)
        axes.plot(scale * row.difference, place, marker=marker, color=fill, markeredgecolor=edge, markersize=7)
        numbers = (scale * number for number in (row.difference, row.low, row.high))
        _beside(axes, place, _estimate(*numbers, form=f"+.{digits}f"))
    axes.axvline(0, color=style.INK, linewidth=1.0)
    names = [[style.label(name, width=24) for name in pair] for pair in zip(rows["first"], rows["second"], strict=True)]
    axes.set_yticks(range(len(rows)), [f"{first} vs {second}" for first, second in names])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    widest = np.nanmax(np.abs(scale * rows[["difference", "low", "high"]].to_numpy(float)), initial=scale / 100)
    axes.set_xlim(-1.08 * widest, 1.08 * widest)
    axes.set_xlabel(f"{score}, first minus second" + (" (percentage points)" if percent else ""))
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    keys = [_verdict_key(verdict) for verdict in VERDICTS if (rows["verdict"] == verdict).any()]
    figure.legend(handles=keys, loc="outside lower left", ncols=3)
    style.title(figure, title)
    return figure


def _best(rows: pd.DataFrame, title: str, column: str = "name", *, most: int) -> tuple[pd.DataFrame, str]:
    """Return the rows of the `most` names with the highest test values, in their order, and a title that says so."""
    judged = rows[rows["role"] == "test"] if (rows["role"] == "test").any() else rows
    best = judged.groupby(column, sort=False)["value"].max().reindex(list(dict.fromkeys(rows[column])))
    if len(best) <= most:
        return rows, title
    kept = best.sort_values(ascending=False, kind="stable", na_position="last").index[:most]
    return rows[rows[column].isin(kept)], f"{title} (the {most} best of {len(best):,})"


def _name_groups(axes: Axes, names: Sequence[str], values: pd.Series, role: str) -> None:
    margin = max(0.6, 1.4 - 0.4 * len(names))
    column = (axes.figure.get_figwidth() - 0.8) / (len(names) - 1 + 2 * margin)
    width = int(column * 72 / 5.3)  # points of a letter
    labels = [style.label(name, width=width, lines=3) for name in names]
    numbers = ["no result" if pd.isna(value) else f"{role} {100 * value:.1f}" for value in values]
    axes.set_xticks(range(len(names)), labels, fontsize=8.5 if len(names) < 10 else 8)
    for place, number in enumerate(numbers):
        at = {
            "xy": (place, 0),
            "xycoords": axes.get_xaxis_transform(),
            "xytext": (0, -3),
            "textcoords": "offset points",
        }
        axes.annotate(number, ha="center", va="top", fontsize=7.5, color=style.QUIET, **at)
    axes.tick_params(axis="x", length=0, pad=14)
    axes.set_xlim(-margin, len(names) - 1 + margin)


def _draw_ranking(axes: Axes, mine: pd.DataFrame, metric: str, percent: bool, baseline: float | None) -> None:
    scale = 100 if percent else 1
    mine = mine.assign(**{column: scale * mine[column] for column in mine if column != "metric"})
    aside = 0.15 if mine["published"].notna().any() else 0.0
    places = np.arange(len(mine))
    axes.hlines(places - aside, mine["low"], mine["high"], color=style.PALETTE[0], linewidth=1.6)
    axes.plot(mine["value"], places - aside, "o", color=style.PALETTE[0], markersize=6)
    axes.hlines(places + aside, mine["published_low"], mine["published_high"], color=style.QUIET, linewidth=0.9)
    axes.plot(mine["published"], places + aside, **style.PUBLISHED)
    for place, row in enumerate(mine.itertuples()):
        _beside(axes, place, _estimate(row.value, row.low, row.high, form=".1f" if percent else ".3f"))
    numbers = mine[["value", "low", "high", "published", "published_low", "published_high"]].to_numpy(float)
    low, high = (0, scale) if np.isnan(numbers).all() else (np.nanmin(numbers), np.nanmax(numbers))
    name = f"{metric} (%)" if percent else metric
    if baseline is not None and not pd.isna(baseline):
        level = scale * baseline
        near = high - low >= 0.3 * (max(high, level) - min(low, level))
        low, high = (min(low, level), max(high, level)) if near else (low, high)
        axes.axvline(level, color=style.QUIET, linestyle="--", linewidth=1.0, visible=near)
        written = f"{level:.1f} %" if percent else f"{level:.3f}"
        name += f"\n{'dashed: ' if near else ''}baseline {written}{'' if near else ', beyond the axis'}"
    margin = 0.06 * ((high - low) or scale / 10)
    axes.set_xlim(low - margin, high + margin)
    axes.set_xlabel(style.label(name.split("\n")[0], width=44) + "".join(f"\n{line}" for line in name.split("\n")[1:]))
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="both")


def _draw_sweep(axes: Axes, rows: pd.DataFrame, strokes: Mapping, scale: float, figure: Figure) -> None:
    for (series, role), mine in rows.sort_values("x").groupby(["series", "role"], sort=False):
        # The series beside each other, so that no interval hides another.
        aside = (list(strokes).index(series) - (len(strokes) - 1) / 2) * min(4, 12 / len(strokes)) / 72
        place_of = axes.transData + ScaledTranslation(aside, 0, figure.dpi_scale_trans)
        colour = strokes[series][0]
        x, low, high = mine["x"], scale * mine["low"], scale * mine["high"]
        axes.vlines(x, low, high, color=colour, linewidth=1.2, transform=place_of)
        axes.plot(
            x,
            scale * mine["value"],
            color=colour,
            markersize=5,
            transform=place_of,
            **_stroke(role, _markers(strokes)[series]),
        )
        marks = style.PUBLISHED | {"markeredgecolor": colour if len(strokes) > 1 else style.INK}
        axes.plot(x, scale * mine["published"], **marks, zorder=4)
        # Artists that stand aside do not count for the limits of the axes.
        numbers = scale * mine[["value", "low", "high"]].to_numpy(float)
        axes.update_datalim([(a, b) for a, line in zip(x, numbers, strict=True) for b in line if np.isfinite(b)])


def _stroke(role: str, marker: str = "o") -> dict:
    look = {"linestyle": {"train": "--", "validation": ":"}.get(role, "-"), "marker": marker}
    return look | ({"markerfacecolor": "white"} if role == "train" else {})


def _markers(strokes: Mapping) -> dict:
    """Tell series of one colour apart."""
    return {name: "os^v"[place // len(style.PALETTE) % 4] for place, name in enumerate(strokes)}


def _name_numbers(axes: Axes, numbers: np.ndarray, logarithmic: bool) -> None:
    """Name the very numbers where there is room, else round ones."""
    places = np.log(numbers) if logarithmic else numbers
    if len(numbers) > 1 and np.diff(places).min() < 0.06 * np.ptp(places):
        if not logarithmic:
            axes.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10]))
    else:
        axes.set_xticks(numbers)
        axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))


def _shade(axes: Axes, claim: tuple, letter: str, scale: float) -> None:
    """Shade the region of a claim, to the ends of the axes where it has none."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    x = [end if pd.isna(bound) else bound for bound, end in ((claim.x_low, left), (claim.x_high, right))]
    y = [end if pd.isna(bound) else scale * bound for bound, end in ((claim.low, bottom), (claim.high, top))]
    axes.fill_between(x, y[0], y[1], color=style.QUIET, alpha=0.13, linewidth=0, zorder=0)
    axes.annotate(
        f"({letter})", (x[0], y[1]), (3, -3), textcoords="offset points", va="top", fontsize=8, color=style.QUIET
    )
    axes.set_xlim(min(left, x[0]), max(right, x[1]))
    axes.set_ylim(min(bottom, y[0]), max(top, y[1]))


def _marks(axes: Axes, rows: pd.DataFrame, baseline: float | None, scale: float = 100) -> list[Line2D]:
    """Return the keys of intervals and published values, as far as there are any; draw the baseline."""
    keys = []
    if rows[["low", "high"]].notna().all(axis=1).any():
        keys.append(Line2D([], [], color=style.INK, marker="|", markersize=11, linestyle="", label="95 % interval"))
    if rows["published"].notna().any():
        keys.append(Line2D([], [], label="published", **style.PUBLISHED))
    if baseline is not None and not pd.isna(baseline):
        axes.axhline(scale * baseline, color=style.QUIET, linestyle="--", linewidth=1.0)
        keys.append(Line2D([], [], color=style.QUIET, linestyle="--", linewidth=1.0, label="majority baseline"))
    return keys


def _verdict_key(verdict: str) -> Line2D:
    fill, marker, name = VERDICTS[verdict]
    edge = style.QUIET if fill == "white" else fill
    return Line2D([], [], color=edge, marker=marker, markerfacecolor=fill, markersize=7, label=name)


def _estimate(value: float, low: float, high: float, *, form: str) -> str:
    if pd.isna(value):
        return "no result"
    value, low, high = (f"{number:{form}}".replace("-", "\N{MINUS SIGN}") for number in (value, low, high))
    return value if "nan" in low + high else f"{value} ({low} to {high})"


def _beside(axes: Axes, place: float, text: str) -> None:
    """Write on the right of the axes."""
    axes.text(1.015, place, text, transform=axes.get_yaxis_transform(), va="center", fontsize=8)


def _above(axes: Axes, keys: Sequence, *, columns: int) -> None:
    axes.legend(handles=keys, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=columns, borderaxespad=0.3)
