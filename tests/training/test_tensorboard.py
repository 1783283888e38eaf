"""Event files, against bytes of TensorBoard itself, and read back by a parser that shares nothing with the writer."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genreflow.training import tensorboard
from genreflow.training.tensorboard import EventFile

# TensorBoard 2.21.0 with protobuf 7.36.2: its RecordWriter on two Event messages of wall time 1700000000.25, the file
# version "brain.Event:2", and step 300 with training/loss 0.1 and validation/loss 2.5.
GOLDEN = bytes.fromhex(
    "1800000000000000a37f4b220900001040fc54d9411a0d627261696e2e4576656e743a32338d2fe9"
    "3c00000000000000c8b7a3520900001040fc54d94110ac022a2e0a140a0d747261696e696e672f6c6f737315cdcccc3d"
    "0a160a0f76616c69646174696f6e2f6c6f737315000020401d0c7285"
)
FIRST = 16 + 0x18  # bytes of the first record


def crc32c(content):
    """CRC-32C by long division of polynomials over whole numbers, the lowest bit of each byte first."""
    bits = "".join(f"{byte:08b}"[::-1] for byte in content) + "0" * 32
    rest = int(bits, 2) ^ (0xFFFFFFFF << (len(bits) - 32))
    for place in range(len(bits) - 1, 31, -1):
        if rest >> place & 1:
            rest ^= 0x11EDC6F41 << (place - 32)
    return int(f"{rest ^ 0xFFFFFFFF:032b}"[::-1], 2)


def masked(content):
    crc = crc32c(content)
    return ((crc // 2**15 + crc * 2**17 % 2**32) + 0xA282EAD8) % 2**32


def records(content):
    """Return the records of a file, whose checksums have to be right."""
    found = []
    while content:
        length, check = struct.unpack_from("<QI", content)
        record, (end,) = content[12 : 12 + length], struct.unpack_from("<I", content, 12 + length)
        assert (check, end) == (masked(content[:8]), masked(record))
        found.append(record)
        content = content[16 + length :]
    return found


def fields(message):
    """Return the fields of a protocol buffer message as (number, value)."""
    found, place = [], 0

    def varint():
        nonlocal place
        value = shift = 0
        while True:
            byte = message[place]
            place += 1
            value += (byte % 128) << shift
            shift += 7
            if byte < 128:
                return value

    while place < len(message):
        number, wire = divmod(varint(), 8)
        if wire == 0:
            found.append((number, varint()))
            continue
        size = {1: 8, 5: 4}[wire] if wire != 2 else varint()
        value = message[place : place + size]
        place += size
        found.append((number, value if wire == 2 else struct.unpack({1: "<d", 5: "<f"}[wire], value)[0]))
    return found


def scalars(folder):
    """Return {tag: {step: value}} of the event files in a folder, the oldest first, as TensorBoard does."""
    found = {}
    for path in sorted(folder.glob("events.out.tfevents.*")):
        first, *events = [dict(fields(record)) for record in records(path.read_bytes())]
        assert first[3] == b"brain.Event:2"
        for event in events:
            if 7 in event:
                assert fields(event[7]) == [(1, 1)]  # a session starts, and what was known from its step on is void
                found = {tag: {step: v for step, v in old.items() if step < event[2]} for tag, old in found.items()}
            for _, value in fields(event.get(5, b"")):
                told = dict(fields(value))
                found.setdefault(told[1].decode(), {})[event[2]] = told[2]
    return found


def test_the_parser_of_these_tests():
    assert crc32c(b"123456789") == 0xE3069283  # the check value of CRC-32C (iSCSI), RFC 3720
    assert crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720, B.4
    assert len(records(GOLDEN)) == 2


def test_bytes_are_those_of_tensorboard(tmp_path, monkeypatch):
    monkeypatch.setattr(tensorboard.time, "time", lambda: 1_700_000_000.25)
    with EventFile(tmp_path) as events:
        events.epoch({"epoch": 1})
        [path] = tmp_path.iterdir()
        before = path.read_bytes()
        events.epoch({"epoch": 300, "loss": 0.1, "validation_loss": 2.5})
    assert before[:FIRST] == GOLDEN[:FIRST]
    assert path.read_bytes() == before + GOLDEN[FIRST:]


def test_a_history_is_scalars_by_epoch(tmp_path):
    with EventFile(tmp_path / "fold-1") as events:
        for epoch in (1, 2):
            measured = {"loss": np.float32(0.5 / epoch), "accuracy": 0.75, "learning_rate": 0.25, "seconds": 3}
            events.epoch({"epoch": epoch, "steps": 15, **measured, "validation_accuracy": 0.5})
    assert scalars(tmp_path / "fold-1") == {
        "training/loss": {1: 0.5, 2: 0.25},
        "training/accuracy": {1: 0.75, 2: 0.75},
        "training/learning_rate": {1: 0.25, 2: 0.25},
        "training/seconds": {1: 3, 2: 3},
        "validation/accuracy": {1: 0.5, 2: 0.5},
    }


def test_what_was_not_measured_is_left_out(tmp_path):
    with EventFile(tmp_path) as events:
        events.epoch({"epoch": 1, "loss": float("nan"), "accuracy": 0.5, "validation_loss": None})
    assert scalars(tmp_path) == {"training/accuracy": {1: 0.5}}


def test_every_epoch_can_be_seen_at_once(tmp_path):
    with EventFile(tmp_path) as events:
        events.epoch({"epoch": 1, "loss": 0.5})
        assert scalars(tmp_path) == {"training/loss": {1: 0.5}}


def write(folder, epochs, clock, loss):
    """Write some epochs as one attempt does."""
    clock.append(clock[-1] + 100)
    with EventFile(folder) as events:
        for epoch in epochs:
            events.epoch({"epoch": epoch, "loss": loss})


@pytest.fixture
def clock(monkeypatch):
    """The times of attempts, one after another."""
    times = [1_700_000_000]
    monkeypatch.setattr(tensorboard.time, "time", lambda: times[-1])
    return times


def test_a_run_that_begins_anew_replaces_what_was_there(tmp_path, clock):
    (tmp_path / "notes.txt").write_text("of the user")
    write(tmp_path, [1, 2, 3], clock, loss=0.5)
    write(tmp_path, [1, 2], clock, loss=0.25)
    assert scalars(tmp_path) == {"training/loss": {1: 0.25, 2: 0.25}}
    assert (tmp_path / "notes.txt").exists()


def test_a_run_that_goes_on_adds_to_what_was_there(tmp_path, clock):
    write(tmp_path, [1, 2, 3], clock, loss=0.5)
    write(tmp_path, [3, 4], clock, loss=0.25)
    assert scalars(tmp_path) == {"training/loss": {1: 0.5, 2: 0.5, 3: 0.25, 4: 0.25}}


@given(
    epoch=st.integers(1, 2**40),
    values=st.dictionaries(st.text("abc_é", min_size=1), st.floats(width=32, allow_nan=False, allow_infinity=False)),
)
def test_any_values_are_read_back(tmp_path_factory, epoch, values):
    folder = tmp_path_factory.mktemp("events")
    with EventFile(folder) as events:
        events.epoch({"epoch": epoch, **values})
    assert scalars(folder) == {f"training/{name}": {epoch: value} for name, value in values.items()}
