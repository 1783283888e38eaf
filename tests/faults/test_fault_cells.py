"""A sample of the fault matrix, which `make faults` runs in whole."""

import shutil

import pytest
from built import STAGES, prepare
from matrix import FAULTS, SHIM, Cell, outcome
from project import Project

pytestmark = pytest.mark.end_to_end


# The faults are calls of the C library that fail; a shim compiled by gcc makes them. In CI a skip is a failure.
@pytest.mark.skipif(
    shutil.which("gcc") is None, reason="faults need gcc, which compiles the shim that makes calls fail"
)
@pytest.mark.parametrize(
    ("fault", "stage"),
    [
        ("EIO reading", "duplicates"),
        pytest.param("memory runs out", "normalize", marks=pytest.mark.slow),
        pytest.param("input deleted", "normalize", marks=pytest.mark.slow),
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
    if cell.color == "not run":
        # Only root may mount a small disk or make a control group, and not on every machine. Faults that a stage does
        # not meet are red, not skipped.
        pytest.skip(f"this machine does not allow the fault: {cell.message}")
    assert cell.color == "green", cell.message
