"""Where to cut a track into segments.

Segments are counted in one of two ways. Those of `InFrames` settings are runs of frames of the spectrogram of the whole
track: frame `f` stands at sample ``f * hop``. Those of `InSeconds` settings are stretches of samples, each of which is
transformed by itself, so that centered frames see its own ends. Front-ends that need music around a segment
(`FrontEnd.cut_after`) transform the whole excerpt first, and segments are the frames of `frames_of_segments`.

A segment lies inside the track, but for the zeros that may complete the last one (`shapes.padded_samples`): a shorter
track gives fewer. What is drawn at random depends on the seed and the track alone.
"""

from collections.abc import Callable

import numpy as np

from genreflow.config.inputs import (
    AvoidBreaks,
    Beats,
    Chunks,
    FrontEndSettings,
    InFrames,
    InputSettings,
    Midpoint,
    Onsets,
    Random,
    RandomOffset,
    Sliding,
    Split,
    Whole,
)
from genreflow.features import rhythm
from genreflow.features.frames import mean_square
from genreflow.features.front_end import FrontEnd
from genreflow.features.shapes import padded_samples, samples_of, segment_frames, segment_samples

# Raise it when tracks would be cut in other places.
STAGE_VERSION = 1


def segment_starts(
    n_samples: int, settings: InputSettings, *, track_id: str, samples: Callable[[], np.ndarray]
) -> np.ndarray:
    """Return where the segments of a track start, int64 ascending: frames of `InFrames`, samples of `InSeconds`.

    Parameters
    ----------
    n_samples
        Length of the track at ``settings.front_end.sample_rate``.
    settings
        The input.
    track_id
        Hexadecimal; segmentations at random draw from it and their seed.
    samples
        Gives the whole track, float32 ``[n_samples]``. Called only where the cutting depends on the music.
    """
    front_end, segments = settings.front_end, settings.segments
    n_samples = padded_samples(n_samples, settings)
    if isinstance(segments, InFrames):
        return _starts_in_frames(FrontEnd.of(front_end).frame_count(n_samples), front_end, segments, samples)
    length = segment_samples(settings)
    match segments:
        case RandomOffset():
            return random_offset(n_samples, length, front_end.sample_rate, segments, draw(track_id, segments.seed))
        case Sliding():
            return sliding(n_samples, length, front_end.sample_rate, segments)
        case Split():
            return split(n_samples, length, segments)
        case Random():
            return random(n_samples, length, segments, draw(track_id, segments.seed))
        case Whole():
            return np.arange(n_samples >= length, dtype=np.int64)
        case Chunks():
            return chunks(n_samples, length, segments)


def _starts_in_frames(
    n_frames: int, front_end: FrontEndSettings, segments: InFrames, samples: Callable[[], np.ndarray]
) -> np.ndarray:
    rate, hop = front_end.sample_rate, FrontEnd.of(front_end).hop
    if isinstance(segments, Midpoint) or n_frames < segments.frames:
        return midpoint(n_frames, segments)
    track = samples()
    if isinstance(segments, AvoidBreaks):
        return avoid_breaks(frame_powers(track, hop, n_frames), segments)
    envelope, frames_per_frame = rhythm.onset_envelope(track, rate), rate / hop / rhythm.frame_rate(rate)
    if isinstance(segments, Beats):
        return beats(n_frames, _rounded(rhythm.beat_frames(envelope, rate) * frames_per_frame), segments)
    return onsets(n_frames, _rounded(rhythm.onset_frames(envelope, rate) * frames_per_frame), segments)


def start_step(settings: InputSettings) -> int:
    """Return the samples from one place that a segment may start at to the next: a hop of `InFrames`, or 1."""
    return FrontEnd.of(settings.front_end).hop if isinstance(settings.segments, InFrames) else 1


def padding(starts: np.ndarray, n_samples: int, settings: InputSettings) -> int:
    """Return how many samples the last of some segments lacks, which begin at `starts` (see `segment_starts`)."""
    if not len(starts):
        return 0
    return max(0, int(starts[-1]) * start_step(settings) + samples_of(1, settings) - n_samples)


def frames_of_segments(starts: np.ndarray, n_samples: int, settings: InputSettings) -> np.ndarray:
    """Return the first frames of segments in seconds, where frames are those of the whole excerpt (music maps).

    Segments have `segment_frames` each. The first is the one nearest to the segment's start, up to half a hop before
    or after it; where that would lead past the last frame, it is the last that does not.

    Parameters
    ----------
    starts
        Samples.
    n_samples
        Length of the excerpt.
    settings
        The input.
    """
    front_end = FrontEnd.of(settings.front_end)
    hop, last = front_end.hop, front_end.frame_count(n_samples) - segment_frames(settings)
    return np.minimum((2 * np.asarray(starts) + hop) // (2 * hop), last)


def peak_normalized(samples: np.ndarray) -> np.ndarray:
    """Return float32 ``[..., n]`` with the largest magnitude of each row brought to 1; silence stays as it is."""
    peaks = np.abs(samples).max(axis=-1, keepdims=True)
    return samples / np.where(peaks > 0, peaks, 1)


# ---------------------------------------------------------------------------------------------------------------
# In frames
# ---------------------------------------------------------------------------------------------------------------


def midpoint(n_frames: int, settings: InFrames) -> np.ndarray:
    """Return the first frames of consecutive segments around the middle of a track.

    A track too short for ``settings.count`` segments gives as many whole ones as it has, perhaps none.
    Source: psytrance study, Data preparation.

    Returns
    -------
    np.ndarray
        int64 ``[n]`` with ``n <= settings.count``, ascending by ``settings.frames``.
    """
    count = min(settings.count, n_frames // settings.frames)
    first = (n_frames - count * settings.frames) // 2
    return first + settings.frames * np.arange(count)


def beats(n_frames: int, beat_frames: np.ndarray, settings: Beats) -> np.ndarray:
    """Return the first frames of segments that start on beats, without overlap.

    From the middle outwards, each starts on the free beat that is nearest to where `midpoint` would start it. As a
    segment is rarely a whole number of beats, they spread somewhat farther than its segments, and a track that these
    fill gives fewer. Source: psytrance study, Discussion.

    Parameters
    ----------
    n_frames
        Frames of the track.
    beat_frames
        int64 ascending.
    settings
        Length and number of segments.
    """
    aims = midpoint(n_frames, settings)
    free = beat_frames[(beat_frames >= 0) & (beat_frames <= n_frames - settings.frames)]
    if not len(aims) or not len(free):
        return np.empty(0, np.int64)
    middle = len(aims) // 2
    starts = [_nearest(free, aims[middle])]
    for aim in aims[middle + 1 :]:
        after = free[free >= starts[-1] + settings.frames]
        if len(after):
            starts.append(_nearest(after, aim))
    for aim in aims[:middle][::-1]:
        before = free[free <= starts[0] - settings.frames]
        if len(before):
            starts.insert(0, _nearest(before, aim))
    return np.array(starts, np.int64)


def onsets(n_frames: int, onset_frames: np.ndarray, settings: Onsets) -> np.ndarray:
    """Return the first frames of those segments without overlap that hold the most onsets together.

    Among equals, those nearer to the middle of the track. Source: psytrance study, Discussion.

    Parameters
    ----------
    n_frames
        Frames of the track.
    onset_frames
        int64 ascending.
    settings
        Length and number of segments.
    """
    count = min(settings.count, n_frames // settings.frames)
    if count == 0:
        return np.empty(0, np.int64)
    places = np.arange(n_frames - settings.frames + 1)
    held = np.searchsorted(onset_frames, places + settings.frames) - np.searchsorted(onset_frames, places)
    # Being central decides between equals alone: even summed over all segments it is worth less than one onset.
    off_center = ((2 * places - places[-1]) / max(1, places[-1])) ** 2
    return _best_apart(held - off_center / (count + 1), settings.frames, count)


def avoid_breaks(powers: np.ndarray, settings: AvoidBreaks) -> np.ndarray:
    """Return the first frames of the segments nearest to the middle of a track that are not quiet.

    Of the segments that `midpoint` would give, continued to both ends of the track, those are passed over whose level
    lies more than ``settings.below`` dB under their median. Source: psytrance study, Discussion.

    Parameters
    ----------
    powers
        Mean square of each frame of the track, ``[n_frames]``.
    settings
        Length and number of segments, and what is quiet.
    """
    aims = midpoint(len(powers), settings)
    if not len(aims):
        return aims
    starts = np.arange(aims[0] % settings.frames, len(powers) - settings.frames + 1, settings.frames)
    means = powers[starts[0] : starts[-1] + settings.frames].reshape(len(starts), -1).mean(axis=1, dtype=np.float64)
    loud = starts[means >= np.median(means) * 10 ** (-settings.below / 10)]
    order = np.argsort(np.abs(2 * loud - (aims[0] + aims[-1])), kind="stable")
    return np.sort(loud[order[: settings.count]])


def frame_powers(samples: np.ndarray, hop: int, n_frames: int) -> np.ndarray:
    """Return the mean square of the `hop` samples that each frame begins, float32 ``[n_frames]``; 0 past the end."""
    padded = np.zeros(n_frames * hop, np.float32)
    used = min(len(samples), len(padded))
    padded[:used] = samples[:used]
    return mean_square(padded.reshape(n_frames, hop))


# ---------------------------------------------------------------------------------------------------------------
# In seconds
# ---------------------------------------------------------------------------------------------------------------


def draw(track_id: str, seed: int) -> np.random.Generator:
    """Return the random numbers of a track: neither other tracks nor their order change them."""
    return np.random.default_rng([seed, int(track_id, 16)])


def random_offset(
    n_samples: int, length: int, rate: int, settings: RandomOffset, rng: np.random.Generator
) -> np.ndarray:
    """Return the start of one segment at a whole second, drawn evenly from ``earliest`` to ``latest``.

    In a track that ends too early for some of these, from those that are left; for all, it is the last second that
    fits. Source: western8 study, data protocol.
    """
    if n_samples < length:
        return np.empty(0, np.int64)
    last = (n_samples - length) // rate
    second = rng.integers(min(settings.earliest, last), min(settings.latest, last), endpoint=True)
    return np.array([second * rate], np.int64)


def sliding(n_samples: int, length: int, rate: int, settings: Sliding) -> np.ndarray:
    """Return the starts of a sliding window's first positions. Source: feature_maps study, section 3."""
    starts = np.rint(np.arange(settings.count) * settings.hop * rate).astype(np.int64)
    return starts[starts + length <= n_samples]


def split(n_samples: int, length: int, settings: Split) -> np.ndarray:
    """Return the starts of segments spread evenly from the beginning of a track to its end.

    As many as overlap by no more than ``settings.overlap`` of their length: 29.93 s are still ten times 3 s, each
    with 8 ms of the one before. Source: genre_mood study, Data preparation.
    """
    room = n_samples - length
    if room < 0:
        return np.empty(0, np.int64)
    fitting = 1 + int(room / ((1 - settings.overlap) * length) + 1e-9)
    count = min(settings.count, fitting)
    return np.arange(count) * room // max(1, count - 1)


def random(n_samples: int, length: int, settings: Random, rng: np.random.Generator) -> np.ndarray:
    """Return starts drawn from all there can be, none twice. Source: genre_mood study, histograms of songs."""
    places = max(0, n_samples - length + 1)
    return np.sort(rng.choice(places, min(settings.count, places), replace=False)).astype(np.int64)


def chunks(n_samples: int, length: int, settings: Chunks) -> np.ndarray:
    """Return the starts of evaluation windows, ``i * floor((n - length) / count)``; equal ones once.

    Source: Won et al. 2020, evaluation code.
    """
    if n_samples < length:
        return np.empty(0, np.int64)
    return np.unique(np.arange(settings.count) * ((n_samples - length) // settings.count))


def _rounded(values: np.ndarray) -> np.ndarray:
    return np.rint(values).astype(np.int64)


def _nearest(values: np.ndarray, aim: int) -> int:
    return int(values[np.argmin(np.abs(values - aim))])


def _best_apart(worth: np.ndarray, length: int, count: int) -> np.ndarray:
    """Return the `count` places, each at least `length` after the one before, whose worths have the largest sum.

    ``ending[j]`` at place `p` is the largest sum of ``j + 1`` places the last of which is `p`: the worth of `p` and the
    largest sum of `j` places that end by ``p - length``.
    """
    ending = [worth]
    for _ in range(count - 1):
        ending.append(worth.copy())
        ending[-1][:length] = -np.inf
        ending[-1][length:] += np.maximum.accumulate(ending[-2])[:-length]
    chosen, limit = [], len(worth)
    for sums in reversed(ending):
        chosen.append(int(np.argmax(sums[:limit])))
        limit = chosen[-1] - length + 1
    return np.array(chosen[::-1], np.int64)
