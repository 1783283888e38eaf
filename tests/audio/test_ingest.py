import importlib
import os
import signal
import time

import numpy as np
import pytest
from sounds import RATE, catalogued, synthesise, write_audio

from genreflow.audio.ingest import SCHEMA, ingest
from genreflow.audio.vorbis import ogg_frames
from genreflow.config.audio import AudioSettings

module = importlib.import_module("genreflow.audio.ingest")


def run(tracks, folder, *, stage_key="k", **options):
    return ingest(tracks, audio_folder=folder, settings=AudioSettings(), stage_key=stage_key, **options).to_pylist()


@pytest.fixture
def tracks(tmp_path):
    return [
        catalogued(write_audio(tmp_path / f"{seed}.{suffix}", synthesise(1.5, seed=seed)), f"t{seed}")
        for seed, suffix in enumerate(["wav", "mp3", "flac"])
    ]


def ogg_files(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*.ogg")}


def test_one_row_a_track_in_the_order_given(tmp_path, tracks):
    reported = []
    (tmp_path / "bad.mp3").write_bytes(b"no music")
    (tmp_path / "empty.mp3").write_bytes(b"")
    bad = [catalogued(tmp_path / "bad.mp3", "bad"), catalogued(tmp_path / "empty.mp3", "empty")]
    given = [bad[0], *tracks, bad[1]]
    table = ingest(
        given, audio_folder=tmp_path / "out", settings=AudioSettings(), stage_key="k", report=reported.append
    )
    rows = table.to_pylist()
    assert table.schema == SCHEMA
    assert [row["track_id"] for row in rows] == ["bad", "t0", "t1", "t2", "empty"]
    assert [row["sha256"] for row in rows] == [track["sha256"] for track in given]
    assert [row["reason"] for row in (rows[0], rows[-1])] == ["Q_NOT_AUDIO", "Q_EMPTY"]
    assert reported == rows
    for row in rows[1:-1]:
        assert row["verdict"] in ("accept", "warn")
        assert ogg_frames(tmp_path / "out" / row["ogg"]) == row["frames"] == 1.5 * RATE
    for row in (rows[0], rows[-1]):
        assert row["verdict"] == "quarantine"
        assert row["ogg"] is row["lufs"] is row["frames"] is None
        assert row["message"].endswith(".")


def test_no_tracks_give_an_empty_table(tmp_path):
    assert run([], tmp_path) == []


def test_files_are_used_again(tmp_path, tracks, monkeypatch):
    out = tmp_path / "out"
    first, files = run(tracks, out), ogg_files(out)
    monkeypatch.setattr(module, "normalise", None)  # would fail
    assert run(tracks, out) == first
    assert ogg_files(out) == files


def test_a_damaged_file_is_made_again(tmp_path, tracks):
    out = tmp_path / "out"
    first = run(tracks, out)
    path = out / first[1]["ogg"]
    content = path.read_bytes()
    os.truncate(path, len(content) // 2)
    assert run(tracks, out) == first
    assert path.read_bytes() == content


def test_another_stage_key_is_another_file(tmp_path, tracks):
    first, second = (run(tracks[:1], tmp_path / "out", stage_key=key)[0]["ogg"] for key in "ab")
    assert first != second
    assert len(ogg_files(tmp_path / "out")) == 2


def test_equal_contents_share_a_file(tmp_path, tracks):
    copy = tracks[0] | {"track_id": "copy"}
    first, second = run([tracks[0], copy], tmp_path / "out")
    assert first["ogg"] == second["ogg"]
    assert second["track_id"] == "copy"


def test_files_that_changed_or_went_since_they_were_catalogued(tmp_path, tracks):
    with open(tracks[0]["path"], "ab") as file:
        file.write(b"more")
    os.unlink(tracks[1]["path"])
    assert [row["reason"] for row in run(tracks[:2], tmp_path / "out")] == ["Q_CHANGED", "Q_GONE"]


def crash_on(track_path, action):
    normalise = module.normalise

    def fragile(path, *args, **options):
        if path == track_path:
            action()
        return normalise(path, *args, **options)

    return fragile


def test_a_crash_costs_one_track(tmp_path, tracks, monkeypatch):
    crash = crash_on(tracks[1]["path"], lambda: os.kill(os.getpid(), signal.SIGKILL))
    monkeypatch.setattr(module, "normalise", crash)
    rows = run(tracks, tmp_path / "out")
    assert [row["verdict"] == "quarantine" for row in rows] == [False, True, False]
    assert rows[1]["reason"] == "Q_DECODER_CRASH"


def test_a_hang_costs_one_track(tmp_path, tracks, monkeypatch):
    monkeypatch.setattr(module, "normalise", crash_on(tracks[1]["path"], lambda: time.sleep(600)))
    rows = run(tracks, tmp_path / "out", timeout=5.0)
    assert [row["verdict"] == "quarantine" for row in rows] == [False, True, False]
    assert rows[1]["reason"] == "Q_DECODER_TIMEOUT"


def test_a_full_disk_is_not_the_fault_of_a_track(tmp_path, tracks):
    (tmp_path / "out").write_text("a file where the folder should be")
    with pytest.raises(OSError, match="out"):
        run(tracks, tmp_path / "out")


def test_shards_do_not_matter(tmp_path, tracks):
    together = run(tracks, tmp_path / "a")
    apart = [row for track in reversed(tracks) for row in run([track], tmp_path / "b")]
    assert sorted(together, key=lambda row: row["track_id"]) == sorted(apart, key=lambda row: row["track_id"])
    for row in together:
        assert np.array_equal(*((tmp_path / folder / row["ogg"]).read_bytes() for folder in "ab"))
