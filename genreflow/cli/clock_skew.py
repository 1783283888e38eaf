"""Modification times of products after a jump of the clock."""

import os
import time
from pathlib import Path

from genreflow.project.layout import is_earlier
from genreflow.store.walk import files_below

_TICK_NS = 1_000


def bring_to_present(results: Path) -> int:
    """Move modification times in the future to the present, keeping their order; return the number of products.

    Snakemake refuses products that are older than their inputs, as new ones would be after the clock jumped back.
    """
    now = time.time_ns()
    times = {
        path: path.stat().st_mtime_ns for path in files_below(results) if not is_earlier(path.relative_to(results))
    }
    future = {path: stamp for path, stamp in times.items() if stamp > now}
    ranks = {stamp: rank for rank, stamp in enumerate(sorted(set(future.values())))}
    for path, stamp in future.items():
        moment = now - _TICK_NS * (len(ranks) - ranks[stamp])
        os.utime(path, ns=(moment, moment))
    return len(future)
