"""Published numbers below the scores: of classes, cells of confusion matrices, folds and epochs, each beside ours.

Every row of ``<study>_{classes,confusion,folds,curves,holdout}.csv`` (resources/published/) is a row here, so that no
published number is left out. Scores are in the table `claims`, tags and their correlations in the analysis.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from genreflow.evaluation.claims import setting_of
from genreflow.evaluation.registry import StudyTable, frame_of
from genreflow.folds.roles import FINAL

DETAILS = ("topic", "item", "experiment", "model", "setting", "detail", "unit", "published", "ours", "source")

_FOLDS = ("mean", "sd", "train_accuracy")
# Column of published folds -> column of the table `settings`.
_OF_SETTINGS = {"mean": "slice_accuracy", "sd": "batch_sd", "train_accuracy": "train_accuracy"}


def details_table(study: Mapping[str, Any], published: Mapping[str, pd.DataFrame], tables: Mapping[str, Any]) -> Any:
    """Return a row per published detail, `DETAILS`; ``ours`` is NaN where no setting measures it.

    Parameters
    ----------
    study
        Facts of the study from the plan.
    published
        Its published numbers (`genreflow.evaluation.study.read_published`).
    tables
        The tables ``settings, runs, history, classes, confusion, holdout`` of the study.
    """
    rows = []
    for topic, read in _TOPICS.items():
        for row in published[topic].to_dict("records") if topic in published else []:
            facts = None if topic == "holdout" else _setting(study, row)
            names = {} if facts is None else {"model": facts["model"], "setting": facts["setting"]}
            for detail, unit, value, ours in read(row, names, tables):
                rows.append(
                    {
                        "topic": topic, "item": row.get("item", row.get("experiment", "holdout")),
                        "experiment": row.get("experiment", ""), "model": names.get("model", ""),
                        "setting": names.get("setting", ""), "detail": detail, "unit": unit, "published": value,
                        "ours": ours, "source": row["source"],
                    }
                )  # fmt: skip
    return frame_of(rows, DETAILS)


def _setting(study: Mapping[str, Any], row: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the setting of a published row; one without a model is of the experiment's value with that name."""
    if "model" in row:
        return setting_of(study, {"axis": np.nan, "value": np.nan, **row})
    values = study["experiments"].get(row["experiment"], {}).get("values", ())
    found = {(model, setting) for value, model, setting in values if str(value) == str(row["value"])}
    return next((facts for facts in study["settings"] if (facts["model"], facts["setting"]) in found), None)


Detail = tuple[str, str, float, float]  # detail, unit, published, ours


def _classes(row: Mapping[str, Any], names: Mapping[str, str], tables: Mapping[str, pd.DataFrame]) -> Iterator[Detail]:
    own = _rows(tables["classes"], names, level="track", **{"class": row["class"]})
    yield f"{row['metric']} of {row['class']}", "share", row["score"], _first(own, row["metric"])


def _confusion(
    row: Mapping[str, Any], names: Mapping[str, str], tables: Mapping[str, pd.DataFrame]
) -> Iterator[Detail]:
    true, predicted = ("" if pd.isna(row[side]) else row[side] for side in ("true", "predicted"))
    where = {side: name for side, name in (("true", true), ("predicted", predicted)) if name}
    own = _rows(tables["confusion"], names, level="track", **where)
    detail = f"{true or 'any class'} taken for {predicted or 'any class'}"
    if "percent" in row:
        yield detail, "share", row["percent"] / 100, _first(own, "share")
    else:
        yield detail, "tracks", row["count"], float(own["count"].sum()) if len(own) else np.nan


def _folds(row: Mapping[str, Any], names: Mapping[str, str], tables: Mapping[str, pd.DataFrame]) -> Iterator[Detail]:
    settings, runs = _rows(tables["settings"], names), _rows(tables["runs"], names)
    for column in _FOLDS:
        yield f"{column.replace('_', ' ')} of folds", "share", row[column], _first(settings, _OF_SETTINGS[column])
    for column in (name for name in row if name.startswith("fold_")):
        number = column.removeprefix("fold_")
        ours = runs.loc[runs["fold"].astype(str) == number, "slice_accuracy"].mean()
        yield f"fold {number}", "share", row[column], float(ours)


def _curves(row: Mapping[str, Any], names: Mapping[str, str], tables: Mapping[str, pd.DataFrame]) -> Iterator[Detail]:
    own = _rows(tables["history"], names)
    ours = own.loc[(own["epoch"] == row["epoch"]) & (own["fold"].astype(str) != FINAL), "accuracy"].mean()
    yield f"training accuracy in epoch {row['epoch']}", "share", row["train_accuracy"], float(ours)


def _holdout(row: Mapping[str, Any], names: Mapping[str, str], tables: Mapping[str, pd.DataFrame]) -> Iterator[Detail]:
    del names  # of the final model
    own = tables["holdout"]
    cell = (own["true"] == row["true"]) & (own["predicted_majority"] == row["predicted"])
    ours = float(cell.sum()) if len(own) else np.nan
    yield f"{row['true']} taken for {row['predicted']}", "tracks", row["count"], ours


_TOPICS = {"classes": _classes, "confusion": _confusion, "folds": _folds, "curves": _curves, "holdout": _holdout}


def _rows(table: pd.DataFrame, names: Mapping[str, str], **values: str) -> pd.DataFrame:
    """Return the rows of a setting that have these values; none without a setting."""
    if not names:
        return table.head(0)
    for column, value in {**names, **values}.items():
        table = table[table[column] == value]
    return table


def _first(rows: pd.DataFrame, column: str) -> float:
    return float(rows[column].iloc[0]) if len(rows) else np.nan


TABLES = (
    StudyTable(
        "published_details",
        lambda results: details_table(results.study, results.published, results),
        DETAILS,
        section="Claims",
        title="Published classes, cells, folds and epochs beside ours",
        caption=(
            "Each row is a published number below the scores: a class, a cell of a confusion matrix, a fold or an "
            "epoch, with ours beside it."
        ),
    ),
)
