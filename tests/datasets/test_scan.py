import os

import pandas as pd
import pytest

from genreflow.datasets.catalog import MISSING, ignored_of, notices_of, read, root_of, tracks_of_shard
from genreflow.datasets.layouts.folders import Folders
from genreflow.datasets.layouts.manifest import Manifest
from genreflow.datasets.scan import refresh
from genreflow.errors import Problems


def make_files(root, *names):
    for name in names:
        path = os.path.join(os.fsencode(root), name if isinstance(name, bytes) else name.encode())
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(os.path.basename(path))


@pytest.fixture
def music(tmp_path):
    make_files(tmp_path / "music", "goa/one.mp3", "goa/album/two.mp3", "goa/album/cd 1/three.flac", "dark/four.wav")
    return tmp_path / "music"


def frame_of(table):
    return pd.DataFrame(table.to_pylist(), dtype=object)


def scan(music, tmp_path):
    settings = Folders(layout="folders", path=str(music))
    return frame_of(refresh(settings, tmp_path / "catalog.parquet", raw=tmp_path / "raw"))


@pytest.mark.parametrize("name", [b"caf\xe9.wav", b"new\nline.wav", b"{x}<gt>'\".wav", b"-rf.wav", b"x" * 250])
def test_names_may_hold_any_bytes(music, tmp_path, name):
    make_files(music, b"goa/" + name)
    catalog = scan(music, tmp_path)
    row = catalog[catalog["path"] == b"goa/" + name].iloc[0]
    assert row["bytes"] == len(name)
    assert len(row["track_id"]) == 16
    paths = [track["path"] for track in tracks_of_shard(tmp_path / "catalog.parquet", "s")]
    assert os.path.join(os.fsencode(music), b"goa", name) in paths


def test_a_second_scan_changes_nothing(music, tmp_path):
    first = scan(music, tmp_path)
    stamp = (tmp_path / "catalog.parquet").stat().st_mtime_ns
    assert scan(music, tmp_path).equals(first)
    assert (tmp_path / "catalog.parquet").stat().st_mtime_ns == stamp
    assert frame_of(read(tmp_path / "catalog.parquet")).equals(first)
    assert root_of(tmp_path / "catalog.parquet") == str(music)


def test_touching_a_file_does_not_change_its_hash(music, tmp_path):
    before = scan(music, tmp_path)["sha256"]
    os.utime(music / "goa/one.mp3", (1, 1))
    assert scan(music, tmp_path)["sha256"].equals(before)


def test_an_edit_that_keeps_size_and_time_is_noticed(music, tmp_path):
    before = scan(music, tmp_path).set_index("path")["sha256"]
    path = music / "goa/one.mp3"
    stamp = path.stat()
    path.write_bytes(b"eno.mp3")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert path.stat().st_size == stamp.st_size
    after = scan(music, tmp_path).set_index("path")["sha256"]
    assert list(before.index[before != after]) == [b"goa/one.mp3"]


def test_a_file_that_is_not_there_is_listed_as_missing(tmp_path):
    make_files(tmp_path, "one.mp3")
    (tmp_path / "m.csv").write_text("path,label\none.mp3,goa\ngone.mp3,dark\n")
    settings = Manifest(layout="manifest", path=str(tmp_path / "m.csv"), max_missing=0.5)
    rows = refresh(settings, tmp_path / "catalog.parquet", raw=tmp_path).to_pylist()
    (gone,) = (row for row in rows if row["path"] == b"gone.mp3")
    assert (gone["sha256"], gone["bytes"], gone["reason"]) == (MISSING, -1, "Q_MISSING")


def test_the_catalog_keeps_what_was_said_and_passed_over(music, tmp_path):
    make_files(music, "goa/cover.jpg", "Goa/five.mp3", "notes.txt")
    scan(music, tmp_path)
    assert ignored_of(tmp_path / "catalog.parquet") == {"": 1, "goa": 1}
    assert notices_of(tmp_path / "catalog.parquet") == [
        "1 side file skipped",
        "'Goa' (1 track), 'goa' (3 tracks) count as 'goa'",
    ]


def test_a_dataset_that_cannot_be_used_leaves_no_catalog(tmp_path):
    make_files(tmp_path / "music", "goa/one.mp3")
    with pytest.raises(Problems, match="only one class"):
        scan(tmp_path / "music", tmp_path)
    assert not (tmp_path / "catalog.parquet").exists()
