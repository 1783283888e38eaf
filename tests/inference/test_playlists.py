import os

import pytest

from genreflow.errors import UserError
from genreflow.inference.playlists import entries


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "album").mkdir()
    for name in ("one.mp3", "album/two.flac", "album/drei ü.ogg", "album/ends in blank "):
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def listed(folder, content, name="list.m3u"):
    (folder / name).write_bytes(content)
    return [(path.removeprefix(os.fsencode(folder) + b"/"), problem) for _, path, problem in entries(folder / name)]


def test_paths_are_relative_to_the_list_and_remarks_are_passed_over(folder):
    content = b"#EXTM3U\n#EXTINF:123,Somebody - Something\none.mp3\n\nalbum/two.flac\n"
    assert listed(folder, content) == [(b"one.mp3", ""), (b"album/two.flac", "")]


@pytest.mark.parametrize(
    "line",
    [
        "album/drei ü.ogg".encode(),
        "album/drei ü.ogg".encode("latin-1"),
        "album\\drei ü.ogg".encode(),
        b"./album/../album/drei \xc3\xbc.ogg",
        b"album/drei \xc3\xbc.ogg\r",
        b"\xef\xbb\xbfalbum/drei \xc3\xbc.ogg",
    ],
)
def test_a_name_is_found_however_it_is_written(folder, line):
    assert listed(folder, line) == [("album/drei ü.ogg".encode(), "")]


def test_absolute_paths_and_file_addresses(folder):
    whole = os.fsencode(folder / "album")
    assert listed(folder, whole + b"/two.flac") == [(b"album/two.flac", "")]
    assert listed(folder, b"file://" + whole + b"/drei%20%C3%BC.ogg") == [("album/drei ü.ogg".encode(), "")]


def test_a_name_may_end_in_a_blank(folder):
    assert listed(folder, b"album/ends in blank \n") == [(b"album/ends in blank ", "")]


def test_what_is_missing_is_named_with_its_line(folder):
    assert listed(folder, b"#EXTM3U\none.mp3\ngone.mp3\n") == [
        (b"one.mp3", ""),
        (b"gone.mp3", "Line 3 of list.m3u: there is no such file."),
    ]


def test_addresses_and_lists_are_not_followed(folder):
    (folder / "other.m3u8").write_bytes(b"one.mp3")
    [(_, remote), (_, nested)] = listed(folder, b"https://example.org/a.mp3\nother.m3u8\n")
    assert "only files are read" in remote
    assert "a list within a list" in nested


def test_no_list_is_told_in_a_sentence(folder):
    with pytest.raises(UserError, match="zero bytes"):
        listed(folder, b"\0\1\2")
