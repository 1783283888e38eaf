"""What holds for all tests."""

import os
from pathlib import Path

# Several tests run side by side; each library with all threads would only make them wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Librosa, the oracle, keeps what it compiles in a cache that two processes at once can mix up, code for float32 under
# the name of float64's; a process that then calls it crashes. So each worker has a cache of its own.
os.environ["NUMBA_CACHE_DIR"] = str(
    Path(__file__).parents[1] / ".pytest_cache" / "numba" / os.environ.get("PYTEST_XDIST_WORKER", "alone")
)

from hypothesis import settings

# How long something takes is a matter of the machine and of the benchmarks, not of a test.
settings.register_profile("genreflow", deadline=None)
settings.load_profile("genreflow")
