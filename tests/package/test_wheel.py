"""A wheel, installed outside of the checkout, is the whole of genreflow: its commands work in an empty folder."""

import email
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

from genreflow import __version__
from genreflow.project.shipped import NAMES

HOME = Path(__file__).parents[2]
SOURCES = (*NAMES, "genreflow", "snakemake_logger_plugin_genreflow", "setup.py", "MANIFEST.in", "README.md", "LICENSE")
PIPELINE = "genreflow/pipeline"
OUTSIDE = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}  # which may be the checkout
CACHES = shutil.ignore_patterns("__pycache__")

pytestmark = pytest.mark.end_to_end


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """A wheel that was built from a copy of the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    (folder / "source").mkdir()
    for name in SOURCES:
        if (HOME / name).is_dir():
            shutil.copytree(HOME / name, folder / "source" / name, ignore=CACHES)
        else:
            shutil.copy(HOME / name, folder / "source")
    pip("wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", folder, folder / "source")
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory) -> Path:
    """An environment with the wheel, which finds other packages where the tests have them."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    pip("--python", folder / "bin/python", "install", "--no-deps", "--no-index", wheel)
    # As a line of a file .pth, the folder is searched, but its own such files are not read: no checkout comes along.
    (site_packages(folder) / "tested.pth").write_text(sysconfig.get_path("purelib"))
    return folder


def pip(*arguments) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *map(str, arguments)]
    done = subprocess.run(command, env=OUTSIDE, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def site_packages(environment: Path) -> Path:
    return next((environment / "lib").glob("python*/site-packages"))


def test_the_wheel_names_its_dependencies_and_has_every_file(wheel):
    project = tomllib.loads((HOME / "pyproject.toml").read_text())["project"]
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        facts = email.message_from_bytes(archive.read(f"genreflow-{__version__}.dist-info/METADATA"))
    required = [line for line in facts.get_all("Requires-Dist") if "extra ==" not in line]
    assert required == project["dependencies"]
    assert set(facts.get_all("Provides-Extra")) == set(project["optional-dependencies"])
    assert (facts["Version"], facts["License-Expression"]) == (__version__, "MIT")
    assert f"genreflow-{__version__}.dist-info/licenses/LICENSE" in names
    sources = [HOME / name for name in ("genreflow", "snakemake_logger_plugin_genreflow")]
    expected = {str(path.relative_to(HOME)) for folder in sources for path in files_in(folder)}
    for name in NAMES:
        paths = files_in(HOME / name) if (HOME / name).is_dir() else [HOME / name]
        expected |= {f"{PIPELINE}/{path.relative_to(HOME)}" for path in paths}
    assert {name for name in names if ".dist-info/" not in name} == expected


def test_its_commands_do_everything_in_an_empty_folder(environment, tmp_path):
    before = digests(environment)

    def genreflow(*arguments: str) -> str:
        done = subprocess.run(
            [environment / "bin/genreflow", *arguments], cwd=tmp_path, env=OUTSIDE, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-3000:]
        return done.stdout

    printed = genreflow("doctor")
    assert f"The Snakefile is {site_packages(environment) / PIPELINE / 'Snakefile'}." in printed
    assert "report: results/demo-small/report/index.html" in genreflow("demo", "--small", "--cores", "2")
    assert (tmp_path / "genreflow-demo/results/demo-small/report/index.html").exists()
    genreflow("synthesize", "music", "--tracks-per-class", "3", "--seconds", "6")
    assert "Next: genreflow run" in genreflow("init", "--yes")
    genreflow("run", "train", "--cores", "2")
    model = "results/genres/runs/svm/base/fold-final"
    assert "track-01" in genreflow("predict", model, "music/goa")
    assert "Exported: shared." in genreflow("export", model, "shared")
    assert "track-01" in genreflow("predict", "shared", "music/goa", "--force")
    assert digests(environment) == before, "the installation is only read, as it may belong to somebody else"


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


def digests(folder: Path) -> dict[str, str]:
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files_in(folder)}
