"""A whole study: its runs read, its tables built, its headline written."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from genreflow.evaluation import headline, tables
from genreflow.evaluation.runs import Run
from genreflow.store.parquet import read_frame

_NO_FOLDS = pd.DataFrame(columns=["track_id", "fold", "role", "label", "group"])


def read_runs(folder: Path, named: Sequence[Mapping[str, Any]]) -> list[Run]:
    """Read the runs of a study: ``model, setting, axes, fold, path``, the path relative to `folder`."""
    return [_read_run(folder / run["path"], run) for run in named]


def read_published(paths: Sequence[str | Path]) -> dict[str, pd.DataFrame]:
    """Read published numbers: ``results``, ``curves`` and ``holdout``, as far as a study has them."""
    kinds = {"_curves": "curves", "_holdout": "holdout"}
    found = {}
    for path in map(Path, paths):
        kind = next((name for end, name in kinds.items() if path.stem.endswith(end)), "results")
        found[kind] = pd.read_csv(path, keep_default_na=False, na_values=[""])
    return found


def study_tables(
    study: Mapping[str, Any],
    runs: Sequence[Run],
    folds: pd.DataFrame | None,
    index: pd.DataFrame,
    ignored: Mapping[str, int],
    published: Mapping[str, pd.DataFrame],
) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
    """Build all tables of a study, and its headline.

    Parameters
    ----------
    study
        What the plan tells of the study: ``experiments``, ``headline``, ``seed``.
    runs, folds, index
        The study's runs, fold table (None where nothing is trained), and the index of the input that its headline's
        setting is fed.
    ignored
        How many files of each class were passed over.
    published
        What `read_published` returns.

    Returns
    -------
    tables, headline
        Data frames by name, and the content of headline.json.
    """
    folds = _NO_FOLDS if folds is None else folds
    settings = tables.settings_table(runs, folds, seed=study["seed"])
    holdout = tables.holdout_table(runs, folds, index)
    classes = sorted(folds["label"].unique())
    built = {
        "audit": tables.audit_table(index, ignored),
        "warnings": tables.warnings_table(index),
        "copies": tables.copies_table(index),
        "runs": tables.runs_table(runs, folds),
        "settings": settings,
        "experiments": tables.experiments_table(study["experiments"], settings, published.get("results")),
        "history": tables.history_table(runs),
        "confusion": _stacked(tables.confusion_table(runs, folds), tables.holdout_confusion(holdout, classes)),
        "classes": tables.classes_table(runs, folds),
        "tracks": tables.tracks_table(runs, folds, index),
        "holdout": holdout,
    }
    told = headline.headline(built["audit"], _headline_row(settings, study["headline"]))
    summary = tables.holdout_summary(holdout, published.get("holdout"), seed=study["seed"])
    told["holdout"] = headline.holdout_sentences(summary.iloc[0]) if len(summary) else []
    return built, told


def _read_run(folder: Path, run: Mapping[str, Any]) -> Run:
    return Run(
        model=run["model"],
        setting=run["setting"],
        axes=dict(run["axes"]),
        fold=run["fold"],
        info=json.loads((folder / "run.json").read_text(encoding="utf-8")),
        history=read_frame(folder / "history.parquet", "history"),
        predictions=read_frame(folder / "predictions.parquet", "predictions"),
    )


def _headline_row(settings: pd.DataFrame, wanted: Mapping[str, str] | None) -> Mapping[str, Any] | None:
    if wanted is None:
        return None
    rows = settings[(settings["model"] == wanted["model"]) & (settings["setting"] == wanted["setting"])]
    return rows.iloc[0] if len(rows) else None


def _stacked(*frames: pd.DataFrame) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else frames[0]
