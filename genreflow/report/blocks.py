"""What sections of a page are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from genreflow.report.confusion_browser import ConfusionBrowser
from genreflow.report.tables import Table

STANDIN = " (stand-in music)"
HINT = (
    "Choose a cell to list its tracks and to hear them; arrow keys go from cell to cell. Of each track a strip shows "
    "its slices: blue those that are given the true class, orange those that are given the answer, grey any other; the "
    "fainter, the less sure."
)
CHOOSE = "Choose a class to list its cells. "
MISTAKES = 100
"""Cells of a large matrix that are listed before a row is chosen."""


@dataclass(frozen=True)
class Picture:
    """A drawn figure (SVG), with what a reader needs who cannot see it, and the table behind it."""

    name: str
    title: str
    caption: str
    alt: str
    svg: bytes
    table: pd.DataFrame | None = None


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    kind: ClassVar[str] = "text"
    text: str


@dataclass(frozen=True)
class Heading:
    """A heading below that of the section."""

    kind: ClassVar[str] = "heading"
    text: str


@dataclass(frozen=True)
class Shown:
    """A table."""

    kind: ClassVar[str] = "table"
    table: Table


@dataclass(frozen=True)
class Folded:
    """A long table that waits behind its caption."""

    kind: ClassVar[str] = "folded"
    table: Table


@dataclass(frozen=True)
class Drawn:
    """A figure, and the table behind it if there is one."""

    kind: ClassVar[str] = "picture"
    picture: Picture
    table: Table | None


@dataclass(frozen=True)
class Pairs:
    """Names and what they stand for."""

    kind: ClassVar[str] = "pairs"
    pairs: Mapping[str, str]


@dataclass(frozen=True)
class Cell:
    """A cell of a matrix: how many tracks, how dark (0 to 10), whether it is right, and what it is in words."""

    name: str
    count: int
    shade: str
    right: bool
    label: str


@dataclass(frozen=True)
class ConfusionPanel:
    """A matrix whose cells list their tracks; `panel` is its number on the page.

    Of a large one there is a list of its largest mistakes, and scripts list the cells of any row.
    """

    kind: ClassVar[str] = "confusion"
    browser: ConfusionBrowser
    panel: int
    standin: bool = False

    @property
    def caption(self) -> str:
        """What the matrix shows."""
        return self.browser.caption + (STANDIN if self.standin else "")

    @property
    def hint(self) -> str:
        """What to do with the matrix."""
        return (CHOOSE if self.browser.is_large else "") + HINT

    @property
    def cells(self) -> list[list[Cell]]:
        """The cells, row by row."""
        rows, columns = range(len(self.browser.rows)), range(len(self.browser.columns))
        return [[self._cell(row, column) for column in columns] for row in rows]

    @property
    def mistakes(self) -> list[tuple[str, str, Cell]]:
        """The largest cells in which the answer is wrong, each with the names of its row and column."""
        told = self.browser
        largest = told.mistakes()[:MISTAKES]
        return [(told.rows[row], told.columns[column], self._cell(row, column)) for row, column in largest]

    def _cell(self, row: int, column: int) -> Cell:
        told = self.browser
        count = len(told.cells.get((row, column), ()))
        shade = str(round(10 * count / told.totals[row])) if count else "none"
        label = f"{count:,} {'track' if count == 1 else 'tracks'}: {told.label(row, column)}"
        return Cell(f"{row},{column}", count, shade, (row, column) in told.right, label)


@dataclass(frozen=True)
class Mapped:
    """The map of the library."""

    kind: ClassVar[str] = "map"
    tracks: int
    sentences: Sequence[str]
