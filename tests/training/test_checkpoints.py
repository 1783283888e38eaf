from concurrent.futures import ThreadPoolExecutor

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
    actual = checkpoints.load()
    assert actual["step"] == 2 and actual["rows"] == [{"loss": 0.5}]
    assert torch.equal(actual["weights"]["w"], torch.full((1_000,), 2.0))


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


def test_two_jobs_of_one_run_do_not_stand_in_each_others_way(tmp_path):
    """A cluster that loses sight of a job starts it again: both write, and a third finds a whole state at any time."""
    Checkpoints(tmp_path, "a-key").save(state(0))

    def train() -> None:
        checkpoints = Checkpoints(tmp_path, "a-key")
        for step in range(1, 100):
            checkpoints.save(state(step))

    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(train) for _ in range(2)]
        actual = []
        while not all(job.done() for job in jobs):
            actual.append(Checkpoints(tmp_path, "a-key").load())
    for job in jobs:
        job.result()
    assert len(actual) > 10 and None not in actual
    assert Checkpoints(tmp_path, "a-key").load()["step"] == 99
    assert {path.name for path in tmp_path.iterdir()} == {LAST, PREVIOUS}
