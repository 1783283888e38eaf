"""Sizes of segments: arithmetic alone, so that a plan needs no computing."""

from bisect import bisect_right
from math import ceil

from genreflow.config.inputs import LONGEST_PADDING, InFrames, InputSettings, Sliding, Split
from genreflow.features.front_end import FrontEnd


def segment_shape(settings: InputSettings) -> tuple[int, ...]:
    """Return the shape of one segment: ``(bands, frames)``, ``(samples,)`` or ``(descriptors,)``.

    Examples
    --------
    >>> segment_shape(InputSettings())
    (128, 128)
    """
    return FrontEnd.of(settings.front_end).shape(segment_frames(settings))


def segment_samples(settings: InputSettings) -> int:
    """Return the samples of a segment in seconds."""
    return round(needed_seconds(settings) * settings.front_end.sample_rate)


def segment_frames(settings: InputSettings) -> int:
    """Return the time steps of a segment: frames, or samples of a waveform."""
    if isinstance(settings.segments, InFrames):
        return settings.segments.frames
    return FrontEnd.of(settings.front_end).frame_count(segment_samples(settings))


def needed_seconds(settings: InputSettings) -> float:
    """Return the length of a segment, s; see `least_samples` for the shortest track that gives one."""
    segments = settings.segments
    if isinstance(segments, InFrames):
        return segments.frames * FrontEnd.of(settings.front_end).hop / settings.front_end.sample_rate
    return segments.seconds


def padded_samples(n_samples: int, settings: InputSettings) -> int:
    """Return the length of a track with the zeros at its end that complete its last segment, samples.

    A segment may lack a share of its length (`tolerance`), and `LONGEST_PADDING` at most; nothing else is padded.
    """
    count = segments_within(n_samples, settings)
    return max(n_samples, samples_of(count, settings)) if count else n_samples


def segments_within(n_samples: int, settings: InputSettings) -> int:
    """Return how many segments a track of that length has room for, with the padding of the last, up to all."""
    reach = n_samples + _most_padding(settings)
    return bisect_right(range(1, settings.segments.count + 1), reach, key=lambda k: samples_of(k, settings))


def samples_of(count: int, settings: InputSettings) -> int:
    """Return the samples that a track needs for `count` segments without padding.

    Segmentations that place their segments anywhere need as many for all as for one.
    """
    front_end, segments = settings.front_end, settings.segments
    if isinstance(segments, InFrames):
        first, last = FrontEnd.of(front_end).frame_span(0, count * segments.frames)
        return last + first
    length = segment_samples(settings)
    match segments:
        case Sliding():
            return round((count - 1) * segments.hop * front_end.sample_rate) + length
        case Split():
            return ceil((count - 1) * (1 - segments.overlap) * length) + length
        case _:
            return length


def least_samples(settings: InputSettings) -> int:
    """Return the length of the shortest track that gives a segment, samples."""
    return samples_of(1, settings) - _most_padding(settings)


def _most_padding(settings: InputSettings) -> int:
    seconds = min(settings.segments.tolerance * needed_seconds(settings), LONGEST_PADDING)
    return int(seconds * settings.front_end.sample_rate + 1e-6)
