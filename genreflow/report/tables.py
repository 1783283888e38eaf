"""Tidy table -> the cells of a table that a person reads."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from genreflow.store.text import printable

NOTHING = "–"
_SHARES = frozenset(
    {"accuracy", "train_accuracy", "slice_accuracy", "track_accuracy_majority", "track_accuracy_mean", "share"}
)


@dataclass(frozen=True)
class Column:
    """A column to show: its heading with its unit, the columns it is made of, and how their values are written."""

    heading: str
    keys: tuple[str, ...]
    write: Callable[..., str]
    numeric: bool = True


@dataclass(frozen=True)
class Table:
    """A table ready to be shown.

    `omitted` rows beyond the limit are left to the CSV. `tracks` has the track of each row that can be heard.
    """

    caption: str
    headings: list[str]
    numeric: list[bool]
    rows: list[list[str]]
    omitted: int = 0
    tracks: Sequence[str] = ()


def text(value: Any) -> str:
    """Write a value of any type; control and direction-changing characters show as U+FFFD."""
    return NOTHING if _missing(value) or value == "" else printable(value)


def count(value: Any) -> str:
    """Write a whole number: 27,600."""
    return NOTHING if _missing(value) else f"{value:,.0f}"


def number(value: Any) -> str:
    """Write a number with three significant digits: 0.0123, 14.5, 1,230."""
    if _missing(value):
        return NOTHING
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def percent(value: Any) -> str:
    """Write a share of 1 as a percentage, its sign left to the heading: 69.4."""
    return NOTHING if _missing(value) else f"{100 * value:.1f}"


def points(value: Any) -> str:
    """Write a difference of two shares in percentage points: +2.1, −0.4."""
    return NOTHING if _missing(value) else f"{100 * value:+.1f}".replace("-", "\N{MINUS SIGN}")


def interval(value: Any, low: Any, high: Any) -> str:
    """Write a share and its interval as percentages: 69.4 [66.1, 72.5]."""
    return NOTHING if _missing(value) else f"{percent(value)} [{percent(low)}, {percent(high)}]"


def plus_minus(value: Any, spread: Any) -> str:
    """Write a share and its standard deviation as percentages: 69.4 ± 12.4."""
    return NOTHING if _missing(value) else f"{percent(value)} ± {percent(spread)}"


def duration(seconds: Any) -> str:
    """Write a time: 12.3 s, 4 min 05 s, 1 h 02 min."""
    if _missing(seconds):
        return NOTHING
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def kilo(value: Any) -> str:
    """Write a number in thousands with one decimal, its unit left to the heading: 16.0."""
    return NOTHING if _missing(value) else f"{value / 1000:.1f}"


def table(frame: pd.DataFrame, columns: Sequence[Column], *, caption: str, limit: int = 200) -> Table:
    """Return the first `limit` rows of `frame` as text.

    A column is left out where the frame lacks one of its keys, or where no row has anything to say. Rows with a
    ``track_id`` can be heard.
    """
    shown = frame.head(limit)
    columns = [column for column in columns if set(column.keys) <= set(frame.columns)]
    written = [[column.write(*values) for values in _values(shown, column.keys)] for column in columns]
    kept = [i for i, cells in enumerate(written) if not shown.size or any(cell != NOTHING for cell in cells)]
    return Table(
        caption=caption,
        headings=[columns[i].heading for i in kept],
        numeric=[columns[i].numeric for i in kept],
        rows=[list(row) for row in zip(*(written[i] for i in kept), strict=True)],
        omitted=len(frame) - len(shown),
        tracks=list(shown["track_id"]) if "track_id" in shown else (),
    )


def pairs(values: Mapping[str, Any], *, caption: str) -> Table:
    """Return names and values as a table of two columns."""
    rows = [[text(name), text(value)] for name, value in values.items()]
    return Table(caption, ["Name", "Value"], [False, False], rows)


def plain(frame: pd.DataFrame, *, caption: str, limit: int = 200) -> Table:
    """Return any frame as text, under its own column names; for the table behind a figure."""
    return table(frame, [_guess(name, frame[name]) for name in frame.columns], caption=caption, limit=limit)


def matrix(rows: pd.DataFrame, column: str = "count") -> pd.DataFrame:
    """Return confusion rows (``true, predicted, count, share``) as a square: true classes down, predicted across."""
    classes = list(dict.fromkeys([*rows.true, *rows.predicted]))
    square = rows.pivot(index="true", columns="predicted", values=column).reindex(index=classes, columns=classes)
    return square.rename_axis(index=None, columns=None).reset_index(names="true \\ predicted")


def _guess(name: str, values: pd.Series) -> Column:
    heading = printable(name).replace("_", " ")
    if pd.api.types.is_bool_dtype(values) or not pd.api.types.is_numeric_dtype(values):
        return Column(heading, (name,), text, numeric=False)
    if name in _SHARES:
        return Column(f"{heading} (%)", (name,), percent)
    return Column(heading, (name,), count if pd.api.types.is_integer_dtype(values) else number)


def _values(frame: pd.DataFrame, keys: tuple[str, ...]) -> zip:
    return zip(*(frame[key] for key in keys), strict=True)


def _missing(value: Any) -> bool:
    return pd.api.types.is_scalar(value) and bool(pd.isna(value))
