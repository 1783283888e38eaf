"""A finished project, and commands run on it by forks of one process: to import Snakemake takes longest."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

from project import Project

_FORKS = """
import json, os, sys
import snakemake.cli
from genreflow.cli import main
import genreflow.cli.run, genreflow.cli.verify, genreflow.cli.tidy, genreflow.plan.make
sys.path.insert(0, sys.argv[2])
from finished_project import tree_of

told = []
for command in json.loads(sys.argv[1]):
    printed = os.open("printed.txt", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    if (child := os.fork()) == 0:
        os.dup2(printed, 1), os.dup2(printed, 2)
        try:
            if command[0] == "snakemake":
                sys.argv = command
                snakemake.cli.main()
            code = main(command[1:])
        except SystemExit as end:
            code = end.code or 0
        sys.stdout.flush(), sys.stderr.flush()
        os._exit(code)
    _, status = os.waitpid(child, 0)
    told.append((os.waitstatus_to_exitcode(status), open("printed.txt", errors="replace").read(), tree_of("results")))
print(json.dumps(told))
"""

Tree = dict[str, list]


def tree_of(folder: str | os.PathLike) -> Tree:
    """Return the time and the digest of every file, those behind links included, and the target of every link."""
    tree = {}
    for place, folders, names in os.walk(folder, followlinks=True):
        for name in [*names, *(name for name in folders if Path(place, name).is_symlink())]:
            path = Path(place, name)
            content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else str(path.readlink())
            status = path.stat() if path.is_file() else path.lstat()
            tree[str(path.relative_to(folder))] = [status.st_mtime_ns, content]
    return tree


def forked(project: Project, commands: Sequence[Sequence[str]]) -> list[tuple[int, str, Tree]]:
    """Run commands one after another; return of each its exit code, what it printed, and the results after it."""
    pipeline = ["--snakefile", str(project.home / "Snakefile")]
    given = json.dumps(
        [[*command, *([] if "status" in command else pipeline), "--configfile", "my.yaml"] for command in commands]
    )
    made = subprocess.run(
        [sys.executable, "-c", _FORKS, given, str(Path(__file__).parent)],
        cwd=project.work,
        env={**os.environ, "PYTHONPATH": str(project.home)},
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    return [tuple(each) for each in json.loads(made.stdout)]
