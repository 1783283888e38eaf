"""What holds for all tests."""

import os

# Several tests run side by side; each library with all threads would only make them wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from hypothesis import settings

# How long something takes is a matter of the machine and of the benchmarks, not of a test.
settings.register_profile("genreflow", deadline=None)
settings.load_profile("genreflow")
