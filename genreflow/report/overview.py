"""One page over the reports of all studies."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from genreflow.evaluation.registry import percent, whole
from genreflow.evaluation.verdict import MOST_COMMON
from genreflow.report.page import asset, template
from genreflow.store.sealed import read_sealed
from genreflow.store.text import count


def overview(summaries: Sequence[Path], home: Path) -> str:
    """Return the page as HTML: the conclusion, numbers and report link of each study.

    Parameters
    ----------
    summaries
        Summaries of the reports, ``<study>/report/data/summary.json``.
    home
        Folder of the page; links are relative to it.
    """
    studies = [_study(path, home) for path in sorted(summaries)]
    return template("overview.html").render(studies=studies, style=asset("page.css"))


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
    }
