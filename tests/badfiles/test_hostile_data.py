"""The hostile dataset is found and ingested whole, and the detectors of harm detect harm."""

import base64
from collections import Counter

import pytest
from hostile import CLASSES, build, formula_cells, html_violations, svg_violations

from genreflow.audio.ingest import ingest
from genreflow.config.audio import AudioSettings
from genreflow.datasets.catalog import tracks_of_shard
from genreflow.datasets.layouts.folders import Folders
from genreflow.datasets.layouts.manifest import Manifest
from genreflow.datasets.scan import refresh

TRACKS = 6


@pytest.fixture
def hostile(tmp_path):
    return build(tmp_path / "music", TRACKS, 1.2)


def test_hostile_folders_are_found_and_ingested_whole(tmp_path, hostile):
    catalog = refresh(
        Folders(layout="folders", path=str(tmp_path / "music")), tmp_path / "c.parquet", raw=tmp_path / "raw"
    )
    assert Counter(catalog["label"].to_pylist()) == {
        label: TRACKS + (place == 0) for place, label in enumerate(hostile.labels)
    }
    tracks = tracks_of_shard(tmp_path / "c.parquet", "s")
    rows = ingest(tracks, audio_folder=tmp_path / "audio", settings=AudioSettings(), stage_key="k").to_pylist()
    refused = [track["path"] for track, row in zip(tracks, rows, strict=True) if row["verdict"] == "quarantine"]
    assert refused == [bytes(tmp_path / "music") + b"/" + hostile.refused]
    assert [row["reason"] for row in rows if row["verdict"] == "warn"] == ["W_LOW_BITDEPTH"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["audio", "c.parquet", "music", "music.csv"]


def test_a_hostile_manifest_is_read(tmp_path, hostile):
    settings = Manifest(layout="manifest", path=str(hostile.manifest), root=str(tmp_path / "music"))
    catalog = refresh(settings, tmp_path / "c.parquet", raw=tmp_path / "raw")
    assert Counter(catalog["label"].to_pylist()) == dict.fromkeys(hostile.manifest_labels, TRACKS)
    assert not [reason for reason in catalog["reason"].to_pylist() if reason.startswith("Q_")]
    assert len(hostile.labels) == len(hostile.manifest_labels) == len(CLASSES)


TEMPLATE = '<p class="x">{{ text }}</p>{% if more %}<a href="#{{ more }}">…</a>{% endif %}<img src="{{ uri }}">'


@pytest.mark.parametrize(
    "harm",
    [
        "<script>alert(1)</script>",
        "<p onclick=x>",
        '<a href="javascript:x">',
        '<a href="http://evil.example">',
        '<img src="//evil.example/x.png">',
        "<b>bold</b>",
        '<p id="x">',
        '<meta http-equiv="refresh" content="0">',
        '<p class="x" style="background:url(http://evil.example)">',
        "<svg onload=alert(1)>",
    ],
)
def test_harm_in_a_page_is_detected(harm):
    whole = '<p class="x">&lt;script&gt;</p><a href="#there">…</a><img src="data:image/png;base64,AA==">'
    assert html_violations(whole, TEMPLATE) == []
    assert html_violations(whole + harm, TEMPLATE)


def test_harm_in_a_picture_is_detected():
    bad = b'<svg xmlns="http://www.w3.org/2000/svg"><script>x</script><a href="http://evil.example"/></svg>'
    good = b'<svg xmlns="http://www.w3.org/2000/svg"><text>&lt;script&gt;</text><use href="#x"/></svg>'
    assert len(svg_violations(bad)) == 2
    assert svg_violations(good) == []
    inside = f'<img src="data:image/svg+xml;base64,{base64.b64encode(bad).decode()}">'
    assert len(html_violations(inside)) == 2


def test_formulas_in_a_table_are_detected(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text('name,value\n\'=1+1,-1.5\n=1+1,+2e3\n-core,x\n"\tx",@a\n', encoding="utf-8")
    assert formula_cells(path) == ["row 3: '=1+1'", "row 4: '-core'", "row 5: '\\tx'", "row 5: '@a'"]
