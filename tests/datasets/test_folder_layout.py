import os
import socket
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genreflow.config.datasets import Labels
from genreflow.datasets.layouts.folders import Folders
from genreflow.datasets.scan import list_dataset as find
from genreflow.errors import Problems, UserError


def make_files(root, *names):
    for name in names:
        path = os.path.join(os.fsencode(root), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(os.path.basename(path))


@pytest.fixture
def music(tmp_path):
    make_files(tmp_path / "music", "goa/one.mp3", "goa/album/two.mp3", "dark/four.wav")
    return tmp_path / "music"


def found_in(music, **options):
    labels = Labels(**options.pop("labels", {}))
    return find(Folders(layout="folders", path=str(music), labels=labels, **options))


def reasons(result):
    return {track.path: track.reason for track in result.tracks if track.reason}


def labels(result):
    return {track.path: track.label for track in result.tracks}


def test_classes_are_folders_and_groups_the_albums_below(music):
    make_files(music, "goa/album/cd 1/three.flac")
    result = found_in(music)
    assert {track.path: (track.label, track.group) for track in result.tracks} == {
        b"goa/one.mp3": ("goa", None),
        b"goa/album/two.mp3": ("goa", "goa/album"),
        b"goa/album/cd 1/three.flac": ("goa", "goa/album"),
        b"dark/four.wav": ("dark", None),
    }
    assert (result.notices, result.ignored) == ([], {})


def test_a_folder_of_various_artists_is_no_album_but_those_below_it_are(music):
    make_files(music, "goa/Various Artists/x/1.mp3", "goa/Various Artists/y/2.mp3", "goa/Unknown Artist/3.mp3")
    groups = {track.path: track.group for track in found_in(music).tracks}
    assert groups[b"goa/Various Artists/x/1.mp3"] == "goa/Various Artists/x"
    assert groups[b"goa/Various Artists/y/2.mp3"] == "goa/Various Artists/y"
    assert groups[b"goa/Unknown Artist/3.mp3"] is None


def test_what_is_passed_over_is_counted_by_class_and_anything_else_is_a_track(music):
    make_files(music, "goa/cover.JPG", "goa/.DS_Store", "goa/._one.mp3", "goa/album/Thumbs.db", "dark/desktop.ini")
    make_files(
        music,
        "goa/no suffix",
        "goa/odd.xyz",
        "goa/...and.mp3",
        "goa/.git/x.mp3",
        "dark/@eaDir/four.wav/SYNOINDEX",
        "readme.md",
    )
    result = found_in(music)
    assert labels(result).keys() == {
        b"goa/one.mp3", b"goa/album/two.mp3", b"dark/four.wav", b"goa/no suffix", b"goa/odd.xyz",
        b"goa/...and.mp3",
    }  # fmt: skip
    assert result.ignored == {"goa": 5, "dark": 2, "": 1}
    assert result.notices == ["3 side files, 2 hidden files, 2 hidden folders skipped"]


def test_music_beside_the_class_folders_is_pointed_out(music):
    make_files(music, "lost.mp3", "notes.txt", ".hidden/x.mp3", "__MACOSX/._x.mp3")
    result = found_in(music)
    assert result.ignored == {"": 4}
    assert result.notices == ["1 audio file beside the class folders, in no class: lost.mp3"]


def test_class_folders_without_tracks_are_pointed_out(music):
    make_files(music, "covers/a.jpg")
    (music / "empty").mkdir()
    (music / "hollow" / "album").mkdir(parents=True)
    result = found_in(music)
    assert result.notices[0] == "3 class folders without tracks: 'covers', 'empty', 'hollow'"
    assert result.ignored == {"covers": 1}


def test_class_folders_that_differ_in_case_or_blanks_are_one_class_and_both_named(music):
    make_files(music, "Goa/a.mp3", "goa /b.mp3", "goa /b.jpg", "Goa/a.jpg", "__all__/c.mp3")
    result = found_in(music)
    assert set(labels(result).values()) == {"goa", "dark", "__all__"}
    assert labels(result)[b"goa /b.mp3"] == labels(result)[b"Goa/a.mp3"] == "goa"
    assert result.ignored == {"goa": 2}
    assert result.notices[-1] == "'Goa' (1 track), 'goa' (2 tracks), 'goa ' (1 track) count as 'goa'"
    with pytest.raises(Problems, match=r"'Goa' \(1 track\), 'goa' \(2 tracks\), 'goa ' \(1 track\) differ only"):
        found_in(music, labels={"strict": True})


def test_class_folders_in_two_unicode_forms_are_one_class(music):
    make_files(music, "cafe\u0301/a.mp3", "caf\u00e9/b.mp3")
    result = found_in(music)
    assert set(labels(result).values()) == {"goa", "dark", "caf\u00e9"}
    assert result.notices == ["'cafe\\u0301' (1 track), 'café' (1 track) count as 'café'"]


def test_a_class_folder_without_a_name_is_refused(music):
    make_files(music, " /a.mp3")
    with pytest.raises(Problems, match=r"empty labels \(1 track\)"):
        found_in(music)


def test_dropped_classes_are_counted_as_passed_over(music):
    make_files(music, "misc/a.mp3", "misc/b.mp3", "misc/b.jpg")
    result = found_in(music, labels={"drop": ["misc"]})
    assert set(labels(result).values()) == {"goa", "dark"}
    assert result.ignored == {"misc": 3}


def test_folders_without_two_classes_are_refused(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        found_in(tmp_path / "nowhere")
    (tmp_path / "empty" / "goa").mkdir(parents=True)
    with pytest.raises(UserError, match="no tracks in class folders"):
        found_in(tmp_path / "empty")
    make_files(tmp_path / "empty", "goa/a.mp3")
    with pytest.raises(Problems, match="only one class, 'goa'"):
        found_in(tmp_path / "empty")
    make_files(tmp_path, "file")
    with pytest.raises(UserError, match="does not exist"):
        found_in(tmp_path / "file")


def test_pipes_and_sockets_named_like_audio_stay_tracks(music, monkeypatch):
    os.mkfifo(music / "goa" / "pipe.mp3")
    monkeypatch.chdir(music / "goa")  # a socket's path is 107 bytes at most
    with socket.socket(socket.AF_UNIX) as door:
        door.bind("socket.mp3")
        assert {b"goa/pipe.mp3", b"goa/socket.mp3"} < labels(found_in(music)).keys()


def test_an_empty_folder_named_like_audio_is_refused_by_name(music):
    (music / "goa" / "x.MP3").mkdir()
    (music / "goa" / "album" / "nothing").mkdir()
    make_files(music, "goa/y.mp3/z.mp3")
    result = found_in(music)
    assert reasons(result) == {b"goa/x.MP3": "Q_NOT_FILE"}
    assert b"goa/y.mp3/z.mp3" in labels(result)


def test_a_link_to_a_file_counts_where_it_is(music):
    (music / "dark" / "again.mp3").symlink_to("../goa/one.mp3")
    os.link(music / "goa" / "one.mp3", music / "dark" / "hard.mp3")
    result = found_in(music)
    assert labels(result)[b"dark/again.mp3"] == labels(result)[b"dark/hard.mp3"] == "dark"
    assert reasons(result) == {}


def test_links_out_of_the_folder_are_refused_unless_they_are_to_be_followed(music, tmp_path):
    make_files(tmp_path, "other/far.mp3", "other/cd/near.mp3", "other/cover.jpg")
    (music / "goa" / "far.mp3").symlink_to(tmp_path / "other" / "far.mp3")
    (music / "goa" / "more").symlink_to(tmp_path / "other")
    result = found_in(music)
    assert reasons(result) == {b"goa/far.mp3": "Q_OUTSIDE", b"goa/more": "Q_OUTSIDE"}
    assert all("`follow_links: true`" in track.message for track in result.tracks if track.reason)
    result = found_in(music, follow_links=True)
    assert reasons(result) == dict.fromkeys([b"goa/far.mp3", b"goa/more/far.mp3", b"goa/more/cd/near.mp3"], "W_OUTSIDE")
    assert result.ignored == {"goa": 1}
    assert {track.group for track in result.tracks if track.reason} == {None, "goa/more"}


def test_a_class_folder_may_be_a_link(music, tmp_path):
    make_files(tmp_path, "other/far.mp3")
    (music / "far").symlink_to(tmp_path / "other")
    assert reasons(found_in(music)) == {b"far": "Q_OUTSIDE"}
    assert labels(found_in(music, follow_links=True))[b"far/far.mp3"] == "far"


def test_a_folder_is_listed_once_and_under_its_own_name(music):
    (music / "dark" / "best of goa").symlink_to("../goa/album")
    (music / "dark" / "more of it").symlink_to("../goa/album")
    result = found_in(music)
    assert labels(result).keys() == {b"goa/one.mp3", b"goa/album/two.mp3", b"dark/four.wav"}
    assert result.ignored == {"dark": 2}
    assert result.notices == ["2 repeated folder links skipped"]


def test_a_folder_that_only_a_link_leads_to_is_listed_there(music):
    make_files(music, ".store/album/x.mp3")
    (music / "dark" / "album").symlink_to("../.store/album")
    assert labels(found_in(music))[b"dark/album/x.mp3"] == "dark"


@pytest.mark.parametrize("follow", [False, True])
def test_links_that_go_round_in_circles_end(music, follow):
    (music / "goa" / "self").symlink_to("self")
    (music / "goa" / "up").symlink_to("..")
    (music / "goa" / "album" / "there").symlink_to("../../dark")
    (music / "dark" / "back").symlink_to("../goa/album")
    (music / "goa" / "gone.mp3").symlink_to("nowhere")
    (music / "dark" / "out").symlink_to("../..")
    result = found_in(music, follow_links=follow)
    assert len(labels(result)) == len(result.tracks)
    refused = {b"goa/self": "Q_NOT_FILE", b"goa/gone.mp3": "Q_NOT_FILE"}
    assert reasons(result) == refused | ({} if follow else {b"dark/out": "Q_OUTSIDE"})


def test_a_folder_that_may_not_be_listed_is_named(music, monkeypatch):
    make_files(music, "goa/secret/x.mp3")
    scandir = os.scandir

    def guarded(path):
        if path.endswith(b"/secret"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    assert reasons(found_in(music)) == {b"goa/secret": "Q_PERMISSION"}


def test_a_root_that_may_not_be_listed_is_a_sentence(music, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(UserError, match="cannot be listed: Permission denied"):
        found_in(music)


NAME = st.binary(min_size=1, max_size=40).filter(lambda name: b"/" not in name and b"\0" not in name).filter(
    lambda name: name not in (b".", b"..")
)  # fmt: skip
PLACE = st.sampled_from([b"goa", b"goa/album", b"dark", b"goa/.hidden", b""])


@settings(max_examples=60)
@given(st.sets(st.tuples(PLACE, NAME | st.sampled_from([b"x.mp3", b"._x.mp3", b"x.jpg", b".x"])), max_size=12))
def test_every_entry_on_disk_is_one_track_or_counted_as_passed_over(names):
    with tempfile.TemporaryDirectory() as folder:
        make_files(folder, "goa/one.mp3", "dark/two.mp3")
        for place, name in sorted(names):
            path = os.path.join(os.fsencode(folder), place, name)
            if not os.path.isdir(path):
                make_files(folder, os.path.join(place, name))
        result = found_in(Path(folder))
        on_disk = Counter()
        for place, folders, files in os.walk(os.fsencode(folder)):
            hidden = [name for name in folders if name == b".hidden"]
            folders[:] = [name for name in folders if name not in hidden]
            steps = os.path.relpath(place, os.fsencode(folder)).split(b"/")
            on_disk[os.fsdecode(steps[0]) if steps[0] != b"." else ""] += len(files) + len(hidden)
        assert len({track.path for track in result.tracks}) == len(result.tracks)
        assert Counter(track.label for track in result.tracks) + Counter(result.ignored) == on_disk


class TestPartsOfASplit:
    def folders(self, tmp_path, *names):
        for name in names:
            (tmp_path / name / "goa").mkdir(parents=True)
            (tmp_path / name / "goa/a.mp3").touch()
        return Folders(layout="folders", path=str(tmp_path)).find

    @pytest.mark.parametrize(
        "names", [("train", "test"), ("Train", "val", "TEST"), ("training", "validation", "testing")]
    )
    def test_they_are_no_classes_and_the_way_out_is_told(self, tmp_path, names):
        with pytest.raises(UserError) as error:
            self.folders(tmp_path, *names)()
        assert "are the parts of a split and no classes" in str(error.value)
        assert "layout: manifest" in str(error.value) and "folds.scheme to given" in str(error.value)

    @pytest.mark.parametrize("names", [("test", "goa"), ("train", "techno", "test"), ("train",)])
    def test_classes_may_bear_such_names_beside_others(self, tmp_path, names):
        assert len(self.folders(tmp_path, *names)().tracks) == len(names)


def groups(result):
    return {track.path.decode(): track.group for track in result.tracks}


@pytest.mark.parametrize("other", ["Some Artist", "some artist", "The Some Artist"])
def test_an_artist_in_two_classes_is_one_group(music, other):
    make_files(music, "rock/Some Artist/1.mp3", f"pop/{other}/album/2.mp3", "rock/Another/3.mp3")
    found = groups(found_in(music))
    assert found["rock/Some Artist/1.mp3"] == found[f"pop/{other}/album/2.mp3"] == f"pop/{other}"
    assert found["rock/Another/3.mp3"] == "rock/Another"


@pytest.mark.parametrize(
    "name",
    [
        "CD1", "cd 2", "album-01", "disc 2", "Disk_03", "01", "1999", "2004 (2)", "A", "Side B", "Greatest Hits",
        "The Best Of", "Vol. 3", "Unknown Album", "Various", "EP", "Live 2001", "Compilation", "Untitled", "New folder",
    ],
)  # fmt: skip
def test_a_name_that_anything_may_have_joins_nothing(music, name):
    make_files(music, f"rock/{name}/1.mp3", f"pop/{name}/2.mp3")
    found = groups(found_in(music))
    assert [found[f"{label}/{name}/{n}.mp3"] for label, n in (("rock", 1), ("pop", 2))] in (
        [f"rock/{name}", f"pop/{name}"],
        [None, None],
    )


def test_a_name_under_every_class_of_four_is_a_part_of_the_collection(tmp_path):
    make_files(tmp_path, *(f"{label}/Beatport/{label}.mp3" for label in "wxyz"), "w/Someone/a.mp3", "x/Someone/b.mp3")
    found = groups(found_in(tmp_path))
    assert len({found[f"{label}/Beatport/{label}.mp3"] for label in "wxyz"}) == 4
    assert found["w/Someone/a.mp3"] == found["x/Someone/b.mp3"] == "w/Someone"
