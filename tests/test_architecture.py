"""The rooms of docs/architecture.md: no import goes upwards, and some things are done in one place only."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

HOME = Path(__file__).parents[1]
PACKAGE = HOME / "genreflow"
ROOMS = re.findall(r"^\| ([`\w, ]+) \|", (HOME / "docs/architecture.md").read_text().split("## Products")[0], re.M)
ORDER = {room: place for place, line in enumerate(ROOMS) for room in re.findall(r"`(\w+)`", line)}
MODULES = sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def imports(path: Path) -> set[str]:
    result = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            result |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            result |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return result


def test_the_page_names_every_room():
    assert {room_of(path) for path in MODULES} - {"__init__"} == set(ORDER)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_import_goes_upwards(path):
    if path == PACKAGE / "__init__.py":
        return
    rooms = {name.split(".")[1] for name in imports(path) if name.startswith("genreflow.")} & set(ORDER)
    assert {room for room in rooms if ORDER[room] > ORDER[room_of(path)]} == set()


def test_packages_import_no_module_of_ours_when_they_are_imported():
    """What `genreflow.__getattr__` and its like import is loaded at first use."""
    for path in MODULES:
        if path.name == "__init__.py" and room_of(path) != "cli":
            statements = ast.parse(path.read_text(encoding="utf-8")).body
            result = [node for node in statements if isinstance(node, ast.Import | ast.ImportFrom)]
            names = {node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in result}
            assert names <= {"importlib", "typing"}, path


def test_importing_genreflow_loads_nothing_else():
    code = "import sys; before = set(sys.modules); import genreflow; print(*set(sys.modules) - before)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=HOME).stdout
    heavy = {"numpy", "pandas", "torch", "librosa", "scipy", "pydantic", "snakemake", "sklearn", "pyarrow"}
    assert {name.split(".")[0] for name in loaded.split()} & heavy == set()
    assert [name for name in loaded.split() if name.startswith("genreflow")] == ["genreflow"]


@pytest.mark.parametrize(
    ("library", "place"),
    [
        ("av", "audio/decode.py"),
        ("soxr", "audio"),
        ("yaml", "config/load.py"),
        ("multiprocessing", "audio/workers.py"),
        ("h5py", "store/hdf5.py"),
    ],
)
def test_what_is_done_in_one_place(library, place):
    users = [path for path in MODULES if library in {name.split(".")[0] for name in imports(path)}]
    assert users
    assert all(str(path.relative_to(PACKAGE)).startswith(place) for path in users)


def test_evaluation_and_figures_know_nothing_of_torch():
    for room in ("evaluation", "figures", "report", "plan", "datasets", "folds"):
        for path in (PACKAGE / room).rglob("*.py"):
            assert "torch" not in {name.split(".")[0] for name in imports(path)}, path


def test_vorbis_is_written_in_one_place():
    writers = [path for path in MODULES if 'subtype="VORBIS"' in path.read_text(encoding="utf-8")]
    assert [str(path.relative_to(PACKAGE)) for path in writers] == ["audio/vorbis.py"]


def test_scripts_are_thin():
    for path in (HOME / "workflow/scripts").glob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 40, path
