"""Acoustic fingerprints: a word of 32 bits for every eighth of a second of a recording.

The words of two copies of a recording agree in nearly all bits, whatever their codec, level and sample rate;
`genreflow.datasets.duplicates` compares them. The method is that of Chromaprint (Lalinsky 2011, after Ke, Hoiem and
Sukthankar 2005): rectangular filters over an image of pitch class against time, two bits each. The filters differ: a
Haar wavelet of the circle of pitch classes describes the notes of 2 s, six more describe what rises and what fades.
"""

import base64
import binascii

import numpy as np
import soxr
from scipy.fft import rfft
from scipy.sparse import csr_array

MOST_SECONDS = 120

_RATE = 5_512.5  # Hz: resampling by a whole number is cheapest, and 44,100 Hz is what most music has
_HOP = 689
WORDS_PER_SECOND = _RATE / _HOP
_WINDOW = 2_048
_LOWEST, _HIGHEST = 28.0, 2_350.0  # Hz
_SMOOTHING = np.array([1, 4, 6, 4, 1], np.float32) / 16  # so that a copy cut between two hops looks the same
_FRAMES = 16  # of an image
_FLOOR = 1e-3  # of the loudest frame: what is quieter is silence
_BATCH = 256


def fingerprint(mono: np.ndarray, rate: int) -> np.ndarray:
    """Return the words of a recording, uint32 [m], `WORDS_PER_SECOND`; none of one that is shorter than 2.8 s.

    Parameters
    ----------
    mono
        float32 [n]; the middle `MOST_SECONDS` of it are used.
    rate
        Hz.
    """
    most = MOST_SECONDS * rate
    begin = max(0, (len(mono) - most) // 2)
    excerpt = np.ascontiguousarray(mono[begin : begin + most], np.float32)
    excerpt = soxr.resample(excerpt, rate, _RATE, quality="LQ")
    images = 2 + (len(excerpt) - _WINDOW) // _HOP - len(_SMOOTHING) - (_FRAMES - 1)
    return _words(_chroma(excerpt)) if images > 0 else np.empty(0, np.uint32)


def to_text(words: np.ndarray) -> str:
    """Return a fingerprint as text: base64 of little-endian words."""
    return base64.b64encode(np.asarray(words, "<u4").tobytes()).decode("ascii")


def from_text(text: str) -> np.ndarray:
    """Return the fingerprint that `to_text` wrote, uint32 [m].

    Raises
    ------
    ValueError
        When it did not write this text.
    """
    try:
        return np.frombuffer(base64.b64decode(text, validate=True), "<u4").astype(np.uint32)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"This is not a fingerprint: {error}.") from error


def signs(words: np.ndarray) -> np.ndarray:
    """Return the signs of the 16 filters in each word, uint16 of the shape of `words`: a bit is 1 above the median."""
    high = (words >> 1) & np.uint32(0x55555555)
    for width in (1, 2, 4, 8):  # bits in groups of so many move together: every second one was empty
        high = (high | (high >> width)) & _GROUPS[width]
    return high.astype(np.uint16)


def levels(words: np.ndarray) -> np.ndarray:
    """Return the range of each filter, 0 to 3: int8 [*words, 16]."""
    bits = words[..., None] >> np.arange(0, 32, 2, dtype=np.uint32)
    return _LEVELS[bits & 3]


def _chroma(samples: np.ndarray) -> np.ndarray:
    """Return the loudness of each pitch class per frame, float32 [frames, 12] of unit length, 0 in silence."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::_HOP]
    loudness = np.empty((len(frames), 12), np.float32)
    for start in range(0, len(frames), _BATCH):
        spectrum = rfft(frames[start : start + _BATCH] * _HANN)[:, : _PITCH_CLASSES.shape[0]]
        loudness[start : start + _BATCH] = np.abs(spectrum) @ _PITCH_CLASSES
    smooth = np.lib.stride_tricks.sliding_window_view(loudness, len(_SMOOTHING), axis=0) @ _SMOOTHING
    total = np.linalg.norm(smooth, axis=1, keepdims=True)
    silent = total <= _FLOOR * total.max()
    return np.where(silent, 0, smooth / np.where(silent, 1, total))


def _words(chroma: np.ndarray) -> np.ndarray:
    images = np.lib.stride_tricks.sliding_window_view(chroma, _FRAMES, axis=0)  # [m, 12, frames]
    values = np.ascontiguousarray(images).reshape(len(images), -1) @ _FILTERS
    words = np.zeros(len(values), np.uint32)
    for place, (low, middle, high) in enumerate(_QUARTILES):
        value = values[:, place]
        words |= (value > middle).astype(np.uint32) << np.uint32(2 * place + 1)
        words |= ((value > low) & (value <= high)).astype(np.uint32) << np.uint32(2 * place)
    return words


def _pitch_classes() -> np.ndarray:
    """Return the pitch class (0 is A) of each bin of the spectrum as rows of the unit matrix, float32 [bins, 12]."""
    hertz = np.arange(int(_HIGHEST * _WINDOW / _RATE) + 1) * _RATE / _WINDOW
    audible = np.flatnonzero(hertz >= _LOWEST)
    rows = np.zeros((len(hertz), 12), np.float32)
    rows[audible, np.round(12 * np.log2(hertz[audible] / 440)).astype(int) % 12] = 1
    return rows


def _filters() -> np.ndarray:
    """Return the filters, each the mean of one rectangle less that of another, float32 [12 * frames, 16]."""
    half, whole = _FRAMES // 2, _FRAMES

    def rectangle(pitch: int, width: int, begin: int, end: int) -> np.ndarray:
        image = np.zeros((12, _FRAMES), np.float32)
        image[np.arange(pitch, pitch + width) % 12, begin:end] = 1 / (width * (end - begin))
        return image

    semitones = [rectangle(2 * k, 1, 0, whole) - rectangle(2 * k + 1, 1, 0, whole) for k in range(6)]
    tones = [rectangle(4 * k + 2, 2, 0, whole) - rectangle(4 * k + 4, 2, 0, whole) for k in range(3)]
    halves = [rectangle(0, 6, 0, whole) - rectangle(6, 6, 0, whole)]
    changes = [rectangle(2 * k + 1, 2, 0, half) - rectangle(2 * k + 1, 2, half, whole) for k in range(6)]
    return np.stack(semitones + tones + halves + changes).reshape(16, -1).T


_GROUPS = {1: np.uint32(0x33333333), 2: np.uint32(0x0F0F0F0F), 4: np.uint32(0x00FF00FF), 8: np.uint32(0x0000FFFF)}
_LEVELS = np.array([0, 1, 3, 2], np.int8)  # of two bits: 00 below the first quartile, 01, 11, 10 above the third

_HANN = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)

# Sparse, also because products of dense arrays wake all threads of the BLAS, which costs more than the product.
_PITCH_CLASSES = csr_array(_pitch_classes())
_FILTERS = csr_array(_filters())

# Limits of the four ranges of each filter: its quartiles over 200 tracks of the synthetic corpus (32 s, seed 7).
_QUARTILES = np.array([
    (-0.004, 0.061, 0.119), (-0.073, -0.039, 0.002), (-0.097, -0.059, 0.001), (-0.109, -0.074, -0.034),
    (-0.041, -0.011, 0.023), (-0.044, -0.011, 0.022), (-0.013, 0.024, 0.057), (-0.039, -0.005, 0.024),
    (-0.089, -0.045, -0.010), (0.020, 0.035, 0.065), (-0.014, 0.000, 0.014), (-0.012, 0.000, 0.013),
    (-0.011, 0.000, 0.012), (-0.011, 0.000, 0.011), (-0.012, 0.000, 0.012), (-0.014, 0.000, 0.014),
], np.float32)  # fmt: skip
