"""Each recipe does what it says, on a copy of the project."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from code_blocks import HOME, Block, apply_edit, blocks, copy_project, script

pytestmark = pytest.mark.end_to_end

RECIPES = ("A network", "A front-end", "A layout", "A figure", "A table", "A study")
PAGE = HOME / "docs/recipes.md"


def follow(folder: Path, parts: list[Block]) -> subprocess.CompletedProcess:
    """Write the files, make the edits, run the commands."""
    for block in parts:
        if block.language == "diff":
            apply_edit(folder, block)
    beside = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{beside}:{os.environ['PATH']}", "PYTHONPATH": str(folder)}
    return subprocess.run(
        ["bash", "-c", script([block for block in parts if block.language != "diff"])],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_there_are_recipes_and_nothing_else_to_follow():
    assert {block.heading for block in blocks(PAGE)} == set(RECIPES)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_works_as_it_is_written(recipe, tmp_path):
    parts = [block for block in blocks(PAGE) if block.heading == recipe]
    folder = copy_project(tmp_path / "project")
    done = follow(folder, parts)
    assert done.returncode == 0, done.stdout + done.stderr
    written = [block.file for block in parts if block.language in ("diff", "python")]
    for check in (["check"], ["format", "--check"]) if written else ():
        done = subprocess.run(
            [Path(sys.executable).with_name("ruff"), *check, *written],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
