"""The last lines of a run: what happened, where the result is, what to do next."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from genreflow.audio.verdict import UNSETTLED
from genreflow.errors import UserError
from genreflow.evaluation.headline import read_headline
from genreflow.plan.make import Plan
from genreflow.plan.studies import StudyPlan
from genreflow.store.parquet import read_frame
from genreflow.store.text import count

_HEADLINE = "tables/headline.json"


def run_summary(plan: Plan) -> str:
    """Return the closing lines: the headline and report of every finished study, and how to predict."""
    lines: list[str] = []
    for name, study in plan.studies.items():
        folder = Path("results", name)
        if not ((folder / "report/index.html").exists() and (folder / _HEADLINE).exists()):
            continue
        lines += ["", study.settings.title or name]
        try:
            lines += _result(folder, study)
        except UserError as error:  # damaged since it was made
            lines.append(f"  {error} `genreflow verify --repair` makes again what is damaged.")
    return "\n".join(lines) or "Done. The report is made by the target `report`, or by `snakemake` without one."


def _result(folder: Path, study: StudyPlan) -> Iterator[str]:
    """Yield what a study found, where its report is, and how to predict."""
    told = read_headline(folder / _HEADLINE, key=study.tables_key)
    yield from (f"  {sentence}" for sentence in told["sentences"])
    audit = read_frame(folder / "tables/audit.parquet", "table")
    refused = read_frame("results/quarantine.parquet", "quarantine")
    yield f"  {fates(audit.to_dict('records'), refused.to_dict('records'), study.settings.datasets)}"
    yield from _table(read_frame(folder / "tables/settings.parquet", "table"))
    yield f"  report: {folder / 'report/index.html'}"
    if study.final is not None:
        model = folder / f"runs/{study.final.model}/{study.final.name}/fold-final"
        yield f"  next:   genreflow predict '{model}' song.mp3"


def fates(audit: Sequence[Mapping[str, Any]], refused: Sequence[Mapping[str, Any]], datasets: Sequence[str]) -> str:
    """Return a sentence on what became of the tracks of a study.

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
    lines = ["", f"  {'setting':<44} {'slice accuracy':>24} {'track accuracy (majority vote)':>32}"]
    for row in settings.to_dict("records"):
        cells = [_interval(row, "slice_accuracy", "slice_low", "slice_high")]
        cells.append(_interval(row, "track_majority", "track_majority_low", "track_majority_high"))
        lines.append(f"  {row['model'] + ' ' + row['setting']:<44} {cells[0]:>24} {cells[1]:>32}")
    return [*lines, ""]


def _interval(row: Mapping[str, Any], value: str, low: str, high: str) -> str:
    if pd.isna(row[value]):
        return "-"
    return f"{row[value]:.3f} [{row[low]:.3f}, {row[high]:.3f}]"
