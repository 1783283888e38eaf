"""Answers written into tags: only the field changes, in every format, and a stop at any moment leaves a whole file."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import av
import mutagen
import pytest
from mutagen import id3
from tagged_files import FORMATS, write_file, write_tags

from genreflow.audio.packets import packets_sha256
from genreflow.audio.tags import read_tags
from genreflow.errors import UserError
from genreflow.export import tags

KINDS = (*FORMATS, "aiff")
TWO = ("Rock", "Hip Hop")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    return {kind: write_file(folder / f"track.{kind}") for kind in KINDS}


@pytest.fixture(params=KINDS)
def file(request, files, tmp_path):
    path = Path(shutil.copy(files[request.param], tmp_path / f"track.{request.param}"))
    write_tags(path, genre="Old", artist=["Björk", "坂本龍一"], title="Title", mood="sad", album="Album")
    return path


def change(path, values=TWO, field="genre"):
    changes, problems = tags.propose({os.fsencode(path): values}, field)
    assert problems == []
    return changes


def test_a_round_trip_in_every_format(file, tmp_path):
    check_round_trip(file, "genre", tmp_path)


@pytest.mark.parametrize("file", ["mp3", "flac", "m4a"], indirect=True)
@pytest.mark.parametrize("field", ["grouping", "comment"])
def test_so_do_other_fields(file, field, tmp_path):
    check_round_trip(file, field, tmp_path)


def check_round_trip(file, field, tmp_path):
    audio, before, undo = packets_sha256(file), read_tags(file), tmp_path / "undo.jsonl"
    stamp = file.stat()
    changes = change(file, field=field)
    assert [(each.existing, each.proposed) for each in changes] == [(("Old",) if field == "genre" else (), TWO)]
    assert read_tags(file) == before  # nothing is written by a proposal
    assert tags.write(changes, keep_mtime=True, undo=undo).problems == []
    assert file.stat().st_mtime_ns == stamp.st_mtime_ns and file.stat().st_mode == stamp.st_mode
    assert packets_sha256(file) == audio
    others = {name: values for name, values in read_tags(file).items() if name != field}
    assert others == {name: values for name, values in before.items() if name != field}
    assert _by_mutagen(file, field) == TWO
    with av.open(str(file)) as media:  # which returns the first value, or all of them joined
        metadata = dict(media.streams.audio[0].metadata) | dict(media.metadata)
        assert {name.lower(): text for name, text in metadata.items()}[field].split(";")[0] == "Rock"
    if field != "comment":
        assert read_tags(file)[field] == TWO
    assert change(file, field=field) == []
    assert tags.write(tags.read_undo(undo), keep_mtime=False).problems == []
    assert read_tags(file) == before and packets_sha256(file) == audio
    assert sorted(path.name for path in tmp_path.iterdir()) == [file.name, "undo.jsonl"]


def _by_mutagen(file, field):
    read = mutagen.File(file).tags
    if isinstance(read, id3.ID3):
        frame = {"genre": "TCON", "grouping": "TIT1", "comment": "COMM::eng"}[field]
        return tuple(read[frame].text)
    atoms = {"genre": "\xa9gen", "grouping": "\xa9grp", "comment": "\xa9cmt"}
    return tuple(read[atoms[field] if file.suffix == ".m4a" else field])


@pytest.mark.parametrize("version", [3, 4])
def test_id3_keeps_its_version_and_all_other_frames(files, tmp_path, version):
    path = Path(shutil.copy(files["mp3"], tmp_path / "a.mp3"))
    old = id3.ID3()
    year = id3.TYER(0, "1999") if version == 3 else id3.TDRC(3, "2001")
    for frame in (id3.TPE1(1, ["A", "B"]), year, id3.PRIV("own", b"\1\2"), id3.TCON(0, "Old")):
        old.add(frame)
    old.add(id3.APIC(0, "image/jpeg", 3, "", b"\xff\xd8\xff" + bytes(50_000)))
    old.save(path, v2_version=version, v23_sep=None, v1=2)
    first_version_tag = path.read_bytes()[-128:]
    before = id3.ID3(path, translate=False)
    assert tags.write(change(path), keep_mtime=False).problems == []
    after = id3.ID3(path, translate=False)
    assert after.version == before.version
    assert {key: frame for key, frame in after.items() if key != "TCON"} == {
        key: frame for key, frame in before.items() if key != "TCON"
    }
    assert after["TCON"].text == list(TWO) and path.read_bytes()[-128:] == first_version_tag


def test_a_file_that_was_edited_meanwhile_and_one_that_cannot_be_read_are_left_alone(files, tmp_path):
    edited, text = Path(shutil.copy(files["flac"], tmp_path / "a.flac")), tmp_path / "b.mp3"
    text.write_text("no music")
    changes, problems = tags.propose({os.fsencode(edited): TWO, os.fsencode(text): TWO}, "genre")
    assert [path for path, _ in problems] == [os.fsencode(text)]
    write_tags(edited, genre="by hand")
    content = edited.read_bytes()
    outcome = tags.write(changes, keep_mtime=False)
    assert outcome.changed == [] and "edited meanwhile" in outcome.problems[0][1]
    assert edited.read_bytes() == content and len(list(tmp_path.iterdir())) == 2
    write_tags(edited, genre=list(TWO))
    assert "already as proposed" in tags.write(changes, keep_mtime=False).problems[0][1]


def test_links_stay_links(files, tmp_path):
    (tmp_path / "real").mkdir()
    real, link = Path(shutil.copy(files["mp3"], tmp_path / "real/a.mp3")), tmp_path / "link.mp3"
    link.symlink_to(real)
    assert tags.write(change(link), keep_mtime=False).changed == [os.fsencode(real.resolve())]
    assert link.is_symlink() and read_tags(real)["genre"] == TWO


def test_an_undo_file_that_was_cut_off_is_read_as_far_as_it_goes(files, tmp_path):
    path, undo = Path(shutil.copy(files["mp3"], tmp_path / "a.mp3")), tmp_path / "undo.jsonl"
    tags.write(change(path), keep_mtime=False, undo=undo)
    undo.write_text(undo.read_text() + '{"kind": "genref')
    assert [(each.existing, each.proposed) for each in tags.read_undo(undo)] == [(TWO, ())]
    undo.write_text("path,genre\n")
    with pytest.raises(UserError, match="no undo file of genreflow"):
        tags.read_undo(undo)


def test_without_mutagen_a_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "mutagen", None)
    with pytest.raises(UserError, match="pip install mutagen"):
        tags.propose({b"a.mp3": TWO}, "genre")


KILLED = """
import os, sys
from genreflow.export import tags
step, path = sys.argv[1], os.fsencode(sys.argv[2])
changes, _ = tags.propose({path: ["Rock", "Hip Hop"]}, "genre")
def stop(*arguments, **options):
    os.kill(os.getpid(), 9)
def half(source, target):
    open(target, "wb").write(open(source, "rb").read()[:1000])
    stop()
if step == "copy":
    tags.shutil.copy2 = half
elif step == "replace":
    os.replace = stop
else:
    setattr(tags, step, stop)
tags.write(changes, keep_mtime=False)
"""


@pytest.mark.parametrize(
    "step", ["copy", "replace", *(pytest.param(each, marks=pytest.mark.slow) for each in ("_set", "_save", "flush"))]
)
def test_a_killed_write_leaves_the_original_intact(files, tmp_path, step):
    path = Path(shutil.copy(files["m4a"], tmp_path / "a.m4a"))
    content = path.read_bytes()
    process = subprocess.run([sys.executable, "-c", KILLED, step, str(path)], check=False)
    assert process.returncode == -signal.SIGKILL
    assert path.read_bytes() == content
    assert tags.write(change(path), keep_mtime=False).problems == []
    assert read_tags(path)["genre"] == TWO and [each.name for each in tmp_path.iterdir()] == ["a.m4a"]
