"""Results of a study on a model: the rows of its tables for the model's setting."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from genreflow.evaluation.tables import SYNTHETIC
from genreflow.evaluation.verdict import NO_VERDICT, Verdict, verdict_on
from genreflow.project.history import name_of
from genreflow.project.layout import study_of_run
from genreflow.store.parquet import read_frame

_SETTING = ("model", "setting")


@dataclass(frozen=True)
class Record:
    """Results on a run in the tables of its study; missing ones are empty.

    Attributes
    ----------
    study, model, setting
        Names.
    row
        The setting's row of ``settings``: tracks, accuracies with intervals, baseline, protocol.
    classes, tags
        Its rows of ``classes`` (of tracks, by majority vote) and ``tags``.
    holdout
        Results on the holdout, if it is the study's headline.
    leakage, checks
        The checks for leakage of its protocol that did not pass, and how many there were.
    verdict
        Verdict on its accuracy.
    """

    study: str = ""
    model: str = ""
    setting: str = ""
    row: dict[str, Any] = field(default_factory=dict)
    classes: pd.DataFrame = field(default_factory=pd.DataFrame)
    tags: pd.DataFrame = field(default_factory=pd.DataFrame)
    holdout: pd.DataFrame = field(default_factory=pd.DataFrame)
    leakage: pd.DataFrame = field(default_factory=pd.DataFrame)
    checks: int = 0
    verdict: Verdict = NO_VERDICT

    @property
    def is_synthetic(self) -> bool:
        """Whether the music is synthetic."""
        return str(self.row.get("music", "")).endswith(SYNTHETIC)


def read(run_folder: Path) -> Record:
    """Return the results on a run, ``<study>/runs/<model>/<setting>/fold-<fold>``, in the tables of its study.

    Raises
    ------
    Damaged
        When a table is damaged.
    """
    folder = run_folder.resolve()
    study = study_of_run(folder)
    if study is None:
        return Record()
    model, setting = folder.parents[1].name, folder.parents[0].name
    names = {"model": model, "setting": setting}
    rows = _rows(study, "settings", names)
    row = rows.iloc[0].dropna().to_dict() if len(rows) else {}
    classes = _rows(study, "classes", names)
    leakage = _leakage(study, row)
    return Record(
        study=name_of(study),
        model=model,
        setting=setting,
        row=row,
        classes=classes[classes["level"].str.startswith("track")] if len(classes) else classes,
        tags=_rows(study, "tags", names),
        holdout=_rows(study, "holdout", names),
        leakage=leakage[~leakage["verdict"].isin(["ok", "note"])] if len(leakage) else leakage,
        checks=len(leakage),
        verdict=verdict_on(_accuracy(row), leakage if len(leakage) else None) if row else NO_VERDICT,
    )


def _accuracy(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the accuracy that is judged; that of tracks by majority vote."""
    ends = {"low": "track_majority_low", "high": "track_majority_high"}
    names = {"accuracy": "track_majority", "baseline": "baseline", **ends}
    return {name: row.get(column) for name, column in names.items()}


def _rows(study: Path, table: str, names: Mapping[str, str]) -> pd.DataFrame:
    path = study / "tables" / f"{table}.parquet"
    if not path.exists():
        return pd.DataFrame()
    frame = read_frame(path, "table")
    if not set(_SETTING) <= set(frame):
        return pd.DataFrame()
    return frame[(frame["model"] == names["model"]) & (frame["setting"] == names["setting"])].reset_index(drop=True)


def _leakage(study: Path, row: Mapping[str, Any]) -> pd.DataFrame:
    path = study / "protocols" / str(row.get("protocol", "")) / "leakage.parquet"
    return read_frame(path, "leakage") if path.exists() else pd.DataFrame()
