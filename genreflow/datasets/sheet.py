"""Reading CSV files of any spreadsheet program as rows of text."""

import codecs
import csv
import io
import re
from dataclasses import dataclass

from genreflow.errors import UserError
from genreflow.store.regular import expand_home, read_regular

MAX_BYTES = 100_000_000
MAX_CELL = 100_000
_SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[ \t;,]*(?:\r\n|\r|\n)', re.IGNORECASE)
_LOOSE_QUOTES = re.compile(r'[,;\t\r\n] +"|" +[,;\t\r\n]')
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_SAVE_AS_CSV = (
    "Save it as CSV: in Excel by File, Save As, `CSV UTF-8 (Comma delimited)`; in LibreOffice by File, Save As, "
    "`Text CSV`, character set UTF-8. Then set `path` to that file."
)


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
        return _SEPARATORS.get(self.separator, repr(self.separator))


def read_sheet(path: str) -> Sheet:
    """Read a CSV file in UTF-8 or UTF-16, separated by comma, semicolon or tab, with any line ends.

    A first line such as ``sep=;``, which Excel writes, names another separator. Blanks around a cell in quotation marks
    do not count.

    Raises
    ------
    UserError
        When it does not exist, is larger than 100 MB, empty, in another encoding, a workbook, or ends within quotation
        marks.
    """
    text, separator = _without_separator_line(_text(path))
    separator = separator or _separator(text)
    rows = [(line, row) for line, row in _rows(text, separator, path) if any(cell.strip() for cell in row)]
    if not rows:
        raise UserError(f"{path} is empty. Its first line must name the columns.")
    return Sheet([name.strip().lower() for name in rows[0][1]], rows[1:], separator)


def _text(path: str) -> str:
    file = expand_home(path)
    try:
        content = read_regular(file, most=MAX_BYTES, expected="a manifest")
    except FileNotFoundError:
        raise UserError(f"The manifest {path!r} does not exist.") from None
    except OSError as error:
        raise UserError(f"The manifest {path!r} cannot be read: {error.strerror}.") from None
    if kind := _workbook(content):
        raise UserError(f"{path} is {kind}, not CSV. {_SAVE_AS_CSV}")
    encoding = _encoding(content)
    try:
        return content.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        name = encoding.upper() if encoding == "utf-8" else "UTF-16"
        raise UserError(f"{path}: byte {error.start}, in line {line}, is not {name}. Save the file as UTF-8.") from None


def _workbook(content: bytes) -> str:
    """Return the name of a spreadsheet format other than CSV; empty for any other file."""
    if content.startswith(_OLE):
        return "an Excel workbook (.xls)"
    if not content.startswith(_ZIP):
        return ""
    if b"xl/workbook" in content:
        return "an Excel workbook (.xlsx)"
    if b"opendocument.spreadsheet" in content[:200]:
        return "a LibreOffice spreadsheet (.ods)"
    return "a ZIP archive"


def _encoding(content: bytes) -> str:
    """Return the encoding of a text: UTF-16 by its mark or its many zero bytes, else UTF-8."""
    if content.startswith(_UTF_16):
        return "utf-16"
    start = content[:1000]
    if start.count(0) <= len(start) / 4:
        return "utf-8"
    return "utf-16-be" if start[::2].count(0) > start[1::2].count(0) else "utf-16-le"


def _without_separator_line(text: str) -> tuple[str, str]:
    """Return the text with an empty line in place of ``sep=;``, so that lines keep their numbers, and the separator."""
    match = _SEPARATOR_LINE.match(text)
    return ("\n" + text[match.end() :], match[1]) if match else (text, "")


def _separator(text: str) -> str:
    header = text.lstrip().splitlines()[:1]
    return max(_SEPARATORS, key=header[0].count) if header else ","


def _rows(text: str, separator: str, path: str) -> list[tuple[int, list[str]]]:
    csv.field_size_limit(MAX_CELL)
    if _LOOSE_QUOTES.search(text):
        text = _with_tight_quotes(text, separator)
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


def _with_tight_quotes(text: str, separator: str) -> str:
    """Return a text without the blanks between separators and cells in quotation marks."""
    mark = re.escape(separator)
    cell = rf'(^|{mark}) *("(?:[^"]++|"")*+") *(?={mark}|[\r\n]|\Z)'
    return re.sub(cell, r"\1\2", text, flags=re.MULTILINE)
