"""Eight music features a frame: dynamics, timbre and tonality as curves over time (feature_maps study, section 3).

Shapes: samples ``[n]``, frames ``[frames, n_fft]``, magnitudes ``[frames, bins]``, maps ``[8, frames]``. Frame `f`
begins with sample ``f * hop``; there are no frames beyond the ends.
"""

import numpy as np

from genreflow.config.inputs import MusicMaps
from genreflow.features.chroma import harmonic_change, key_clarity, pitch_class_weights
from genreflow.features.frames import framed, mean_square, spectra, squared, zero_crossings
from genreflow.features.front_end import Display, FrontEnd

# Raise it when music maps would have other values.
STAGE_VERSION = 2

UNITS = {
    "short-term energy": "mean square",
    "zero-crossing rate": "crossings/s",
    "brightness": "share of magnitude",
    "spectral flatness": "ratio",
    "spectral entropy": "share of maximum",
    "roughness": "magnitude²",
    "key clarity": "correlation",
    "harmonic change": "distance",
}

# A window whose mean square is lower (-100 dB of full scale) is silent: a codec or rounding put there what is in it.
SILENCE = 1e-10
# Window and step of key clarity, and the window of the chroma called long, seconds.
KEY_WINDOW_S, KEY_HOP_S = 6.0, 3.0
LONG_WINDOW_S = 0.743

# Peaks of roughness stand out by this share of the frame's range, or, in a frame that is flat but for the rounding
# of single precision, of its maximum.
PROMINENCE, ROUNDING = 0.01, 1e-5
MOST_PEAKS = 100


class MusicMapsFrontEnd(FrontEnd[MusicMaps]):
    """Eight quantities a frame, or seven where one is left out.

    A silent frame (see `SILENCE`) is 0 in all maps but key clarity, which is that of the 6 s around the frame.
    Spectra are in single precision: its rounding is far below the leakage of a Hamming window.
    """

    folder = "maps"
    uses_librosa = True
    cut_after = True  # key clarity is of 6 s, which a slice need not have
    dtype = np.dtype(np.float32)

    def compute(self, samples: np.ndarray) -> np.ndarray:
        """Return the maps of an excerpt, float32 ``[8, frames]``, in the order of `rows`; then magnitudes, if asked."""
        settings, rate = self.settings, self.settings.sample_rate
        frames = framed(samples, settings.n_fft, settings.hop)
        bin_hz, pitches = rate / settings.n_fft, pitch_class_weights(settings.n_fft, rate)
        maps = np.empty((len(UNITS), len(frames)), np.float32)
        chroma = np.empty((len(frames), 12), np.float32)
        magnitudes = np.empty((1 + settings.n_fft // 2 if settings.spectrum else 0, len(frames)), np.float32)
        maps[0] = mean_square(frames)
        # A period has two crossings.
        maps[1] = zero_crossings(samples, settings.n_fft, settings.hop) * (rate / 2 / settings.n_fft)
        for block, spectrum in spectra(frames, _hamming(settings.n_fft)):
            magnitude = np.sqrt(squared(spectrum))
            maps[2, block] = brightness(magnitude, bin_hz, settings.brightness_hz)
            maps[3, block] = flatness(magnitude)
            maps[4, block] = entropy(magnitude)
            maps[5, block] = roughness(magnitude, bin_hz)
            chroma[block] = magnitude @ pitches
            if settings.spectrum:
                magnitudes[:, block] = magnitude.T
        silent = maps[0] < SILENCE
        maps[:6, silent] = 0
        chroma[silent] = 0
        maps[6] = _key_clarity(samples, settings, len(frames))
        maps[7] = harmonic_change(_long_chroma(samples, settings) if settings.chroma == "long" else chroma)
        maps = maps[[row for row, name in enumerate(UNITS) if name != settings.without]]
        return np.concatenate([maps, magnitudes]) if settings.spectrum else maps

    def rows(self) -> list[str]:
        """Return the names of the maps, and of the frequencies below them."""
        settings, names = self.settings, [name for name in UNITS if name != self.settings.without]
        bins = range(1 + settings.n_fft // 2 if settings.spectrum else 0)
        return [*names, *(f"magnitude at {bin_ * settings.sample_rate / settings.n_fft:.5g} Hz" for bin_ in bins)]

    def describe(self) -> str:
        """Return number of maps, frame, hop and rate in words."""
        given = self.settings
        maps = "eight music features" if given.without is None else f"seven music features, not {given.without},"
        if given.spectrum:
            maps += f" and the magnitudes of {1 + given.n_fft // 2} frequencies"
        return f"{maps} a frame ({given.n_fft:,} samples, hop {given.hop:,}, at {given.sample_rate:,} Hz)"

    def remarks(self) -> list[str]:
        """Return a sentence where the cut-off of brightness lies above all frequencies."""
        settings = self.settings
        highest = settings.n_fft // 2 * (settings.sample_rate / settings.n_fft)
        if settings.brightness_hz < highest:
            return []
        return [
            f"Brightness is 0 in every frame, because its cut-off of {settings.brightness_hz:,g} Hz is not below the "
            f"highest frequency of the spectrum ({highest:,g} Hz): seven of the eight maps tell tracks apart."
        ]

    def display(self, array: np.ndarray) -> Display:
        """Return the maps with their units, without the magnitudes."""
        units = {name: UNITS[name] for name in self.rows() if name in UNITS}
        return Display(array[: len(units)], self.hop / self.sample_rate, units=units)

    @property
    def gain_problem(self) -> str:
        """Why maps have no level."""
        return "music maps are quantities of several kinds, most of which do not depend on the level"


FRONT_END = MusicMapsFrontEnd


def brightness(magnitude: np.ndarray, bin_hz: float, cut_off_hz: float) -> np.ndarray:
    """Return the share of each frame's magnitude that lies above `cut_off_hz`.

    MIRtoolbox's `mirbrightness` is the same, but has no value where a frame is below 0.5 % of the loudest.
    """
    above = np.arange(magnitude.shape[1]) * bin_hz > cut_off_hz
    return _share(magnitude[:, above].sum(axis=1), magnitude.sum(axis=1))


def flatness(magnitude: np.ndarray) -> np.ndarray:
    """Return the geometric over the arithmetic mean of each frame's power."""
    power = magnitude**2
    return np.exp(np.log(power + 1e-10).mean(axis=1)) / (power.mean(axis=1) + 1e-10)


def entropy(magnitude: np.ndarray) -> np.ndarray:
    """Return Shannon's entropy of each frame's magnitudes as a share of the highest there can be."""
    share = _share(magnitude, magnitude.sum(axis=1, keepdims=True))
    return -np.einsum("fk,fk->f", share, np.log(share + 1e-12)) / np.log(magnitude.shape[1])


def roughness(magnitude: np.ndarray, bin_hz: float) -> np.ndarray:
    """Return the mean dissonance of all pairs of a frame's peaks, of which at most the `MOST_PEAKS` highest count.

    A pair adds the product of its magnitudes times `dissonance` (Sethares 1993). Peaks are placed between the bins,
    and their height is estimated, by the parabola through three bins.

    Returns
    -------
    np.ndarray
        float32 ``[frames]``; 0 where a frame has no two peaks.
    """
    is_peak = _highest(prominent_peaks(magnitude), magnitude)
    counts = is_peak.sum(axis=1)
    frame, bin_ = np.nonzero(is_peak)
    before, at, after = (magnitude[frame, bin_ + step].astype(np.float64) for step in (-1, 0, 1))
    shift = (before - after) / (before - 2 * at + after) / 2
    # A column a frame, its peaks upwards; below the last, zeros at a higher frequency add nothing.
    rank = np.arange(len(frame)) - np.repeat(np.cumsum(counts) - counts, counts)
    hz = np.full((counts.max(), len(counts)), magnitude.shape[1] * bin_hz, np.float32)
    height = np.zeros_like(hz)
    hz[rank, frame] = (bin_ + shift) * bin_hz
    height[rank, frame] = at - (before - after) * shift / 4
    total = np.zeros(len(counts), np.float32)
    for lower in range(len(hz) - 1):
        pairs = height[lower + 1 :] * dissonance(hz[lower], hz[lower + 1 :])
        total += height[lower] * pairs.sum(axis=0)
    return _share(total, counts * (counts - 1) / 2)


def dissonance(low_hz: np.ndarray, high_hz: np.ndarray) -> np.ndarray:
    """Return the curve of Plomp and Levelt (1965) for two pure tones, in the parameters of Sethares (1993)."""
    distance = (high_hz - low_hz) * (0.24 / (0.0207 * low_hz + 18.96))
    return np.exp(-3.51 * distance) - np.exp(-5.75 * distance)


def prominent_peaks(magnitude: np.ndarray) -> np.ndarray:
    """Return where the peaks of each frame are whose prominence is at least `PROMINENCE` of the frame's range.

    Peaks and prominence are those of ``scipy.signal.find_peaks``: going either way from a peak, the level falls by
    the prominence before it rises above the peak. A plateau is marked where it begins.

    Returns
    -------
    np.ndarray
        bool ``[frames, bins]``.
    """
    levels = magnitude.T.astype(np.float64)
    lowest, highest = levels.min(axis=0), levels.max(axis=0)
    least = np.maximum(PROMINENCE * (highest - lowest), ROUNDING * highest)
    # Both ways in one pass: the frames, and beside them the frames with their bins reversed.
    upwards, downwards = np.hsplit(_risen(np.hstack([levels, levels[::-1]]), np.tile(least, 2)), 2)
    peaks = upwards & downwards[::-1]
    peaks[1:] &= levels[1:] > levels[:-1]
    peaks[:-1] &= levels[:-1] >= levels[1:]
    return peaks.T


def _risen(levels: np.ndarray, least: np.ndarray) -> np.ndarray:
    """Return whether each level has risen by `least` from an earlier one of its column, none between being higher.

    `base` follows the levels with a slack: it is never above the last one, nor further than `least` below it. A level
    that has risen pulls it up, one below it pushes it down, and anything between leaves it where it is; so a level
    is `least` above it exactly when it has risen.
    """
    risen = np.zeros(levels.shape, bool)
    base = levels[0].copy()
    for level, reach, out in zip(levels[1:], levels[1:] - least, risen[1:], strict=True):
        np.greater_equal(reach, base, out=out)
        np.minimum(base, level, out=base)
        np.maximum(base, reach, out=base)
    return risen


def _highest(peaks: np.ndarray, magnitude: np.ndarray) -> np.ndarray:
    """Return `peaks` without those of a frame that are lower than its `MOST_PEAKS` highest."""
    crowded = peaks.sum(axis=1) > MOST_PEAKS
    if not crowded.any():
        return peaks
    height = np.where(peaks[crowded], magnitude[crowded], -1)
    lowest = np.partition(height, -MOST_PEAKS, axis=1)[:, -MOST_PEAKS, np.newaxis]
    peaks[crowded] = height >= lowest
    return peaks


def _key_clarity(samples: np.ndarray, settings: MusicMaps, n_frames: int) -> np.ndarray:
    """Return for each frame the key clarity of the window of 6 s, or of all there is, whose center is nearest."""
    length = min(round(KEY_WINDOW_S * settings.sample_rate), len(samples))
    hop = round(KEY_HOP_S * settings.sample_rate)
    clarity = key_clarity(_chroma(framed(samples, length, hop), settings.sample_rate), settings.profiles)
    centers = np.arange(n_frames) * settings.hop + settings.n_fft / 2
    nearest = np.round((centers - length / 2) / hop).astype(int)
    return clarity[np.clip(nearest, 0, len(clarity) - 1)]


def _long_chroma(samples: np.ndarray, settings: MusicMaps) -> np.ndarray:
    """Return the chroma of 0.74 s around the center of each frame, with zeros beyond the ends, ``[frames, 12]``."""
    from scipy.fft import next_fast_len

    length = max(next_fast_len(round(LONG_WINDOW_S * settings.sample_rate), real=True), settings.n_fft)
    padded = np.pad(samples, ((length - settings.n_fft) // 2, (length - settings.n_fft + 1) // 2))
    return _chroma(framed(padded, length, settings.hop), settings.sample_rate)


def _chroma(windows: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return the chroma of each window, ``[windows, 12]``; 0 for a silent one."""
    weights = pitch_class_weights(windows.shape[1], sample_rate)
    chroma = np.empty((len(windows), 12), np.float32)
    for block, spectrum in spectra(windows, _hamming(windows.shape[1])):
        is_audible = mean_square(windows[block]) >= SILENCE
        chroma[block] = (np.sqrt(squared(spectrum)) @ weights) * is_audible[:, np.newaxis]
    return chroma


def _hamming(length: int) -> np.ndarray:
    """Return a symmetric Hamming window, as MATLAB's, in single precision."""
    return np.hamming(length).astype(np.float32)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return ``part / whole`` in single precision, 0 where the whole is 0."""
    part = np.asarray(part, np.float32)
    return np.divide(part, whole, where=whole > 0, out=np.zeros_like(part), casting="same_kind")
