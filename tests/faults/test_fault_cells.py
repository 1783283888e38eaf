"""A sample of the fault matrix, which `make faults` runs in whole."""

import shutil

import pytest
from built import STAGES, prepare
from matrix import FAULTS, SHIM, Cell, outcome
from project import Project

pytestmark = pytest.mark.end_to_end


@pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no gcc to make the faults with")
@pytest.mark.parametrize(
    ("fault", "stage"),
    [
        ("EIO reading", "duplicates"),
        pytest.param("memory runs out", "normalise", marks=pytest.mark.slow),
        pytest.param("input deleted", "normalise", marks=pytest.mark.slow),
        pytest.param("disk full", "evaluate", marks=pytest.mark.slow),
    ],
)
def test_after_a_fault_the_same_command_ends_in_the_same_products(tmp_path, tmp_path_factory, worker_id, fault, stage):
    shared = tmp_path_factory.getbasetemp() if worker_id == "master" else tmp_path_factory.getbasetemp().parent
    built = Project.built_once(shared)
    chosen = [each for each in STAGES if each.name == stage]
    [base] = prepare(tmp_path, chosen, SHIM, Cell, built=built.home.parent, map=map)
    assert fault in FAULTS
    cell = outcome(base, fault, tmp_path, seed=0)
    if cell.colour == "not run":  # root alone may mount, or make a control group, and not on every machine
        pytest.skip(cell.said)
    assert cell.colour == "green", cell.said
