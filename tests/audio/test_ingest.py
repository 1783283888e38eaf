import faulthandler
import hashlib
import importlib
import os
import resource
import signal
import time

import numpy as np
import psutil
import pytest
from sounds import RATE, cataloged, synthesize, write_audio
from threadpoolctl import threadpool_info

from genreflow.audio.ingest import SCHEMA, ingest
from genreflow.audio.verdict import RejectedTrack
from genreflow.audio.vorbis import ogg_frames
from genreflow.config.audio import AudioSettings

module = importlib.import_module("genreflow.audio.ingest")


def run(tracks, folder, *, stage_key="k", **options):
    return ingest(tracks, audio_folder=folder, settings=AudioSettings(), stage_key=stage_key, **options).to_pylist()


@pytest.fixture
def tracks(tmp_path):
    return [
        cataloged(write_audio(tmp_path / f"{seed}.{suffix}", synthesize(1.5, seed=seed)), f"t{seed}")
        for seed, suffix in enumerate(["wav", "mp3", "flac"])
    ]


def ogg_files(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*.ogg")}


def test_one_row_a_track_in_the_order_given(tmp_path, tracks):
    reported = []
    (tmp_path / "bad.mp3").write_bytes(b"no music")
    (tmp_path / "empty.mp3").write_bytes(b"")
    bad = [cataloged(tmp_path / "bad.mp3", "bad"), cataloged(tmp_path / "empty.mp3", "empty")]
    given = [bad[0], *tracks, bad[1]]
    table = ingest(
        given, audio_folder=tmp_path / "out", settings=AudioSettings(), stage_key="k", report=reported.append
    )
    rows = table.to_pylist()
    assert table.schema == SCHEMA
    assert [row["track_id"] for row in rows] == ["bad", "t0", "t1", "t2", "empty"]
    assert [row["sha256"] for row in rows] == [track["sha256"] for track in given]
    assert [row["reason"] for row in (rows[0], rows[-1])] == ["Q_NOT_AUDIO", "Q_EMPTY"]
    assert sorted(reported, key=lambda row: row["track_id"]) == sorted(rows, key=lambda row: row["track_id"])
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
    monkeypatch.setattr(module, "normalize", None)  # would fail
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


def test_files_that_changed_or_went_since_they_were_cataloged(tmp_path, tracks):
    with open(tracks[0]["path"], "ab") as file:
        file.write(b"more")
    os.unlink(tracks[1]["path"])
    assert [row["reason"] for row in run(tracks[:2], tmp_path / "out")] == ["Q_CHANGED", "Q_GONE"]


def crash_on(track_path, action):
    normalize = module.normalize

    def fragile(path, *args, **options):
        if path == track_path:
            action()
        return normalize(path, *args, **options)

    return fragile


@pytest.mark.parametrize("workers", [1, 2])
def test_a_crash_costs_one_track(tmp_path, tracks, monkeypatch, workers):
    def crash_quietly():
        faulthandler.disable()
        os.kill(os.getpid(), signal.SIGSEGV)

    crash = crash_on(tracks[1]["path"], crash_quietly)
    monkeypatch.setattr(module, "normalize", crash)
    rows = run(tracks, tmp_path / "out", workers=workers)
    assert [row["verdict"] == "quarantine" for row in rows] == [False, True, False]
    assert rows[1]["reason"] == "Q_DECODER_CRASH"
    assert "SIGSEGV" in rows[1]["message"]


@pytest.mark.parametrize("workers", [1, 2])
def test_what_the_system_kills_is_tried_again_alone(tmp_path, tracks, monkeypatch, workers):
    tried = tmp_path / "tried"

    def killed_at_first():
        if not tried.exists():
            tried.touch()
            os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(module, "normalize", crash_on(tracks[1]["path"], killed_at_first))
    rows = run(tracks, tmp_path / "out", workers=workers)
    assert [row["verdict"] == "quarantine" for row in rows] == [False, False, False]
    monkeypatch.undo()
    assert rows == run(tracks, tmp_path / "other", workers=workers)


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_killed_alone_too_costs_one_track(tmp_path, tracks, monkeypatch, workers):
    kill = crash_on(tracks[1]["path"], lambda: os.kill(os.getpid(), signal.SIGKILL))
    monkeypatch.setattr(module, "normalize", kill)
    rows = run(tracks, tmp_path / "out", workers=workers)
    assert [row["reason"] for row in rows if row["verdict"] == "quarantine"] == ["Q_MACHINE"]
    assert "SIGKILL" in rows[1]["message"]


@pytest.mark.end_to_end
def test_a_track_that_needs_more_memory_than_it_may_have(tmp_path, tracks):
    path = write_audio(tmp_path / "long.flac", np.tile(synthesize(5), (120, 1)))
    rows = run([cataloged(path, "long"), tracks[0]], tmp_path / "out", memory_gb=0.06)
    assert rows[0]["reason"] == "Q_MEMORY"
    assert rows[1]["verdict"] != "quarantine"


def test_a_worker_is_confined(tmp_path, tracks, monkeypatch):
    def look(*_, **__):
        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
        threads = {library["num_threads"] for library in threadpool_info()}
        spare = soft - psutil.Process().memory_info().vms
        raise RejectedTrack("Q_SEEN", f"{os.readlink('/proc/self/fd/0')} {threads} {spare / 1e9:.1f}")

    monkeypatch.setattr(module, "normalize", look)
    assert run(tracks[:1], tmp_path / "out", memory_gb=2.0)[0]["message"] == "/dev/null {1} 2.0"


def test_the_number_of_workers_does_not_matter(tmp_path, tracks):
    given = [*tracks, tracks[0] | {"track_id": "copy"}]
    results = {}
    for workers in (1, 2, 5):
        out = tmp_path / str(workers)
        rows = run(given, out, workers=workers)
        results[workers] = rows, {path.name: path.read_bytes() for path in out.rglob("*.ogg")}
    assert results[1] == results[2] == results[5]


def test_the_largest_files_come_first(tmp_path, tracks):
    reported = []
    run(tracks, tmp_path / "out", report=lambda row: reported.append(row["track_id"]))
    assert reported == [track["track_id"] for track in sorted(tracks, key=lambda track: -track["bytes"])]


def test_what_the_catalog_says(tmp_path, tracks):
    refused = tracks[0] | {"reason": "Q_LABEL_CONFLICT", "message": "It is in two classes."}
    doubted = tracks[1] | {"reason": "W_DUPLICATE", "message": "It is there twice."}
    rows = run([refused, doubted], tmp_path / "out")
    assert (rows[0]["verdict"], rows[0]["reason"], rows[0]["message"]) == (
        "quarantine",
        "Q_LABEL_CONFLICT",
        "It is in two classes.",
    )
    assert len(ogg_files(tmp_path / "out")) == 1
    assert "W_DUPLICATE" not in rows[1]["reason"]  # it is for others to repeat


def test_a_misleading_name_is_a_matter_of_the_file_not_of_its_content(tmp_path, tracks):
    misnamed = tmp_path / "really.wav.mp3"
    misnamed.write_bytes((tmp_path / "0.wav").read_bytes())
    both = [cataloged(misnamed, "misnamed"), tracks[0]]
    for order in (both, both[::-1]):
        rows = {row["track_id"]: row for row in run(order, tmp_path / order[0]["track_id"])}
        assert rows["misnamed"]["reason"].split()[0] == "W_EXTENSION"
        assert rows["misnamed"]["verdict"] == "accept"
        assert "W_EXTENSION" not in rows["t0"]["reason"]
        assert rows["misnamed"]["ogg"] == rows["t0"]["ogg"]


def test_equal_samples_are_known_in_every_lossless_format(tmp_path):
    music = np.round(synthesize(2) * 2**15) / 2**15
    kinds = {"wav": {}, "flac": {}, "aiff": {}, "au": {}, "caf": {}, "w64": {"subtype": "FLOAT"}}
    tracks = [cataloged(write_audio(tmp_path / f"x.{kind}", music, **options), kind) for kind, options in kinds.items()]
    other = music.copy()
    other[1000, 0] += 2**-15
    tracks.append(cataloged(write_audio(tmp_path / "other.wav", other), "other"))
    tracks.append(cataloged(write_audio(tmp_path / "rate.wav", music, RATE + 1), "rate"))
    rows = run(tracks, tmp_path / "out")
    assert len({row["samples_sha256"] for row in rows[: len(kinds)]}) == 1
    assert len({row["samples_sha256"] for row in rows}) == 3
    assert len({row["fingerprint"] for row in rows[: len(kinds)]}) == 1


def test_what_equal_samples_are(tmp_path, tracks):
    """A digest that others can compute: the rate, and the mean of the channels, as little-endian numbers."""
    music = np.round(synthesize(1.5, seed=0) * 2**15).astype("<i2")
    path = write_audio(tmp_path / "x.wav", music)
    mean = (music[:, 0].astype("<f4") + music[:, 1].astype("<f4")) / 2 / 2**15
    expected = hashlib.sha256(RATE.to_bytes(4, "little") + mean.astype("<f4").tobytes()).hexdigest()
    assert run([cataloged(path)], tmp_path / "out")[0]["samples_sha256"] == expected


def test_a_hang_costs_one_track(tmp_path, tracks, monkeypatch):
    monkeypatch.setattr(module, "normalize", crash_on(tracks[1]["path"], lambda: time.sleep(600)))
    rows = run(tracks, tmp_path / "out", timeout=2.0)
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


def test_an_error_of_ours_costs_one_track_and_is_said_to_be_ours(tmp_path, tracks, monkeypatch):
    def mistaken():
        raise TypeError("a bug")

    monkeypatch.setattr(module, "normalize", crash_on(tracks[1]["path"], mistaken))
    rows = run(tracks, tmp_path / "out")
    assert [row["reason"] == "Q_INTERNAL" for row in rows] == [False, True, False]
    assert "TypeError" in rows[1]["message"]


def test_another_file_of_the_same_size_is_not_taken_for_the_one_that_was_cataloged(tmp_path, tracks):
    path = tmp_path / "0.wav"
    status = path.stat()
    known = tracks[0] | {"mtime_ns": status.st_mtime_ns, "ctime_ns": status.st_ctime_ns}
    write_audio(path, synthesize(1.5, seed=9))
    assert path.stat().st_size == status.st_size
    [row] = run([known], tmp_path / "out")
    assert row["reason"] == "Q_CHANGED"
    assert not ogg_files(tmp_path / "out")


def test_a_file_that_was_only_touched_is_still_the_same(tmp_path, tracks):
    known = tracks[0] | {"mtime_ns": 1, "ctime_ns": 1}
    assert run([known], tmp_path / "out")[0]["verdict"] == "accept"


def test_files_that_could_not_be_read_for_the_catalog_are_not_taken_for_one_another(tmp_path, tracks):
    """What the catalog has in place of their hashes is the same for both."""
    rows = run([track | {"sha256": "missing-12ab"} for track in tracks[:2]], tmp_path / "out")
    assert [row["reason"] for row in rows] == ["Q_UNREADABLE", "Q_UNREADABLE"]
    assert not ogg_files(tmp_path / "out")
