"""The lists of dependencies, the lock made from them, the conda files and the imports agree."""

import ast
import importlib.util
import re
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

HOME = Path(__file__).parents[1]
IMPORT_NAMES = {"pillow": "PIL", "pyyaml": "yaml", "scikit-learn": "sklearn", "tensorboardx": "tensorboardX"}
# Extras that tests do without; they are looked for by their names.
UNLOCKED = {"mirdata", "mlflow", "umap", "wandb"}
# And those that Snakemake loads, and tools of developers.
NOT_IMPORTED = {"dev", "slurm", *UNLOCKED}
CONDA_NAMES = {"matplotlib": "matplotlib-base", "soundfile": "pysoundfile", "soxr": "soxr-python", "torch": "pytorch"}


def locked(name):
    """Return the packages of a lock: name -> version and hashes."""
    text = (HOME / "envs" / name).read_text()
    entry = re.compile(r"([a-z0-9][a-z0-9_.-]*)==(\S+)((?: \\\n    --hash=sha256:[0-9a-f]{64})*)\n")
    assert entry.sub("", text) == "", "every line is a pin, or the hash of one"
    return {name: (version, hashes.count("--hash")) for name, version, hashes in entry.findall(text)}


HASHED, TORCH = locked("requirements.lock"), locked("torch.lock")
LOCK = {name: version for name, (version, _) in {**HASHED, **TORCH}.items()}
PROJECT = tomllib.loads((HOME / "pyproject.toml").read_text())["project"]
EXTRAS = {name: list(map(Requirement, lines)) for name, lines in PROJECT["optional-dependencies"].items()}
RUNTIME = [*map(Requirement, PROJECT["dependencies"])]
LOCKED = [*RUNTIME, *(each for name, extra in EXTRAS.items() if name not in UNLOCKED for each in extra)]
DIRECT = [each.name for each in LOCKED]
CONDA = sorted((HOME / "envs").glob("*.yaml"))


def test_every_direct_dependency_is_locked():
    assert [name for name in DIRECT if name not in LOCK] == []


def test_the_lock_has_what_the_lists_ask_for_and_every_list_has_a_lower_bound():
    for each in LOCKED:
        assert Version(LOCK[each.name]) in each.specifier, each
    for each in map(Requirement, chain(PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())):
        assert [bound.operator for bound in each.specifier] == [">="], each


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
def test_conda_files_have_names_of_conda_forge_and_the_bounds_of_the_lists(path):
    env = yaml.safe_load(path.read_text())
    python, *rest = env["dependencies"]
    assert env["channels"] == ["conda-forge", "nodefaults"]
    assert python == "python=3.11" and all(isinstance(line, str) for line in rest), "nothing comes from PyPI"
    known = {CONDA_NAMES.get(each.name, each.name): str(each.specifier) for each in LOCKED if each not in EXTRAS["dev"]}
    assert {name: f">={bound}" for name, bound in (line.split(">=") for line in rest)}.items() <= known.items()


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
    own = {"genreflow", "snakemake_logger_plugin_genreflow"}
    used = set(imported("genreflow", "snakemake_logger_plugin_genreflow", "workflow/scripts"))
    listed = {
        IMPORT_NAMES.get(each.name, each.name.replace("-", "_"))
        for each in [*RUNTIME, *(each for name, extra in EXTRAS.items() if name not in NOT_IMPORTED for each in extra)]
    }
    assert used - set(sys.stdlib_module_names) - own == listed


@pytest.mark.parametrize("name", ["Dockerfile", "genreflow.def"])
def test_images_are_made_of_the_locks_by_one_script(name):
    recipe = (HOME / "envs" / name).read_text()
    assert re.search(r"^(FROM|From:) python:3\.11-slim", recipe, re.M)
    assert re.search(r"^(COPY|    )\s*\. /opt/genreflow$", recipe, re.M)
    run = re.compile(r'^(RUN|   ) sh /opt/genreflow/(envs/\S+) "(\$TORCH_INDEX|\{\{ torch_index \}\})"$', re.M)
    script = (HOME / run.search(recipe)[2]).read_text()
    assert subprocess.run(["sh", "-n"], input=script, text=True).returncode == 0
    assert "--require-hashes --no-deps -r envs/requirements.lock" in script and "-r envs/torch.lock" in script
    assert recipe.count("https://download.pytorch.org/whl/cpu") == 1, "the comment on builds for the CPU"


def test_one_module_of_the_command_calls_snakemake_and_the_library_never_imports_it():
    imports = re.compile(r"^\s*(from|import) snakemake\b", re.M)
    modules = {path for path in (HOME / "genreflow").rglob("*.py") if imports.search(path.read_text())}
    assert modules == {HOME / "genreflow/cli/snakemake_call.py"}
