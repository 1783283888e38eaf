"""Exports of beets, Rekordbox, iTunes and MTG-Jamendo are datasets, wherever the music is now."""

import json
import plistlib
from pathlib import Path
from urllib.parse import quote

import pytest

from genreflow.config.datasets import recognized
from genreflow.datasets.layouts.export import Export
from genreflow.datasets.scan import list_dataset
from genreflow.errors import Problems, UserError
from genreflow.export.libraries import Answer, write_beets, write_rekordbox

TRACKS = [  # path, genre, artist
    ("A/one é.mp3", "Goa; Psytrance", "A"),
    ("A/two.mp3", "goa", "A"),
    ("B/three.mp3", "Dub", "B"),
    ("B/four &.mp3", "Dub", "The B"),
    ("C/five.mp3", "", "C"),
]


@pytest.fixture
def music(tmp_path):
    for name, _, _ in TRACKS:
        (tmp_path / "music" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "music" / name).write_text(name)
    return tmp_path / "music"


def beets_json(file, root):
    file.write_text(json.dumps([_beets(root, *each) for each in TRACKS]))


def beets_lines(file, root):
    file.write_text("".join(json.dumps(_beets(root, *each)) + "\n" for each in TRACKS))


def _beets(root, name, genre, artist):
    return {"path": f"{root}/{name}", "genre": genre, "artist": artist, "albumartist": artist, "track": 1}


def beets_csv(file, root):
    rows = [f'"{root}/{name}",{artist},"{genre}"' for name, genre, artist in TRACKS]
    file.write_text("\n".join(["path,artist,genre", *rows]))


def rekordbox(file, root):
    rows = [
        f'<TRACK TrackID="{n}" Location="file://localhost{quote(f"{root}/{name}")}" Genre="{genre}" Artist="{artist}"/>'
        for n, (name, genre, artist) in enumerate(TRACKS)
    ]
    file.write_text(f'<?xml version="1.0"?><DJ_PLAYLISTS><COLLECTION>{"".join(rows)}</COLLECTION></DJ_PLAYLISTS>')


def itunes(file, root):
    tracks = {
        str(n): {
            "Location": f"file://{quote(f'{root}/{name}')}",
            "Genre": genre,
            "Artist": artist,
            "Track Type": "File",
        }
        for n, (name, genre, artist) in enumerate(TRACKS)
    }
    tracks["99"] = {"Location": "http://radio", "Track Type": "URL", "Genre": "Radio"}
    file.write_bytes(plistlib.dumps({"Major Version": 1, "Tracks": tracks}))


@pytest.mark.parametrize("write", [beets_json, beets_lines, beets_csv, rekordbox, itunes])
@pytest.mark.parametrize("root", ["", "/somewhere/else", "C:/Users/Me/Music"])
def test_genres_and_artists_of_an_export(music, tmp_path, write, root):
    file = tmp_path / "export.xml"
    write(file, (f"/{root}" if write in (rekordbox, itunes) and ":" in root else root) or music)
    settings = recognized(file)
    assert settings == {"layout": "export", "path": str(file)}
    moved = {"root": str(music)} if root else {}
    found = list_dataset(Export(**settings, **moved, minimum=2))
    tracks = {track.path.decode(): (track.label, track.artist, track.group) for track in found.tracks}
    assert tracks == {
        "A/one é.mp3": ("Goa", "A", None),
        "A/two.mp3": ("Goa", "A", None),
        "B/three.mp3": ("Dub", "B", None),
        "B/four &.mp3": ("Dub", "The B", None),
    }
    assert found.ignored == {"": 1} and found.root == bytes(music)


def test_tables_of_mtg_jamendo(tmp_path):
    for name in ("48/948.mp3", "14/214.mp3", "51/1151.mp3"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    file = tmp_path / "autotagging.tsv"
    file.write_text(
        "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS\n"
        "track_0000948\tartist_000087\talbum_000149\t48/948.mp3\t212.7\tgenre---rock\tmood/theme---dark\n"
        "track_0000214\tartist_000014\talbum_000031\t14/214.mp3\t124.6\tgenre---punkrock\tgenre---rock\n"
        "track_0001151\tartist_000014\talbum_000031\t51/1151.mp3\t124.6\tmood/theme---dark\n"
    )
    assert recognized(file) == {"layout": "export", "path": str(file), "multilabel": True}
    found = list_dataset(Export(layout="export", path=str(file), multilabel=True, minimum=1))
    assert {track.path: track.tags for track in found.tracks} == {
        b"48/948.mp3": ("rock",), b"14/214.mp3": ("punkrock", "rock"),
    }  # fmt: skip
    assert [track.artist for track in found.tracks] == ["artist_000087", "artist_000014"]
    moods = list_dataset(Export(layout="export", path=str(file), multilabel=True, minimum=1, field="mood/theme"))
    assert len(moods.tracks) == 2


def test_our_own_answers_are_read_again(music, tmp_path):
    answers = [Answer(bytes(music / name), (genre or "Dub",), 3.0) for name, genre, _ in TRACKS[1:]]
    write_rekordbox(tmp_path / "a.xml", answers, {})
    write_beets(tmp_path / "a.csv", answers)
    labels = [
        {track.path: track.label for track in list_dataset(Export(**recognized(file), minimum=1)).tracks}
        for file in (tmp_path / "a.xml", tmp_path / "a.csv")
    ]
    assert labels[0] == labels[1] and len(labels[0]) == 4


def test_files_that_are_not_there_and_damaged_exports(music, tmp_path):
    file = tmp_path / "export.json"
    beets_json(file, "/gone")
    with pytest.raises(Problems, match=r"the folder '/gone' does not exist\. Set `root`"):
        list_dataset(Export(layout="export", path=str(file)))
    with pytest.raises(Problems, match=r"5 of 5 files are missing .* Set `root` to the folder that '/gone' is now"):
        list_dataset(Export(layout="export", path=str(file), root=str(tmp_path)))
    (music / "A/two.mp3").unlink()
    beets_json(file, music)
    found = list_dataset(Export(layout="export", path=str(file), max_missing=0.2, minimum=1))
    assert "1 file missing: " in found.notices[0] and len(found.tracks) == 3
    beets_json(file, f"{music}/../../etc")
    file.write_text(file.read_text()[:-40])
    with pytest.raises(UserError, match="damaged, or was not written to its end"):
        list_dataset(Export(layout="export", path=str(file)))
    Path(file).write_text("some text")
    with pytest.raises(UserError, match="no export that is known"):
        list_dataset(Export(layout="export", path=str(file)))
