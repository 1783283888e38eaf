import struct
import sys

import numpy as np
import pytest
from tensorboardX.event_file_writer import time as writer_time
from tensorboardX.proto.event_pb2 import Event, SessionLog

from genreflow.errors import UserError
from genreflow.training.callbacks import TensorBoard


def events(path):
    """Return the messages of an event file: length, checksum, message, checksum of each record."""
    content, result = path.read_bytes(), []
    while content:
        (length,) = struct.unpack_from("<Q", content)
        result.append(Event.FromString(content[12 : 12 + length]))
        content = content[16 + length :]
    return result


def scalars(folder):
    """Return {tag: {step: value}} of the event files in a folder, the oldest first, as TensorBoard does."""
    result = {}
    for path in sorted(folder.glob("events.out.tfevents.*")):
        first, *others = events(path)
        assert first.file_version == "brain.Event:2"
        for event in others:
            if event.session_log.status == SessionLog.START:  # earlier points from this step on are dropped
                result = {tag: {step: v for step, v in old.items() if step < event.step} for tag, old in result.items()}
            for value in event.summary.value:
                result.setdefault(value.tag, {})[event.step] = value.simple_value
    return result


def write(folder, *rows):
    with TensorBoard(folder) as tensorboard:
        for row in rows:
            tensorboard.on_epoch_end(row)


def test_a_history_is_written_as_scalars_by_epoch(tmp_path):
    measured = {"accuracy": 0.75, "learning_rate": 0.25, "seconds": 3, "validation_accuracy": 0.5}
    rows = [{"epoch": epoch, "steps": 15, "loss": np.float32(0.5 / epoch), **measured} for epoch in (1, 2)]
    write(tmp_path / "fold-1", *rows)
    assert scalars(tmp_path / "fold-1") == {
        "training/loss": {1: 0.5, 2: 0.25},
        "training/accuracy": {1: 0.75, 2: 0.75},
        "training/learning_rate": {1: 0.25, 2: 0.25},
        "training/seconds": {1: 3, 2: 3},
        "validation/accuracy": {1: 0.5, 2: 0.5},
    }


def test_missing_values_are_left_out(tmp_path):
    write(tmp_path, {"epoch": 1, "loss": float("nan"), "accuracy": 0.5, "validation_loss": None})
    assert scalars(tmp_path) == {"training/accuracy": {1: 0.5}}


@pytest.fixture
def clock(monkeypatch):
    """Times of attempts, one after another: TensorBoard orders files by the time in their names."""
    times = [1_700_000_000]
    monkeypatch.setattr(writer_time, "time", lambda: times[-1])
    return times


def attempt(folder, epochs, clock, loss):
    clock.append(clock[-1] + 100)
    write(folder, *({"epoch": epoch, "loss": loss} for epoch in epochs))


def test_a_run_that_starts_afresh_replaces_earlier_files(tmp_path, clock):
    (tmp_path / "notes.txt").write_text("of the user")
    attempt(tmp_path, [1, 2, 3], clock, loss=0.5)
    attempt(tmp_path, [1, 2], clock, loss=0.25)
    assert scalars(tmp_path) == {"training/loss": {1: 0.25, 2: 0.25}}
    assert (tmp_path / "notes.txt").exists()


def test_a_resumed_run_adds_to_earlier_files_and_writes_no_point_twice(tmp_path, clock):
    attempt(tmp_path, [1, 2, 3], clock, loss=0.5)
    attempt(tmp_path, [3, 4], clock, loss=0.25)
    assert scalars(tmp_path) == {"training/loss": {1: 0.5, 2: 0.5, 3: 0.25, 4: 0.25}}


def test_a_missing_package_is_named_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(UserError, match="need the package tensorboardX: pip install tensorboardX"):
        TensorBoard(tmp_path)
