"""What holds for all tests."""

from hypothesis import settings

# How long something takes is a matter of the machine and of the benchmarks, not of a test.
settings.register_profile("genreflow", deadline=None)
settings.load_profile("genreflow")
