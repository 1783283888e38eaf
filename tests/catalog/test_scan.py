import os

import pandas as pd
import pytest

from genreflow.catalog.catalogue import MISSING, read, root_of, tracks_of_shard
from genreflow.catalog.scan import refresh
from genreflow.config.datasets import Folders, Manifest
from genreflow.errors import Problems, UserError


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


def test_classes_are_folders_and_groups_the_albums_below(music, tmp_path):
    catalogue = scan(music, tmp_path).set_index("path")
    assert catalogue["label"].to_dict() == {
        b"goa/one.mp3": "goa",
        b"goa/album/two.mp3": "goa",
        b"goa/album/cd 1/three.flac": "goa",
        b"dark/four.wav": "dark",
    }
    assert catalogue["group"].to_dict() == {
        b"goa/one.mp3": None,
        b"goa/album/two.mp3": "goa/album",
        b"goa/album/cd 1/three.flac": "goa/album",
        b"dark/four.wav": None,
    }


def test_side_files_are_passed_over_and_anything_else_is_a_track(music, tmp_path):
    make_files(music, "goa/cover.JPG", "goa/.DS_Store", "goa/._one.mp3", "goa/no suffix", "goa/odd.xyz", "readme.md")
    assert set(scan(music, tmp_path)["path"]) - {b"goa/no suffix", b"goa/odd.xyz"} == {
        b"goa/one.mp3", b"goa/album/two.mp3", b"goa/album/cd 1/three.flac", b"dark/four.wav",
    }  # fmt: skip


@pytest.mark.parametrize("name", [b"caf\xe9.wav", b"new\nline.wav", b"{x}<gt>'\".wav", b"-rf.wav", b"x" * 250])
def test_names_may_hold_any_bytes(music, tmp_path, name):
    make_files(music, b"goa/" + name)
    catalogue = scan(music, tmp_path)
    row = catalogue[catalogue["path"] == b"goa/" + name].iloc[0]
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
    (tmp_path / "m.csv").write_text("path,label\ngone.mp3,goa\n")
    settings = Manifest(layout="manifest", path=str(tmp_path / "m.csv"))
    row = refresh(settings, tmp_path / "catalog.parquet", raw=tmp_path).to_pylist()[0]
    assert (row["sha256"], row["bytes"]) == (MISSING, -1)


def test_a_missing_folder_is_a_sentence(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        scan(tmp_path / "nowhere", tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no tracks in class folders"):
        scan(tmp_path / "empty", tmp_path)


def read_manifest(tmp_path, content, **settings):
    path = tmp_path / "m.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    settings = Manifest(layout="manifest", path=str(path), **settings)
    return frame_of(refresh(settings, tmp_path / "catalog.parquet", raw=tmp_path))


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_manifests_of_any_spreadsheet_are_read(tmp_path, separator, start, end):
    rows = ["path,label,group,split", "a.mp3,NA,x,holdout", "b.mp3,01,,"]
    catalogue = read_manifest(tmp_path, start + end.join(row.replace(",", separator) for row in rows))
    rows = catalogue.set_index("path")[["label", "group", "split"]]
    assert rows.loc[b"a.mp3"].tolist() == ["NA", "x", "holdout"]
    assert rows.loc[b"b.mp3"].tolist() == ["01", None, None]


def test_all_faults_of_a_manifest_are_listed_at_once(tmp_path):
    content = "path,label\n../a.mp3,x\n/b.mp3,x\nc.mp3\n,x\nd.mp3,\ne.mp3,x\ne.mp3,y\n"
    with pytest.raises(Problems) as error:
        read_manifest(tmp_path, content)
    assert [problem.split(":")[0] for problem in error.value.problems] == [f"row {n}" for n in (2, 3, 4, 5, 6, 8)]


def test_absolute_paths_are_accepted_when_allowed(tmp_path):
    assert list(read_manifest(tmp_path, "path,label\n/a.mp3,x\n", allow_absolute=True)["path"]) == [b"/a.mp3"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("path,label\n", "no rows"),
        ("path,lable\na,b\n", "Did you mean 'lable'"),
        ("path,label\na,b\n".encode("utf-16"), "not UTF-8"),
        (b"path,label\ncaf\xe9,b\n", "byte 14 is not UTF-8"),
        ("path,label\na\0,b\n", "NUL"),
    ],
)
def test_an_unreadable_manifest_is_a_sentence(tmp_path, content, message):
    with pytest.raises(UserError, match=message):
        read_manifest(tmp_path, content)
