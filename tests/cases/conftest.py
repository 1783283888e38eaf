import pytest
from finished_project import Project


@pytest.fixture(scope="session")
def built(tmp_path_factory, worker_id) -> Project:
    """A project that has been built once, for all folders of tests; not to be changed."""
    shared = tmp_path_factory.getbasetemp() if worker_id == "master" else tmp_path_factory.getbasetemp().parent
    return Project.built_once(shared)
