"""What holds for all tests."""

import os
from pathlib import Path

# Several tests run side by side; each library with all threads would only make them wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# What a study does must not depend on the public weights that whoever runs the tests happens to have.
os.environ["GENREFLOW_WEIGHTS"] = str(Path(__file__).parents[1] / ".pytest_cache" / "no weights")

# Librosa, the oracle, keeps what it compiles in a cache that two processes at once can mix up, code for float32 under
# the name of float64's; a process that then calls it crashes. So each worker has a cache of its own.
os.environ["NUMBA_CACHE_DIR"] = str(
    Path(__file__).parents[1] / ".pytest_cache" / "numba" / os.environ.get("PYTEST_XDIST_WORKER", "alone")
)

import pytest
from hypothesis import settings

# How long something takes is a matter of the machine and of the benchmarks, not of a test.
settings.register_profile("genreflow", deadline=None)
settings.load_profile("genreflow")


@pytest.hookimpl(tryfirst=True)  # before xdist looks at the groups
def pytest_collection_modifyitems(items):
    """Let one worker run the tests of a module that share what is built once for them (`--dist loadgroup`)."""
    for item in items:
        shared = {
            name
            for name, fixtures in item._fixtureinfo.name2fixturedefs.items()
            if any(fixture.scope == "module" for fixture in fixtures)
        }
        if shared:
            item.add_marker(pytest.mark.xdist_group(f"{item.path.stem} {' '.join(sorted(shared))}"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport():
    """Fail a test that is skipped where all is there that tests need: `.ci/run` says so by GENREFLOW_NO_SKIPS."""
    report = (yield).get_result()
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("GENREFLOW_NO_SKIPS") == "1":
        report.outcome = "failed"
