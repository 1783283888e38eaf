"""Answers of `genreflow predict` as tags, playlists and collections of other programs."""

import csv
import shutil
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from tagged_files import write_tags

from genreflow.audio.tags import read_tags
from genreflow.cli import main
from genreflow.export.libraries import Answer, playlist_files, write_beets, write_playlists, write_rekordbox
from genreflow.inference import playlists


@pytest.fixture
def music(little, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("low-00", "high-00"):
        (tmp_path / "new").mkdir(exist_ok=True)
        shutil.copy(little / f"music/{name}.flac", tmp_path / f"new/{name}.flac")
    write_tags(tmp_path / "new/low-00.flac", genre="by hand", artist="A")
    return tmp_path / "new"


def predict(little, *more):
    return main(["predict", str(little / "model"), "new", "--device", "cpu", "--cores", "1", "--force", *more])


def test_tags_are_shown_then_written_then_taken_back(little, music, capsys):
    content = {path.name: path.read_bytes() for path in music.iterdir()}
    assert predict(little, "--write-tags") == 0
    out, err = capsys.readouterr()
    assert "new/low-00.flac: genre: by hand → low" in out and "new/high-00.flac: genre: (none) → high" in out
    assert "2 files would get another genre, 0 have it already. Nothing was written; --yes writes." in err
    assert {path.name: path.read_bytes() for path in music.iterdir()} == content
    assert predict(little, "--write-tags", "--yes", "--undo-file", "my.undo") == 0
    err = capsys.readouterr().err
    assert "2 files with another genre." in err and "genreflow undo-tags my.undo --yes" in err
    assert read_tags(music / "low-00.flac") == {"artist": ("A",), "genre": ("low",)}
    assert predict(little, "--write-tags") == 0
    assert "0 files would get another genre, 2 have it already" in capsys.readouterr().err
    assert main(["undo-tags", "my.undo"]) == 0
    assert "new/low-00.flac: genre: low → by hand" in capsys.readouterr().out
    assert main(["undo-tags", "my.undo", "--yes"]) == 0
    assert read_tags(music / "low-00.flac") == {"artist": ("A",), "genre": ("by hand",)}
    assert read_tags(music / "high-00.flac") == {}
    assert main(["undo-tags", "my.undo", "--yes"]) == 2
    assert "already as proposed" in capsys.readouterr().err


def test_contradicting_arguments_are_refused_before_anything_is_decoded(little, music, capsys):
    assert predict(little, "--yes") == 2 and predict(little, "--write-tags", "--json") == 2
    assert "give --write-tags as well" in (err := capsys.readouterr().err) and "give one of them" in err


def test_playlists_a_collection_and_a_table(little, music, capsys):
    assert predict(little, "--playlists", "lists", "--rekordbox", "collection.xml", "--beets", "beets.csv") == 0
    assert "lists, collection.xml, beets.csv" in capsys.readouterr().err
    assert sorted(path.name for path in Path("lists").iterdir()) == ["high.m3u8", "low.m3u8"]
    ((_, path, problem),) = playlists.entries(Path("lists/low.m3u8"))
    assert (path, problem) == (b"new/low-00.flac", "")
    tracks = ElementTree.parse("collection.xml").findall("COLLECTION/TRACK")
    locations = {unquote(track.get("Location")): (track.get("Name"), track.get("Genre")) for track in tracks}
    assert locations == {
        f"file://localhost{music}/low-00.flac": ("low-00", "low"),
        f"file://localhost{music}/high-00.flac": ("high-00", "high"),
    }
    with open("beets.csv") as file:
        assert {row["path"]: row["genre"] for row in csv.DictReader(file)} == {
            str(music / "low-00.flac"): "low", str(music / "high-00.flac"): "high",
        }  # fmt: skip


def test_odd_names(tmp_path):
    answers = [
        Answer(b"/m/caf\xe9 \x01&<.mp3", ("Rock / Pop", "rock_pop"), 61.2),
        Answer("/m/#1 ü.mp3".encode(), ("..",), 3.0),
    ]
    assert len(set(playlist_files(tmp_path, ["Rock / Pop", "rock_pop", "..", "?"]).values())) == 4
    files = write_playlists(tmp_path, answers)
    assert all(file.parent == tmp_path for file in files) and len(files) == 3
    assert b"caf\xe9" in files[-1].read_bytes() or b"caf\xe9" in files[0].read_bytes()
    write_rekordbox(tmp_path / "a.xml", answers, {answers[0].path: {"title": ["a\x01b"], "artist": ["X & Y"]}})
    first = ElementTree.parse(tmp_path / "a.xml").find("COLLECTION/TRACK")
    assert first.get("Genre") == "Rock / Pop; rock_pop" and first.get("Artist") == "X & Y"
    assert first.get("Location") == "file://localhost/m/caf%E9%20%01%26%3C.mp3"
    nodes = ElementTree.parse(tmp_path / "a.xml").findall("PLAYLISTS/NODE/NODE")
    assert [node.get("Name") for node in nodes] == ["..", "Rock / Pop", "rock_pop"]
    write_beets(tmp_path / "a.csv", answers)
    assert "Rock / Pop; rock_pop" in (tmp_path / "a.csv").read_text()
