"""Shards: leaves of a trie over the bits of track ids.

A leaf splits in two when it holds more than `size` tracks, so the layout depends on the set of tracks alone,
and adding or removing a track touches one leaf, or splits or joins one. A shard is named ``s`` plus the bits
that its tracks share.
"""

from collections.abc import Sequence

import numpy as np

ID_DIGITS = 16
_BITS = 4 * ID_DIGITS


def shard_names(track_ids: Sequence[str], size: int) -> list[str]:
    """Return the shard of each track, in the order given.

    Parameters
    ----------
    track_ids
        Distinct ids of 16 hex digits.
    size
        Most tracks in a shard.
    """
    bits = np.array([int(track_id, 16) for track_id in track_ids], dtype=np.uint64)
    names = np.empty(len(bits), dtype=object)
    todo = [("s", np.arange(len(bits)))]
    while todo:
        name, members = todo.pop()
        depth = len(name) - 1
        if len(members) <= size or depth == _BITS:
            names[members] = name
            continue
        ones = (bits[members] >> np.uint64(_BITS - 1 - depth)) & np.uint64(1) == 1
        todo += [(name + "0", members[~ones]), (name + "1", members[ones])]
    return names.tolist()


def is_in_shard(track_id: str, shard: str) -> bool:
    """Return whether a track belongs to a shard."""
    return format(int(track_id, 16), f"0{_BITS}b").startswith(shard[1:])
