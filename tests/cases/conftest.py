import sys
from pathlib import Path

import pytest
from finished_project import Project

# What other tests make up: runs that are finished, a model that can be asked.
sys.path[:0] = [str(Path(__file__).parents[1] / room) for room in ("predict", "cli")]


@pytest.fixture(scope="session")
def built(tmp_path_factory, worker_id) -> Project:
    """A project that has been built once, for all folders of tests; not to be changed."""
    shared = tmp_path_factory.getbasetemp() if worker_id == "master" else tmp_path_factory.getbasetemp().parent
    return Project.built_once(shared)
