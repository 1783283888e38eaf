"""Palettes: nested mappings whose leaves are ranges of numbers or choices of words.

Drawing from a palette gives a recipe: the same mapping with plain numbers and words. Tracks of an album share the
recipe of the album, and stray from it a little.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

# The share of a track in its sound; the rest is its album's. A weight in a range, a probability in a choice.
STRAY = 0.35


@dataclass(frozen=True)
class Range:
    """A number between two ends."""

    low: float
    high: float

    def draw(self, rng: np.random.Generator) -> float:
        """Return a number from the uniform distribution."""
        return _plain(rng.uniform(self.low, self.high))

    def stray(self, value: float, rng: np.random.Generator) -> float:
        """Return a number near `value`."""
        return _plain((1 - STRAY) * value + STRAY * self.draw(rng))


@dataclass(frozen=True)
class Choice:
    """A word among weighted ones."""

    weights: Mapping[str, float]

    def draw(self, rng: np.random.Generator) -> str:
        """Return a word with a probability in proportion to its weight."""
        weights = np.array(list(self.weights.values()))
        return str(rng.choice(list(self.weights), p=weights / weights.sum()))

    def stray(self, value: str, rng: np.random.Generator) -> str:
        """Return `value` or, with probability `STRAY`, another draw."""
        return self.draw(rng) if rng.random() < STRAY else value


def draw(palette: Mapping[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """Return a recipe: the palette with every leaf drawn."""
    return {key: draw(leaf, rng) if isinstance(leaf, Mapping) else leaf.draw(rng) for key, leaf in palette.items()}


def stray(palette: Mapping[str, Any], recipe: Mapping[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """Return a recipe near another one of the same palette."""
    return {
        key: stray(leaf, recipe[key], rng) if isinstance(leaf, Mapping) else leaf.stray(recipe[key], rng)
        for key, leaf in palette.items()
    }


def _plain(value: float) -> float:
    # Five significant digits: a recipe is read by people and written to JSON.
    return float(f"{value:.5g}")
