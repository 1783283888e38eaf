"""Names that users give, and names of earlier releases."""

import re

PROJECT_FILE = "genreflow.yaml"  # of a project, which runs no study that it does not name
NAME = "[A-Za-z0-9_-]+"
LONGEST = 100  # characters; a file name holds 255 bytes on most systems


def name_problem(name: str) -> str | None:
    """Return why a dataset, study, model or the like cannot bear a name; None if it can."""
    if not re.fullmatch(NAME, name):
        return "names are letters, digits, '-' and '_'"
    return f"names have at most {LONGEST} characters" if len(name) > LONGEST else None


RENAMED_KEYS = {
    "watch": "monitor",
    "keep": "restore_best: true or false",
    "patience": "early_stopping_patience",
    "gates": "thresholds",
    "standardise": "standardize",
    "tensorboard": "tracking: tensorboard",
}
RENAMED_VALUES = {"doubled": "double_log"}


def renamed(word: object) -> str:
    """Return a sentence on the present name of a key or value of an earlier release, or an empty string."""
    known = RENAMED_KEYS | RENAMED_VALUES
    return f" It is now called `{known[word]}`." if isinstance(word, str) and word in known else ""
