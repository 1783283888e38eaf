"""The last lines of a run: what happened, where the result is, what to do next."""

import csv
import json
from pathlib import Path

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
        lines += _table(folder / "tables" / "settings.csv")
        lines.append(f"  report: {report}")
        if study.final is not None:
            model = folder / f"runs/{study.final.model}/{study.final.name}/fold-final"
            lines.append(f"  next:   genreflow predict '{model}' song.mp3")
    return "\n".join(lines) or "Done. The report is made by the target `report`, or by `snakemake` without one."


def _table(path: Path) -> list[str]:
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
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
