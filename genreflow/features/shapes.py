"""How long frames, segments and their arrays are: arithmetic alone, so that a plan can ask without computing."""

from bisect import bisect_right
from math import ceil

from genreflow.config.inputs import (
    LONGEST_PADDING,
    MUSIC_MAPS,
    Descriptors,
    FrontEnd,
    InFrames,
    InputSettings,
    LogMel,
    MusicMaps,
    Sliding,
    Split,
    Stft,
    Waveform,
)

_DESCRIPTORS = {"means25": 25, "means36": 36, "full": 518}


def segment_shape(settings: InputSettings) -> tuple[int, ...]:
    """Return the shape of one segment: ``(bands, frames)``, ``(samples,)`` or ``(descriptors,)``."""
    match settings.front_end:
        case LogMel() as mel:
            return mel.n_mels, segment_frames(settings)
        case Stft() as stft:
            return 1 + stft.n_fft // 2, segment_frames(settings)
        case MusicMaps() as maps:
            return len(MUSIC_MAPS) - (maps.without is not None), segment_frames(settings)
        case Waveform():
            return (segment_samples(settings),)
        case Descriptors() as descriptors:
            return (_DESCRIPTORS[descriptors.set],)


def segment_samples(settings: InputSettings) -> int:
    """Return the samples of a segment in seconds."""
    return round(settings.segments.seconds * settings.front_end.sample_rate)


def segment_frames(settings: InputSettings) -> int:
    """Return the frames of a segment, for front-ends that have frames."""
    if isinstance(settings.segments, InFrames):
        return settings.segments.frames
    return frame_count(segment_samples(settings), settings.front_end)


def needed_seconds(settings: InputSettings) -> float:
    """Return the length of a segment; see `least_samples` for the shortest track that gives one."""
    front_end, segments = settings.front_end, settings.segments
    if isinstance(segments, InFrames):
        return segments.frames * front_end.hop / front_end.sample_rate
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
        return (count * segments.frames - 1) * front_end.hop + front_end.n_fft - 2 * margin(front_end)
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


def frame_count(n_samples: int, front_end: LogMel | Stft | MusicMaps) -> int:
    """Return the frames of an excerpt of `n_samples`, 0 if it is shorter than one.

    3 s at 22,050 Hz are 128 frames of 1024 samples every 512; 464,000 samples are 454 centred frames of 1024.
    """
    return max(0, 1 + (n_samples + 2 * margin(front_end) - front_end.n_fft) // front_end.hop)


def frame_span(first: int, count: int, front_end: LogMel | Stft | MusicMaps) -> tuple[int, int]:
    """Return the samples ``start, stop`` that `count` frames from `first` on look at.

    Centred frames near the track's ends look beyond them: there `start` is negative or `stop` after the last sample.
    """
    start = first * front_end.hop - margin(front_end)
    return start, start + (count - 1) * front_end.hop + front_end.n_fft


def margin(front_end: FrontEnd) -> int:
    """Return how many samples before its place a frame begins."""
    is_centred = isinstance(front_end, LogMel) or (isinstance(front_end, Stft) and front_end.centred)
    return front_end.n_fft // 2 if is_centred else 0
