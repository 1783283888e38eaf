"""How the tables of a study are declared: name, builder and columns, and for people title, caption and formatting.

Each module that builds tables lists its own in `TABLES`; `genreflow.evaluation.study` collects them. The workflow, the
study's page and Snakemake's report read them from there, so a new table is declared once, beside its code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from genreflow.store.text import printable

if TYPE_CHECKING:
    from genreflow.evaluation.study import StudyResults

NOTHING = "–"


@dataclass(frozen=True)
class Column:
    """A column on a page: heading (with unit), the keys of its values, and a function that formats them."""

    heading: str
    keys: tuple[str, ...]
    format: Callable[..., str]
    numeric: bool = True


@dataclass(frozen=True)
class StudyTable:
    """A table of a study.

    Attributes
    ----------
    name
        Stem of its files in ``results/<study>/tables/``.
    build
        Function from the results of a study to the table.
    columns
        Names of all columns, in order. The column ``music`` is added to tables that have the column ``protocol``.
    section, title, caption
        Section of the study's page, title, and description for Snakemake's report. A table without a title is read by
        figures only.
    shown
        Columns on the study's page; with none, the table is offered as a CSV file only.
    folded
        Whether the page shows the title only, until a reader opens the table.
    of_headline
        Whether the page shows the rows of the headline's setting only.
    """

    name: str
    build: Callable[[StudyResults], pd.DataFrame]
    columns: tuple[str, ...]
    section: str = ""
    title: str = ""
    caption: str = ""
    shown: tuple[Column, ...] = ()
    folded: bool = False
    of_headline: bool = False


def frame_of(rows: Sequence[Any], columns: Sequence[str]) -> pd.DataFrame:
    """Return rows as a table with the given columns; a table without rows has them as well."""
    return pd.DataFrame(list(rows), columns=list(columns))


def concat(parts: Sequence[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    """Return tables one below the other, with the given columns."""
    filled = [part for part in parts if len(part)]  # pandas would take the types of empty tables into account
    return pd.concat(filled, ignore_index=True)[list(columns)] if filled else frame_of([], columns)


# ---- columns by the type of their values ----


def text_column(heading: str, key: str) -> Column:
    """Return a column of text."""
    return Column(heading, (key,), text, numeric=False)


def count_column(heading: str, key: str) -> Column:
    """Return a column of whole numbers."""
    return Column(heading, (key,), whole)


def number_column(heading: str, key: str) -> Column:
    """Return a column of numbers with three significant digits."""
    return Column(heading, (key,), number)


def percent_column(heading: str, key: str) -> Column:
    """Return a column of shares of 1, written as percentages."""
    return Column(heading, (key,), percent)


def interval_column(heading: str, key: str, ends: str = "") -> Column:
    """Return a column of shares with the interval in ``<ends>_low`` and ``<ends>_high``; `ends` is `key` by default."""
    ends = ends or key
    return Column(heading, (key, f"{ends}_low", f"{ends}_high"), interval)


def area_column(heading: str, key: str) -> Column:
    """Return a column of areas under curves, from 0 to 1, with the interval in ``<key>_low`` and ``<key>_high``."""
    return Column(heading, (key, f"{key}_low", f"{key}_high"), area)


# ---- formats of single values ----


def text(value: Any) -> str:
    """Format any value; control and direction-changing characters show as U+FFFD."""
    return NOTHING if _is_missing(value) or value == "" else printable(value)


def whole(value: Any) -> str:
    """Format a whole number: 27,600."""
    return NOTHING if _is_missing(value) else f"{value:,.0f}"


def number(value: Any) -> str:
    """Format a number with three significant digits: 0.0123, 14.5, 1,230."""
    if _is_missing(value):
        return NOTHING
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def percent(value: Any) -> str:
    """Format a share of 1 as a percentage without its sign: 69.4."""
    return NOTHING if _is_missing(value) else f"{100 * value:.1f}"


def points(value: Any) -> str:
    """Format a difference of two shares in percentage points: +2.1, −0.4."""
    return NOTHING if _is_missing(value) else f"{100 * value:+.1f}".replace("-", "\N{MINUS SIGN}")


def interval(value: Any, low: Any, high: Any) -> str:
    """Format a share and its interval as percentages: 69.4 [66.1, 72.5]."""
    return NOTHING if _is_missing(value) else f"{percent(value)} [{percent(low)}, {percent(high)}]"


def area(value: Any, low: Any = None, high: Any = None) -> str:
    """Format an area under a curve and, if known, its interval: 0.873 [0.851, 0.892]."""
    if _is_missing(value):
        return NOTHING
    return f"{value:.3f}" if _is_missing(low) or _is_missing(high) else f"{value:.3f} [{low:.3f}, {high:.3f}]"


def plus_minus(value: Any, spread: Any) -> str:
    """Format a share and its standard deviation as percentages: 69.4 ± 12.4."""
    return NOTHING if _is_missing(value) else f"{percent(value)} ± {percent(spread)}"


def duration(seconds: Any) -> str:
    """Format a duration: 12.3 s, 4 min 05 s, 1 h 02 min."""
    if _is_missing(seconds):
        return NOTHING
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def hours(value: Any) -> str:
    """Format a number of hours as a duration."""
    return NOTHING if _is_missing(value) else duration(3600 * value)


def kilo(value: Any) -> str:
    """Format a number in thousands with one decimal: 16.0."""
    return NOTHING if _is_missing(value) else f"{value / 1000:.1f}"


def _is_missing(value: Any) -> bool:
    return pd.api.types.is_scalar(value) and bool(pd.isna(value))
