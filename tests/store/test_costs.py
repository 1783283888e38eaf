"""What jobs took is on record beside their logs, attempt by attempt."""

import time

import pytest

from genreflow.errors import UserError
from genreflow.job import job
from genreflow.store.costs import attempts, recorded


def test_every_attempt_is_recorded_and_whether_it_was_done(tmp_path):
    log = tmp_path / "pool=0.5" / "fold-1.log"
    log.parent.mkdir()
    with pytest.raises(ValueError, match="odd"), recorded(log, since=time.time() - 20):
        raise ValueError("odd")
    with recorded(log, since=time.time() - 10):
        pass
    first, second = attempts(log)
    assert (first["done"], second["done"]) == (False, True)
    assert 20 <= first["seconds"] < 25 and 10 <= second["seconds"] < 15 and first["ended"] <= second["ended"]
    assert [path.name for path in log.parent.iterdir()] == ["fold-1.cost.jsonl"]


def test_logs_of_like_names_have_records_of_their_own(tmp_path):
    for name in ("s0.parquet.log", "s0.h5.log"):
        with recorded(tmp_path / name, since=time.time()):
            pass
    assert len(attempts(tmp_path / "s0.parquet.log")) == len(attempts(tmp_path / "s0.h5.log")) == 1


def test_without_a_record_or_with_half_a_line_there_is_what_there_is(tmp_path):
    assert attempts(tmp_path / "never.log") == []
    with recorded(tmp_path / "one.log", since=time.time()):
        pass
    with open(tmp_path / "one.cost.jsonl", "a") as file:
        file.write('{"ended": 1.0, "sec')
    assert len(attempts(tmp_path / "one.log")) == 1


def test_a_record_that_cannot_be_written_stops_nothing(tmp_path):
    (tmp_path / "one.cost.jsonl").mkdir()
    with recorded(tmp_path / "one.log", since=time.time()):
        pass
    assert attempts(tmp_path / "one.log") == []


def test_a_job_is_recorded_and_one_that_fails_as_such(tmp_path):
    with job(tmp_path / "one.log"):
        pass
    with pytest.raises(SystemExit), job(tmp_path / "one.log"):
        raise UserError("The folder is empty.")
    assert [attempt["done"] for attempt in attempts(tmp_path / "one.log")] == [True, False]
