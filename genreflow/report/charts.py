"""The data of interactive charts: what a figure shows, with values and numbers to read off.

Charts are drawn in the page by Chart.js (`templates/vendor`); in print and without scripts the figure itself is shown.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import pandas as pd

from genreflow.figures import style
from genreflow.figures.registry import EXPERIMENT, Spec
from genreflow.figures.sources import with_titles
from genreflow.store.text import count, printable

MOST_POINTS = 4_000
"""Maximum number of values in a chart of a page; the figure shows more of them."""


@dataclass(frozen=True)
class Series:
    """Values of one name: a line, bars, or points.

    `x` are numbers, or names where the chart has `names`. `low` and `high` are the ends of intervals. `notes` stand
    behind the values that are read off. `color` is the number of a color of the page.
    """

    name: str
    kind: Literal["line", "bar", "point"]
    color: int
    x: Sequence[Any]
    y: Sequence[float | None]
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()
    notes: Sequence[str] = ()
    dashed: bool = False


@dataclass(frozen=True)
class Chart:
    """A chart of two axes; an axis reaches from 0 to its `most`, or as far as its values."""

    title: str
    x_title: str
    y_title: str
    series: Sequence[Series]
    names: Sequence[str] = ()
    x_most: float | None = None
    y_most: float | None = None
    diagonal: bool = field(default=False)

    def data(self) -> dict[str, Any]:
        """Return the chart for the page, with printable names."""
        return _plain(asdict(self))


@dataclass(frozen=True)
class ChartSources:
    """What charts are made of.

    `tables` and `study` are the tables and facts of the study, `calibration` the rows of its headline's setting, and
    `published` the published training curves (``experiment, value, epoch, train_accuracy``), if there are any.
    """

    tables: Mapping[str, pd.DataFrame]
    study: Mapping[str, Any]
    calibration: pd.DataFrame | None = None
    published: pd.DataFrame | None = None


def charts_of(spec: Spec, sources: ChartSources) -> list[Chart]:
    """Return the charts of a figure; none for one that is a picture, or has too many values."""
    make = _MAKERS.get((spec["kind"], spec.get("figure", "")))
    charts = [] if make is None else [chart for chart in make(spec, sources) if chart.series]
    return charts if sum(len(each.x) for chart in charts for each in chart.series) <= MOST_POINTS else []


def _experiment(spec: Spec, sources: ChartSources) -> list[Chart]:
    """Return the test accuracies of the values of an experiment, and their training curves."""
    tables = sources.tables
    rows = tables["experiments"]
    rows = rows[rows["experiment"] == spec["experiment"]].drop_duplicates(["model", "setting"])
    rows = with_titles(rows, sources.study.get("titles", {}))
    if not 0 < len(rows) <= style.MOST_STROKES:
        return []
    values = [str(value) for value in rows["value"]]
    axis = sources.study["experiments"][spec["experiment"]]["axis"]
    units = [
        "every run diverged" if pd.isna(row.tracks) else f"{count(row.tracks, 'track')}, {count(row.slices, 'slice')}"
        for row in rows.itertuples()
    ]
    bars = Series(
        "Ours, with the 95 % interval", "bar", 0, values, _percent(rows["slice_accuracy"]),
        _percent(rows["slice_low"]), _percent(rows["slice_high"]), units,
    )  # fmt: skip
    runs = rows[["model", "setting", "value"]].merge(tables["runs"], on=["model", "setting"])
    runs = runs[(runs["fold"] != "final") & runs["slice_accuracy"].notna()]
    notes = [f"fold {row.fold}, {count(row.test_slices, 'slice')}" for row in runs.itertuples()]
    series = [bars, Series("A fold", "point", 1, list(map(str, runs["value"])), _percent(runs["slice_accuracy"]),
                           notes=notes)]  # fmt: skip
    published = rows[rows["published_mean"].notna()]
    if len(published):
        low, high = (_percent(published["published_mean"] + sign * published["published_sd"]) for sign in (-1, 1))
        names = list(map(str, published["value"]))
        series.append(
            Series("Published mean ± SD", "point", 5, names, _percent(published["published_mean"]), low, high)
        )
    baselines = rows["baseline"].dropna().round(6).unique()
    if len(baselines) == 1:
        level = [round(100 * float(baselines[0]), 2)] * len(values)
        series.append(Series("Majority baseline", "line", 6, values, level, dashed=True))
    accuracy = Chart("Test accuracy", axis, "Slice accuracy (%)", series, names=values, y_most=100)
    histories = rows[["model", "setting", "value"]].merge(tables["history"], on=["model", "setting"])
    histories = histories[histories["fold"] != "final"].assign(series=lambda frame: frame["value"].astype(str))
    training = _epochs(histories, "accuracy", "Training", "Training slice accuracy (%)", 100.0)
    return [accuracy, replace(training, series=[*training.series, *_published_curves(spec, sources, values)])]


def _published_curves(spec: Spec, sources: ChartSources, values: Sequence[str]) -> Iterator[Series]:
    """Yield the published training curve of each value that has one, in the color of ours."""
    if sources.published is None:
        return
    rows = sources.published
    rows = rows[rows["experiment"] == spec["experiment"]].sort_values("epoch")
    rows = with_titles(rows, sources.study.get("titles", {}))
    for number, value in enumerate(values):
        own = rows[rows["value"].astype(str) == value]
        if len(own):
            name, epochs = f"Published, {value}", [int(epoch) for epoch in own["epoch"]]
            yield Series(name, "line", number, epochs, _percent(own["train_accuracy"]), dashed=True)


def _epochs(history: pd.DataFrame, column: str, title: str, y_title: str, most: float | None) -> Chart:
    """Return a line for each ``series`` of a history: the mean of its folds, from the lowest to the highest of them."""
    lines, scale = [], 100.0 if most else 1.0
    for number, (name, rows) in enumerate(history.dropna(subset=column).groupby("series", sort=False)):
        epochs = rows.groupby("epoch")[column].agg(["mean", "min", "max", "size"])
        mean, low, high = (_rounded(scale * epochs[each]) for each in ("mean", "min", "max"))
        notes = [count(runs, "run") for runs in epochs["size"]]
        lines.append(Series(str(name), "line", number, [int(epoch) for epoch in epochs.index], mean, low, high, notes))
    return Chart(title, "Epoch", y_title, lines, y_most=most)


def _losses(spec: Spec, sources: ChartSources) -> list[Chart]:
    """Return training and validation loss by epoch, of every setting or of the values of an experiment."""
    tables = sources.tables
    history = tables["history"]
    name = history["model"] + " " + history["setting"]
    if spec["kind"] == EXPERIMENT:
        rows = tables["experiments"]
        rows = rows[rows["experiment"] == spec["experiment"]].drop_duplicates(["model", "setting"])
        rows = with_titles(rows, sources.study.get("titles", {}))
        history = history.merge(rows[["model", "setting", "value"]], on=["model", "setting"])
        name = history["value"].astype(str)
    history = history.assign(name=name)[history["fold"] != "final"]
    parts = [
        history.assign(loss=history[column], series=history["name"] + ", " + words)
        for column, words in (("loss", "training"), ("validation_loss", "validation"))
    ]
    loss = _epochs(pd.concat(parts), "loss", "Loss", "Loss (cross-entropy, nat)", None)
    if spec["kind"] == EXPERIMENT:
        return [loss]
    return [loss, _epochs(history.assign(series=name), "accuracy", "Training", "Training slice accuracy (%)", 100.0)]


def _reliability(_: Spec, sources: ChartSources) -> list[Chart]:
    """Return the share of right answers by their probability, and the number of answers."""
    bins = sources.calibration
    if bins is None or not len(bins):
        return []
    lines, bars = [], []
    for number, (state, rows) in enumerate(bins.sort_values("low").groupby("state", sort=False)):
        filled, first = rows[rows["count"] > 0], rows.iloc[0]
        words = "as trained" if state == "before" else f"temperature {first['temperature']:.2f}"
        name = f"{words}: ECE {100 * first['error']:.1f}"
        notes = [f"n = {row['count']:,}" for row in filled.to_dict("records")]
        lines.append(
            Series(name, "line", (5, 0, 2)[number % 3], _percent(filled["confidence"]),
                   _percent(filled["accuracy"]), notes=notes, dashed=number > 0)
        )  # fmt: skip
        names = [f"{100 * row.low:.0f} to {100 * row.high:.0f}" for row in rows.itertuples()]
        bars.append(Series(words, "bar", (5, 0, 2)[number % 3], names, [int(each) for each in rows["count"]]))
    return [
        Chart("Right answers by probability", "Probability of the answer (%)", "Right answers (%)", lines,
              x_most=100, y_most=100, diagonal=True),
        Chart("Number of answers", "Probability of the answer (%)", "Answers", bars, names=list(bars[0].x)),
    ]  # fmt: skip


_MAKERS: dict[tuple[str, str], Callable[[Spec, ChartSources], list[Chart]]] = {
    (EXPERIMENT, "bars"): _experiment,
    ("reliability", ""): _reliability,
    ("training", ""): _losses,
    (EXPERIMENT, "losses"): _losses,
}


def _percent(values: pd.Series) -> list[float | None]:
    return _rounded(100 * values)


def _rounded(values: pd.Series) -> list[float | None]:
    return [None if pd.isna(value) else round(float(value), 3) for value in values]


def _plain(value: Any) -> Any:
    """Return a value without empty parts, and with printable text."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items() if each not in ((), [], None, False)}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return printable(value) if isinstance(value, str) else value
