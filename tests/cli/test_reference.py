from pathlib import Path

import pytest

from genreflow.cli.reference import pages, schema_files
from genreflow.evaluation.columns import defined
from genreflow.project.shipped import shipped

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", ["configuration.md", "study-files.md", "commands.md", "tables.md", "studies.md"])
def test_the_reference_is_that_of_the_code(name):
    assert (DOCS / name).read_text(encoding="utf-8") == pages()[name], "run `make docs`"


def test_every_meaning_is_that_of_a_column():
    shown = (DOCS / "tables.md").read_text(encoding="utf-8")
    sections = {text.splitlines()[0].strip("`"): text for text in shown.split("\n## ")[1:]}
    ends = {"settings.slice", "comparisons.fold", "experiments.published"}  # of intervals
    unused = [
        f"{table}.{column}"
        for table, column in defined()
        if f"| `{column}` |" not in sections[table] and f"{table}.{column}" not in ends
    ]
    assert unused == []


@pytest.mark.parametrize("name", ["config.json", "study.json"])
def test_the_schemas_are_those_of_the_settings(name):
    assert shipped("resources", "schemas", name).read_text(encoding="utf-8") == schema_files()[name], "run `make docs`"
