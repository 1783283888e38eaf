from pathlib import Path

from genreflow.cli.reference import reference


def test_the_documented_keys_are_those_of_the_settings():
    page = Path(__file__).parents[2] / "docs/study-files.md"
    assert page.read_text(encoding="utf-8") == reference(), "run `make docs`"
