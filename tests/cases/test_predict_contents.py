"""Predictions follow their files: whatever happens to one, `snakemake predict` runs again."""

import os
from pathlib import Path

import pytest

from genreflow.audio.decode import regular_file_size
from genreflow.config.audio import AudioSettings
from genreflow.config.inputs import InputSettings
from genreflow.errors import UserError
from genreflow.inference.files import Item, find, stamps
from genreflow.inference.prepare import prepare_tracks
from genreflow.plan.make import make_plan
from genreflow.store.digest import digest

HOME = Path(__file__).parents[2]
STUDY = """\
title: Tiny
dataset: tiny
models: {psytrance_cnn: {}}
folds: {count: 2}
snippets: {some: {model: psytrance_cnn}}
final: {}
"""


@pytest.fixture
def given(tmp_path):
    """A folder of two files, a file, and a playlist that names one file and one that is not there."""
    folder = tmp_path / "new"
    folder.mkdir()
    for name in ("one.wav", "two.wav"):
        (folder / name).write_bytes(b"RIFF" + name.encode())
    (tmp_path / "alone.wav").write_bytes(b"alone")
    (tmp_path / "listed.wav").write_bytes(b"listed")
    (tmp_path / "list.m3u").write_text("listed.wav\nlater.wav\n")
    return [str(folder), str(tmp_path / "alone.wav"), str(tmp_path / "list.m3u")]


def older_music_under_another_name(at):
    (at / "new/one.wav").unlink()
    (at / "new/other.wav").write_bytes(b"RIFFone.wav")
    os.utime(at / "new/other.wav", (1, 1))


def same_size_and_time(at):
    path, status = at / "alone.wav", (at / "alone.wav").stat()
    path.write_bytes(b"enola")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


CHANGES = {
    "another name, older": older_music_under_another_name,
    "renamed": lambda at: (at / "new/one.wav").rename(at / "new/renamed.wav"),
    "same size and time": same_size_and_time,
    "replaced by a file moved there": lambda at: (at / "new/one.wav").replace(at / "alone.wav"),
    "two files exchanged": lambda at: exchange(at / "new/one.wav", at / "new/two.wav"),
    "added to the folder": lambda at: (at / "new/three.wav").write_bytes(b"3"),
    "added below the folder": lambda at: deeper(at / "new/album"),
    "gone from the folder": lambda at: (at / "new/two.wav").unlink(),
    "added to the playlist": lambda at: (at / "list.m3u").write_text("listed.wav\nlater.wav\nalone.wav\nnew/one.wav\n"),
    "taken from the playlist": lambda at: (at / "list.m3u").write_text("later.wav\n"),
    "gone from the playlist's folder": lambda at: (at / "listed.wav").unlink(),
    "there at last": lambda at: (at / "later.wav").write_bytes(b"later"),
    "changed as the playlist names it": lambda at: (at / "listed.wav").write_bytes(b"LISTED"),
    "another order": lambda at: (at / "list.m3u").write_text("later.wav\nlisted.wav\n"),
    "the playlist gone": lambda at: (at / "list.m3u").unlink(),
    "the folder emptied": lambda at: [path.unlink() for path in (at / "new").iterdir()],
}


def exchange(one, two):
    aside = one.with_suffix(".aside")
    one.rename(aside)
    two.rename(one)
    aside.rename(two)


def deeper(folder):
    folder.mkdir()
    (folder / "four.wav").write_bytes(b"4")


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_happens_to_a_file_changes_the_stamps(tmp_path, given, change):
    before = digest(stamps(given))
    assert digest(stamps(given)) == before
    change(tmp_path)
    assert digest(stamps(given)) != before


def test_side_files_and_reading_change_nothing(tmp_path, given):
    before = digest(stamps(given))
    (tmp_path / "new/cover.jpg").write_bytes(b"jpg")
    (tmp_path / "new/.hidden").write_bytes(b"")
    (tmp_path / "new/one.wav").read_bytes()
    assert digest(stamps(given)) == before


def test_a_list_that_cannot_be_read_is_no_crash_of_the_plan(tmp_path):
    (tmp_path / "list.m3u").write_bytes(b"\0\0")
    [[name, problem]] = stamps([str(tmp_path / "list.m3u")])
    assert name == str(tmp_path / "list.m3u")
    assert "not a playlist" in problem


@pytest.fixture
def planned(tmp_path, monkeypatch):
    """A function that plans a study of eight tracks with its predictions."""
    monkeypatch.chdir(tmp_path)
    for label in ("a", "b"):
        for number in range(4):
            path = tmp_path / f"music/{label}/{number}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(f"{label}{number}".encode())
    Path("tiny.yaml").write_text(STUDY)
    Path("new.wav").write_bytes(b"new")

    def plan(refresh=True):
        config = {
            "studies": ["tiny.yaml"],
            "datasets": {"tiny": {"layout": "folders", "path": "music"}},
            "predict": {"study": "tiny", "files": ["new.wav"]},
        }
        return make_plan(config, home=HOME, refresh=refresh)

    return plan


def test_a_song_that_changes_changes_its_snippets_and_its_predictions(planned):
    before = planned()
    keys = before.studies["tiny"].keys.snippets("some"), before.predictions_key([])
    Path("music/a/0.wav").write_bytes(b"A0")
    after = planned()
    assert after.studies["tiny"].keys.snippets("some") != keys[0]
    assert after.predictions_key([]) != keys[1]


def test_predictions_wait_for_the_record_by_which_they_are_calibrated(planned):
    record = planned().predictor_files["record"]
    assert [path.split("/")[-2] for path in record] == ["fold-1", "fold-2", "fold-final"]


def test_a_job_elsewhere_need_not_see_the_files_to_predict(planned):
    planned()
    Path("new.wav").unlink()
    assert planned(refresh=False).predictor


def test_a_file_that_vanishes_is_dropped_from_the_predictions(planned):
    Path("new.wav").unlink()
    with pytest.raises(UserError, match=r"predict.files: 'new.wav': there is no such file"):
        planned()
    Path("results").mkdir(exist_ok=True)
    Path("results/predictions.csv").write_text("file,slice,start_s,label\nnew.wav,0,0.0,a\n")
    assert planned().predictions_key(stamps(["new.wav"])) != planned().predictions_key([])
    [item] = find(["new.wav"], missing_ok=True)
    assert (item.reason, item.title) == ("Q_MISSING", "new.wav")


def test_a_file_that_goes_while_others_are_heard_is_said_to_be_gone(tmp_path, monkeypatch):
    path = tmp_path / "gone.wav"
    path.write_bytes(b"RIFF")

    def seen_last(path):
        size = regular_file_size(path)
        os.unlink(path)
        return size

    monkeypatch.setattr("genreflow.inference.prepare.regular_file_size", seen_last)
    [prepared] = prepare_tracks([Item(os.fsencode(path))], AudioSettings(), InputSettings())
    assert prepared.reason == "Q_GONE"
