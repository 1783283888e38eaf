"""The tutorial, from its first command to its last, on a fresh copy of the project."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from code_blocks import HOME, blocks, copy_project, printed, script

pytestmark = pytest.mark.end_to_end

PAGE = HOME / "docs/tutorial.md"
PARTS = blocks(PAGE)
# What was there before each block: some of it is deleted in the end.
SEEN = 'find . -path "*results/*" -o -name "*.png" -o -name "*.csv" >> "$SEEN"\n'


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """What the tutorial prints, block by block, and every file that was there at some time."""
    folder = tmp_path_factory.mktemp("tutorial")
    home = copy_project(folder / "project")
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(home),
        "SEEN": str(folder / "seen"),
    }
    work = folder / "work"
    work.mkdir()
    text = re.sub(r"^(printf '\\n@@)", SEEN + r"\1", script(PARTS), flags=re.M)
    done = subprocess.run(
        ["bash", "-c", text], cwd=work, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:]
    return printed(done.stdout), (folder / "seen").read_text(encoding="utf-8").splitlines()


@pytest.mark.slow
def test_commands_print_what_the_page_shows_of_them(reader):
    """Lines without a number, which are the same on every machine; … stands for what is left out."""
    output, _ = reader
    for number, block in enumerate(PARTS):
        if block.language == "text":
            message = " ".join(output[number - 1].split())
            fixed = [" ".join(line.split()) for line in block.text.splitlines() if not re.search(r"\d|…", line)]
            assert [line for line in fixed if line not in message] == []


@pytest.mark.slow
def test_the_files_it_speaks_of_are_there(reader):
    _, seen = reader
    named = {name.rstrip("/") for name in re.findall(r"`(results/[^`\s*]+|[\w-]+\.png)`", PAGE.read_text())}
    assert len(named) > 3
    assert {name for name in named if f"./{name}" not in seen} == set()
