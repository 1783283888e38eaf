"""The list of direct dependencies, the lock made from it and the conda files agree."""

import ast
import re
import sys
from pathlib import Path

import pytest
import yaml

HOME = Path(__file__).parents[1]
IMPORT_NAMES = {"pillow": "PIL", "pyyaml": "yaml", "scikit-learn": "sklearn"}


def pins(lines):
    return dict(re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)$", "\n".join(lines), re.M))


LOCK = pins((HOME / "envs/requirements.lock").read_text().splitlines())
DIRECT = [
    re.split(r"[\[=<>]", line)[0].strip()
    for line in (HOME / "envs/requirements.in").read_text().splitlines()
    if line.strip() and not line.startswith("#")
]
CONDA = sorted((HOME / "envs").glob("*.yaml"))


def test_every_direct_dependency_is_locked():
    assert [name for name in DIRECT if name not in LOCK] == []


def test_every_line_of_the_lock_is_a_pin():
    lines = [line for line in (HOME / "envs/requirements.lock").read_text().splitlines() if line.strip()]
    assert len(pins(lines)) == len(lines)


def test_torch_is_pinned_without_a_build():
    assert LOCK["torch"] == "2.13.0"


@pytest.mark.parametrize("path", CONDA, ids=lambda path: path.stem)
def test_conda_files_have_the_versions_of_the_lock(path):
    *_, pip = yaml.safe_load(path.read_text())["dependencies"]
    for name, version in pins(pip["pip"]).items():
        assert LOCK[name] == version
        assert name in DIRECT


def test_every_rule_names_an_environment_that_exists():
    named = set()
    for path in (HOME / "workflow/rules").glob("*.smk"):
        named |= set(re.findall(r'conda:\s*"../../envs/(\w+)\.yaml"', path.read_text()))
    assert named == {path.stem for path in CONDA}


def imported(*folders):
    for folder in folders:
        for path in (HOME / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    yield from (alias.name.split(".")[0] for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    yield node.module.split(".")[0]


def test_what_is_imported_is_listed_and_what_is_listed_is_imported():
    used = set(imported("genreflow", "workflow/scripts")) - set(sys.stdlib_module_names) - {"genreflow"}
    text = (HOME / "envs/requirements.in").read_text()
    runtime = [name for name in DIRECT if text.index(f"\n{name}") < text.index("To work on genreflow")]
    listed = {IMPORT_NAMES.get(name, name) for name in runtime} - {"setuptools"}
    assert used == listed


def test_one_module_of_the_command_calls_snakemake_and_the_library_never_imports_it():
    imports = re.compile(r"^\s*(from|import) snakemake\b", re.M)
    modules = {path for path in (HOME / "genreflow").rglob("*.py") if imports.search(path.read_text())}
    assert modules == {HOME / "genreflow/cli/snakemake_call.py"}
