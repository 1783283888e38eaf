"""Onsets, tempo and beats of a track: where informed segmentations cut, and the tempo of descriptors.

Onset strength and onsets are librosa's; tempo has librosa's values. Envelopes are float32 ``[n_frames]``; those of a
whole track have `frame_rate` frames a second, and frame `f` is centered on second ``f / frame_rate``.
"""

import numpy as np
from scipy.fft import irfft, next_fast_len
from scipy.signal import fftconvolve

from genreflow.config.inputs import LogMel
from genreflow.features.frames import framed, spectra, window
from genreflow.features.mel import log_mel

# Raise it when segments on beats or onsets would start elsewhere; tempo descriptors have the version of `descriptors`.
STAGE_VERSION = 2

# Above, hats on the off-beats would outvote the drums on the beats.
HIGHEST_HZ = 5_500.0
# Tempo: the span that is searched for repetition, seconds; the likeliest beforehand; the fastest looked for.
WINDOW_S = 8.0
LIKELIEST_BPM = 120.0
FASTEST_BPM = 320.0
# Weight of steadiness against onsets (alpha of Ellis 2007, for an envelope of unit deviation).
TIGHTNESS = 100.0


def frame_rate(sample_rate: int) -> float:
    """Return the frames a second of envelopes of audio at `sample_rate`, some 86."""
    return sample_rate / _spectrogram(sample_rate).hop


def onset_envelope(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return librosa's onset strength of 40 mel bands up to 5.5 kHz: the mean rise in dB since the frame before.

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
    from genreflow.features.compiled import librosa

    mel = _spectrogram(sample_rate)
    level = log_mel(samples, mel)
    rise = librosa.onset.onset_strength(S=level, sr=sample_rate, n_fft=mel.n_fft, hop_length=mel.hop, center=False)
    # A rise is steepest a quarter of a window, which is one frame, before the window's center reaches the onset.
    return np.concatenate([np.zeros(1, np.float32), rise])[: level.shape[1]]


def onset_frames(envelope: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return the frames at which notes begin, int64 ascending: librosa's peaks of the envelope."""
    from genreflow.features.compiled import librosa

    return librosa.onset.onset_detect(onset_envelope=envelope, sr=sample_rate, hop_length=_spectrogram(sample_rate).hop)


def tempo(strength: np.ndarray, sample_rate: int, hop: int) -> float:
    """Return the tempo, beats a minute; 0 where there are no onsets (librosa: 117, its prior's best).

    It is the lag that is best by mean autocorrelation and a log-normal prior around 120, an octave wide, as in
    `librosa.feature.tempo`, in a third of its time.

    Parameters
    ----------
    strength
        Onset strength ``[frames]``.
    sample_rate, hop
        Hz; samples between frames.

    Raises
    ------
    ValueError
        When the window of 8 s has no room for two frames.
    """
    length = int(WINDOW_S * sample_rate) // hop
    if length < 2:
        raise ValueError(f"hop {hop} is too long for a tempo: {WINDOW_S:g} s have {length} frames")
    if not strength.any():
        return 0.0
    bpm = 60 * sample_rate / (hop * np.arange(1, length))
    prior = -0.5 * np.log2(bpm / LIKELIEST_BPM) ** 2
    score = np.log1p(1e6 * mean_autocorrelation(strength, length)[1:]) + prior
    return float(bpm[np.argmax(np.where(bpm < FASTEST_BPM, score, -np.inf))])


def mean_autocorrelation(strength: np.ndarray, length: int) -> np.ndarray:
    """Return the mean over time of the windowed autocorrelation ``[length]``, each 1 at lag 0."""
    padded = np.pad(strength, length // 2, mode="linear_ramp")
    n_fft = next_fast_len(2 * length - 1, real=True)
    total = np.zeros(n_fft // 2 + 1)
    for _, spectrum in spectra(framed(padded, length, 1)[: len(strength)], window("hann", length), n_fft):
        power = spectrum.real**2 + spectrum.imag**2
        # The lag 0 of each, by Parseval: all bins but the first, and the last of an even length, stand for two.
        energy = (2 * power.sum(axis=1) - power[:, 0] - (n_fft % 2 == 0) * power[:, -1]) / n_fft
        audible = energy > 0
        # The inverse transform is linear: one of the mean stands for the mean of all.
        total += (1 / energy[audible]) @ power[audible]
    return irfft(total / len(strength), n_fft)[:length]


def beat_tempo(envelope: np.ndarray, sample_rate: int) -> float:
    """Return the tempo of an `onset_envelope`, beats a minute; 0 for silence."""
    # Under a bell, so that a lag between two frames is no weaker than its double, which may be a whole number of them.
    blurred = _blurred(envelope, 0.02 * frame_rate(sample_rate))
    # Every window counts the same, however quiet: the rounding of the convolution must not.
    blurred[blurred <= 1e-6 * blurred.max()] = 0
    return tempo(blurred, sample_rate, _spectrogram(sample_rate).hop)


def beat_frames(envelope: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return the frames of beats, int64 ascending, tracked by dynamic programming.

    The beats are those whose onsets are strong and whose distances are near to the tempo's. None for silence. The
    method is that of `librosa.beat.beat_track`, in a fifth of its time: D. Ellis, Beat Tracking by Dynamic Programming,
    JNMR 36 (2007).
    """
    rate, bpm = frame_rate(sample_rate), beat_tempo(envelope, sample_rate)
    if bpm == 0:
        return np.empty(0, np.int64)
    period = 60 * rate / bpm
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
    """Return the chain that ends latest among those worth at least half the median, first beat first."""
    peaks = np.flatnonzero((best[1:-1] > best[:-2]) & (best[1:-1] >= best[2:])) + 1
    if not len(peaks):
        return np.empty(0, np.int64)
    beats = [int(peaks[best[peaks] >= 0.5 * np.median(best[peaks])][-1])]
    while before[beats[-1]] >= 0:
        beats.append(int(before[beats[-1]]))
    return np.array(beats[::-1])


def _without_weak_ends(beats: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Drop beats that were tracked into a silence at either end."""
    if not len(beats):
        return beats
    strength = score[beats]
    strong = np.flatnonzero(strength >= 0.5 * np.sqrt(np.mean(strength**2)))
    return beats[strong[0] : strong[-1] + 1] if len(strong) else beats[:0]
