"""Tables for users, as CSV or Parquet, by the name of the file."""

import os

import pandas as pd

from genreflow.store.csvs import write_csv
from genreflow.store.parquet import Header, write_table

PARQUET = ".parquet"


def write_rows(path: str | os.PathLike, frame: pd.DataFrame) -> None:
    """Write a table atomically: as Parquet, which keeps all types and digits, if the name ends so; else as CSV."""
    if os.fspath(path).lower().endswith(PARQUET):
        write_table(path, frame, Header("table"))
    else:
        write_csv(path, frame)
