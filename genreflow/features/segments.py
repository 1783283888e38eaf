"""Where to cut a track into segments."""

import numpy as np

from genreflow.config.inputs import Midpoint


def midpoint(n_frames: int, settings: Midpoint) -> np.ndarray:
    """Return the first frames of consecutive segments around the middle of a track.

    A track too short for ``settings.count`` segments gives as many whole ones as it has, perhaps none:
    nothing is padded. Source: psytrance study, Data preparation.

    Returns
    -------
    np.ndarray
        int64 ``[n]`` with ``n <= settings.count``, ascending by ``settings.frames``.
    """
    count = min(settings.count, n_frames // settings.frames)
    first = (n_frames - count * settings.frames) // 2
    return first + settings.frames * np.arange(count)
