"""Trainable parameters and cost of every network, as counted once: to build them all takes a quarter of a minute.

``python -m genreflow.models.sizes`` counts again and writes the table beside this module. Networks that are not in it,
such as new ones of a user, are built and counted when they are asked for.
"""

import csv
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from genreflow.models.entry import ModelEntry
from genreflow.models.registry import MODELS, build
from genreflow.store.atomic import atomic_write

TABLE = Path(__file__).with_suffix(".csv")


@dataclass(frozen=True)
class Size:
    """Trainable parameters of a network, and billions of multiply-accumulate operations for a segment.

    Both are of the defaults of its options and the segment of its study.
    """

    parameters: int
    gmac: float


def of(entry: ModelEntry) -> Size:
    """Return the size of a network, from the table if it is there."""
    return _table().get(entry.name) or counted(entry)


def counted(entry: ModelEntry) -> Size:
    """Build a network and count."""
    from genreflow.models.summary import multiply_adds, trainable_parameters

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = build(entry.name, entry.n_outputs)
        cost = multiply_adds(network, entry.input_shape)
    return Size(trainable_parameters(network), cost / 1e9)


@cache
def _table() -> dict[str, Size]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        return {row["model"]: Size(int(row["parameters"]), float(row["gmac"])) for row in csv.DictReader(file)}


def main() -> None:
    """Count all networks and write the table."""
    networks = [entry for entry in MODELS.values() if not entry.is_estimator]
    rows = [(entry.name, size.parameters, f"{size.gmac:.4g}") for entry in networks for size in [counted(entry)]]
    with atomic_write(TABLE) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("model", "parameters", "gmac"), *rows])


if __name__ == "__main__":
    main()
