"""A hostile file costs a check one file, and nothing is opened that is no regular file."""

import json
import os
import signal
import struct
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile

from genreflow.audio import probing
from genreflow.audio.probing import probe
from genreflow.cli import main
from genreflow.config.audio import QualityThresholds
from genreflow.errors import UserError
from genreflow.store.regular import read_regular

RATE = 8_000


def nested_boxes(depth=3_000):
    content = b""
    for number in range(depth):
        name = (b"moov", b"trak", b"mdia", b"minf", b"stbl")[number % 5] if number < depth - 1 else b"moov"
        content = struct.pack(">I4s", len(content) + 8, name) + content
    return struct.pack(">I4s8s", 16, b"ftyp", b"M4A \0\0\0\0") + content


def with_total(path, total):
    """Change the number of samples that a FLAC file says it has: 36 bits behind rate, channels and bits."""
    content = bytearray(path.read_bytes())
    content[21] = content[21] & 0xF0 | total >> 32
    content[22:26] = (total & 0xFFFFFFFF).to_bytes(4, "big")
    path.write_bytes(content)


@pytest.fixture
def music(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in range(6):
        path = tmp_path / "music" / "ab"[number % 2] / f"{number}.flac"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.1 * np.random.default_rng(number).normal(size=9 * RATE), RATE)
    (tmp_path / "mine.yaml").write_text("dataset: mine\nfolds: {count: 2}\nmodels: {psytrance_cnn: {}}\n")
    (tmp_path / "my.yaml").write_text(
        "studies: [mine.yaml]\ndatasets: {mine: {layout: folders, path: music}}\n"
        "limits: {track_timeout: 1, track_memory_gb: 1}\naudio: {max_minutes: 0.1}\n"
    )
    return tmp_path / "music"


@pytest.fixture(params=["folder", "configfile"])
def look(request, capsys):
    """Return a function that checks the music, in either way, and returns what is known of the dataset."""

    def check():
        arguments = ["music"] if request.param == "folder" else ["--configfile", "my.yaml"]
        code = main(["check", "--json", *arguments])
        message = json.loads(capsys.readouterr().out)
        return code, message if request.param == "folder" else message["datasets"][0]

    return check


def test_nested_boxes_cost_one_file(music, look):
    (music / "a" / "nested.m4a").write_bytes(nested_boxes())
    code, dataset = look()
    assert code in (0, 2)
    assert [title for title, *_ in dataset["refused"]] == ["a/nested.m4a"]
    assert dataset["looked_at"] == 7


@pytest.mark.parametrize("look", ["configfile"], indirect=True)
def test_a_sparse_file_costs_a_moment(music, look, monkeypatch):
    monkeypatch.setattr("genreflow.plan.forecast._DECODE_TIMEOUT", 1.0)
    sparse = music / "a" / "sparse.flac"
    sparse.write_bytes((music / "a" / "0.flac").read_bytes()[:200])
    with_total(sparse, 0)
    os.truncate(sparse, 4 * 10**9)
    began = time.process_time()
    _, dataset = look()
    assert [title for title, *_ in [*dataset["refused"], *dataset["unknown"]]] == ["a/sparse.flac"]
    assert time.process_time() - began < 60


@pytest.mark.parametrize("look", ["folder"], indirect=True)
def test_a_broken_decoder_costs_one_file(music, look, monkeypatch):
    def broken(path, **options):
        if path.endswith(b"4.flac"):
            os.kill(os.getpid(), signal.SIGTRAP)
        if path.endswith(b"2.flac"):
            raise MemoryError
        return probe(path, **options)

    monkeypatch.setattr(probing, "probe", broken)
    _, dataset = look()
    assert [(title, reason) for title, reason, _ in dataset["refused"]] == [("a/4.flac", "Q_DECODER_CRASH")]


@pytest.mark.parametrize("look", ["folder"], indirect=True)
def test_a_decoder_that_hangs_costs_the_limit(music, look, monkeypatch):
    def hanging(path, **options):
        while path.endswith(b"4.flac"):
            pass
        return probe(path, **options)

    monkeypatch.setattr(probing, "probe", hanging)
    monkeypatch.setattr("genreflow.plan.forecast._PROBE_TIMEOUT", 0.3)
    _, dataset = look()
    assert dataset["looked_at"] == 6 and not dataset["refused"]


def test_headers_are_not_believed_against_the_size_of_a_file(music, look):
    for path in music.glob("*/*"):
        with_total(path, 2**36 - 1)
        assert probe(path, thresholds=QualityThresholds(), max_seconds=1_200) == pytest.approx(9)
    _, dataset = look()
    assert dataset["hours"] is None or dataset["hours"] <= 6 * 9 / 3600 + 1e-6


def test_no_more_is_counted_than_is_used(music, capsys):
    assert main(["check", "--json", "--configfile", "my.yaml"]) == 0
    assert json.loads(capsys.readouterr().out)["datasets"][0]["hours"] == pytest.approx(6 * 6 / 3600)


def test_a_length_that_a_header_makes_too_short_is_measured(tmp_path):
    path = tmp_path / "a.flac"
    soundfile.write(path, 0.1 * np.random.default_rng(0).normal(size=60 * RATE), RATE)
    with_total(path, RATE // 4)
    assert probe(path, thresholds=QualityThresholds(), max_seconds=1_200) == pytest.approx(60)


# What is no regular file


@pytest.fixture
def odd_files(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    return {"pipe": tmp_path / "pipe", "device": "/dev/zero", "folder": tmp_path}


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_only_regular_files_are_read(odd_files, kind):
    with pytest.raises(UserError, match=f"is a {kind}, but a playlist is needed"):
        read_regular(odd_files[kind], most=10, expected="a playlist")


def test_no_more_is_read_than_such_a_file_can_have(tmp_path):
    (tmp_path / "large").write_bytes(bytes(2_000))
    with pytest.raises(UserError, match="has 2 kB, and a playlist has 1 kB at most"):
        read_regular(tmp_path / "large", most=1_000, expected="a playlist")
    with pytest.raises(UserError, match="goes on after 5 bytes"):
        read_regular("/proc/self/status", most=5)
    assert read_regular(tmp_path / "large", most=2_000) == bytes(2_000)


def test_commands_end_with_a_sentence(tmp_path, odd_files):
    """All in one process, which nothing may keep waiting."""
    commands, playlists = [], []
    for kind in ("pipe", "device"):
        model = tmp_path / f"model-{kind}"
        model.mkdir()
        playlist, song = model / "list.m3u", model / "song.mp3"
        for path in (model / "model.safetensors", model / "run.json", playlist, song):
            path.symlink_to(odd_files[kind])
        playlists.append(str(playlist))
        commands += [
            ["check", str(odd_files[kind])],
            ["predict", str(model), str(song)],
            ["export", str(model), str(tmp_path / "out")],
            ["explain", str(model), str(song)],
        ]
    script = (
        "import sys; from genreflow.cli import main\n"
        f"codes = [int(main(command)) for command in {commands!r}]\n"
        "from genreflow.inference.files import find; from genreflow.errors import UserError\n"
        "for playlist in sys.argv[1:]:\n"
        "    try: find([playlist])\n"
        "    except UserError as error: print(error, file=sys.stderr)\n"
        "print(codes)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *playlists], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.stdout.strip() == str([2] * 8), done.stderr
    assert done.stderr.count("is a pipe") == done.stderr.count("is a device") == 5
    assert "Traceback" not in done.stderr
