"""Search of many fingerprints for those of the same recording, also at another speed, tempo or pitch.

1. Two places of two tracks are compared when the signs of the filters are equal there and again `gap` words later. This
   key survives most edits better than a whole word does, and fewer places of other recordings share it.
2. The words within four seconds of the places must be alike.
3. The tracks are aligned along all that they have in common, for each tempo from -3 to 3 %. The levels of the filters
   must be correlated over time. Wrong bits alone do not tell: an edit moves many levels by one step, and steady music
   of one key has like levels anywhere.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from genreflow.audio.fingerprint import levels, signs

# Measured by benchmarks/copies.py. A copy that is coded, lowered or cut differs in few bits, whatever is left. One
# at another speed, tempo or pitch differs in as many as a passage that is played again in the same track, or as two
# tracks made of like loops; but along 15 s, its levels alone are well correlated.
_MOST_WRONG_BITS = 0.07
_LONG, _LEAST_CORRELATION = 120, 0.77  # words that count; of their levels
_OVERLAP = 40  # words that count are compared at least
_SHORTEST, _MOST_OF = 16, 0.7  # where a track has fewer: so many, and so great a part of them
_DISTINCT = 0.5  # of these; fewer, as in a drone or a metronome, do not distinguish recordings

_GAPS = (8, 12, 16)  # words between the two parts of a key
_NEIGHBORS = 8  # places of a key that each is compared with
_REACH = 32  # words before and after the places that are compared first
_MOST_WRONG_AT_ENDS, _MOST_WRONG_NEARBY = 0.34, 0.28  # bits of the first and the last of these, and of all
_LEAST_NEARBY = 0.5  # correlation of all
_LEAST_ALIGNED = 0.65  # the same once the tempo is known
_ANCHORS = 3  # pairs of places from which two tracks are aligned at most
_CHUNK = 1 << 14

_TEMPI = tuple(percent / 100 for percent in range(97, 104))
_TEMPO_STEP, _SHIFTS = 0.01, (-2, -1, 0, 1, 2)


class Match(NamedTuple):
    """Two fingerprints of the same recording.

    Attributes
    ----------
    a, b
        Their numbers, a < b.
    similarity
        Share of equal bits where both have the same content.
    lag
        How many words later the excerpt of b begins than that of a.
    """

    a: int
    b: int
    similarity: float
    lag: int


class _Alignment(NamedTuple):
    """Word `place_b` of b is word `place_a` of a; a takes `tempo` words for each of b."""

    place_a: int
    place_b: int
    tempo: float


def find_matches(prints: Sequence[np.ndarray]) -> Iterator[Match]:
    """Yield the pairs of fingerprints, uint32 [m] each, that are of the same recording.

    Of many copies of a recording, each is paired with some others only; copies of copies are copies.
    """
    anchors = _anchors(prints)
    known = {track: _Print.of(prints[track]) for pair in anchors for track in pair}
    copies = _Clusters()
    for (a, b), places in sorted(anchors.items()):
        if copies.connect(a, b) and max(copies.links[a], copies.links[b]) >= _NEIGHBORS:
            continue
        match = _match(known[a], known[b], places)
        if match:
            copies.link(a, b)
            yield Match(a, b, *match)


class _Clusters:
    """Tracks that are linked, in sets; and the number of links of each."""

    def __init__(self) -> None:
        self.links: Counter[int] = Counter()
        self._first: dict[int, int] = {}

    def link(self, a: int, b: int) -> None:
        self.links.update((a, b))
        self._first[self._root(b)] = self._root(a)

    def connect(self, a: int, b: int) -> bool:
        return self._root(a) == self._root(b)

    def _root(self, track: int) -> int:
        while (first := self._first.get(track, track)) != track:
            track = self._first[track] = self._first.get(first, first)
        return track


# ---------------------------------------------------------------------------------------------------------------
# Two tracks
# ---------------------------------------------------------------------------------------------------------------


class _Print(NamedTuple):
    words: np.ndarray
    levels: np.ndarray  # int8 [m, 16]
    fresh: np.ndarray  # bool [m]: differs from the word before; repeated ones, of silence or held sounds, do not count

    @classmethod
    def of(cls, words: np.ndarray) -> "_Print":
        fresh = np.concatenate([[True], words[1:] != words[:-1]])[: len(words)]
        return cls(words, levels(words), fresh)


def _match(a: _Print, b: _Print, places: list[tuple[int, int]]) -> tuple[float, int] | None:
    """Return similarity and lag of two tracks that are aligned from one of some places; None if none will do."""
    for place_a, place_b in places:
        best = _align(a, b, place_a, place_b)
        if best is None:
            continue
        at_a, at_b = _common(a, b, best)
        if not _enough(a, b, at_a):
            continue
        wrong = int(np.bitwise_count(a.words[at_a] ^ b.words[at_b]).sum()) / (32 * len(at_a))
        correlated = len(at_a) >= _LONG and _correlation(a, b, at_a, at_b) >= _LEAST_CORRELATION
        if wrong <= _MOST_WRONG_BITS or correlated:
            return 1 - wrong, round(best.place_a - best.tempo * best.place_b)
    return None


def _enough(a: _Print, b: _Print, at_a: np.ndarray) -> bool:
    enough = min(_OVERLAP, max(_SHORTEST, _MOST_OF * min(a.fresh.sum(), b.fresh.sum())))
    return len(at_a) >= enough and len(np.unique(a.words[at_a])) >= _DISTINCT * enough


def _align(a: _Print, b: _Print, place_a: int, place_b: int) -> _Alignment | None:
    """Return the best alignment about two places: first of a few seconds, then of ever more, ever more precisely.

    None where the few seconds are unlike.
    """
    tried = [_Alignment(place_a + shift, place_b, tempo) for tempo in _TEMPI for shift in _SHIFTS]
    reach, step = _REACH, _TEMPO_STEP
    while True:
        scores = [_correlation(a, b, *_common(a, b, alignment, reach)) for alignment in tried]
        best = tried[int(np.argmax(scores))]
        if reach == _REACH and max(scores) < _LEAST_ALIGNED:
            return None
        if reach > len(b.words):
            return best
        reach, step = 2 * reach, step / 2
        tried = [
            _Alignment(best.place_a + shift, place_b, best.tempo + change)
            for change in (0, -step, step)
            for shift in (0, -1, 1)
        ]


def _common(a: _Print, b: _Print, alignment: _Alignment, reach: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the places in a and in b of the words that both have, and that count, within the reach."""
    place_a, place_b, tempo = alignment
    reach = len(b.words) if reach is None else reach
    at_b = np.arange(max(0, place_b - reach), min(len(b.words), place_b + reach + 1))
    at_a = place_a + np.rint((at_b - place_b) * tempo).astype(int)
    inside = (at_a >= 0) & (at_a < len(a.words))
    at_a, at_b = at_a[inside], at_b[inside]
    counts = a.fresh[at_a] | b.fresh[at_b]
    return at_a[counts], at_b[counts]


def _correlation(a: _Print, b: _Print, at_a: np.ndarray, at_b: np.ndarray) -> float:
    """Return the correlation over time of the levels of all filters, each less its mean; 0 where they are steady."""
    if len(at_a) == 0:
        return 0.0
    return float(_correlations(a.levels[at_a][None], b.levels[at_b][None])[0])


def _correlations(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the same for many windows, int8 [n, words, 16] each: float32 [n]."""
    a, b = (levels - levels.mean(axis=1, keepdims=True, dtype=np.float32) for levels in (a, b))
    power = np.einsum("nwf,nwf->n", a, a) * np.einsum("nwf,nwf->n", b, b)
    return np.einsum("nwf,nwf->n", a, b) / np.sqrt(np.maximum(power, 1e-6))


# ---------------------------------------------------------------------------------------------------------------
# All tracks
# ---------------------------------------------------------------------------------------------------------------


class _Places(NamedTuple):
    """The words of all tracks, one after the other."""

    words: np.ndarray
    signs: np.ndarray
    track: np.ndarray  # number of the track of each word
    begin: np.ndarray  # place of the first word of each track
    before: np.ndarray  # words of the same track before each, `_REACH` at most
    after: np.ndarray

    @classmethod
    def of(cls, prints: Sequence[np.ndarray]) -> "_Places":
        lengths = np.array([len(words) for words in prints], np.int64)
        words = np.concatenate([np.empty(0, np.uint32), *prints])
        track = np.repeat(np.arange(len(prints), dtype=np.int32), lengths)
        ramps = [np.minimum(np.arange(length), _REACH).astype(np.int8) for length in lengths]
        before = np.concatenate([np.empty(0, np.int8), *ramps])
        after = np.concatenate([np.empty(0, np.int8), *(ramp[::-1] for ramp in ramps)])
        return cls(words, signs(words), track, np.cumsum(lengths) - lengths, before, after)


def _anchors(prints: Sequence[np.ndarray]) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Return for two tracks the places in both about which they are most alike."""
    every = _Places.of(prints)
    found = [alike for gap in _GAPS for alike in _alike_nearby(every, gap)]
    if not found:
        return {}
    first, second = np.concatenate([alike[:2] for alike in found], axis=1).astype(np.int64)
    every_pair = pd.DataFrame(
        {"a": every.track[first], "b": every.track[second], "lag": first - second, "first": first}
    )
    every_pair["likeness"] = np.concatenate([alike[2] for alike in found])
    best = every_pair.sort_values(["likeness", "first"], ascending=[False, True]).drop_duplicates(["a", "b", "lag"])
    best = best.groupby(["a", "b"]).head(_ANCHORS)
    anchors: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for a, b, lag, place in best[["a", "b", "lag", "first"]].itertuples(index=False):
        anchors[a, b].append((place - int(every.begin[a]), place - lag - int(every.begin[b])))
    return dict(anchors)


def _alike_nearby(every: _Places, gap: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield places in two tracks that share a key, and the correlation of what is about them, where that is high."""
    postings = _postings(every, gap)
    keys = (postings >> np.uint64(32)).astype(np.uint32)
    for step in range(1, _NEIGHBORS + 1):
        same = np.flatnonzero(keys[step:] == keys[:-step])
        for chunk in np.split(same, range(_CHUNK, len(same), _CHUNK)):
            first, second = (_place(postings[chunk]), _place(postings[chunk + step]))
            yield _filtered(every, first + gap // 2, second + gap // 2)


def _postings(every: _Places, gap: int) -> np.ndarray:
    """Return where each key first comes in each track, sorted: key and place, 32 bits each."""
    if len(every.words) <= gap:
        return np.empty(0, np.uint64)
    place = np.flatnonzero(every.track[gap:] == every.track[:-gap]).astype(np.uint64)
    key = (every.signs[place].astype(np.uint64) << np.uint64(16)) | every.signs[place + np.uint64(gap)]
    postings = np.sort((key << np.uint64(32)) | place)
    track = every.track[_place(postings)]
    again = (postings[1:] >> np.uint64(32) == postings[:-1] >> np.uint64(32)) & (track[1:] == track[:-1])
    return postings[np.concatenate([[True], ~again])[: len(postings)]]


def _place(postings: np.ndarray) -> np.ndarray:
    return (postings & np.uint64(0xFFFFFFFF)).astype(np.int64)


def _filtered(every: _Places, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return those of some places about which two tracks are alike, and their correlation there."""
    before = np.minimum(every.before[first], every.before[second])
    after = np.minimum(every.after[first], every.after[second])
    wrong = np.bitwise_count(every.words[first - before] ^ every.words[second - before])
    wrong += np.bitwise_count(every.words[first + after] ^ every.words[second + after])
    kept = wrong <= 64 * _MOST_WRONG_AT_ENDS
    first, second = first[kept], second[kept]
    window = _around(before[kept], after[kept], _REACH)
    a, b = every.words[first[:, None] + window], every.words[second[:, None] + window]
    kept = np.bitwise_count(a ^ b).mean(axis=1) <= 32 * _MOST_WRONG_NEARBY
    likeness = _correlations(levels(a[kept]), levels(b[kept]))
    first, second = first[kept], second[kept]
    kept = likeness >= _LEAST_NEARBY
    return first[kept], second[kept], likeness[kept]


def _around(before: np.ndarray, after: np.ndarray, number: int) -> np.ndarray:
    """Return distances [n, number] that are evenly spread from `before` a place to `after` it."""
    before, after = before[:, None].astype(np.int64), after[:, None].astype(np.int64)
    return (before + after) * np.arange(number) // (number - 1) - before
