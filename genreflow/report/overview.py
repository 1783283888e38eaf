"""One page over the reports of all studies."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from genreflow.evaluation.registry import NOTHING, duration, percent, whole
from genreflow.evaluation.verdict import MOST_COMMON
from genreflow.report.page import asset, template
from genreflow.store.sealed import read_sealed
from genreflow.store.text import count

_VERDICTS = {"sound": "above every trivial answer", "doubtful": "doubtful", "leaky": "leak", "open": NOTHING}
_HEADINGS = {
    "Study": False, "Tracks": True, "Accuracy (%)": True, "95 % interval (%)": True, "Best trivial answer (%)": True,
    "Verdict": False, "Training": True, "Date": False,
}  # fmt: skip


def overview(summaries: Sequence[Path], home: Path) -> str:
    """Return the page as HTML: a table of all studies; the conclusion, numbers and report link of each.

    Parameters
    ----------
    summaries
        Summaries of the reports, ``<study>/report/data/summary.json``.
    home
        Folder of the page; links are relative to it.
    """
    studies = [_study(path, home) for path in sorted(summaries)]
    headings = [{"text": text, "is_number": is_number} for text, is_number in _HEADINGS.items()]
    return template("overview.html").render(
        studies=studies, headings=headings, style=asset("page.css"), script=asset("common.js")
    )


def _study(path: Path, home: Path) -> dict[str, Any]:
    summary = read_sealed(path)
    report = path.parents[1]
    baseline_name = summary.get("baseline_name", MOST_COMMON)  # a summary of an earlier version has none
    return {
        "title": summary["title"],
        "name": report.parent.name,
        "url": (report / "index.html").relative_to(home).as_posix(),
        "single": (report.parent / "report.html").relative_to(home).as_posix(),
        "sentences": summary["sentences"][:2],
        "tracks": whole(summary["tracks"]),
        "classes": "" if summary["classes"] is None else f"in {count(summary['classes'], 'class', 'classes')}",
        "quarantined": whole(summary["quarantined"]),
        "level": summary["level"],
        "baseline": percent(summary["baseline"]),
        "baseline_name": baseline_name,
        "baseline_title": "Majority baseline" if baseline_name == MOST_COMMON else "Best trivial answer",
        "standing": summary.get("standing", "open"),
        "accuracy": percent(summary["accuracy"]),
        "interval": f"{percent(summary['low'])} to {percent(summary['high'])} %" if summary["level"] else "",
        "ends": f"{percent(summary['low'])} to {percent(summary['high'])}" if summary["level"] else NOTHING,
        "verdict": _VERDICTS[summary.get("standing", "open")],
        "training": _training(path.with_name("runs.csv")),
        "date": date.fromtimestamp((report / "index.html").stat().st_mtime).isoformat(),
    }


def _training(runs: Path) -> str:
    """Return the time that all trainings of a study took together."""
    seconds = pd.read_csv(runs)["seconds"].sum() if runs.exists() else 0.0
    return duration(seconds) if seconds else NOTHING
