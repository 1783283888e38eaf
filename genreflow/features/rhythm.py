"""Onsets and beats of a whole track: where informed segmentations cut.

Envelopes are float32 ``[n_frames]``, `frame_rate` frames a second; frame `f` is centred on second ``f / frame_rate``.
"""

import numpy as np
from scipy.signal import fftconvolve

from genreflow.config.inputs import LogMel
from genreflow.features.mel import log_mel

# Raise it when segments on beats or onsets would start elsewhere; tempo descriptors have the version of `descriptors`.
STAGE_VERSION = 1

# Beats a minute: the likeliest (in between, by octaves, a Gaussian of one octave), and those looked at.
LIKELY_BPM, SLOWEST_BPM, FASTEST_BPM = 120.0, 40.0, 240.0
# Above, hats on the off-beats would outvote the drums on the beats.
HIGHEST_HZ = 5_500.0
# How much steadiness counts against onsets (alpha of Ellis 2007, for an envelope of unit deviation).
TIGHTNESS = 100.0
# An onset rises above the mean of the 0.2 s around it by this many deviations of the envelope ...
ONSET_RISE = 0.5
# ... and is the highest within this many seconds.
ONSET_WAIT_S = 0.03


def frame_rate(sample_rate: int) -> float:
    """Return the frames a second of envelopes of audio at `sample_rate`, some 86."""
    return sample_rate / _spectrogram(sample_rate).hop


def onset_envelope(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return how much louder each frame is than the one before: rising decibels, averaged over 40 mel bands.

    Parameters
    ----------
    samples
        float32 ``[n]``.
    sample_rate
        Hz.

    Returns
    -------
    np.ndarray
        float32 ``[n_frames]``, not negative; 0 throughout for silence.
    """
    level = log_mel(samples, _spectrogram(sample_rate))
    rise = np.maximum(np.diff(level, axis=1), 0).mean(axis=0)
    # A rise is steepest a quarter of a window, which is one frame, before the window's centre reaches the onset.
    return np.concatenate([np.zeros(2, np.float32), rise[:-1]])[: level.shape[1]]


def onset_frames(envelope: np.ndarray, frame_rate: float) -> np.ndarray:
    """Return the frames at which notes begin, int64 ascending: peaks that stand out of the envelope around them."""
    wait = max(1, round(ONSET_WAIT_S * frame_rate))
    around = max(1, round(0.1 * frame_rate))
    threshold = _running_mean(envelope, around) + ONSET_RISE * envelope.std()
    return np.flatnonzero((envelope >= _running_max(envelope, wait)) & (envelope > threshold))


def tempo(envelope: np.ndarray, frame_rate: float) -> float:
    """Return the tempo, beats a minute: the strongest lag of the envelope's autocorrelation near `LIKELY_BPM`.

    0 where the envelope is too short or too flat to have one. Source: Ellis 2007, section 3.2.
    """
    slowest = int(60 / SLOWEST_BPM * frame_rate)
    fastest = int(np.ceil(60 / FASTEST_BPM * frame_rate))
    if len(envelope) < 2 * slowest or not envelope.any():
        return 0.0
    # Wide enough that a lag between two frames is no weaker than its double, which may be a whole number of frames.
    centred = _blurred(envelope - envelope.mean(), 0.02 * frame_rate)
    likeness = fftconvolve(centred, centred[::-1])[len(envelope) - 1 :][: 2 * slowest + 2]
    lags = np.arange(fastest, slowest + 1)
    octaves = np.log2(lags / frame_rate * LIKELY_BPM / 60)
    # A lag is the beat's when its double is a likeness too (TPS2 of the source).
    strength = (likeness[lags] + 0.5 * likeness[2 * lags]) * np.exp(-0.5 * octaves**2)
    best = int(np.argmax(strength))
    return 60 * frame_rate / (lags[best] + _vertex(strength, best))


def beat_frames(envelope: np.ndarray, frame_rate: float) -> np.ndarray:
    """Return the frames of beats, int64 ascending, tracked by dynamic programming.

    The beats are those whose onsets are strong and whose distances are near to the tempo's. None for silence, and
    for an excerpt too short to have a tempo. Source: D. Ellis, Beat Tracking by Dynamic Programming, JNMR 36 (2007).
    """
    bpm = tempo(envelope, frame_rate)
    if bpm == 0:
        return np.empty(0, np.int64)
    period = 60 * frame_rate / bpm
    # Within a thirty-second of a beat an onset may come early or late.
    score = _blurred(envelope / envelope.std(), period / 32)
    best, before = _best_chains(score, period)
    return _without_weak_ends(_last_chain(best, before), score)


def _spectrogram(sample_rate: int) -> LogMel:
    # Windows of 46 ms or so.
    n_fft = 2 ** round(np.log2(sample_rate / 22))
    top = min(HIGHEST_HZ, sample_rate / 2)
    return LogMel(sample_rate=sample_rate, n_fft=n_fft, hop=n_fft // 4, n_mels=40, fmax=top, top_db=80.0)


def _blurred(values: np.ndarray, deviation: float) -> np.ndarray:
    """Return the values under a Gaussian of a height of 1, its deviation in frames."""
    reach = np.arange(-int(4 * deviation) - 1, int(4 * deviation) + 2)
    return fftconvolve(values, np.exp(-0.5 * (reach / deviation) ** 2), "same")


def _best_chains(score: np.ndarray, period: float) -> tuple[np.ndarray, np.ndarray]:
    """Return for each frame the worth of the best chain of beats that ends there, and its last beat but one.

    The beat before is at least half a period back, so as many frames are looked at together as that has.
    """
    nearest, farthest = max(1, round(period / 2)), round(2 * period)
    lags = np.arange(nearest, farthest + 1)
    penalty = TIGHTNESS * np.log(lags / period) ** 2
    best = np.concatenate([np.full(farthest, -np.inf), score])
    before = np.full(len(score), -1)
    for begin in range(0, len(score), nearest):
        stop = min(begin + nearest, len(score))
        frames = np.arange(begin, stop)
        worth = best[farthest + frames[:, np.newaxis] - lags] - penalty
        lag = np.argmax(worth, axis=1)
        gain = worth[np.arange(len(frames)), lag]
        # A chain starts anew where going on with one would cost more than it brings.
        goes_on = gain > 0
        best[farthest + frames] += np.where(goes_on, gain, 0)
        before[frames] = np.where(goes_on, frames - lags[lag], -1)
    return best[farthest:], before


def _last_chain(best: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Follow back the chain that ends latest among those that are worth as much as is usual."""
    peaks = np.flatnonzero((best[1:-1] > best[:-2]) & (best[1:-1] >= best[2:])) + 1
    if not len(peaks):
        return np.empty(0, np.int64)
    beats = [int(peaks[best[peaks] >= 0.5 * np.median(best[peaks])][-1])]
    while before[beats[-1]] >= 0:
        beats.append(int(before[beats[-1]]))
    return np.array(beats[::-1])


def _without_weak_ends(beats: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Leave out what was tracked into a silence at either end."""
    if not len(beats):
        return beats
    strength = score[beats]
    strong = np.flatnonzero(strength >= 0.5 * np.sqrt(np.mean(strength**2)))
    return beats[strong[0] : strong[-1] + 1] if len(strong) else beats[:0]


def _running_mean(values: np.ndarray, reach: int) -> np.ndarray:
    """Return the mean of the values up to `reach` either side."""
    sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    places = np.arange(len(values))
    low, high = np.maximum(places - reach, 0), np.minimum(places + reach + 1, len(values))
    return (sums[high] - sums[low]) / (high - low)


def _running_max(values: np.ndarray, reach: int) -> np.ndarray:
    """Return the largest of the values up to `reach` either side."""
    padded = np.pad(values, reach, constant_values=-np.inf)
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).max(axis=1)


def _vertex(values: np.ndarray, place: int) -> float:
    """Return how far from `place` the parabola through it and its neighbours has its top, -0.5 to 0.5."""
    if not 0 < place < len(values) - 1:
        return 0.0
    left, middle, right = values[place - 1 : place + 2]
    bend = left - 2 * middle + right
    return 0.0 if bend == 0 else float(0.5 * (left - right) / bend)
