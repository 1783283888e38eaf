"""A report is a folder that can be given away, and the same in one file."""

import dataclasses
import datetime
import json
import re
from pathlib import Path

import numpy as np
import pytest
from made_up_study import HOSTILE, SVG, TAME, study

from genreflow.audio.vorbis import write_ogg
from genreflow.report.clips import Clip
from genreflow.report.folder import write_report
from genreflow.report.overview import overview

RATE = 8_000


@pytest.fixture
def written(tmp_path):
    """A maker of reports; `names` are those of everything in it."""
    sound = np.random.default_rng(0).normal(scale=0.1, size=4 * RATE).astype(np.float32)
    write_ogg(tmp_path / "track.ogg", sound, RATE, quality=3, serial=1)
    (tmp_path / "tracks.csv").write_text("title\n")

    def write(made=None, *, within=1, tables=("tracks.csv",)) -> Path:
        made = made or study(TAME)
        clips = {track: Clip(tmp_path / "track.ogg", 0.1 * n, 2.0) for n, track in enumerate(made.candidates()[:3])}
        page = tmp_path / "results/made/report/index.html"
        tables = [tmp_path / name for name in tables]
        write_report(made, page, page.parents[1] / "report.html", clips=clips, tables=tables, within=within)
        return page

    return write


def urls(html: str) -> set[str]:
    data = json.loads(re.search(r'id="page-data">(.*?)</script>', html, re.S)[1])
    result = {value for _, value in re.findall(r'(src|href)="([^"#]+)"', html)}
    return result | {clip["url"] for clip in data["clips"].values()}


def test_all_that_the_page_shows_lies_beside_it_and_nothing_else(written):
    page = written(study(HOSTILE))
    shown = urls(page.read_text())
    there = {path.relative_to(page.parent).as_posix() for path in page.parent.rglob("*") if path.is_file()}
    assert there | {"../../index.html"} == shown | {"index.html", "data/summary.json"}
    assert sum(name.endswith(".mp3") for name in there) == 3
    assert (page.parent / "media/figure.svg").read_bytes() == SVG


def test_the_single_file_needs_nothing_beside_it(written):
    html = (written(within=2).parents[1] / "report.html").read_text()
    kinds = {url.partition(",")[0].removesuffix(";base64") for url in urls(html)}
    assert kinds == {"data:image/svg+xml", "data:audio/mpeg", "../index.html"}
    assert html.count("data:audio/mpeg") == 2


def test_what_is_in_no_use_any_more_goes(written):
    page = written()
    bare = dataclasses.replace(study(TAME), confusion_browser=None, holdout=None, label_issues=None, changes=None)
    assert written(bare, tables=()) == page
    assert {path.name for path in page.parent.rglob("*.*")} == {"index.html", "figure.svg", "summary.json"}


def test_the_same_report_has_the_same_bytes(written):
    first = {path: path.read_bytes() for path in written().parent.rglob("*.*")}
    assert {path: path.read_bytes() for path in written().parent.rglob("*.*")} == first


@pytest.mark.parametrize("names", [HOSTILE, TAME])
def test_one_page_leads_to_all_studies(written, names):
    page = written(study(names))
    results = page.parents[2]
    html = overview([page.parent / "data/summary.json"], results)
    assert re.findall(r'href="([^"]+)"', html) == ["made/report/index.html"] * 2 + ["made/report.html"]
    assert '<td class="number">66.0 to 72.0</td>' in html and datetime.date.today().isoformat() in html
    assert "<b>69.4 %</b><span>95 % interval 66.0 to 72.0 %</span>" in html
    assert html.count("<script") == 1 and "<img" not in html
    assert "There are no reports yet." in overview([], results)
