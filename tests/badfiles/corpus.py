"""The corpus of good, bad and odd files, and the table of what is to become of each."""

import csv
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bad_containers import bad_containers
from bad_names import bad_names
from bad_signals import bad_signals
from cases import Case, Cases
from good_files import good_files

GOLDEN = Path(__file__).with_name("golden.csv")


@dataclass(frozen=True)
class RunSpec:
    """What is to become of a case: `accept`, `warn`, `quarantine` or `ignored`, with which codes, and why."""

    spec: str
    verdict: str
    codes: frozenset[str]
    why: str


def all_cases() -> Cases:
    """Yield every case, one at a time since together they are large."""
    yield from good_files()
    yield from bad_containers()
    yield from bad_signals()
    yield from bad_names()


def golden() -> dict[str, RunSpec]:
    """Return the table by case."""
    with open(GOLDEN, newline="", encoding="utf-8") as file:
        return {
            row["case"]: RunSpec(row["spec"], row["verdict"], frozenset(row["codes"].split()), row["why"])
            for row in csv.DictReader(file)
        }


def write_corpus(root: Path, apart: Path) -> Mapping[str, bytes]:
    """Write the corpus below `root`, in folders which a scan takes for classes, and what no scan is to see to `apart`.

    Returns
    -------
    dict
        Path of each case, absolute.
    """
    paths = {}
    for item in all_cases():
        folder = apart if item.apart else root / item.id.split("-")[0].rstrip("0123456789").lower()
        path = os.path.join(os.fsencode(folder), item.name)
        if item.id in paths:
            raise ValueError(f"two cases are called {item.id}")
        if os.path.lexists(path):
            raise ValueError(f"{item.id}: {path!r} is there already")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        _write(path, item)
        paths[item.id] = path
    return paths


def _write(path: bytes, item: Case) -> None:
    if callable(item.content):
        item.content(path)
    else:
        with open(path, "wb") as file:
            file.write(item.content)
