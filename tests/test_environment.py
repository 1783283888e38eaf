"""The list of direct dependencies, the lock made from it and the conda files agree."""

import ast
import importlib.util
import re
import sys
from pathlib import Path

import pytest
import yaml

HOME = Path(__file__).parents[1]
IMPORT_NAMES = {"pillow": "PIL", "pyyaml": "yaml", "scikit-learn": "sklearn", "tensorboardx": "tensorboardX"}


def pins(lines):
    return dict(re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)$", "\n".join(lines), re.M))


def locked(name):
    """Return the packages of a lock: name -> version and hashes."""
    text = (HOME / "envs" / name).read_text()
    entry = re.compile(r"([a-z0-9][a-z0-9_.-]*)==(\S+)((?: \\\n    --hash=sha256:[0-9a-f]{64})*)\n")
    assert entry.sub("", text) == "", "every line is a pin, or the hash of one"
    return {name: (version, hashes.count("--hash")) for name, version, hashes in entry.findall(text)}


HASHED, TORCH = locked("requirements.lock"), locked("torch.lock")
LOCK = {name: version for name, (version, _) in {**HASHED, **TORCH}.items()}
DIRECT = [
    re.split(r"[\[=<>]", line)[0].strip()
    for line in (HOME / "envs/requirements.in").read_text().splitlines()
    if line.strip() and not line.startswith("#")
]
CONDA = sorted((HOME / "envs").glob("*.yaml"))


def test_every_direct_dependency_is_locked():
    assert [name for name in DIRECT if name not in LOCK] == []


def test_all_but_torch_has_hashes():
    assert [name for name, (_, hashes) in HASHED.items() if not hashes] == []
    assert TORCH == {"torch": ("2.13.0", 0)}
    assert "torch" not in HASHED


def test_the_environment_is_made_of_both_locks_and_hashes_are_required():
    makefile = (HOME / "Makefile").read_text()
    assert "--require-hashes --no-deps -r envs/requirements.lock" in makefile
    assert "-r envs/torch.lock" in makefile


def test_what_torch_is_split_from_is_found_whatever_its_build():
    spec = importlib.util.spec_from_file_location("lock", HOME / "envs/lock.py")
    lock = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(lock)
    first, last = "a==1 \\\n    --hash=sha256:0\n", "z==3 \\\n    --hash=sha256:4\n"
    text = f"{first}torch==2.13.0+cpu \\\n    --hash=sha256:1 \\\n    --hash=sha256:2\n{last}"
    assert lock.TORCH.search(text)[1] == "torch==2.13.0"
    assert lock.TORCH.sub("", text) == first + last


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
    runtime = [name for name in DIRECT if text.index(f"\n{name}") < text.index("# Development.")]
    listed = {IMPORT_NAMES.get(name, name) for name in runtime} - {"setuptools"}
    assert used == listed


def test_one_module_of_the_command_calls_snakemake_and_the_library_never_imports_it():
    imports = re.compile(r"^\s*(from|import) snakemake\b", re.M)
    modules = {path for path in (HOME / "genreflow").rglob("*.py") if imports.search(path.read_text())}
    assert modules == {HOME / "genreflow/cli/snakemake_call.py"}
