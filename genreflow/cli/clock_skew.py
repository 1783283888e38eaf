"""Times of products after a clock that jumped."""

import os
import time
from pathlib import Path

from genreflow.store.walk import files_below

_TICK_NS = 1_000


def bring_to_present(results: Path) -> int:
    """Give products whose times are in the future, as after a clock that jumped back, those of now, in their order.

    What is made next would be older than they are, which snakemake refuses. Returns how many there were.
    """
    now = time.time_ns()
    times = {path: path.stat().st_mtime_ns for path in files_below(results)}
    future = {path: stamp for path, stamp in times.items() if stamp > now}
    ranks = {stamp: rank for rank, stamp in enumerate(sorted(set(future.values())))}
    for path, stamp in future.items():
        moment = now - _TICK_NS * (len(ranks) - ranks[stamp])
        os.utime(path, ns=(moment, moment))
    return len(future)
