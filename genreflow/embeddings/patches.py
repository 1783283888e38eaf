"""Patches: the excerpts of a segment that a network is fed, computed as the input that it was trained on."""

import numpy as np

from genreflow.config.inputs import InFrames, InputSettings
from genreflow.features.front_end import FrontEnd
from genreflow.features.shapes import segment_samples
from genreflow.store.shards import as_fed


def patch_seconds(given: InputSettings, shape: tuple[int, ...]) -> float:
    """Return the length of the shortest excerpt that gives a patch, s.

    Parameters
    ----------
    given
        The network's own input.
    shape
        Shape of what it is fed at once, which may be a crop of a segment.
    """
    rate = given.front_end.sample_rate
    if not _is_cut_from_frames(given):
        return segment_samples(given) / rate
    front_end = FrontEnd.of(given.front_end)
    return ((shape[-1] - 1) * front_end.hop + front_end.n_fft - 2 * front_end.margin) / rate


def patches(samples: np.ndarray, given: InputSettings, shape: tuple[int, ...]) -> np.ndarray:
    """Return the patches of an excerpt as the network is fed them, float32 ``[n, *shape]``.

    Segments in seconds are transformed each by itself, as in training. Of others the whole excerpt is transformed, and
    patches are runs of its frames. Either are spread evenly over the excerpt, with as little overlap, or as little left
    out, as their number allows.

    Parameters
    ----------
    samples
        float32 ``[n]`` at the rate of the input, no shorter than `patch_seconds`.
    given, shape
        As in `patch_seconds`.
    """
    # Imported here, because plans need `patch_seconds` alone.
    from genreflow.features.segments import peak_normalized
    from genreflow.features.slices import to_stored

    front_end = FrontEnd.of(given.front_end)
    if _is_cut_from_frames(given):
        excerpts = [samples]
    else:
        length = segment_samples(given)
        excerpts = [samples[start : start + length] for start in spread(len(samples), length)]
    if given.peak:
        excerpts = [peak_normalized(excerpt) for excerpt in excerpts]
    arrays = as_fed(to_stored(front_end.transform_all(excerpts), given))
    if "time" not in given.front_end.axes:
        return arrays
    length = shape[-1]
    return np.concatenate([arrays[..., start : start + length] for start in spread(arrays.shape[-1], length)])


def spread(n: int, length: int) -> np.ndarray:
    """Return the starts of patches spread evenly over ``n`` places, int64: as many as fit best; one lies in the middle.

    >>> spread(100, 30)
    array([ 0, 35, 70])
    """
    count = max(1, round(n / length))
    if count == 1:
        return np.array([(n - length) // 2])
    return np.arange(count) * (n - length) // (count - 1)


def _is_cut_from_frames(given: InputSettings) -> bool:
    return isinstance(given.segments, InFrames) or FrontEnd.of(given.front_end).cut_after
