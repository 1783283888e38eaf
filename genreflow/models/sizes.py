"""Trainable parameters and cost of every network, as counted once: to build them all takes a quarter of a minute.

``python -m genreflow.models.sizes`` counts again and writes the table beside this module. Networks that are not in it,
such as new ones of a user, are built and counted when they are asked for.
"""

import csv
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

from genreflow.models.entry import ModelEntry
from genreflow.models.registry import MODELS, build
from genreflow.store.atomic import atomic_write

TABLE = Path(__file__).with_suffix(".csv")


@dataclass(frozen=True)
class Size:
    """Size of a network, of the defaults of its options and the segment of its study unless another is asked for.

    Attributes
    ----------
    parameters
        Trainable ones.
    gmac
        Billions of multiply-accumulate operations for a segment, without FFTs.
    mvalues
        Millions of values that its layers make of a segment.
    """

    parameters: int
    gmac: float
    mvalues: float


def of(entry: ModelEntry) -> Size:
    """Return the size of a network, from the table if it is there."""
    return _table().get(entry.name) or counted(entry)


def scaled(entry: ModelEntry, shape: tuple[int, ...], options: Mapping[str, Any]) -> Size:
    """Return the size of a network for segments of a shape, and of a width if it has one, by proportion to the table.

    Nothing is built. Times that follow are within a factor of 1.6 of those by counting: all layers count alike.
    """
    own, longer = of(entry), prod(shape) / prod(entry.input_shape)
    width = options.get("width", 1.0)
    width = 1.0 if isinstance(width, str) else float(width)
    return Size(round(own.parameters * width**2), own.gmac * longer * width**2, own.mvalues * longer * width)


def counted(entry: ModelEntry) -> Size:
    """Build a network and count."""
    from genreflow.models.summary import multiply_adds, trainable_parameters, values

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = build(entry.name, entry.n_outputs)
        cost, made = multiply_adds(network, entry.input_shape), values(network, entry.input_shape)
    return Size(trainable_parameters(network), cost / 1e9, made / 1e6)


@cache
def _table() -> dict[str, Size]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {row["model"]: Size(int(row["parameters"]), float(row["gmac"]), float(row["mvalues"])) for row in rows}


def main() -> None:
    """Count all networks and write the table."""
    networks = [entry for entry in MODELS.values() if not entry.is_estimator]
    rows = [
        (entry.name, size.parameters, f"{size.gmac:.4g}", f"{size.mvalues:.4g}")
        for entry in networks
        for size in [counted(entry)]
    ]
    with atomic_write(TABLE) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("model", "parameters", "gmac", "mvalues"), *rows])


if __name__ == "__main__":
    main()
