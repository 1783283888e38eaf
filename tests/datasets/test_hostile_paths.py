import os
import tempfile
import unicodedata

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from genreflow.datasets.layouts.folders import Folders
from genreflow.datasets.layouts.manifest import Manifest
from genreflow.datasets.names import printable, reading
from genreflow.datasets.paths import Finder, fault_of, normalized, placed, twins
from genreflow.datasets.scan import list_dataset as find_folders
from genreflow.datasets.scan import list_dataset as find_manifest
from genreflow.errors import Problems
from genreflow.store.text import listing

ODD_NAMES = [
    b"caf\xe9.wav", b"\xff\xfe.mp3", b"new\nline.wav", b"{x}<gt>'\".wav", b"-rf.wav", b"x" * 255, b"$HOME.mp3",
    b"a;b&c|d.mp3", b"*?#%41,.mp3", b"tab\t.mp3", b"back\\slash.mp3", b"trailing.", b"CON", b"=cmd().wav",
    b"\x1b]0;owned\x07.mp3", "\u202egnp.3pm".encode(), "\u200bzero.mp3".encode(), "\U0001f3b5.mp3".encode(),
    b" blanks .mp3", b"~", b"http:x.wav", b"..dots.mp3", b"<script>.mp3", b"`id`.mp3",
]  # fmt: skip


def make_files(root, *names):
    for name in names:
        path = os.path.join(os.fsencode(root), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(b"x")


def folders(root, **options):
    return find_folders(Folders(layout="folders", path=str(root), **options))


def manifest(root, *paths, **options):
    """Read a manifest of these paths, in two classes by turns."""
    text = "path,label\n"
    for number, path in enumerate([*paths, "ok.mp3", "ok too.mp3"]):
        text += '"' + path.replace('"', '""') + '",' + "xy"[number % 2] + "\n"
    make_files(root, "ok.mp3", "ok too.mp3")
    (root / "tracks.csv").write_bytes(text.encode())
    return find_manifest(Manifest(layout="manifest", path=str(root / "tracks.csv"), **options))


def track_of(result, path):
    (track,) = (track for track in result.tracks if track.path == path)
    return track


@pytest.mark.parametrize("name", ODD_NAMES, ids=ascii)
def test_a_name_may_hold_any_bytes(tmp_path, name):
    make_files(tmp_path / "music", b"goa/" + name, b"dark/" + name, b"goa/al" + name[:250] + b"/x.mp3")
    for path in ((b"dark/" + name), b"goa/" + name, b"goa/al" + name[:250] + b"/x.mp3"):
        track = track_of(folders(tmp_path / "music"), path)
        assert (track.reason, track.message) == ("", "")
        assert os.path.exists(os.path.join(os.fsencode(tmp_path / "music"), track.path))


@pytest.mark.parametrize("name", ODD_NAMES, ids=ascii)
def test_a_manifest_can_name_any_file(tmp_path, name):
    make_files(tmp_path, b"sub/" + name)
    track = track_of(manifest(tmp_path, reading(b"sub/" + name)), b"sub/" + name)
    assert (track.reason, track.label) == ("", "x")


@pytest.mark.parametrize("name", ODD_NAMES, ids=ascii)
def test_names_are_shown_without_controls(name):
    shown = printable(name)
    assert shown.isprintable()
    assert shown.encode()


@given(st.binary(max_size=30))
def test_any_name_can_be_shown(name):
    shown = printable(name)
    assert all(c.isprintable() or unicodedata.category(c) == "Zs" or c in "\u200c\u200d" for c in shown)
    assert not set(shown) & set("\x1b\n\r\t\x00\u202e\u2028\u2029")


@given(st.text("abcXYZ 019-_.äöü日本", max_size=20))
def test_plain_names_are_shown_as_they_are(name):
    assert printable(name.encode()) == name


def test_joined_emoji_and_persian_words_keep_their_joiners():
    for name in ("\U0001f469\u200d\U0001f3a4", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"):
        assert printable(name.encode()) == name


def test_a_list_of_names_is_cut():
    assert listing(["a", "b"]) == "a, b"
    assert listing(map(str, range(1005)), most=3) == "0, 1, 2 and 1,002 more"


def test_names_in_two_unicode_forms_are_two_files_with_a_warning(tmp_path):
    make_files(tmp_path, "goa/caf\u00e9.mp3", "goa/cafe\u0301.mp3", "dark/caf\u00e9.mp3")
    result = folders(tmp_path)
    assert {track.path: track.reason for track in result.tracks} == {
        "goa/caf\u00e9.mp3".encode(): "W_UNICODE_TWIN",
        "goa/cafe\u0301.mp3".encode(): "W_UNICODE_TWIN",
        "dark/caf\u00e9.mp3".encode(): "",
    }
    result = manifest(tmp_path, "goa/caf\u00e9.mp3", "goa/cafe\u0301.mp3", "dark/caf\u00e9.mp3")
    assert sum(track.reason == "W_UNICODE_TWIN" for track in result.tracks) == 2


def test_files_that_are_no_text_are_no_twins():
    assert twins([b"caf\xe9", b"caf\xe8", "caf\u00e9".encode()]) == set()


def test_a_manifest_finds_a_file_under_its_other_unicode_form(tmp_path):
    make_files(tmp_path, "cafe\u0301/cafe\u0301.mp3", "A.mp3")
    result = manifest(tmp_path, "caf\u00e9/caf\u00e9.mp3", "A.mp3")
    assert track_of(result, "cafe\u0301/cafe\u0301.mp3".encode()).reason == ""
    assert result.notices == ["1 file found under another form of the name: row 2 'café/café.mp3'"]


def test_two_spellings_of_one_file_are_one_row(tmp_path):
    make_files(tmp_path, "cafe\u0301.mp3")
    result = manifest(tmp_path, "caf\u00e9.mp3", "ok too.mp3", "cafe\u0301.mp3", "ok too.mp3")
    assert [track.path for track in result.tracks].count("cafe\u0301.mp3".encode()) == 1


def test_an_ambiguous_name_finds_nothing(tmp_path):
    make_files(tmp_path, b"caf\xe9.mp3", b"caf\xe8.mp3")
    assert Finder(os.fsencode(tmp_path)).find("caf\ufffd.mp3") is None


@pytest.mark.parametrize(
    ("path", "advice"),
    [
        ("../a.mp3", "leads out of the root. Set `root` to a folder above, or `allow_absolute: true`."),
        ("a/../../b.mp3", "leads out of the root."),
        ("..", "leads out of the root."),
        ("/etc/passwd", "is absolute. Write it relative to the root, or set `allow_absolute: true`."),
        ("//etc/passwd", "is absolute."),
        ("~/a.mp3", "begins with a home folder. Write it relative to the root ('./~/a.mp3' if that is its name)."),
        ("~root/a.mp3", "begins with a home folder."),
        ("file:///a.mp3", "is a URL. Write the path of the file, relative to the root."),
        ("https://x.org/a.mp3", "is a URL."),
        ("C:\\a.mp3", "is a Windows path. Write it relative to the root, with forward slashes."),
        ("c:/a.mp3", "is a Windows path."),
        ("\\\\server\\a.mp3", "is a Windows path."),
        ("rock\\a.mp3", "has backslashes. Write 'rock/a.mp3'."),
        (".", "is the root itself. Write the path of a file."),
        ("a/..", "is the root itself."),
    ],
)
def test_a_path_that_leads_elsewhere_is_refused_with_its_row_and_advice(tmp_path, path, advice):
    with pytest.raises(Problems) as error:
        manifest(tmp_path, path)
    (problem,) = error.value.problems
    assert problem.startswith(f"row 2: {path!r} {advice}")


def test_a_nul_is_refused_with_its_row(tmp_path):
    with pytest.raises(Problems) as error:
        manifest(tmp_path, "a\0.mp3")
    assert error.value.problems == ["row 2: it holds a NUL character. Write the file again as text."]


@pytest.mark.parametrize("name", ["~a.mp3", "C:a.mp3", "..a/..b.mp3", "...", "a:b//c.mp3", "rock\\a.mp3", "./~x/a.mp3"])
def test_names_that_only_look_so_are_accepted(tmp_path, name):
    make_files(tmp_path, name)
    assert track_of(manifest(tmp_path, name), os.path.normpath(name).encode()).reason == ""


def test_paths_out_of_the_root_are_accepted_when_allowed_and_warned_of(tmp_path):
    root = tmp_path / "root"
    make_files(tmp_path, "root/in.mp3", "up.mp3", "far/away.mp3")
    result = manifest(root, "../up.mp3", str(tmp_path / "far/away.mp3"), str(root / "in.mp3"), allow_absolute=True)
    assert {track.path: track.reason for track in result.tracks} == {
        b"../up.mp3": "W_OUTSIDE",
        os.fsencode(tmp_path / "far/away.mp3"): "W_OUTSIDE",
        b"in.mp3": "",
        b"ok.mp3": "",
        b"ok too.mp3": "",
    }


def test_one_file_by_a_whole_and_a_short_path_is_one_row(tmp_path):
    make_files(tmp_path, "in.mp3")
    result = manifest(tmp_path, "in.mp3", "ok too.mp3", str(tmp_path / "in.mp3"), "ok too.mp3", allow_absolute=True)
    assert [track.path for track in result.tracks].count(b"in.mp3") == 1


def test_a_relative_root_is_no_prefix_of_relative_paths(tmp_path, monkeypatch):
    make_files(tmp_path, "music/music/a.mp3", "music/a.mp3", "music/b.mp3")
    (tmp_path / "m.csv").write_text("path,label\nmusic/a.mp3,x\nb.mp3,y\n")
    monkeypatch.chdir(tmp_path)
    result = find_manifest(Manifest(layout="manifest", path="m.csv", root="music", allow_absolute=True))
    assert [track.path for track in result.tracks] == [b"music/a.mp3", b"b.mp3"]


def test_links_out_of_the_root_are_refused_unless_allowed(tmp_path):
    make_files(tmp_path, "far/a.mp3", "root/real/b.mp3")
    root = tmp_path / "root"
    (root / "a.mp3").symlink_to(tmp_path / "far" / "a.mp3")
    (root / "far").symlink_to(tmp_path / "far")
    (root / "near").symlink_to("real")
    paths = ("a.mp3", "far/a.mp3", "near/b.mp3")
    reasons = {track.path: track.reason for track in manifest(root, *paths).tracks if track.reason}
    assert reasons == {b"a.mp3": "Q_OUTSIDE", b"far/a.mp3": "Q_OUTSIDE"}
    assert "`allow_absolute: true`" in track_of(manifest(root, *paths), b"a.mp3").message
    reasons = {track.path: track.reason for track in manifest(root, *paths, allow_absolute=True).tracks if track.reason}
    assert reasons == {b"a.mp3": "W_OUTSIDE", b"far/a.mp3": "W_OUTSIDE"}


@pytest.mark.parametrize("path", ["x" * 256 + ".mp3", "a/" * 2048 + "x.mp3", "\u00e9" * 128])
def test_a_path_too_long_for_the_system_is_refused_in_its_row_alone(tmp_path, path):
    assert track_of(manifest(tmp_path, path), path.encode()).reason == "Q_PATH"


def test_a_tree_too_deep_for_the_system_is_refused_by_name(tmp_path, monkeypatch):
    make_files(tmp_path, "music/dark/a.mp3", "music/goa/b.mp3")
    monkeypatch.chdir(tmp_path / "music" / "goa")
    for _ in range(20):
        os.mkdir("d" * 250)
        os.chdir("d" * 250)
        with open("x.mp3", "wb"):
            pass
    reasons = [track.reason for track in folders(tmp_path / "music").tracks]
    assert reasons.count("") > 10
    assert reasons.count("Q_PATH") >= 1
    assert set(reasons) == {"", "Q_PATH"}


def test_paths_that_differ_in_case_are_two_files(tmp_path):
    make_files(tmp_path, "goa/A.wav", "goa/a.wav", "dark/b.wav")
    assert len(folders(tmp_path).tracks) == 3
    assert len(manifest(tmp_path, "goa/A.wav", "goa/a.wav").tracks) == 4


STEP = st.sampled_from(["a", "b", ".", "..", "", " ", "~", "\u00e9", "x.mp3"])


@given(st.lists(STEP, min_size=1, max_size=6).map("/".join))
def test_no_path_that_is_accepted_leads_out(text):
    if fault_of(text, allow_outside=False) is None:
        path = normalized(text)
        assert os.path.normpath(os.path.join("/root", path)).startswith("/root/")
        assert normalized(path) == path


@limits(max_examples=30)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0\\"), min_size=1, max_size=20))
def test_any_text_finds_the_file_of_that_name(name):
    if name in (".", "..", "~"):
        return
    with tempfile.TemporaryDirectory() as folder:
        make_files(folder, "sub/" + name)
        place = placed("sub/" + name, Finder(os.fsencode(folder)), allow_outside=False)
    assert (place.path, place.fault, place.reason) == (b"sub/" + name.encode(), "", "")
