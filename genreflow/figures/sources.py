"""What the figures of a study are drawn from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from genreflow.errors import Damaged
from genreflow.store.parquet import read_frame, read_header


class Tables(Mapping[str, pd.DataFrame]):
    """Tables (Parquet) by name, each read when it is first asked for: a figure needs few, and some are large."""

    def __init__(self, paths: Sequence[str | Path]) -> None:
        self._paths = {Path(path).stem: path for path in paths}
        self._read: dict[str, pd.DataFrame] = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        """Return a table; Damaged if it was not made together with those beside it."""
        if name not in self._read:
            path = Path(self._paths[name])
            if read_header(path, "table").key != self.key_in(path.parent):
                raise Damaged(path, "it was not made together with the tables beside it")
            self._read[name] = read_frame(self._paths[name], "table")
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._paths)

    def key_in(self, folder: Path) -> str:
        """Return the key of the tables in a folder, which one job makes."""
        return read_header(next(path for path in self._paths.values() if Path(path).parent == folder), "table").key

    def __len__(self) -> int:
        """Return how many tables there are."""
        return len(self._paths)


@dataclass(frozen=True)
class Sources:
    """What figures are drawn from.

    Attributes
    ----------
    study
        What the plan tells of the study: runs, experiments, the setting in the headline.
    tables
        The study's tables by name, without suffix; those of its dataset's analysis too, if there are any.
    published
        Published numbers by what they are: ``curves``, ``classes``, ``confusion``; as far as there are any.
    index
        The index of the input that the headline's model is fed.
    folder
        Folder of the study's results.
    """

    study: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame]
    published: Mapping[str, pd.DataFrame]
    index: Path
    folder: Path

    @property
    def headline(self) -> dict[str, str]:
        """Model, setting and protocol that the report is about."""
        return dict(self.study["headline"])

    def titled(self, text: str, *protocols: str) -> str:
        """Return a title that says so where the music of a protocol, the main one if none is named, is a stand-in."""
        known = self.study["protocols"]
        is_standin = any(known[name]["standin"] for name in protocols or list(known)[:1])
        return f"{text} (stand-in music)" if is_standin else text

    def experiment(self, name: str) -> pd.DataFrame:
        """Return the rows of an experiment's table, one a value."""
        return rows_of(self.tables["experiments"], experiment=name).drop_duplicates(["model", "setting"])

    def of_settings(self, table: str, values: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of a table that are of the settings of some values, with the column ``name``: the value."""
        names = values[["model", "setting", "value"]].rename(columns={"value": "name"})
        return names.merge(self.tables[table], on=["model", "setting"])  # in the order of the values


def read_sources(
    study: Mapping[str, Any],
    *,
    tables: Sequence[str],
    inspected: Sequence[str],
    published: Sequence[str],
    index: str,
    folder: Path,
) -> Sources:
    """Return the tables of a study and of the analysis of its dataset (Parquet), and what was published of it."""
    described = [path for path in inspected if Path(path).parent.name == "analysis"]
    known = {Path(path).stem.removeprefix(f"{study['published']}_"): path for path in published}
    printed = {name: pd.read_csv(path, dtype={"value": str}) for name, path in known.items()}
    return Sources(study, Tables([*tables, *described]), printed, Path(index), folder)


def rows_of(frame: pd.DataFrame, **values: str) -> pd.DataFrame:
    """Return the rows that have these values, as text."""
    for column, value in values.items():
        frame = frame[frame[column].astype(str) == value]
    return frame


def folds_only(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of cross-validated runs."""
    return frame[frame["fold"].astype(str) != "final"]
