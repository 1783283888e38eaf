"""Artists of tracks: spellings of one name are one artist, and `Various Artists` is none."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable

import pandas as pd

_NOBODY = {
    "anonymous", "n a", "no artist", "none", "unknown", "unknown artist", "unknown artists",
    "v a", "va", "various", "various artist", "various artists",
}  # fmt: skip
# Words that name a part of a collection or a kind of record, and nobody.
_GENERIC = {
    "album", "albums", "and", "anthology", "archive", "artist", "artists", "audio", "best", "bonus", "box",
    "cassette", "cd", "cds", "collected", "collection", "compilation", "compilations", "demo", "demos", "digital",
    "disc", "discs", "disk", "disks", "download", "downloads", "edition", "ep", "eps", "essential", "extra", "file",
    "files", "flac", "folder", "greatest", "hits", "in", "incoming", "live", "lossless", "lp", "lps", "misc",
    "miscellaneous", "mix", "mixed", "mixes", "mp", "music", "new", "no", "number", "of", "ogg", "old", "original",
    "ost", "other", "others", "part", "promo", "promos", "record", "records", "release", "releases", "remix",
    "remixes", "sampler", "session", "sessions", "set", "sets", "side", "single", "singles", "song", "songs",
    "soundtrack", "soundtracks", "tape", "temp", "the", "track", "tracks", "unknown", "unreleased", "unsorted",
    "untagged", "untitled", "va", "various", "vinyl", "vol", "volume", "wav", "web", "with", "year",
}  # fmt: skip
_ACCENTS = dict.fromkeys(range(0x300, 0x370))  # combining marks of other scripts are letters in their own right
_APOSTROPHES = str.maketrans({"'": None, "’": None, "ʼ": None, "`": None, "&": " and "})


def artist_key(name: str | None) -> str | None:
    """Return the key shared by all spellings of an artist, or None for names such as `Various Artists`.

    Case, accents, punctuation, blanks, and a leading or trailing `the` do not count.
    """
    if name is None or pd.isna(name):
        return None
    words = _words(name)
    if len(words) > 1 and words[0] == "the":
        words = words[1:]
    elif len(words) > 1 and words[-1] == "the":
        words = words[:-1]
    key = " ".join(words) or _symbols(name)
    return None if key in _NOBODY else key


def is_generic(name: str) -> bool:
    """Return whether the name of a folder may be that of unrelated ones: `CD1`, `album-01`, `Disc 2`, `1999`, `B`.

    Such names are made of numbers, single Latin letters and words like `album` alone, or are nobody's, or only symbols.
    """
    if artist_key(name) is None:
        return True
    letters = "".join(c if unicodedata.category(c)[0] in "LM" else " " for c in " ".join(_words(name))).split()
    return all(word in _GENERIC or (len(word) == 1 and word.isascii()) for word in letters)


def merged_spellings(names: Iterable[str | None]) -> dict[str, list[str]]:
    """Return the artists that are spelled in several ways: key -> spellings, sorted."""
    spellings: dict[str, set[str]] = defaultdict(set)
    for name in names:
        if name is not None and (key := artist_key(name)) is not None:
            spellings[key].add(name)
    return {key: sorted(spellings[key]) for key in sorted(spellings) if len(spellings[key]) > 1}


def group_of(tracks: pd.DataFrame) -> pd.Series:
    """Return the group of each track: its own, else `artist:` and the artist's key, else None.

    Parameters
    ----------
    tracks
        Columns `group` and `artist`; missing is None, NaN or empty.
    """
    groups = [
        _given(group) or (f"artist:{key}" if (key := artist_key(artist)) else None)
        for group, artist in zip(tracks["group"], tracks["artist"], strict=True)
    ]
    return pd.Series(groups, index=tracks.index, dtype=object)


def _words(name: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", name).casefold()
    plain = unicodedata.normalize("NFKC", plain.translate(_ACCENTS).translate(_APOSTROPHES))
    return "".join(c if unicodedata.category(c)[0] in "LMN" else " " for c in plain).split()


def _symbols(name: str) -> str | None:
    """Return a name that is made of symbols alone, like that of the band `!!!`; dashes and the like are none."""
    name = name.strip()
    return name if name.strip("-–—_.?/\\ ") else None


def _given(group: str | None) -> str | None:
    return None if group is None or pd.isna(group) or group == "" else group
