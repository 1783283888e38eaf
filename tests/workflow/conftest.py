from collections.abc import Callable

import pytest
from project import Project


@pytest.fixture(scope="session")
def built(tmp_path_factory, worker_id) -> Project:
    """A project that has been built once; not to be changed."""
    shared = tmp_path_factory.getbasetemp() if worker_id == "master" else tmp_path_factory.getbasetemp().parent
    return Project.built_once(shared)


@pytest.fixture
def project(built: Project, tmp_path) -> Project:
    """A copy of the built project, to change."""
    return built.copy(tmp_path / "project")


@pytest.fixture
def fresh(tmp_path) -> Callable[..., Project]:
    """A maker of projects that have not been built."""
    return lambda **options: Project.make(tmp_path / "fresh", **options)
