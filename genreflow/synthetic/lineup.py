"""Recipes of ensembles: players, their parts, levels and intensity, drawn from a palette."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from genreflow.synthetic.palette import draw, stray

LEVELS = {"lead": -2.0, "second": -6.0, "bass": -7.0, "drums": -5.0}  # dB


def line_up(
    palette: Mapping[str, Any], *, seconds: float, album: np.random.Generator, track: np.random.Generator
) -> dict[str, Any]:
    """Draw the recipe of a track, see `genreflow.synthetic.ensemble.perform`.

    Parameters
    ----------
    palette
        Players ``lead, second, bass, drums`` (``none`` leaves a part out), their parts (``role`` of the lead,
        ``texture`` of the second, ``line`` of the bass if it is not plain), ``intensity`` from 0 to 1, and values that
        go into the recipe unchanged. ``levels`` are those of players that differ from `LEVELS`.
    seconds
        Length of the track.
    album, track
        Generators: tracks whose `album` generators are in the same state share a palette.
    """
    drawn = stray(palette, draw(palette, album), track)
    levels = LEVELS | drawn.pop("levels", {})
    roles = {
        "lead": drawn.pop("role"),
        "second": drawn.pop("texture"),
        "bass": drawn.pop("line", "bass"),
        "drums": "drums",
    }
    players = {name: drawn.pop(name) for name in roles}
    parts = [
        {"role": roles[name], "instrument": player, "level": levels[name], "plays": 1.0 if name == "lead" else 0.9}
        for name, player in players.items()
        if player != "none"
    ]
    intensity = drawn["intensity"]
    return {
        "seconds": seconds,
        "seed": int(track.integers(2**31)),
        "parts": parts,
        "density": 0.25 + 0.65 * intensity,
        "brightness": 0.15 + 0.75 * intensity,
        "drive": 0.5 + 2.5 * intensity**2,
        "swell": 10 - 8 * intensity,
        **drawn,
    }
