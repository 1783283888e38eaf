"""Recipes of clips with tags: ten families of music, and the tags that listeners might give them.

Tags follow from the recipe, as those of MagnaTagATune from the clip; and like its listeners, these forget some.
"""

from typing import Any

import numpy as np

from genreflow.synthetic.lineup import line_up
from genreflow.synthetic.palette import Choice, Range

# Of the tags that fit a clip, the share that its listeners give.
GIVEN = 0.85
SLOW, FAST = 84, 124  # beats a minute
QUIET, LOUD = 0.35, 0.7  # intensity

FOLDERS = "0123456789abcdef"
SPLITS = dict.fromkeys("0123456789ab", "train") | {"c": "valid"} | dict.fromkeys("def", "test")
# Folders of the albums of a family, from a place on that differs from family to family: of any eight, three are tested.
_ALBUMS = ("0d4e8cf1", "259a367b")


def recipe(family: str, *, seconds: float, album: np.random.Generator, track: np.random.Generator) -> dict[str, Any]:
    """Draw the recipe of a clip of a family, see `genreflow.synthetic.ensemble.perform`.

    Clips whose `album` generators are in the same state share a palette.
    """
    return {"family": family, **line_up(FAMILIES[family], seconds=seconds, album=album, track=track)}


def tags_of(recipe: dict[str, Any], listeners: np.random.Generator) -> tuple[str, ...]:
    """Return tags that fit a recipe, in the order of `TAGS`; listeners forget some of them, but never all."""
    fitting = _fitting(recipe)
    given = [tag for tag in TAGS if tag in fitting and listeners.random() < GIVEN]
    return tuple(given or [tag for tag in TAGS if tag in fitting][:1])


def folder_of(family: str, album: int) -> str:
    """Return the folder of an album: each of 16 albums of a family is in another of `FOLDERS`."""
    turn, place = divmod(album, 8)
    return _ALBUMS[turn % 2][(list(FAMILIES).index(family) + place) % 8]


def _fitting(recipe: dict[str, Any]) -> set[str]:
    players = {part["instrument"] for part in recipe["parts"]}
    tags = {*_FAMILY_TAGS[recipe["family"]], *(tag for player in players for tag in _PLAYER_TAGS.get(player, ()))}
    checks = {
        "slow": recipe["bpm"] < SLOW,
        "fast": recipe["bpm"] > FAST,
        "quiet": recipe["intensity"] < QUIET,
        "loud": recipe["intensity"] > LOUD,
        "solo": len(players) == 1,
        "no vocals": "vocal" not in tags,
    }
    return tags | {tag for tag, holds in checks.items() if holds}


# As frequent in MagnaTagATune, the commonest first.
TAGS = (
    "guitar", "classical", "slow", "techno", "strings", "drums", "electronic", "rock", "fast", "piano", "ambient",
    "beat", "violin", "vocal", "synth", "female", "indian", "opera", "male", "singing", "no vocals", "harpsichord",
    "loud", "quiet", "flute", "pop", "sitar", "solo", "choir", "harp", "cello",
)  # fmt: skip

_PLAYER_TAGS = {
    "guitar": ("guitar",),
    "electric guitar": ("guitar",),
    "harp": ("harp",),
    "harpsichord": ("harpsichord",),
    "piano": ("piano",),
    "sitar": ("sitar",),
    "strings": ("strings",),
    "violin": ("violin", "strings"),
    "cello": ("cello", "strings"),
    "flute": ("flute",),
    "female voice": ("vocal", "female", "singing"),
    "male voice": ("vocal", "male", "singing"),
    "choir": ("vocal", "choir"),
    "synth": ("synth", "electronic"),
    "square": ("synth", "electronic"),
    "four": ("drums", "beat"),
    "rock": ("drums", "beat"),
    "double": ("drums",),
    "brushes": ("drums",),
    "tabla": ("drums",),
}

_FAMILY_TAGS = {
    "guitar": ("classical",),
    "baroque": ("classical",),
    "piano": ("classical",),
    "orchestra": ("classical",),
    "opera": ("opera", "classical"),
    "indian": ("indian",),
    "techno": ("techno", "electronic"),
    "ambient": ("ambient",),
    "rock": ("rock",),
    "pop": ("pop",),
}

_NONE = Choice({"none": 1})

_COMMON: dict[str, Any] = {
    "role": Choice({"melody": 1}),
    "second": _NONE,
    "texture": Choice({"chords": 2, "arpeggio": 1}),
    "bass": _NONE,
    "drums": _NONE,
    "mode": Choice({"major": 2, "minor": 2, "dorian": 1}),
    "bpm": Range(64, 140),
    "root": Range(50, 62),
    "articulation": Range(0.6, 1),
    "intensity": Range(0.2, 0.8),
    "tilt": Range(-0.6, 0.6),
    "room": {"amount": Range(0.1, 0.35), "seconds": Range(0.8, 2.4)},
}

FAMILIES: dict[str, dict[str, Any]] = {
    "guitar": _COMMON
    | {
        "lead": Choice({"guitar": 6, "harp": 1}),
        "role": Choice({"arpeggio": 3, "melody": 2}),
        "second": Choice({"none": 4, "guitar": 2, "flute": 2, "violin": 1}),
        "texture": Choice({"chords": 1, "melody": 2}),
        "intensity": Range(0.15, 0.6),
    },
    "baroque": _COMMON
    | {
        "lead": Choice({"harpsichord": 5, "violin": 1, "flute": 1}),
        "role": Choice({"arpeggio": 2, "melody": 2}),
        "second": Choice({"none": 2, "strings": 2, "cello": 1, "harpsichord": 2}),
        "articulation": Range(0.4, 0.8),
        "bpm": Range(76, 150),
    },
    "piano": _COMMON
    | {
        "lead": Choice({"piano": 1}),
        "role": Choice({"melody": 2, "arpeggio": 1}),
        "second": Choice({"piano": 4, "none": 1, "strings": 1, "cello": 1}),
        "intensity": Range(0.1, 0.7),
        "bpm": Range(56, 132),
    },
    "orchestra": _COMMON
    | {
        "lead": Choice({"violin": 3, "cello": 2, "flute": 2}),
        "second": Choice({"strings": 4, "harp": 1}),
        "bass": Choice({"cello": 2, "none": 1}),
        "room": {"amount": Range(0.25, 0.6), "seconds": Range(1.6, 3.5)},
    },
    "opera": _COMMON
    | {
        "lead": Choice({"female voice": 4, "male voice": 2, "choir": 2}),
        "second": Choice({"strings": 3, "piano": 1, "choir": 1}),
        "bass": Choice({"none": 2, "cello": 1}),
        "bpm": Range(56, 120),
        "room": {"amount": Range(0.25, 0.6), "seconds": Range(1.6, 3.5)},
    },
    "indian": _COMMON
    | {
        "lead": Choice({"sitar": 5, "flute": 2, "female voice": 1}),
        "second": Choice({"sitar": 3, "strings": 1}),
        "texture": Choice({"drone": 1}),
        "drums": Choice({"tabla": 3, "none": 1}),
        "mode": Choice({"phrygian dominant": 2, "mixolydian": 1, "dorian": 1}),
        "articulation": Range(0.8, 1.1),
    },
    "techno": _COMMON
    | {
        "lead": Choice({"square": 3, "synth": 2}),
        "role": Choice({"arpeggio": 3, "melody": 1}),
        "second": Choice({"synth": 2, "none": 2}),
        "bass": Choice({"synth bass": 1}),
        "drums": Choice({"four": 1}),
        "bpm": Range(118, 150),
        "mode": Choice({"minor": 2, "phrygian": 1}),
        "articulation": Range(0.3, 0.6),
        "intensity": Range(0.5, 1),
    },
    "ambient": _COMMON
    | {
        "lead": Choice({"synth": 3, "flute": 1, "choir": 1, "piano": 1}),
        "second": Choice({"synth": 3, "strings": 2}),
        "texture": Choice({"drone": 2, "chords": 1}),
        "bpm": Range(50, 92),
        "articulation": Range(0.9, 1.2),
        "intensity": Range(0, 0.45),
        "room": {"amount": Range(0.4, 0.8), "seconds": Range(2, 4)},
    },
    "rock": _COMMON
    | {
        "lead": Choice({"electric guitar": 3, "male voice": 2, "female voice": 1}),
        "second": Choice({"electric guitar": 1}),
        "texture": Choice({"chords": 1}),
        "bass": Choice({"bass": 1}),
        "drums": Choice({"rock": 3, "double": 1}),
        "bpm": Range(92, 168),
        "intensity": Range(0.55, 1),
    },
    "pop": _COMMON
    | {
        "lead": Choice({"female voice": 3, "male voice": 3, "guitar": 1}),
        "second": Choice({"guitar": 2, "piano": 2, "synth": 2}),
        "bass": Choice({"bass": 3, "synth bass": 1}),
        "drums": Choice({"rock": 3, "brushes": 1, "four": 1}),
        "bpm": Range(72, 136),
        "mode": Choice({"major": 3, "mixolydian": 1, "minor": 1}),
        "intensity": Range(0.35, 0.8),
    },
}
