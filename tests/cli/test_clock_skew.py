"""Products with times in the future get those of now, in their order."""

import os
import time

from genreflow.cli.clock_skew import bring_to_present

DAY_NS = 86_400 * 10**9


def test_times_in_the_future_become_present_and_keep_their_order(tmp_path):
    now = time.time_ns()
    stamps = {"old": now - DAY_NS, "first": now + DAY_NS, "second": now + DAY_NS + 1, "third": now + 9 * DAY_NS}
    stamps["like-first"] = stamps["first"]
    for name, stamp in stamps.items():
        (tmp_path / "a").mkdir(exist_ok=True)
        (tmp_path / "a" / name).touch()
        os.utime(tmp_path / "a" / name, ns=(stamp, stamp))
    assert bring_to_present(tmp_path) == 4
    result = {name: (tmp_path / "a" / name).stat().st_mtime_ns for name in stamps}
    assert result["old"] == stamps["old"]
    assert stamps["old"] < result["first"] == result["like-first"] < result["second"] < result["third"] < time.time_ns()
    assert bring_to_present(tmp_path) == 0


def test_without_results_there_is_nothing_to_do(tmp_path):
    assert bring_to_present(tmp_path / "results") == 0
