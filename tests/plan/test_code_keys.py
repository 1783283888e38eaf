"""The key of code changes with what the code does, and with nothing else."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HOME = Path(__file__).parents[2]
SCRIPT = "from genreflow.evaluation.votes import majority\n"


@pytest.fixture
def package(tmp_path):
    shutil.copytree(HOME / "genreflow", tmp_path / "genreflow", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "script.py").write_text(SCRIPT)
    return tmp_path


def key(package):
    code = "import sys; from genreflow.plan.code import code_key; print(code_key(sys.argv[1]))"
    command = [sys.executable, "-c", code, str(package / "script.py")]
    return subprocess.run(command, cwd=package, check=True, capture_output=True, text=True).stdout


def test_code_that_is_imported_counts_however_far_away(package):
    before = key(package)
    path = package / "genreflow/evaluation/predictions.py"
    path.write_text(path.read_text().replace("SUM_TOLERANCE = 1e-3", "SUM_TOLERANCE = 1e-2"))
    assert key(package) != before


def test_code_that_is_not_imported_does_not_count(package):
    before = key(package)
    path = package / "genreflow/evaluation/metrics.py"
    path.write_text(path.read_text() + "\nMORE = 1\n")
    assert key(package) == before


def test_comments_docstrings_and_places_do_not_count(package, tmp_path_factory):
    before = key(package)
    path = package / "genreflow/evaluation/votes.py"
    path.write_text(
        "# comment\n\n\n" + path.read_text().replace("Return what `majority` does", "Do as `majority` does")
    )
    assert key(package) == before
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "copy"
    shutil.copytree(package, elsewhere)
    assert key(elsewhere) == before
