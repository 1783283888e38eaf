"""A CSV file from whatever spreadsheet, as rows of text."""

import codecs
import csv
import io
from dataclasses import dataclass
from pathlib import Path

from genreflow.errors import UserError

MAX_BYTES = 100_000_000
MAX_CELL = 100_000
_SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class Sheet:
    """A header and rows.

    Attributes
    ----------
    header
        Names of the columns, in lower case.
    rows
        Number of the line where a row begins, and its cells as they are. Empty rows are left out.
    separator
        Between cells.
    """

    header: list[str]
    rows: list[tuple[int, list[str]]]
    separator: str

    @property
    def separator_name(self) -> str:
        """The separator in a word."""
        return _SEPARATORS[self.separator]


def read_sheet(path: str) -> Sheet:
    """Read a CSV file in UTF-8, separated by comma, semicolon or tab, with any line ends.

    Raises
    ------
    UserError
        When it does not exist, is larger than 100 MB, empty, in another encoding, or ends within quotation marks.
    """
    text = _text(path)
    separator = _separator(text)
    rows = [(line, row) for line, row in _rows(text, separator, path) if any(cell.strip() for cell in row)]
    if not rows:
        raise UserError(f"{path} is empty. Its first line must name the columns.")
    return Sheet([name.strip().lower() for name in rows[0][1]], rows[1:], separator)


def _text(path: str) -> str:
    file = Path(path).expanduser()
    try:
        if (size := file.stat().st_size) > MAX_BYTES:
            raise UserError(
                f"{path} has {size / 1e6:,.0f} MB; a manifest of 30,000 rows has 3 MB. Is it the right file?"
            )
        content = file.read_bytes()
    except FileNotFoundError:
        raise UserError(f"The manifest {path!r} does not exist.") from None
    except OSError as error:
        raise UserError(f"The manifest {path!r} cannot be read: {error.strerror}.") from None
    start = content[:1000]
    if start.startswith(_UTF_16) or start.count(0) > len(start) / 4:
        at = start.find(0) if 0 in start else 0
        raise UserError(f"{path} is UTF-16, by its byte {at}. Save the file as UTF-8.")
    try:
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(f"{path}: byte {error.start}, in line {line}, is not UTF-8. Save the file as UTF-8.") from None


def _separator(text: str) -> str:
    header = text.lstrip().splitlines()[:1]
    return max(_SEPARATORS, key=header[0].count) if header else ","


def _rows(text: str, separator: str, path: str) -> list[tuple[int, list[str]]]:
    csv.field_size_limit(MAX_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows, line = [], 1
    try:
        for row in reader:
            rows.append((line, row))
            line = reader.line_num + 1
    except csv.Error as error:
        raise UserError(
            f"{path}, row {line}: {error}. Put a cell that holds a quotation mark into quotation marks, and double it."
        ) from None
    return rows
