"""Drawing as many tracks of each class from a large collection, before any of them is read."""

import hashlib
from collections import Counter, defaultdict
from dataclasses import replace

from genreflow.datasets.listing import ListedTrack, TrackListing
from genreflow.errors import UserError
from genreflow.store.text import count


def drawn(tracks: TrackListing, most: int, seed: int = 0) -> TrackListing:
    """Return a listing with at most `most` tracks of each class, those with the smallest keyed digests of their paths.

    The draw is random, but fixed by the paths: it does not depend on the order of tracks, and one more track of a class
    changes at most one of those drawn (bottom-k sampling, Cohen and Kaplan 2007). Refused tracks are not drawn: they
    are kept beside, so that each is reported.

    Parameters
    ----------
    tracks
        Tracks with classes.
    most
        Number of tracks of a class, at most.
    seed
        Key of the digests.

    Raises
    ------
    UserError
        When tracks have tags instead of one class.
    """
    if any(track.tags is not None for track in tracks.tracks):
        raise UserError("per_class: these tracks have tags instead of one class; a draw of classes needs classes.")
    by_class: dict[str, list[ListedTrack]] = defaultdict(list)
    for track in tracks.tracks:
        if not track.reason.startswith("Q_"):
            by_class[track.label].append(track)
    chosen = {
        track.path
        for members in by_class.values()
        for track in sorted(members, key=lambda track: (_place(track.path, seed), track.path))[:most]
    }
    kept = [track for track in tracks.tracks if track.reason.startswith("Q_") or track.path in chosen]
    left_out = Counter(tracks.ignored)
    left_out.update(track.label for track in tracks.tracks)
    left_out.subtract(track.label for track in kept)
    notices = [*tracks.notices, *_notices(by_class, len(tracks.tracks) - len(kept), most)]
    return replace(tracks, tracks=kept, notices=notices, ignored=dict(+left_out))


def _place(path: bytes, seed: int) -> bytes:
    return hashlib.blake2b(path, digest_size=16, key=str(seed).encode()).digest()


def _notices(by_class: dict[str, list[ListedTrack]], left_out: int, most: int) -> list[str]:
    notices = []
    if left_out:
        notices.append(f"{count(left_out, 'track')} not drawn: `per_class` keeps {most:,} of each class.")
    if few := [f"{name} {len(members):,}" for name, members in sorted(by_class.items()) if len(members) < most]:
        notices.append(f"`per_class` asks for {most:,} tracks of each class; there are fewer of {', '.join(few)}.")
    return notices
