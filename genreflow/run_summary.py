"""The closing lines of a run: its results, their paths, and the next commands."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from genreflow.audio.verdict import UNSETTLED
from genreflow.errors import UserError
from genreflow.evaluation.headline import read_headline
from genreflow.folds.roles import FINAL
from genreflow.plan.make import Plan
from genreflow.plan.studies import StudyPlan
from genreflow.project import layout
from genreflow.project.layout import RunId
from genreflow.store.parquet import read_frame
from genreflow.store.text import count


def run_summary(plan: Plan) -> str:
    """Return the closing lines: the headline and report of every finished study, and how to predict."""
    lines: list[str] = []
    for name, study in plan.studies.items():
        products = [Path(pattern.format(study=name)) for pattern in (layout.PAGE, layout.HEADLINE)]
        if not all(product.exists() for product in products):
            continue
        lines += ["", study.settings.title or name]
        try:
            lines += _result(study)
        except UserError as error:  # damaged since it was made
            lines.append(f"  {error} `genreflow verify --repair` remakes damaged products.")
    return "\n".join(lines) or "Done. To make the report, run without a target, or with the target `report`."


def _result(study: StudyPlan) -> Iterator[str]:
    """Yield the results of a study, the path of its report, and how to predict."""
    tables = layout.TABLES.format(study=study.name)
    headline = read_headline(layout.HEADLINE.format(study=study.name), key=study.keys.tables)
    yield from (f"  {sentence}" for sentence in headline["sentences"])
    yield from (f"  {notice}" for notice in study.notices)
    audit = read_frame(f"{tables}/audit.parquet", "table")
    refused = read_frame(f"{layout.QUARANTINE}.parquet", "quarantine")
    yield f"  {fates(audit.to_dict('records'), refused.to_dict('records'), study.settings.datasets)}"
    yield from _table(read_frame(f"{tables}/settings.parquet", "table"))
    yield f"  report: {layout.PAGE.format(study=study.name)}"
    if study.final is not None:
        run = RunId(study.final.model, study.final.name, FINAL)
        yield f"  next:   genreflow predict '{layout.STUDY.format(study=study.name)}/{run.path}' song.mp3"


def fates(audit: Sequence[Mapping[str, Any]], refused: Sequence[Mapping[str, Any]], datasets: Sequence[str]) -> str:
    """Return a sentence on the verdicts of a study's tracks.

    Parameters
    ----------
    audit
        Rows of its table of the data audit.
    refused
        Rows of the table of refused files.
    datasets
        The datasets of the study.
    """
    accepted, doubtful, quarantined = (
        sum(int(row[name]) for row in audit) for name in ("accepted", "warned", "quarantined")
    )
    sentence = f"{count(accepted, 'track')} accepted, {doubtful:,} used in doubt, {quarantined:,} quarantined"
    again = sum(row["dataset"] in datasets and row["reason"] in UNSETTLED for row in refused)
    return f"{sentence}{f', {again:,} of them to be tried again by the next run' if again else ''}."


def _table(settings: pd.DataFrame) -> list[str]:
    if settings.empty:
        return []
    lines = [
        "",
        f"  {'setting':<44} {'slice accuracy':>24} {'tracks, majority vote':>24} {'tracks, mean probability':>26}",
    ]
    for row in settings.to_dict("records"):
        cells = [_interval(row, "slice_accuracy", "slice_low", "slice_high")]
        cells.append(_interval(row, "track_majority", "track_majority_low", "track_majority_high"))
        cells.append(_interval(row, "track_mean", "track_mean_low", "track_mean_high"))
        lines.append(f"  {row['model'] + ' ' + row['setting']:<44} {cells[0]:>24} {cells[1]:>24} {cells[2]:>26}")
    return [*lines, ""]


def _interval(row: Mapping[str, Any], value: str, low: str, high: str) -> str:
    if pd.isna(row[value]):
        return "-"
    return f"{row[value]:.3f} [{row[low]:.3f}, {row[high]:.3f}]"
