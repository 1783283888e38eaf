"""TensorBoard event files, written without TensorBoard: records of scalars are all that a run has to say.

A file is a sequence of TFRecords (tensorflow/core/lib/io/record_writer.h): the length of the record, its checksum, the
record, its checksum. A record is an ``Event`` message (tensorflow/core/util/event.proto) in the protocol buffer format.
"""

import math
import os
import socket
import struct
import time
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

_COUNTS = ("epoch", "steps")
_VALIDATION = "validation_"
_POLYNOMIAL = 0x82F63B78  # of CRC-32C (Castagnoli), reflected
_MASK = 0xA282EAD8
_SESSION_START = b"\x08\x01"  # a SessionLog whose status is START
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # wire types


class EventFile:
    """The scalars of one run, epoch by epoch; every epoch is in the file when its call returns.

    A run that begins deletes the event files of earlier attempts in its folder. One that goes on after an
    interruption adds to them, and its first epoch replaces what they have from that epoch on.

    Parameters
    ----------
    folder
        The run's own: TensorBoard names a run by its folder.
    """

    def __init__(self, folder: str | os.PathLike) -> None:
        self._folder = Path(folder)
        self._file: BinaryIO | None = None

    def __enter__(self) -> "EventFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def epoch(self, row: Mapping[str, float]) -> None:
        """Add a row of the history: each of its measurements is a scalar at step ``epoch``.

        They are named ``training/loss``, ``validation/loss`` and so on; a value that is missing is left out.
        """
        step = _field(2, _VARINT, _varint(int(row["epoch"])))
        if self._file is None:
            self._open(step, goes_on=row["epoch"] > 1)
        values = [
            _field(1, _BYTES, _field(1, _BYTES, _tag(name).encode()) + _field(2, _FIXED32, struct.pack("<f", value)))
            for name, value in row.items()
            if name not in _COUNTS and value is not None and math.isfinite(value)
        ]
        self._write(step + _field(5, _BYTES, b"".join(values)))

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _open(self, step: bytes, *, goes_on: bool) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        if not goes_on:
            for old in self._folder.glob("events.out.tfevents.*"):
                old.unlink()
        name = f"events.out.tfevents.{time.time():.0f}.{socket.gethostname()}.{os.getpid()}"
        self._file = open(self._folder / name, "wb")  # noqa: SIM115 (`close` closes it)
        self._write(_field(3, _BYTES, b"brain.Event:2"))
        if goes_on:
            self._write(step + _field(7, _BYTES, _SESSION_START))

    def _write(self, content: bytes) -> None:
        event = _field(1, _FIXED64, struct.pack("<d", time.time())) + content
        length = struct.pack("<Q", len(event))
        self._file.write(length + _checksum(length) + event + _checksum(event))
        self._file.flush()


def _tag(name: str) -> str:
    return f"validation/{name.removeprefix(_VALIDATION)}" if name.startswith(_VALIDATION) else f"training/{name}"


def _field(number: int, wire: int, value: bytes) -> bytes:
    length = _varint(len(value)) if wire == _BYTES else b""
    return _varint(number << 3 | wire) + length + value


def _varint(value: int) -> bytes:
    """Return a whole number seven bits a byte, the lowest first; all but the last byte have their high bit set."""
    low = value & 0x7F
    return bytes([low]) if value == low else bytes([low | 0x80]) + _varint(value >> 7)


def _checksum(content: bytes) -> bytes:
    """Return the CRC-32C, rotated and offset, as a record has it."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (_POLYNOMIAL if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", (crc >> 15 | crc << 17) + _MASK & 0xFFFFFFFF)
