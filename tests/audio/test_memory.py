"""How much memory a track takes."""

import subprocess
import sys

import numpy as np
import pytest
from sounds import synthesize, write_audio

pytestmark = pytest.mark.end_to_end

PROGRAM = """
import multiprocessing, re, sys
from genreflow.audio.normalize import normalize
from genreflow.audio.verdict import RejectedTrack
from genreflow.config.audio import AudioSettings
try:
    print(normalize(sys.argv[1], sys.argv[2], AudioSettings(), serial=1).reason)
except RejectedTrack as refused:
    print(refused.reason)
with open("/proc/self/status") as status:
    print(re.search(r"VmHWM:\\s+(\\d+) kB", status.read())[1])
"""


def peak_megabytes(path, tmp_path) -> tuple[str, float]:
    """Return the codes of a file and the most memory that a process had resident which normalized it."""
    command = [sys.executable, "-c", PROGRAM, path, tmp_path / "out.ogg"]
    reason, peak = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return reason, int(peak) / 1024


def crc(content: bytes, polynomial: int, bits: int) -> int:
    register = 0
    for byte in content:
        register ^= byte << bits - 8
        for _ in range(8):
            register = (register << 1) ^ (polynomial if register >> bits - 1 else 0)
            register &= (1 << bits) - 1
    return register


def utf8_number(number: int) -> bytes:
    return chr(number).encode("utf-8", "surrogatepass")


def flac_of_silence(hours: float, *, rate: int = 44_100) -> bytes:
    """Two channels of zeros in frames as long as they may be (RFC 9639), a few bytes each."""
    block = 65_535
    frames = round(hours * 3600 * rate / block)
    word = rate << 44 | 1 << 41 | 15 << 36 | frames * block
    info = block.to_bytes(2, "big") * 2 + bytes(6) + word.to_bytes(8, "big") + bytes(16)
    parts = [b"fLaC\x80", len(info).to_bytes(3, "big"), info]
    for number in range(frames):
        header = b"\xff\xf8\x79\x18" + utf8_number(number) + (block - 1).to_bytes(2, "big")
        frame = header + bytes([crc(header, 0x07, 8)]) + bytes(6)  # constant subframes of 0
        parts.append(frame + crc(frame, 0x8005, 16).to_bytes(2, "big"))
    return b"".join(parts)


def test_ten_hours_of_silence(tmp_path):
    path = tmp_path / "x.flac"
    path.write_bytes(flac_of_silence(10))
    assert path.stat().st_size < 1_000_000
    reason, peak = peak_megabytes(path, tmp_path)
    assert reason == "Q_SILENT"
    assert peak < 500


@pytest.mark.slow
@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_twenty_minutes(tmp_path, rate):
    path = write_audio(tmp_path / "x.wav", np.tile(synthesize(10, rate=rate), (120, 1)), rate)
    reason, peak = peak_megabytes(path, tmp_path)
    assert not reason.startswith("Q_")
    assert peak < 700


def test_memory_grows_by_one_channel_not_by_all(tmp_path):
    """Two minutes of eight channels are 169 MB, their mean is 21 MB."""
    short, long = (np.tile(synthesize(2, channels=8), (repeats, 1)) for repeats in (1, 61))
    peaks = [peak_megabytes(write_audio(tmp_path / "x.wav", samples), tmp_path)[1] for samples in (short, long)]
    assert peaks[1] - peaks[0] < 120
