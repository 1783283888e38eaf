"""Text frames of ID3v2 tags (id3.org, 2.2 to 2.4), all values of each; FFmpeg returns the first alone."""

import re
from collections.abc import Iterator

from genreflow.audio import mpeg
from genreflow.audio.bytesource import ByteSource

_MOST_TAGS, _MOST_FRAMES = 16, 2_000
_HEADER = 10
_MOST_BYTES = 2**26  # of a tag; pictures take most of it
_LONGEST_TEXT = 2**16
_ENCODINGS = ("latin-1", "utf-16", "utf-16-be", "utf-8")
_UNSYNCHRONIZED, _EXTENDED = 0x80, 0x40  # flags of a tag
_PACKED, _ENCRYPTED, _FRAME_UNSYNCHRONIZED, _WITH_LENGTH = 0x08, 0x04, 0x02, 0x01  # flags of a frame, version 4
_PACKED_3, _ENCRYPTED_3, _GROUPED_3 = 0x80, 0x40, 0x20  # version 3
_MUSICBRAINZ = "http://musicbrainz.org"
FIELDS = {
    "TIT1": "grouping", "TIT2": "title", "TPE1": "artist", "TPE2": "album_artist", "TALB": "album", "TCON": "genre",
    "TRCK": "track", "TPOS": "disc", "TDRC": "date", "TYER": "date", "TMOO": "mood", "TBPM": "bpm", "TKEY": "key",
    "TLAN": "language", "TPUB": "publisher", "TCOM": "composer", "GRP1": "grouping",
    "TT1": "grouping", "TT2": "title", "TP1": "artist", "TP2": "album_artist", "TAL": "album", "TCO": "genre",
    "TRK": "track", "TPA": "disc", "TYE": "date", "TBP": "bpm", "TKE": "key", "TLA": "language", "TPB": "publisher",
    "TCM": "composer",
}  # fmt: skip
"""Frame -> name of the field."""
_GENRES = """\
Blues; Classic Rock; Country; Dance; Disco; Funk; Grunge; Hip-Hop; Jazz; Metal; New Age; Oldies; Other; Pop;
R&B; Rap; Reggae; Rock; Techno; Industrial; Alternative; Ska; Death Metal; Pranks; Soundtrack; Euro-Techno;
Ambient; Trip-Hop; Vocal; Jazz+Funk; Fusion; Trance; Classical; Instrumental; Acid; House; Game; Sound Clip;
Gospel; Noise; Alt. Rock; Bass; Soul; Punk; Space; Meditative; Instrumental Pop; Instrumental Rock; Ethnic;
Gothic; Darkwave; Techno-Industrial; Electronic; Pop-Folk; Eurodance; Dream; Southern Rock; Comedy; Cult;
Gangsta Rap; Top 40; Christian Rap; Pop/Funk; Jungle; Native American; Cabaret; New Wave; Psychedelic; Rave;
Showtunes; Trailer; Lo-Fi; Tribal; Acid Punk; Acid Jazz; Polka; Retro; Musical; Rock & Roll; Hard Rock; Folk;
Folk-Rock; National Folk; Swing; Fast-Fusion; Bebop; Latin; Revival; Celtic; Bluegrass; Avantgarde; Gothic Rock;
Progressive Rock; Psychedelic Rock; Symphonic Rock; Slow Rock; Big Band; Chorus; Easy Listening; Acoustic;
Humour; Speech; Chanson; Opera; Chamber Music; Sonata; Symphony; Booty Bass; Primus; Porn Groove; Satire; Slow
Jam; Club; Tango; Samba; Folklore; Ballad; Power Ballad; Rhythmic Soul; Freestyle; Duet; Punk Rock; Drum Solo; A
Cappella; Euro-House; Dance Hall; Goa; Drum & Bass; Club-House; Hardcore; Terror; Indie; BritPop; Afro-Punk;
Polsk Punk; Beat; Christian Gangsta Rap; Heavy Metal; Black Metal; Crossover; Contemporary Christian; Christian
Rock; Merengue; Salsa; Thrash Metal; Anime; JPop; Synthpop; Abstract; Art Rock; Baroque; Bhangra; Big Beat;
Breakbeat; Chillout; Downtempo; Dub; EBM; Eclectic; Electro; Electroclash; Emo; Experimental; Garage; Global;
IDM; Illbient; Industro-Goth; Jam Band; Krautrock; Leftfield; Lounge; Math Rock; New Romantic; Nu-Breakz;
Post-Punk; Post-Rock; Psytrance; Shoegaze; Space Rock; Trop Rock; World Music; Neoclassical; Audiobook; Audio
Theatre; Neue Deutsche Welle; Podcast; Indie Rock; G-Funk; Dubstep; Garage Rock; Psybient
"""
GENRES = tuple(" ".join(_GENRES.split()).split("; "))
"""The genres that ID3 numbers, by number."""
_NUMBERED = re.compile(r"\((\d{1,3}|RX|CR)\)|(\d{1,3}|RX|CR)$")
_SHORT = {"RX": "Remix", "CR": "Cover"}


def tags_at(file: ByteSource, start: int) -> Iterator[tuple[str, str]]:
    """Yield field and value of each text frame of the ID3v2 tags that follow each other from `start` on."""
    for _ in range(_MOST_TAGS):
        file.seek(start)
        head = file.read(_HEADER)
        length = mpeg.id3_length(head)
        if not length or length > _MOST_BYTES:
            return
        yield from _values(head, file.read(length - _HEADER))
        start += length


def genres_in(value: str) -> list[str]:
    """Return the genres of a value, with names for numbers.

    Examples
    --------
    >>> genres_in("(17)"), genres_in("(4)Eurodisco"), genres_in("17"), genres_in("Drum & Bass")
    (['Rock'], ['Disco', 'Eurodisco'], ['Rock'], ['Drum & Bass'])
    """
    genres = []
    rest = value.strip()
    while match := _NUMBERED.match(rest):
        number = match[1] or match[2]
        name = _SHORT.get(number) or (GENRES[int(number)] if int(number) < len(GENRES) else "")
        genres += [name] if name else []
        rest = rest[match.end() :].strip()
    if rest.startswith("(("):  # an opening bracket that begins a name
        rest = rest[1:]
    return genres + ([rest] if rest and rest not in genres else [])


def _values(head: bytes, body: bytes) -> Iterator[tuple[str, str]]:
    version, flags = head[3], head[5]
    if version not in (2, 3, 4):
        return
    if flags & _UNSYNCHRONIZED and version < 4:
        body = body.replace(b"\xff\0", b"\xff")
    start = 0
    if flags & _EXTENDED and version > 2:
        start = int.from_bytes(body[:4], "big") + 4 if version == 3 else _synchsafe(body[:4])
    for name, content in _frames(body, start, version):
        yield from _texts(name, content)


def _frames(body: bytes, start: int, version: int) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of the text frames and identifiers of a tag."""
    width = 3 if version == 2 else 4
    header = 6 if version == 2 else 10
    for _ in range(_MOST_FRAMES):
        name = body[start : start + width]
        if len(name) < width or not re.fullmatch(rb"[A-Z][A-Z0-9]+", name):
            return
        size = _size(body, start, version)
        flags = body[start + 9] if version > 2 and len(body) > start + 9 else 0
        content = body[start + header : start + header + min(size, _LONGEST_TEXT)]
        start += header + size
        if name[:1] == b"T" or name in (b"UFID", b"UFI", b"GRP1"):
            plain = _plain(content, flags, version)
            if plain is not None:
                yield name.decode("ascii"), plain


def _size(body: bytes, start: int, version: int) -> int:
    """Return the size of a frame; some writers of version 4 write plain numbers."""
    if version == 2:
        return int.from_bytes(body[start + 3 : start + 6], "big")
    digits = body[start + 4 : start + 8]
    size = int.from_bytes(digits, "big")
    if version == 3 or size < 0x80:
        return size
    safe = _synchsafe(digits)
    behind = body[start + 10 + safe : start + 14 + safe]
    is_safe = max(digits) < 0x80 and (not behind.strip(b"\0") or re.fullmatch(rb"[A-Z][A-Z0-9]{3}", behind))
    return safe if is_safe or (max(digits) < 0x80 and start + 10 + size > len(body)) else size


def _plain(content: bytes, flags: int, version: int) -> bytes | None:
    """Return the content of a frame without what its flags add; None if it is compressed or encrypted."""
    if version == 3:
        if flags & (_PACKED_3 | _ENCRYPTED_3):
            return None
        return content[1:] if flags & _GROUPED_3 else content
    if version == 4:
        if flags & (_PACKED | _ENCRYPTED):
            return None
        content = content[1:] if flags & 0x40 else content
        content = content[4:] if flags & _WITH_LENGTH else content
        if flags & _FRAME_UNSYNCHRONIZED:
            content = content.replace(b"\xff\0", b"\xff")
    return content


def _texts(name: str, content: bytes) -> Iterator[tuple[str, str]]:
    """Yield field and value of each value of a frame."""
    if name in ("UFID", "UFI"):
        owner, _, identifier = content.partition(b"\0")
        if owner.decode("latin-1") == _MUSICBRAINZ:
            yield "musicbrainz_trackid", identifier.decode("latin-1")
        return
    if not content or content[0] >= len(_ENCODINGS):
        return
    values = _decoded(content[1:], content[0]).split("\0")
    if name in ("TXXX", "TXX"):
        field, *values = values
    else:
        field = FIELDS.get(name, name)
    for value in values:
        if value.strip():
            yield field, value


def _decoded(content: bytes, encoding: int) -> str:
    if encoding == 1:  # each value may have a mark of its own
        big = content[:2] == b"\xfe\xff"
        text = content.decode("utf-16-be" if big else "utf-16-le", "replace")
        return text.replace("\ufeff", "")
    return content.decode(_ENCODINGS[encoding], "replace")


def _synchsafe(digits: bytes) -> int:
    value = 0
    for digit in digits:
        value = value << 7 | digit & 0x7F
    return value
