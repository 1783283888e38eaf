"""Wrong labels, from the ear to the next run: marked in a report, saved, read by the pipeline, named by the audit."""

import csv
import shutil
from collections import Counter
from pathlib import Path

import pytest
from project import Project
from test_incremental import BELOW_INDEX

pytestmark = pytest.mark.end_to_end

# What follows from a label that was only confirmed: it is not suspect any more, and the report names it.
BELOW_TRAINING = {
    name: BELOW_INDEX[name] for name in ("evaluate_study", "draw_figure", "write_report", "write_overview")
}


@pytest.fixture
def project(tmp_path_factory, worker_id, tmp_path) -> Project:
    """A copy of the project of the workflow tests, to change."""
    shared = tmp_path_factory.getbasetemp() if worker_id == "master" else tmp_path_factory.getbasetemp().parent
    return Project.built_once(shared).copy(tmp_path / "project")


def test_three_labels_are_marked_by_ear_and_only_what_follows_from_them_runs(project, visit):
    page = visit(project.work / "results/tiny/report/index.html")
    marked: Counter[str] = Counter()
    for button in page.locator("table.matrix button").all():
        if button.inner_text() == "0":
            continue
        button.click()
        label = button.get_attribute("data-cell").split(",")[0]
        for menu in page.locator(".cell .tracks li select.mark").all():
            if marked.total() < 3 and marked[label] < 2:  # enough of each class must stay
                menu.select_option(index=2)  # the other class
                marked[label] += 1
    page.locator(".cell button.play").first.click()
    page.wait_for_function("() => document.getElementById('audio').currentTime > 0.1")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download corrections.csv (3 tracks)").click()
    shutil.copy(Path(download.value.path()), project.work / "corrections.csv")

    project.edit("my.yaml", "path: music", "path: music, corrections: corrections.csv")
    assert project.jobs() == BELOW_INDEX
    project.build()
    assert project.jobs() == {}
    with (project.work / "corrections.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    page = visit(project.work / "results/tiny/report/index.html")
    audit = page.locator("body").text_content()
    assert "3 labels corrected by corrections.csv" in audit
    for row in rows:
        assert f"{row['path']} is {row['corrected']}, not {row['label']}" in audit


def test_a_confirmed_label_retrains_nothing(project, visit):
    (project.work / "corrections.csv").write_text("path,corrected\nlow/1.wav,low\n")
    project.edit("my.yaml", "path: music", "path: music, corrections: corrections.csv")
    assert project.jobs() == BELOW_TRAINING
    project.build()
    page = visit(project.work / "results/tiny/report/index.html")
    assert "1 label confirmed by corrections.csv" in page.locator("body").text_content()
