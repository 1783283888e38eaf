from pathlib import Path

import pytest

from genreflow.cli.reference import pages

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", ["configuration.md", "study-files.md"])
def test_the_documented_keys_are_those_of_the_settings(name):
    assert (DOCS / name).read_text(encoding="utf-8") == pages()[name], "run `make docs`"
