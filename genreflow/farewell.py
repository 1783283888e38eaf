"""The last lines of a run: what happened, where the result is, what to do next."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

from genreflow.audio.verdict import UNSETTLED
from genreflow.catalog.names import count
from genreflow.plan.make import Plan


def farewell(plan: Plan) -> str:
    """Return the closing lines: the headline and report of every finished study, and how to predict."""
    lines: list[str] = []
    for name, study in plan.studies.items():
        folder = Path("results", name)
        report, headline = folder / "report" / "index.html", folder / "tables" / "headline.json"
        if not (report.exists() and headline.exists()):
            continue
        told = json.loads(headline.read_text(encoding="utf-8"))
        lines += ["", f"{study.settings.title or name}", *(f"  {sentence}" for sentence in told["sentences"])]
        refused = _rows(Path("results", "quarantine.csv"))
        lines.append(f"  {fates(_rows(folder / 'tables' / 'audit.csv'), refused, study.settings.datasets)}")
        lines += _table(folder / "tables" / "settings.csv")
        lines.append(f"  report: {report}")
        if study.final is not None:
            model = folder / f"runs/{study.final.model}/{study.final.name}/fold-final"
            lines.append(f"  next:   genreflow predict '{model}' song.mp3")
    return "\n".join(lines) or "Done. The report is made by the target `report`, or by `snakemake` without one."


def fates(audit: Sequence[dict[str, str]], refused: Sequence[dict[str, str]], datasets: Sequence[str]) -> str:
    """Return a sentence on what became of the tracks of a study.

    Parameters
    ----------
    audit
        Rows of its table of the data audit.
    refused
        Rows of ``quarantine.csv``.
    datasets
        The datasets of the study.
    """
    accepted, doubtful, quarantined = (
        sum(int(row[name]) for row in audit) for name in ("accepted", "warned", "quarantined")
    )
    sentence = f"{count(accepted, 'track')} accepted, {doubtful:,} used in doubt, {quarantined:,} quarantined"
    again = sum(row["dataset"] in datasets and row["reason"] in UNSETTLED for row in refused)
    return f"{sentence}{f', {again:,} of them to be tried again by the next run' if again else ''}."


def _rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _table(path: Path) -> list[str]:
    rows = _rows(path)
    if not rows:
        return []
    lines = ["", f"  {'setting':<44} {'slice accuracy':>24} {'track accuracy (majority vote)':>32}"]
    for row in rows:
        cells = [_interval(row, "slice_accuracy", "slice_low", "slice_high")]
        cells.append(_interval(row, "track_majority", "track_majority_low", "track_majority_high"))
        lines.append(f"  {row['model'] + ' ' + row['setting']:<44} {cells[0]:>24} {cells[1]:>32}")
    return [*lines, ""]


def _interval(row: dict[str, str], value: str, low: str, high: str) -> str:
    if not row[value]:
        return "-"
    return f"{float(row[value]):.3f} [{float(row[low]):.3f}, {float(row[high]):.3f}]"
