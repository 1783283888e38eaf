"""Every code that a track may be given is explained, and every explained code is given."""

import re
from pathlib import Path

HOME = Path(__file__).parents[1]
TABLE = HOME / "genreflow/audio/verdict.py"  # names them all, and gives none


def test_the_documented_codes_are_those_of_the_source():
    given = {
        code
        for path in (HOME / "genreflow").rglob("*.py")
        if path != TABLE
        for code in re.findall(r'"([QW]_[A-Z0-9_]+)"', path.read_text(encoding="utf-8"))
    }
    page = (HOME / "docs/verdicts.md").read_text(encoding="utf-8")
    explained = re.findall(r"^\| `([QW]_\w+)` \|", page, re.MULTILINE)
    assert len(explained) == len(set(explained))
    assert set(explained) == given
