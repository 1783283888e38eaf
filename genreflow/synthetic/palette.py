"""What a recipe may hold: a palette is a nested mapping whose leaves say what may vary, and how far.

Drawing from it gives a recipe: the same mapping with plain numbers and words. Tracks of an album share what their
album has drawn, and stray from it a little.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

# A track's own part in its sound, the rest being its album's: in a range, a weight; in a choice, a probability.
STRAY = 0.35


@dataclass(frozen=True)
class Range:
    """A number between two ends."""

    low: float
    high: float

    def draw(self, rng: np.random.Generator) -> float:
        """Return a number, all equally likely."""
        return _plain(rng.uniform(self.low, self.high))

    def stray(self, value: float, rng: np.random.Generator) -> float:
        """Return a number near `value`."""
        return _plain((1 - STRAY) * value + STRAY * self.draw(rng))


@dataclass(frozen=True)
class Choice:
    """A word among weighted ones."""

    weights: dict[str, float]

    def draw(self, rng: np.random.Generator) -> str:
        """Return a word, likely by its weight."""
        weights = np.array(list(self.weights.values()))
        return str(rng.choice(list(self.weights), p=weights / weights.sum()))

    def stray(self, value: str, rng: np.random.Generator) -> str:
        """Return `value`, or now and then another draw."""
        return self.draw(rng) if rng.random() < STRAY else value


def draw(palette: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """Return a recipe: the palette with every leaf drawn."""
    return {key: draw(leaf, rng) if isinstance(leaf, dict) else leaf.draw(rng) for key, leaf in palette.items()}


def stray(palette: dict[str, Any], recipe: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """Return a recipe near another one of the same palette."""
    return {
        key: stray(leaf, recipe[key], rng) if isinstance(leaf, dict) else leaf.stray(recipe[key], rng)
        for key, leaf in palette.items()
    }


def _plain(value: float) -> float:
    # Five significant digits: a recipe is read by people and written to JSON.
    return float(f"{value:.5g}")
