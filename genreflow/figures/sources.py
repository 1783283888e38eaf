"""The tables and other products that the figures of a study are drawn from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from genreflow.errors import Damaged
from genreflow.store.parquet import read_frame, read_header
from genreflow.store.text import count, titled

# Columns that show values, classes and tags; models and settings are also looked up by their columns.
_TITLED = ("value", "true", "predicted", "class", "tag", "first", "second", "a", "b")


def with_titles(frame: pd.DataFrame, titles: Mapping[str, str]) -> pd.DataFrame:
    """Return a table in which values, classes and tags have their titles."""
    named = {
        column: frame[column].map(lambda text: text if pd.isna(text) else titled(text, titles))
        for column in _TITLED
        if titles and column in frame and not pd.api.types.is_numeric_dtype(frame[column])
    }
    return frame.assign(**named)


class Tables(Mapping[str, pd.DataFrame]):
    """Tables (Parquet) by name, each read at its first use: a figure needs few, and some are large."""

    def __init__(self, paths: Sequence[str | Path], titles: Mapping[str, str] | None = None) -> None:
        self._paths = {Path(path).stem: Path(path) for path in paths}
        self._titles = titles or {}
        self._read: dict[str, pd.DataFrame] = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        """Return a table; Damaged if it was not made together with those beside it."""
        if name not in self._read:
            path = self._paths[name]
            if read_header(path, "table").key != self.key_in(path.parent):
                raise Damaged(path, "it was not made together with the tables beside it")
            self._read[name] = with_titles(read_frame(path, "table"), self._titles)
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def key_in(self, folder: Path) -> str:
        """Return the key of the tables in a folder, which one job makes."""
        return read_header(next(path for path in self._paths.values() if path.parent == folder), "table").key


@dataclass(frozen=True)
class Sources:
    """The products of a study that figures are drawn from.

    Attributes
    ----------
    study
        `StudyPlan.evaluation`: runs, experiments, the setting in the headline.
    tables
        The study's tables by name, without suffix; those of its dataset's analysis too, if there are any.
    published
        Published numbers by topic: ``curves``, ``classes``, ``confusion``; as far as there are any.
    index
        The index of the headline's input.
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
        """Model, setting and protocol of the headline."""
        return dict(self.study["headline"])

    def name_of(self, key: str) -> str:
        """Return the name of a model, class or protocol for people."""
        return titled(key, self.study.get("titles", {}))

    def titled(self, text: str, *protocols: str) -> str:
        """Return a title, marked where the music of a protocol (by default the main one) is synthetic."""
        known = self.study["protocols"]
        is_synthetic = any(known[name]["standin"] for name in protocols or list(known)[:1])
        return f"{text} (synthetic music)" if is_synthetic else text

    def experiment(self, name: str, *, heading: str = "{title}", number: int | None = None) -> ExperimentSources:
        """Return the data of the figures of an experiment, or of one of its values if `number` is given."""
        rows = rows_of(self.tables["experiments"], experiment=name).drop_duplicates(["model", "setting"])
        rows = rows if number is None else rows.iloc[[number]]
        facts = self.study["experiments"][name]
        title = heading.format(title=facts["title"], value=rows["value"].iloc[0] if len(rows) else "")
        return ExperimentSources(
            self, name, rows, self.titled(title, *rows["protocol"].dropna().unique()), facts["axis"]
        )


@dataclass(frozen=True)
class ExperimentSources:
    """The products that the figures of one experiment are drawn from.

    Attributes
    ----------
    rows
        The rows of the table of experiments, one per value.
    title
        The title of the figure.
    axis
        The names of all that varies, separated by commas.
    """

    study: Sources
    name: str
    rows: pd.DataFrame
    title: str
    axis: str

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """The study's tables."""
        return self.study.tables

    @property
    def tested(self) -> str:
        """How many tracks were tested, in words: ``n = 40 tracks`` or ``n = 28 to 40 tracks``; empty if none."""
        numbers = self.rows["tracks"].dropna()
        if numbers.empty:
            return ""
        low, high = int(numbers.min()), int(numbers.max())
        return f"n = {count(high, 'track')}" if low == high else f"n = {low:,} to {count(high, 'track')}"

    @property
    def baseline(self) -> float | None:
        """The majority baseline; None where protocols have several."""
        known = self.rows["baseline"].dropna().round(6).unique()
        return float(known[0]) if len(known) == 1 else None

    def of_settings(self, table: str, most: int | None = None) -> pd.DataFrame:
        """Return the rows of a table for the (first) values, in their order; the column ``name`` is the value."""
        values = self.rows[["model", "setting", "value"]].head(len(self.rows) if most is None else most)
        return values.rename(columns={"value": "name"}).merge(self.tables[table], on=["model", "setting"])


def read_sources(
    study: Mapping[str, Any],
    *,
    tables: Sequence[str],
    inspected: Sequence[str],
    published: Sequence[str],
    index: str,
    folder: Path,
) -> Sources:
    """Return the tables of a study and of the analysis of its dataset (Parquet), and its published numbers (CSV)."""
    analyses = [path for path in inspected if Path(path).parent.name == "analysis"]
    topics = {Path(path).stem.removeprefix(f"{study['published']}_"): path for path in published}
    titles = study.get("titles", {})
    numbers = {topic: with_titles(pd.read_csv(path, dtype={"value": str}), titles) for topic, path in topics.items()}
    return Sources(study, Tables([*tables, *analyses], titles), numbers, Path(index), folder)


def rows_of(frame: pd.DataFrame, **values: str) -> pd.DataFrame:
    """Return the rows that have these values, as text."""
    for column, value in values.items():
        frame = frame[frame[column].astype(str) == value]
    return frame


def folds_only(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of cross-validated runs."""
    return frame[frame["fold"].astype(str) != "final"]
