"""The results of a study: its runs are read, its tables built and its headline written."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from genreflow.evaluation import (
    claims,
    complementarity,
    cross_dataset,
    dataset_tables,
    headline,
    label_issues,
    published_details,
    score_tables,
    search,
    tables,
)
from genreflow.evaluation import published as published_numbers
from genreflow.evaluation.fusion import fused_runs
from genreflow.evaluation.registry import StudyTable
from genreflow.evaluation.runs import Run, divided_groups
from genreflow.folds.roles import FINAL
from genreflow.store.parquet import read_frame
from genreflow.store.runs import HISTORY, PREDICTIONS, read_run

# Raise it when any table or sentence of the evaluation would change.
STAGE_VERSION = 15

# A module with a table of its own is added here.
TABLES: dict[str, StudyTable] = {
    table.name: table
    for module in (
        dataset_tables,
        tables,
        score_tables,
        label_issues,
        search,
        complementarity,
        cross_dataset,
        claims,
        published_details,
    )
    for table in module.TABLES
}


@dataclass(frozen=True, eq=False)
class StudyResults(Mapping[str, pd.DataFrame]):
    """The inputs of a study's tables, and the tables by name; each table is built when it is first used.

    Attributes
    ----------
    study
        The study from the plan: ``experiments, settings, fusions, protocols, headline, seed``.
    runs, folds, index
        Trained runs, fold tables (`read_folds`) with all known groups (`runs.with_known_groups`), and the index of the
        input of the headline's setting.
    titles
        Titles of the tracks of all datasets, by track id.
    ignored
        Number of ignored files of each class.
    published
        Published numbers (`read_published`).
    pairs
        Copies in the headline's dataset (`genreflow.datasets.duplicates.find_pairs`).
    trials
        Trials of a search (`search.read_trials`); none where there is no search.
    leakage
        Audit of the headline's protocol; None where nothing is trained.
    cross_datasets
        Answers of the final model on the tracks of other datasets (`cross_dataset.TRACKS`), by dataset.
    disagreements
        Tracks whose labels differ in a second source: title, class, class there, and fate.
    """

    study: Mapping[str, Any]
    runs: Sequence[Run]
    folds: pd.DataFrame
    index: pd.DataFrame
    titles: pd.Series
    ignored: Mapping[str, int]
    published: Mapping[str, pd.DataFrame]
    pairs: pd.DataFrame
    trials: pd.DataFrame = field(default_factory=search.no_trials)
    leakage: pd.DataFrame | None = None
    cross_datasets: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    disagreements: Sequence[Sequence[str]] = ()
    _built: dict[str, pd.DataFrame] = field(default_factory=dict)

    def __getitem__(self, name: str) -> pd.DataFrame:
        """Return a table; KeyError if none has that name."""
        if name not in self._built:
            self._built[name] = TABLES[name].build(self)
        return self._built[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of all tables."""
        return iter(TABLES)

    def __len__(self) -> int:
        """Return the number of tables."""
        return len(TABLES)

    @property
    def seed(self) -> int:
        """Seed of all random draws."""
        return self.study["seed"]

    @cached_property
    def all_runs(self) -> list[Run]:
        """Trained runs and fusions of them."""
        return [*self.runs, *fused_runs(self.runs, self.study["fusions"])]

    @property
    def final_classes(self) -> Sequence[str]:
        """Classes of the final run; none if there is no final run."""
        return next((run["info"]["classes"] for run in self.runs if run["fold"] == FINAL), [])

    @property
    def published_scores(self) -> pd.DataFrame:
        """Published scores of the compared values."""
        study = self.study
        return published_numbers.published_table(study["experiments"], study["settings"], self.published.get("scores"))

    @property
    def published_metrics(self) -> pd.DataFrame:
        """Published values of other metrics."""
        study = self.study
        return published_numbers.published_metrics(
            study["experiments"], study["settings"], self.published.get("scores")
        )

    @cached_property
    def label_issues(self) -> tuple[pd.DataFrame, list[str]]:
        """The table of label issues, and the sentences that introduce it."""
        return label_issues.label_issues_table(
            self.study, self.runs, settings=self["settings"], areas=self["tags"], index=self.index, pairs=self.pairs
        )


def study_tables(results: StudyResults) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
    """Return all tables of a study by name, and the content of its headline.json."""
    built = dict(results)
    music = {
        name: protocol["dataset"] + tables.SYNTHETIC if protocol["standin"] else protocol["dataset"]
        for name, protocol in results.study["protocols"].items()
    }
    for frame in built.values():
        if "protocol" in frame:
            frame["music"] = frame["protocol"].map(music)
    row = _headline_row(built["settings"], results.study["headline"])
    divided = 0 if row is None else divided_groups(results.folds, row["protocol"])
    content = headline.headline(built["audit"], row, results.leakage, built["cross_dataset"], divided=divided)
    summary = tables.holdout_summary(built["holdout"], results.published.get("holdout"))
    content["label_issues"] = results.label_issues[1]
    content["holdout"] = headline.holdout_sentences(summary.iloc[0]) if len(summary) else []
    return built, content


def read_runs(folder: Path, study: Mapping[str, Any]) -> list[Run]:
    """Read the runs of a study.

    Parameters
    ----------
    folder
        Folder of the study's results.
    study
        ``runs``, each ``model, setting, protocol, fold, repeat, path`` (relative to `folder`) and, if known, the
        ``key`` that it must have; and ``protocols``.

    Raises
    ------
    Damaged
        When a run was changed after it was written, or has another key.
    """
    return [_read_run(folder / run["path"], run, study["protocols"][run["protocol"]]) for run in study["runs"]]


def read_folds(paths: Sequence[str | Path]) -> pd.DataFrame:
    """Read the fold tables of several protocols, each named after its folder."""
    parts = [read_frame(path, "folds").assign(protocol=Path(path).parent.name) for path in paths]
    columns = ["track_id", "fold", "role", "label", "group", "protocol"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def read_published(paths: Sequence[str | Path], name: str | None) -> dict[str, pd.DataFrame]:
    """Read published numbers, by the part of the file name that follows `name`."""
    return {
        Path(path).stem.removeprefix(f"{name}_"): pd.read_csv(path, keep_default_na=False, na_values=[""])
        for path in paths
    }


def _read_run(folder: Path, run: Mapping[str, Any], protocol: Mapping[str, Any]) -> Run:
    is_partition = protocol["folds"]["scheme"] in ("stratified", "leave_one_collection_out")
    return Run(
        model=run["model"],
        setting=run["setting"],
        protocol=run["protocol"],
        fold=run["fold"],
        repeat=run["repeat"],
        round=str(run["repeat"]) if is_partition else f"{run['repeat']} {run['fold']}",
        info=read_run(folder, files=(HISTORY, PREDICTIONS), key=run.get("key")),
        history=read_frame(folder / HISTORY, "history"),
        predictions=read_frame(folder / PREDICTIONS, "predictions"),
    )


def _headline_row(settings: pd.DataFrame, chosen: Mapping[str, str] | None) -> Mapping[str, Any] | None:
    if chosen is None:
        return None
    rows = settings[(settings["model"] == chosen["model"]) & (settings["setting"] == chosen["setting"])]
    return rows.iloc[0].to_dict() if len(rows) else None
