"""Each stage makes of a tiny input what it made when its version was last raised."""

import importlib

import pytest
import torch
from golden import CASES, FOLDER, problems_of

from genreflow.plan.stages import STAGES

for _path in sorted(FOLDER.glob("golden_*.py")):
    importlib.import_module(_path.stem)


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", CASES)
def test_a_stage_makes_what_its_version_says(name):
    if problems := problems_of(CASES[name]):
        pytest.fail("\n".join(problems), pytrace=False)


def test_every_stage_has_golden_outputs():
    assert {case.stage for case in CASES.values()} == {*STAGES, "synthesis"}


def test_golden_outputs_are_small():
    assert sum(path.stat().st_size for path in FOLDER.glob("*.csv")) < 1_000_000
