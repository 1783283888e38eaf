"""One page over the reports of all studies."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from genreflow.report import tables
from genreflow.report.page import asset, template
from genreflow.store.sealed import read_sealed


def overview(summaries: Sequence[Path], home: Path) -> str:
    """Return the page as HTML; each study has its verdict, its numbers and a link to its report.

    Parameters
    ----------
    summaries
        What each report tells of itself, ``<study>/report/data/summary.json``.
    home
        The folder of the page; links are relative to it.
    """
    studies = [_told(path, home) for path in sorted(summaries)]
    return template("overview.html").render(studies=studies, style=asset("page.css"))


def _told(path: Path, home: Path) -> dict[str, Any]:
    told = read_sealed(path)
    report = path.parents[1]
    return {
        "title": told["title"],
        "name": report.parent.name,
        "url": (report / "index.html").relative_to(home).as_posix(),
        "single": (report.parent / "report.html").relative_to(home).as_posix(),
        "sentences": told["sentences"][:2],
        "tracks": tables.count(told["tracks"]),
        "classes": "" if told["classes"] is None else f"in {told['classes']:,} classes",
        "quarantined": tables.count(told["quarantined"]),
        "level": told["level"],
        "baseline": tables.percent(told["baseline"]),
        "accuracy": tables.percent(told["accuracy"]),
        "interval": f"{tables.percent(told['low'])} to {tables.percent(told['high'])} %" if told["level"] else "",
    }
