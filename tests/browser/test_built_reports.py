"""Reports that the pipeline has built, in a browser."""

import re
from pathlib import Path

import pytest
import reports
from project import HOME, Project

pytestmark = pytest.mark.end_to_end


def check(results: Path, study: str, visit) -> None:
    """The page over all studies leads to the report, which can be heard, used by keys, and given away."""
    page = visit(results / "index.html", ready=False)
    assert page.locator(f"a[href='{study}/report/index.html']").count() == 2  # in the table, and above its conclusions
    assert reports.serious_violations(page) == []
    report = results / study / "report/index.html"
    for scheme, width in (("light", 1200), ("dark", 390)):
        page = visit(report, color_scheme=scheme, width=width)
        reports.hear_a_cell(page)
        reports.open_all(page)
        assert reports.serious_violations(page) == []
        assert reports.fits(page)
        for picture in page.locator("figure img").all():
            assert picture.evaluate("image => image.complete && image.naturalWidth > 0")
    reports.walk_by_keys(visit(report))
    reports.hear_a_cell(visit(results / study / "report.html"))
    size = sum(path.stat().st_size for path in report.parent.rglob("*.*") if path.suffix != ".mp3")
    assert size < 2_000_000
    single = (results / study / "report.html").read_text()
    assert len(re.sub('data:audio/[^"]*', "", single)) < 2_000_000


@pytest.fixture(scope="session")
def built(tmp_path_factory, worker_id) -> Project:
    """The project of the workflow tests, built once for all of them."""
    shared = tmp_path_factory.getbasetemp() if worker_id == "master" else tmp_path_factory.getbasetemp().parent
    return Project.built_once(shared)


def test_a_tiny_study(built, visit):
    check(built.work / "results", "tiny", visit)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "study"),
    [((), "demo"), (("--config", "studies=[tagging]", "size=small"), "tagging-small")],
)
def test_the_demo_and_a_small_study(tmp_path, visit, arguments, study):
    project = Project.make(tmp_path)
    (project.work / "my.yaml").write_text((HOME / "config.yaml").read_text())
    project.build(*arguments)
    check(project.work / "results", study, visit)
