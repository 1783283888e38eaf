"""The tags that players and taggers write into files of music, read by FFmpeg (PyAV).

FFmpeg returns the first value of a field alone where a tag of the kind ID3, APE or MP4 holds several; these are read
here.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import islice

from genreflow.audio import ape, headers, id3
from genreflow.audio.bytesource import ByteSource
from genreflow.audio.container import identify
from genreflow.audio.decode import metadata_of, opened, rejecting_library_errors
from genreflow.audio.verdict import RejectedTrack
from genreflow.config.audio import QualityThresholds

FileTags = Mapping[str, tuple[str, ...]]
"""Field -> its values. Fields have the names of FFmpeg, in lower case: genre, artist, album_artist, album, title,
track, date, musicbrainz_artistid, ..."""

_MOST_FIELDS, _MOST_VALUES, _LONGEST_VALUE = 64, 32, 300
# Fields that say nothing of the music.
_LEFT_OUT = re.compile(
    r"encoder|tsse|language|encoded_by|encoder_settings|encoding|major_brand|minor_version|compatible_brands|handler_name|vendor_id|"
    r"creation_time|lyrics.*|unsyncedlyrics|replaygain_.*|r128_.*|itun(norm|smpb|pgap)|priv\.|id3v2_priv.*|"
    r"acoustid_fingerprint|waveformatextensible_.*|duration|timecode|coding_history"
)
# Spellings of a field, without all but letters and digits -> its name.
_NAMES = {
    "albumartist": "album_artist", "tracknumber": "track", "discnumber": "disc", "year": "date", "tbpm": "bpm",
    "tmoo": "mood", "tkey": "key", "initialkey": "key", "contentgroup": "grouping", "tit1": "grouping",
    "grp1": "grouping",
}  # fmt: skip
# Fields of which FFmpeg joins the values of Vorbis comments with a semicolon.
_SEVERAL = re.compile(r"genre|artist|album_artist|artists|mood|style|grouping|tag|tags|musicbrainz_\w+")
_JOINED = ("flac", "ogg")
_ATOMS = {
    b"\xa9gen": "genre", b"\xa9ART": "artist", b"aART": "album_artist", b"\xa9alb": "album", b"\xa9nam": "title",
    b"\xa9grp": "grouping",
}  # fmt: skip
_UTF_8 = (0, 1)  # kinds of data in MP4 that are text
_LISTS = (b"moov", b"udta", b"meta", b"ilst")


def read_tags(path: bytes | str) -> FileTags:
    """Return the tags of a file; none of one that cannot be read. Numbers of genres become their names."""
    try:
        with rejecting_library_errors(), opened(path, QualityThresholds()) as file:
            return _tidied(_all_values(file))
    except RejectedTrack:
        return {}


def _all_values(file: ByteSource) -> Mapping[str, list[str]]:
    file.seek(0)
    head = file.read(64)
    container = "mp3" if head[:3] == b"ID3" else identify(head)
    file.seek(0)
    values: dict[str, list[str]] = {}
    for name, text in metadata_of(file).items():
        field = _field(name)
        joined = container in _JOINED and _SEVERAL.fullmatch(field)
        values.setdefault(field, []).extend(text.split(";") if joined else [text])
    whole: dict[str, list[str]] = {}
    for name, text in _own_values(file, container):
        texts = whole.setdefault(_field(name), [])
        texts += [] if text in texts else [text]
    return values | whole


def _own_values(file: ByteSource, container: str | None) -> Iterator[tuple[str, str]]:
    """Yield field and value from the tags of which FFmpeg returns first values alone."""
    match container:
        case "mp3" | "aac":
            yield from ape.tags_at_end(file)
            yield from id3.tags_at(file, 0)
        case "wv" | "ape" | "mpc" | "tta":
            yield from ape.tags_at_end(file)
        case "wav" | "aiff":
            chunks = headers.wav_chunks(file) if container == "wav" else headers.aiff_chunks(file)
            for chunk in list(islice(chunks, 1_000)):
                if chunk.name.upper() == b"ID3 ":
                    yield from id3.tags_at(file, chunk.start)
        case "mp4":
            yield from _of_mp4(file)


def _of_mp4(file: ByteSource) -> Iterator[tuple[str, str]]:
    for item in headers.mp4_items(file, _LISTS):
        parts = [(part.name, headers.content(file, part, 65_536)) for part in headers.mp4_parts(file, item)]
        texts = [
            text[8:].decode("utf-8", "replace")
            for name, text in parts
            if name == b"data" and int.from_bytes(text[1:4], "big") in _UTF_8
        ]
        field = _ATOMS.get(item.name)
        if item.name == b"----":
            field = next((text[4:].decode("utf-8", "replace") for name, text in parts if name == b"name"), None)
        if field:
            yield from ((field, text) for text in texts)


def _field(name: str) -> str:
    plain = name.strip().lower()
    squeezed = re.sub(r"[^a-z0-9]", "", plain)
    if squeezed.startswith("musicbrainz"):
        return f"musicbrainz_{squeezed.removeprefix('musicbrainz')}"
    return _NAMES.get(squeezed) or re.sub(r"[\s-]+", "_", plain)


def _tidied(values: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    """Return fields in the order of their names, without those of programs, without long and without empty values."""
    kept: dict[str, tuple[str, ...]] = {}
    for field in sorted(values)[: 4 * _MOST_FIELDS]:
        texts = values[field]
        if not field or _LEFT_OUT.fullmatch(field):
            continue
        if field == "genre":
            texts = [genre for text in texts for genre in id3.genres_in(text)]
        tidy = (re.sub(r"[\0-\x1f\x7f]+", " ", text).strip() for text in texts)
        unique = tuple(dict.fromkeys(text for text in tidy if text and len(text) <= _LONGEST_VALUE))
        if unique and len(kept) < _MOST_FIELDS:
            kept[field] = unique[:_MOST_VALUES]
    return kept
