"""CSV files that are safe to open in a spreadsheet."""

import os
from typing import Any

import pandas as pd

from genreflow.store.atomic import atomic_write
from genreflow.store.text import sanitize

# Text that begins so is a formula to a spreadsheet (CWE-1236).
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def write_csv(path: str | os.PathLike, frame: pd.DataFrame) -> None:
    """Write `frame` as UTF-8 CSV (RFC 4180) without its index, atomically.

    Text that a spreadsheet would take for a formula is prefixed with an apostrophe (the class ``-core`` becomes
    ``'-core``), and control characters are escaped; Parquet tables keep both. Numbers have ten digits, and missing
    values are empty.
    """
    safe = frame.rename(columns=_defuse).copy()
    for place, kind in enumerate(frame.dtypes):
        if not pd.api.types.is_numeric_dtype(kind):
            safe.isetitem(place, frame.iloc[:, place].astype(object).map(_defuse))
    with atomic_write(path) as temporary:
        safe.to_csv(
            temporary,
            index=False,
            encoding="utf-8",
            errors="backslashreplace",
            lineterminator="\r\n",
            float_format="%.10g",
        )


def _defuse(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    value = sanitize(value)
    return f"'{value}" if value.startswith(_FORMULA_STARTS) else value
