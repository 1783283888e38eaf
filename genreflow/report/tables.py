"""Data frames as the text cells of a table on a page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from genreflow.evaluation.registry import NOTHING, Column, number, percent, text, whole
from genreflow.store.text import printable

_SHARES = frozenset(
    {"accuracy", "train_accuracy", "slice_accuracy", "track_accuracy_majority", "track_accuracy_mean", "share"}
)


@dataclass(frozen=True)
class Table:
    """A table of text cells.

    `omitted` is the number of rows beyond the limit, which only the CSV file has. `tracks` holds the track id of each
    row that can be played.
    """

    caption: str
    headings: list[str]
    numeric: list[bool]
    rows: list[list[str]]
    omitted: int = 0
    tracks: Sequence[str] = ()


def table(frame: pd.DataFrame, columns: Sequence[Column], *, caption: str, limit: int = 200) -> Table:
    """Return the first `limit` rows of `frame` as text.

    Columns whose keys the frame lacks, or that are empty in all rows, are left out. Rows with a ``track_id`` can be
    played.
    """
    shown = frame.head(limit)
    columns = [column for column in columns if set(column.keys) <= set(frame.columns)]
    cells = [[column.format(*values) for values in _values(shown, column.keys)] for column in columns]
    kept = [i for i, column in enumerate(cells) if not shown.size or any(cell != NOTHING for cell in column)]
    return Table(
        caption=caption,
        headings=[columns[i].heading for i in kept],
        numeric=[columns[i].numeric for i in kept],
        rows=[list(row) for row in zip(*(cells[i] for i in kept), strict=True)],
        omitted=len(frame) - len(shown),
        tracks=list(shown["track_id"]) if "track_id" in shown else (),
    )


def pairs(values: Mapping[str, Any], *, caption: str) -> Table:
    """Return names and values as a table of two columns."""
    rows = [[text(name), text(value)] for name, value in values.items()]
    return Table(caption, ["Name", "Value"], [False, False], rows)


def plain(frame: pd.DataFrame, *, caption: str, limit: int = 200) -> Table:
    """Return any frame as text under its own column names, for the table behind a figure."""
    return table(frame, [_default_column(name, frame[name]) for name in frame.columns], caption=caption, limit=limit)


def matrix(rows: pd.DataFrame, column: str = "count") -> pd.DataFrame:
    """Return confusion rows (``true, predicted, count, share``) as a square: true classes down, predicted across."""
    classes = list(dict.fromkeys([*rows.true, *rows.predicted]))
    square = rows.pivot(index="true", columns="predicted", values=column).reindex(index=classes, columns=classes)
    return square.rename_axis(index=None, columns=None).reset_index(names="true \\ predicted")


def _default_column(name: str, values: pd.Series) -> Column:
    heading = printable(name).replace("_", " ")
    if pd.api.types.is_bool_dtype(values) or not pd.api.types.is_numeric_dtype(values):
        return Column(heading, (name,), text, numeric=False)
    if name in _SHARES:
        return Column(f"{heading} (%)", (name,), percent)
    return Column(heading, (name,), whole if pd.api.types.is_integer_dtype(values) else number)


def _values(frame: pd.DataFrame, keys: tuple[str, ...]) -> zip:
    return zip(*(frame[key] for key in keys), strict=True)
