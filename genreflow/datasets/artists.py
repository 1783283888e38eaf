"""Artists of tracks: spellings of one name are one artist, and `Various Artists` is none."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache

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
_GUESTS = re.compile(r"\s+[(\[]?(?:feat\.?|ft\.?|featuring)\s.*$", re.IGNORECASE)
_VARIOUS_ARTISTS = "89ad4ac3-39f7-470e-963a-56509c546377"  # MusicBrainz's
_APOSTROPHES = str.maketrans({"'": None, "’": None, "ʼ": None, "`": None, "&": " and "})


def artist_key(name: str | None) -> str | None:
    """Return the key shared by all spellings of an artist, or None for names such as `Various Artists`.

    Case, accents, punctuation, blanks, and a leading or trailing `the` do not count.
    """
    return None if name is None or pd.isna(name) else _key(name)


@lru_cache(maxsize=100_000)  # a collection names an artist many times
def _key(name: str) -> str | None:
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


def tagged_artists(tags: Mapping[str, Mapping[str, Sequence[str]]]) -> dict[str, str]:
    """Return track_id -> artist by the tags of its file, for the tracks whose tags name one.

    That is the first artist without guests (`feat.`), or else that of the album. Tracks with one MusicBrainz id of the
    artist have one artist, however it is spelled: the first of its spellings in the order of the alphabet.
    """
    names, spellings = {}, defaultdict(set)
    ids: dict[str, str] = {}
    for track_id, fields in tags.items():
        if (name := _credited(fields)) is not None:
            names[track_id] = name
            (known,) = [*fields.get("musicbrainz_artistid", ())][:1] or [""]
            if known and known != _VARIOUS_ARTISTS and fields.get("artist"):
                ids[track_id] = known
                spellings[known].add(name)
    return names | {track_id: min(spellings[known]) for track_id, known in ids.items()}


def _credited(fields: Mapping[str, Sequence[str]]) -> str | None:
    for field in ("artist", "album_artist"):
        for name in fields.get(field, ())[:1]:
            if artist_key(without_guests := _GUESTS.sub("", name)) is not None:
                return without_guests
    return None


def with_tagged_artists(tracks: pd.DataFrame, artists: Mapping[str, str]) -> pd.DataFrame:
    """Return tracks whose `artist`, where their dataset names none, is that of their tags.

    Parameters
    ----------
    tracks
        Columns `track_id, artist`.
    artists
        See `tagged_artists`.
    """
    named = [
        artists.get(track_id) if artist_key(artist) is None else artist
        for track_id, artist in zip(tracks["track_id"], tracks["artist"], strict=True)
    ]
    return tracks.assign(artist=pd.Series(named, index=tracks.index, dtype=object))


def groups_by_artist(tracks: pd.DataFrame, is_album: Callable[[str], bool]) -> list[str | None]:
    """Return the group of each track for `folds.group: auto`: its artist where one is known, else its album.

    A track without an artist takes that of its album, if all others there have the same. A group that is no album, such
    as one that a table names, stays.

    Parameters
    ----------
    tracks
        Columns `group, artist`.
    is_album
        Whether a group is an album.
    """
    given = [_given(group) for group in tracks["group"]]
    keys = [artist_key(artist) for artist in tracks["artist"]]
    members: dict[str, set[str]] = defaultdict(set)
    for group, key in zip(given, keys, strict=True):
        if group and key:
            members[group].add(key)
    groups: list[str | None] = []
    for group, key in zip(given, keys, strict=True):
        if group and not is_album(group):
            groups.append(group)
            continue
        if key is None and group and len(members[group]) == 1:
            (key,) = members[group]
        groups.append(f"artist:{key}" if key else group)
    return groups


def _given(group: str | None) -> str | None:
    return None if group is None or pd.isna(group) or group == "" else group
