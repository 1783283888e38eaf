"""Places that cannot be written: what needs one ends with 5 and a sentence, and all else goes on without it."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from little_model import write_music, write_predictions, write_run

from genreflow.cli import doctor, main
from genreflow.errors import UserError
from genreflow.store import writable
from genreflow.store.regular import expand_home

pytestmark = pytest.mark.end_to_end

HOME = Path(__file__).parents[2]
NOWHERE = "/dev/null/home"  # below a file: not even root can write there
NOBODY = 65_534
VARIABLES = (
    "HOME", "USER", "LOGNAME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MPLCONFIGDIR", "NUMBA_CACHE_DIR",
    "TORCHINDUCTOR_CACHE_DIR",
)  # fmt: skip
CONFIG = """\
studies: [mine.yaml]
datasets: {mine: {layout: folders, path: music}}
"""
STUDY = """\
title: Mine
dataset: mine
inputs: {slices: {segments: {kind: midpoint, count: 2}}}
folds: {count: 2}
models: {psytrance_cnn: {}}
"""
# Runs commands in one process, so that libraries are loaded once; the model of the tests is made known.
SEVERAL = """
import json, sys
sys.path[:0] = {rooms!r}
from little_model import ENTRY
from genreflow.cli import main
from genreflow.models.registry import MODELS
MODELS["halves"] = ENTRY
codes = []
for command in json.loads(sys.argv[1]):
    try:
        codes.append(int(main(command)))
    except SystemExit as end:  # of --help
        codes.append(end.code)
print("codes", codes)
"""


def environment(**changes):
    """Return the environment without the places that it names, and with others."""
    own = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    paths = [str(HOME), *filter(None, [os.environ.get("PYTHONPATH")])]
    return own | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"} | changes


def unprivileged():
    """Return a command that runs another as a user who may read all and owns nothing; of other users than root none."""
    if os.geteuid() != 0:
        return []
    drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    may_read = int(re.search(r"CapPrm:\s+(\w+)", Path("/proc/self/status").read_text())[1], 16) >> 2 & 1
    # Python itself may lie in a folder that only root may enter.
    return [*drop, "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"] if may_read else drop


def run(command, folder, *, front=(), **changes):
    done = subprocess.run(
        [*front, sys.executable, *command], cwd=folder, env=environment(**changes), capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project that was cataloged, with a model and two runs to compare, which nobody may write to."""
    from finished_runs import write_folds, write_setting

    folder = tmp_path_factory.mktemp("project")
    write_music(folder / "music/low", ("low",), 3)
    write_music(folder / "music/high", ("high",), 3)
    (folder / "my.yaml").write_text(CONFIG)
    (folder / "mine.yaml").write_text(STUDY)
    folds = write_folds(folder / "results/one")
    for setting in ("good", "poor"):
        write_setting(folder / "results/one", folds, setting=setting)
    home = write_run(folder / "model/fold-final")
    write_predictions(home, [[0.9, 0.1], [0.2, 0.8]] * 15, ["high", "low"] * 15)
    for place in [folder, *folder.rglob("*")]:
        place.chmod(0o555 if place.is_dir() else 0o444)
    for place in folder.parents:  # pytest's own are private
        if place.owner() == folder.owner() and place != Path("/"):
            place.chmod(place.stat().st_mode | 0o055)
    yield folder
    for place in [folder, *folder.rglob("*")]:
        place.chmod(0o755)


READERS = [
    ["--help"],
    ["models", "psytrance_cnn"],
    ["check", "--configfile", "my.yaml"],
    ["status", "--configfile", "my.yaml"],
    ["compare", "results/one/runs/cnn/good", "results/one/runs/cnn/poor"],
    ["predict", "model/fold-final", "music", "--json"],
]


@pytest.mark.parametrize("home", [None, pytest.param(NOWHERE, marks=pytest.mark.slow)])
def test_who_only_reads_needs_no_place_to_write_but_for_temporary_files(project, home):
    """As a user without rights and without a home, in a project of which not a file may be changed."""
    program = SEVERAL.format(rooms=[str(HOME / "tests" / room) for room in ("inference", "cli", "")])
    changes = {} if home is None else {"HOME": home, "XDG_CACHE_HOME": home, "MPLCONFIGDIR": home, "TMPDIR": home}
    before = sorted(project.rglob("*"))
    code, printed = run(["-c", program, json.dumps(READERS)], project, front=unprivileged(), **changes)
    assert code == 0, printed
    assert f"codes {[0] * len(READERS)}" in printed, printed
    assert "Traceback" not in printed and "warn" not in printed.lower()
    assert sorted(project.rglob("*")) == before


def test_who_writes_there_is_told_so_in_a_sentence(project):
    program = SEVERAL.format(rooms=[str(HOME / "tests" / room) for room in ("inference", "cli", "")])
    writers = [
        ["predict", "model/fold-final", "music"],
        ["synthesize", "more"],
        ["run", "--cores", "1", "--configfile", "my.yaml"],
    ]
    code, printed = run(["-c", program, json.dumps(writers)], project, front=unprivileged())
    assert code == 0 and f"codes {[5] * len(writers)}" in printed, printed
    sentence = [line for line in printed.splitlines() if line.startswith("genreflow: ")]
    assert len(sentence) == len(writers) and all("there is no permission" in line for line in sentence), printed
    assert "Traceback" not in printed


@pytest.fixture
def clean(monkeypatch):
    """No place is named, none was replaced."""
    for name in VARIABLES:
        monkeypatch.setenv(name, "")  # so that what the test sets is undone
        monkeypatch.delenv(name)
    monkeypatch.setattr(writable, "replaced", [])
    monkeypatch.setattr(writable, "_private", [])
    monkeypatch.setattr(tempfile, "tempdir", None)


@pytest.fixture
def full(tmp_path):
    """A folder on a disk without room; root alone can make one, others take a file in place of the folder."""
    place = tmp_path / "full"
    place.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", place]).returncode:
        place.rmdir()
        place.touch()
        yield place
        return
    try:
        for number in range(100):
            (place / f"{number}").write_bytes(bytes(4_096))
    except OSError:
        pass
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_private_folder_takes_the_place_of_each_that_cannot_be_written(clean, full, monkeypatch):
    for name, place in {"HOME": NOWHERE, "MPLCONFIGDIR": str(full), "NUMBA_CACHE_DIR": NOWHERE}.items():
        monkeypatch.setenv(name, place)
    writable.stand_in()
    assert [place.variable for place in writable.replaced] == ["XDG_CACHE_HOME", "MPLCONFIGDIR", "NUMBA_CACHE_DIR"]
    assert all(place.obstacle is None for place in writable.places())
    for place in writable.replaced:
        Path(os.environ[place.variable], "file").write_text("x")
    sentence = {result.subject: result for result in doctor._caches()}
    assert set(sentence) == {"XDG_CACHE_HOME", "MPLCONFIGDIR", "NUMBA_CACHE_DIR"}
    assert all(result.state == doctor.NOTE for result in sentence.values())
    assert "/dev/null is not a folder" in sentence["XDG_CACHE_HOME"].message
    assert str(full) in sentence["MPLCONFIGDIR"].message


def test_places_that_can_be_written_stay_as_they_are(clean, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "not yet there"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    writable.stand_in()
    assert writable.replaced == [] and os.environ["TMPDIR"] == str(tmp_path) and "XDG_CACHE_HOME" not in os.environ
    assert [result.state for result in doctor._caches()] == [doctor.OK]
    assert list(tmp_path.iterdir()) == []


def test_where_no_temporary_file_can_be_written_that_is_said(clean, monkeypatch, project, capsys):
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [NOWHERE, "/proc"])
    monkeypatch.setenv("HOME", NOWHERE)
    monkeypatch.chdir(project)
    monkeypatch.setattr(sys, "argv", ["genreflow"])
    sentence = "No folder for temporary files is writable. Set TMPDIR to one that is."
    assert main(["run", "--cores", "1", "--configfile", "my.yaml"]) == 5
    assert capsys.readouterr().err.endswith(f"genreflow: {sentence}\n")
    assert main(["models", "psytrance_cnn"]) == 0
    findings = [result for check in (doctor._disk, doctor._caches) for result in check()]
    problems = {result.subject for result in findings if result.state == doctor.PROBLEM and result.is_machine}
    assert problems == {"disk for temporary files", "XDG_CACHE_HOME", "MPLCONFIGDIR"}


@pytest.mark.parametrize(
    ("folder", "why"),
    [(NOWHERE, "/dev/null is not a folder"), ("/proc/nowhere/x", "/proc is not writable"), ("~", "unknown")],
)
def test_why_a_place_cannot_be_written(folder, why):
    place = writable.Place("HOME", Path(folder), "all")
    if os.geteuid() == 0 and why.endswith("not writable"):  # whom permission bits of /proc do not bind
        why = None
    assert place.obstacle is None if why is None else why in place.obstacle


def test_where_no_home_is_known_a_path_that_begins_there_is_refused(monkeypatch):
    monkeypatch.setattr(Path, "expanduser", lambda _: (_ for _ in ()).throw(RuntimeError("no home")))
    with pytest.raises(UserError, match=r"^~/music: the home folder ~ is unknown\. Set HOME"):
        expand_home("~/music")


def test_a_disk_that_is_full_or_read_only_is_told(full):
    assert re.search(r"is full|is not a folder", writable.obstacle(full / "below"))


_CACHES = {"HOME": "", "XDG_CACHE_HOME": NOWHERE, "TMPDIR": NOWHERE}


@pytest.mark.parametrize("changes", [{"HOME": NOWHERE}, pytest.param(_CACHES, marks=pytest.mark.slow)])
def test_a_run_plans_without_a_home(project, tmp_path, changes):
    """Snakemake keeps copies of its rules in a cache of the user, and ends with a traceback where it cannot."""
    work = tmp_path / "work"
    shutil.copytree(project, work)
    for place in [work, *work.rglob("*")]:
        place.chmod(0o755)
    program = "import sys; from genreflow.cli import main; sys.exit(main())"
    command = ["-c", program, "run", "--dry-run", "--configfile", "my.yaml"]
    code, printed = run(command, work, **changes)
    assert code == 0 and "train_run" in printed, printed
    assert not (work / "~").exists()
