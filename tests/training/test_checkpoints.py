import pytest
import torch

from genreflow.training.checkpoint import LAST, PREVIOUS, Checkpoints


def state(number):
    return {"step": number, "weights": {"w": torch.full((1_000,), float(number))}, "rows": [{"loss": 0.5}]}


@pytest.fixture
def checkpoints(tmp_path):
    kept = Checkpoints(tmp_path, "a-key")
    kept.save(state(1))
    kept.save(state(2))
    return kept


def test_the_newest_state_comes_back(checkpoints):
    found = checkpoints.load()
    assert found["step"] == 2 and found["rows"] == [{"loss": 0.5}]
    assert torch.equal(found["weights"]["w"], torch.full((1_000,), 2.0))


def test_the_state_of_another_run_is_none(checkpoints, tmp_path):
    assert Checkpoints(tmp_path, "another-key").load() is None
    assert Checkpoints(tmp_path / "nowhere", "a-key").load() is None


@pytest.mark.parametrize("place", [0, 40, 2_000, -1])
def test_behind_a_damaged_checkpoint_stands_the_one_before(checkpoints, tmp_path, place):
    content = bytearray((tmp_path / LAST).read_bytes())
    content[place] ^= 1
    (tmp_path / LAST).write_bytes(content)
    assert checkpoints.load()["step"] == 1
    (tmp_path / PREVIOUS).write_bytes(b"")
    assert checkpoints.load() is None


def test_nothing_is_left_when_a_run_is_done(checkpoints, tmp_path):
    checkpoints.clear()
    assert list(tmp_path.iterdir()) == []
    assert checkpoints.load() is None


def test_the_first_is_due_at_once_and_the_next_after_a_while(tmp_path):
    checkpoints = Checkpoints(tmp_path, "a-key")
    assert checkpoints.is_due
    checkpoints.save(state(1))
    assert not checkpoints.is_due
