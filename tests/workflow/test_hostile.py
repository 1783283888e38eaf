"""A dataset in which every name is out to do harm goes through the whole pipeline and does none."""

import hashlib
import os
from pathlib import Path

import pytest
from hostile import build, formula_cells, html_violations, svg_violations, without_own_script
from project import HOME, Project

from genreflow.datasets.index import read_index
from genreflow.report.page import page_script

pytestmark = pytest.mark.end_to_end

TITLE = "</script><img src=x onerror=alert(1)> =HYPERLINK() $\\frac{$ {x} {{ 7 * 7 }}"
STUDY = f"""\
title: '{TITLE}'
description: '{TITLE}'
citation: '{TITLE}'
dataset: hostile
inputs: {{slices: {{segments: {{kind: midpoint, count: 1}}}}}}
folds: {{count: 2}}
models: {{psytrance_cnn: {{options: {{pool: mean}}}}}}
training: {{batch: 10, epochs: 1, steps_per_epoch: 1, precision: float32}}
"""
LIMITS = "limits: {shard_size: 32, train_threads: 1, device: cpu}\n"


def snapshot(folder: Path) -> dict[bytes, str]:
    result = {}
    for place, _, names in os.walk(bytes(folder)):
        for name in names:
            path = os.path.join(place, name)
            with open(path, "rb") as file:
                result[path] = hashlib.sha256(file.read()).hexdigest()
    return result


@pytest.fixture(scope="module", params=["folders", pytest.param("manifest", marks=pytest.mark.slow)])
def outcome(request, tmp_path_factory):
    """Run both to their reports; the manifest names other classes than the folders."""
    project = Project.make(tmp_path_factory.mktemp("hostile"), tracks_per_class=0)
    music = project.work / "music"
    hostile = build(music, tracks_per_class=4, seconds=3.0)
    place = f"path: {music}" if request.param == "folders" else f"path: {hostile.manifest}, root: {music}"
    layout = f"hostile: {{layout: {request.param}, {place}}}"
    (project.work / "my.yaml").write_text(f"studies: [tiny.yaml]\ndatasets: {{{layout}}}\n{LIMITS}")
    (project.work / "tiny.yaml").write_text(STUDY)
    before = snapshot(music)
    return request.param, project, hostile, before, project.build()


def test_nothing_ran_and_nothing_was_touched(outcome):
    _, project, _, before, printed = outcome
    assert snapshot(project.work / "music") == before
    assert not [path for path in project.home.parent.rglob("*pwned*") if "music" not in path.parts]
    entries = {path.name for path in project.work.iterdir()}
    assert entries <= {"music", "music.csv", "my.yaml", "tiny.yaml", "results", "logs", ".snakemake"}
    assert "\x1b" not in printed and "\u202e" not in printed


def test_every_track_has_its_class(outcome):
    kind, project, hostile, _, _ = outcome
    [path] = project.work.glob("results/hostile/slices/*/index.parquet")
    index = read_index(path)
    assert set(index["label"]) == set(hostile.labels if kind == "folders" else hostile.manifest_labels)
    refused = index[index["verdict"] == "quarantine"]
    assert refused["reason"].tolist() == (["Q_NOT_AUDIO"] if kind == "folders" else [])


def test_no_table_holds_a_formula(outcome):
    tables = [path for path in (outcome[1].work / "results").rglob("*.csv") if path.stat().st_size]
    assert len(tables) > 10
    assert {path.name: cells for path in tables if (cells := formula_cells(path))} == {}


def test_no_page_or_picture_holds_what_its_template_does_not(outcome):
    project = outcome[1]
    assets, results = HOME / "genreflow/report/templates", project.work / "results"
    templates = [path.read_text() for path in assets.glob("*.html")]
    shared = (assets / "common.js").read_text()
    script = page_script(with_charts=True)
    for name in ("tiny/report/index.html", "tiny/report.html"):
        page = (results / name).read_text()
        assert "<img src=x" not in page and "&lt;img src=x" in page
        page = without_own_script(page, script)
        assert html_violations(page, *templates, beside=(results / name).parent) == []
    overview = without_own_script((results / "index.html").read_text(), shared)
    assert html_violations(overview, *templates, beside=results) == []
    pictures = list((project.work / "results/tiny/figures").glob("*.svg"))
    assert len(pictures) > 3
    assert {path.name: result for path in pictures if (result := svg_violations(path.read_bytes()))} == {}
