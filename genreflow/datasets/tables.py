"""Tables of published datasets, read as text: an id keeps its zeros, and a genre may be called `NA`."""

import csv
import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from genreflow.errors import Problems, UserError, did_you_mean
from genreflow.store.regular import open_regular

_LONGEST_CELL = 2**24  # biographies in the Free Music Archive are longer than the csv module's own limit
_MOST_PROBLEMS = 20
_MOST_BYTES = 2 * 10**9  # the largest, tracks.csv of the Free Music Archive, has 260 MB


@dataclass(frozen=True)
class Table:
    """A table on disk whose header has been read.

    Attributes
    ----------
    path
        The file: UTF-8, with or without a byte order mark.
    columns
        Names of the columns. Those of a header of several lines are joined by dots: ``track.genre_top``.
    header_lines, separator
        How the file is laid out.
    """

    path: Path
    columns: list[str]
    header_lines: int = 1
    separator: str = ","

    def places(self, *names: str) -> list[int]:
        """Return where these columns are, or raise `Problems` that name every one that is not there."""
        missing = [name for name in names if name not in self.columns]
        if missing:
            hints = [f"the column {name!r} is missing.{did_you_mean(name, self.columns)}" for name in missing]
            raise Problems(f"{self.path}:", hints)
        return [self.columns.index(name) for name in names]

    def rows(self, problems: list[str] | None = None) -> Iterator[tuple[int, list[str]]]:
        """Yield every row with the number of its (last) line.

        Ragged rows are left out and added to `problems`; without such a list they are raised after the last row.
        """
        ragged = [] if problems is None else problems
        for line, row in itertools.islice(_lines(self.path, self.separator), self.header_lines, None):
            if len(row) == len(self.columns):
                yield line, row
            elif row:
                ragged.append(f"line {line}: {len(row)} cells, where the header has {len(self.columns)}")
        if problems is None:
            raise_any(self.path, ragged)

    def records(self, *names: str, problems: list[str] | None = None) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield the same with, of every row, these columns by name."""
        places = self.places(*names)
        for line, row in self.rows(problems):
            yield line, {name: row[place] for name, place in zip(names, places, strict=True)}


def read_header(path: Path, *, header_lines: int = 1, separator: str = ",") -> Table:
    """Read the header of a table; raise `UserError` if there is none."""
    header = [row for _, row in itertools.islice(_lines(path, separator), header_lines)]
    if len(header) < header_lines:
        raise UserError(f"{path} is empty, or ends within its header.")
    columns = [".".join(filter(None, cells)) for cells in itertools.zip_longest(*header, fillvalue="")]
    return Table(path, columns, header_lines, separator)


def raise_any(path: Path, problems: list[str]) -> None:
    """Raise the problems of a table, if any, and list the first twenty."""
    rest = len(problems) - _MOST_PROBLEMS
    if problems:
        raise Problems(f"{path}:", problems[:_MOST_PROBLEMS] + ([f"and {rest:,} more"] if rest > 0 else []))


def _lines(path: Path, separator: str) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(_LONGEST_CELL)
    line = 0
    try:
        with (
            open_regular(path, most=_MOST_BYTES, expected="a table") as content,
            io.TextIOWrapper(content, encoding="utf-8-sig", newline="") as file,
        ):
            reader = csv.reader(file, delimiter=separator)
            for row in reader:
                line = reader.line_num
                yield line, row
    except FileNotFoundError:
        raise UserError(f"The table {str(path)!r} does not exist.") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8 after line {line}. Take the file as it was published.") from None
    except csv.Error as error:
        raise UserError(f"{path}, after line {line}: {error}.") from None
