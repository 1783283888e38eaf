"""The building blocks of a page's sections."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from genreflow.report.charts import Chart
from genreflow.report.confusion_browser import ConfusionBrowser
from genreflow.report.tables import Table
from genreflow.store.text import count

HINT = (
    "Select a cell to list its tracks and play them; the arrow keys move between cells. The strip of a track shows "
    "its slices: blue if the true class was predicted, orange if the class predicted for the track was, gray for any "
    "other; fainter slices have lower probabilities."
)
CHOOSE = "Select a class to list its cells. "
MISTAKES = 100
"""Number of cells of a large matrix that are listed before a row is selected."""


@dataclass(frozen=True)
class Picture:
    """A figure (SVG) with its title, caption and alternative text, the table behind it, and its interactive charts."""

    name: str
    title: str
    caption: str
    alt: str
    svg: bytes
    table: pd.DataFrame | None = None
    charts: Sequence[Chart] = ()


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
    anchor: str = ""


@dataclass(frozen=True)
class TableBlock:
    """A table; a folded one shows only its caption until the reader opens it."""

    kind: ClassVar[str] = "table"
    table: Table
    folded: bool = False


@dataclass(frozen=True)
class FigureBlock:
    """A figure, and the table behind it if there is one."""

    kind: ClassVar[str] = "figure"
    picture: Picture
    table: Table | None


@dataclass(frozen=True)
class Pairs:
    """Names and their values."""

    kind: ClassVar[str] = "pairs"
    pairs: Mapping[str, str]


@dataclass(frozen=True)
class Cell:
    """A cell of a matrix: key, number of tracks, shade (0 to 10), whether it is correct, and its description."""

    name: str
    count: int
    shade: str
    right: bool
    label: str


@dataclass(frozen=True)
class ConfusionPanel:
    """A confusion matrix whose cells list their tracks; `panel` is its number on the page.

    A large matrix is shown as a list of its largest mistakes; scripts list the cells of any row.
    """

    kind: ClassVar[str] = "confusion"
    browser: ConfusionBrowser
    panel: int

    @property
    def caption(self) -> str:
        """Caption of the matrix."""
        return self.browser.caption

    @property
    def hint(self) -> str:
        """Instructions for the matrix."""
        return (CHOOSE if self.browser.is_large else "") + HINT

    @property
    def cells(self) -> list[list[Cell]]:
        """Cells, row by row."""
        rows, columns = range(len(self.browser.rows)), range(len(self.browser.columns))
        return [[self._cell(row, column) for column in columns] for row in rows]

    @property
    def mistakes(self) -> list[tuple[str, str, Cell]]:
        """The largest wrong cells, with the names of their row and column."""
        rows, columns = self.browser.rows, self.browser.columns
        largest = self.browser.mistakes()[:MISTAKES]
        return [(rows[row], columns[column], self._cell(row, column)) for row, column in largest]

    def _cell(self, row: int, column: int) -> Cell:
        browser = self.browser
        tracks = len(browser.cells.get((row, column), ()))
        shade = str(round(10 * tracks / browser.totals[row])) if tracks else "none"
        label = f"{count(tracks, 'track')}: {browser.label(row, column)}"
        return Cell(f"{row},{column}", tracks, shade, (row, column) in browser.right, label)


@dataclass(frozen=True)
class LibraryMap:
    """The map of the library."""

    kind: ClassVar[str] = "map"
    tracks: str
    sentences: Sequence[str]


@dataclass(frozen=True)
class Fold:
    """Detail that is folded until the reader, a link or the browser's search opens it; in print it is open.

    `note` is a sentence beside the title; `anchor` is what links name.
    """

    kind: ClassVar[str] = "fold"
    title: str
    blocks: Sequence["Block"]
    note: str = ""
    anchor: str = ""


Block = Text | Heading | TableBlock | FigureBlock | Pairs | ConfusionPanel | LibraryMap | Fold
