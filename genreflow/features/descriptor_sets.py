"""Descriptors: summary statistics of a segment, for random forests and other models of single numbers.

Four sets. ``means25`` and ``means36`` are the features of Giamatti & Smith (2020): means over time, and the tempo.
``texture`` has means and standard deviations of 66 features, as over the texture windows of Tzanetakis & Cook (2002).
``full`` has seven statistics of 74 features, named and ordered as in the features.csv of FMA (Defferrard et al., 2017).
Values are those of librosa 0.11 with its defaults. All features share one spectrum; those that librosa takes more than
twice the time for are computed here. FMA's constant-Q spectra had 12 bins an octave where these have 36, and its tonal
centroid came from CENS.

Silence: rates, frequencies, levels, chroma and tempo are 0; MFCC are those of -100 dB, so the first is -1131 and the
others 0. A feature that never changes has skewness and kurtosis 0. Silence is flat: its spectral flatness is 1.
"""

import warnings
from functools import cached_property

import numpy as np

from genreflow.config.inputs import Descriptors, LogMel
from genreflow.features.chroma import estimate_tuning
from genreflow.features.frames import framed, mean_square, spectra, squared, window, zero_crossings
from genreflow.features.front_end import Display, FrontEnd
from genreflow.features.mel import sparse_filter_bank

# Raise it when descriptors would have other values.
STAGE_VERSION = 2

# The features of the full set, in FMA's order, and the numbers that a frame has of each.
FULL = {
    "chroma_cens": 12,
    "chroma_cqt": 12,
    "chroma_stft": 12,
    "mfcc": 20,
    "rmse": 1,
    "spectral_bandwidth": 1,
    "spectral_centroid": 1,
    "spectral_contrast": 7,
    "spectral_rolloff": 1,
    "tonnetz": 6,
    "zcr": 1,
}
# The features of the texture set; none of them needs a constant-Q spectrum, which takes most of the time of `FULL`.
TEXTURE = {
    "mfcc": 20,
    "mfcc_delta": 20,
    "chroma_stft": 12,
    "spectral_contrast": 7,
    "spectral_centroid": 1,
    "spectral_bandwidth": 1,
    "spectral_rolloff": 1,
    "spectral_flatness": 1,
    "zcr": 1,
    "rmse": 1,
    "onset_strength": 1,
}
MEANS = ("zcr", "spectral_centroid", "spectral_rolloff", "mfcc", "chroma_stft")
STATISTICS = ("kurtosis", "max", "mean", "median", "min", "skew", "std")
MEL_BANDS = 128
# Constant-Q spectra: seven octaves from C1, with so many bins each.
OCTAVES, BINS_PER_OCTAVE = 7, 36
ROLLED_OFF = np.float32(0.85)


class DescriptorsFrontEnd(FrontEnd[Descriptors]):
    """25, 36, 132 or 518 numbers that sum up a segment."""

    folder = "descriptors"
    uses_librosa = True
    dtype = np.dtype(np.float32)

    def compute(self, samples: np.ndarray) -> np.ndarray:
        """Return the descriptors of a segment, float32 ``[d]`` in the order of `rows`, finite.

        Raises
        ------
        ValueError
            When the segment, float32 ``[n]`` of finite samples with full scale 1, is shorter than a frame; when the
            hop is longer than 4 s, so that there is no tempo.
        """
        sound = ShortTime(samples, self.settings)
        if self.settings.set == "full":
            curves = [sound.feature(name) for name in FULL]
            return np.concatenate([_statistics(curve).ravel() for curve in curves]).astype(np.float32)
        if self.settings.set == "texture":
            curves = [sound.feature(name).astype(np.float64) for name in TEXTURE]
            return np.concatenate(
                [part for curve in curves for part in (curve.mean(axis=1), curve.std(axis=1))]
            ).astype(np.float32)
        *others, chroma = (sound.feature(name).mean(axis=1, dtype=np.float64) for name in MEANS)
        if self.settings.set == "means25":
            chroma = chroma.mean(keepdims=True)
        return np.concatenate((*others, chroma, [sound.tempo()])).astype(np.float32)

    def rows(self) -> list[str]:
        """Return the names of descriptors: ``mfcc_03_mean``; in the larger sets ``mfcc_mean_03``, as FMA's."""
        if self.settings.set in ("full", "texture"):
            features, statistics = (FULL, STATISTICS) if self.settings.set == "full" else (TEXTURE, ("mean", "std"))
            return [
                f"{feature}_{statistic}_{number:02d}"
                for feature, size in features.items()
                for statistic in statistics
                for number in range(1, size + 1)
            ]
        sizes = {name: FULL[name] for name in MEANS}
        if self.settings.set == "means25":
            sizes["chroma_stft"] = 1
        names = [
            name if size == 1 else f"{name}_{number:02d}"
            for name, size in sizes.items()
            for number in range(1, size + 1)
        ]
        return [*(f"{name}_mean" for name in names), "tempo"]

    def describe(self) -> str:
        """Return their number and set in words."""
        return f"{len(self.rows())} descriptors each (set {self.settings.set})"

    def display(self, array: np.ndarray) -> Display:
        """Return the descriptors, which have no time."""
        return Display(array, 0.0)


FRONT_END = DescriptorsFrontEnd


class ShortTime:
    """The centered frames of a segment and their features, with librosa's values: Hann window, zeros beyond the ends.

    Frames and spectra have a frame in each row, as features work along the spectrum of one frame; features are
    ``[d, frames]``, as librosa's.

    Parameters
    ----------
    samples
        float32 ``[n]`` at ``settings.sample_rate``, finite.
    settings
        Frame length (``n_fft``), step and rate.

    Raises
    ------
    ValueError
        When the segment is shorter than one frame.
    """

    def __init__(self, samples: np.ndarray, settings: Descriptors):
        if samples.ndim != 1 or len(samples) < settings.n_fft:
            raise ValueError(f"samples {samples.shape}: one channel of at least one frame ({settings.n_fft}) is needed")
        self.samples = samples
        self.rate, self.n_fft, self.hop = settings.sample_rate, settings.n_fft, settings.hop
        self.bin_hz = np.fft.rfftfreq(self.n_fft, 1 / self.rate).astype(np.float32)

    def feature(self, name: str) -> np.ndarray:
        """Return a feature of `FULL` or `TEXTURE`, ``[d, frames]``."""
        curve = getattr(self, name)()
        return curve[np.newaxis] if curve.ndim == 1 else curve

    @cached_property
    def frames(self) -> np.ndarray:
        """Centered frames, float32 ``[frames, n_fft]``, a view."""
        return framed(np.pad(self.samples, self.n_fft // 2), self.n_fft, self.hop)

    @cached_property
    def power(self) -> np.ndarray:
        """Power spectra, float32 ``[frames, bins]``."""
        power = np.empty((len(self.frames), len(self.bin_hz)), np.float32)
        for block, spectrum in spectra(self.frames, window("hann", self.n_fft)):
            power[block] = squared(spectrum)
        return power

    @cached_property
    def magnitude(self) -> np.ndarray:
        """Magnitude spectra, float32 ``[frames, bins]``."""
        return np.sqrt(self.power)

    @cached_property
    def share(self) -> np.ndarray:
        """Magnitude spectra of sum 1, or 0 where a frame is silent."""
        total = self.magnitude.sum(axis=1, keepdims=True)
        return self.magnitude / np.where(total < np.finfo(np.float32).tiny, 1, total)

    @cached_property
    def mel_level(self) -> np.ndarray:
        """Mel power of 128 bands, dB re 1, within 80 dB of the segment's maximum; float32 ``[128, frames]``."""
        from genreflow.features.compiled import librosa

        mel = LogMel(sample_rate=self.rate, n_fft=self.n_fft, hop=self.hop, n_mels=MEL_BANDS)
        return librosa.power_to_db(sparse_filter_bank(mel) @ self.power.T)

    @cached_property
    def constant_q(self) -> np.ndarray:
        """Constant-Q magnitudes, float32 ``[252, frames]``."""
        from genreflow.features.compiled import librosa

        tuning = estimate_tuning(self.magnitude, self.bin_hz, BINS_PER_OCTAVE)
        with warnings.catch_warnings():
            # The longest wavelets of a short segment reach beyond its ends, as frames do.
            warnings.filterwarnings("ignore", message="n_fft=", category=UserWarning)
            return np.abs(
                librosa.cqt(
                    self.samples,
                    sr=self.rate,
                    hop_length=self.hop,
                    n_bins=OCTAVES * BINS_PER_OCTAVE,
                    bins_per_octave=BINS_PER_OCTAVE,
                    tuning=tuning,
                )
            )

    def tempo(self) -> float:
        """Return the tempo, beats a minute; 0 where there are no onsets."""
        from genreflow.features import rhythm

        return rhythm.tempo(self.onset_strength(), self.rate, self.hop)

    def onset_strength(self) -> np.ndarray:
        """Return the mean increase of the mel levels from frame to frame, dB."""
        from genreflow.features.compiled import librosa

        return librosa.onset.onset_strength(S=self.mel_level, sr=self.rate, n_fft=self.n_fft, hop_length=self.hop)

    def zcr(self) -> np.ndarray:
        """Return the share of samples whose sign differs from the sample before; beyond the ends none does."""
        padded = np.pad(self.samples, self.n_fft // 2, mode="edge")
        return (zero_crossings(padded, self.n_fft, self.hop) / self.n_fft).astype(np.float32)

    def rmse(self) -> np.ndarray:
        """Return the root mean square of each frame, without a window."""
        return np.sqrt(mean_square(self.frames))

    def spectral_centroid(self) -> np.ndarray:
        """Return the mean frequency, weighted by magnitude, Hz; 0 for a silent frame."""
        return self.share @ self.bin_hz

    def spectral_bandwidth(self) -> np.ndarray:
        """Return the standard deviation of frequency, weighted by magnitude, Hz; 0 for a silent frame."""
        deviation = self.bin_hz - self.spectral_centroid()[:, np.newaxis]
        return np.sqrt(np.einsum("ij,ij,ij->i", self.share, deviation, deviation))

    def spectral_rolloff(self) -> np.ndarray:
        """Return the frequency below which 85 % of the magnitude lie, Hz; 0 for a silent frame."""
        total = np.cumsum(self.magnitude, axis=1)
        return self.bin_hz[np.argmax(total >= ROLLED_OFF * total[:, -1:], axis=1)]

    def spectral_contrast(self) -> np.ndarray:
        """Return the level of peaks over that of valleys in seven octave bands, dB ``[7, frames]``; 0 for silence."""
        from genreflow.features.compiled import librosa

        return librosa.feature.spectral_contrast(S=self.magnitude.T, sr=self.rate, n_fft=self.n_fft)

    def mfcc(self) -> np.ndarray:
        """Return the first 20 mel-frequency cepstral coefficients ``[20, frames]``; the first of silence is -1131."""
        from genreflow.features.compiled import librosa

        return librosa.feature.mfcc(S=self.mel_level, n_mfcc=FULL["mfcc"])

    def mfcc_delta(self) -> np.ndarray:
        """Return the slopes of `mfcc` over nine frames ``[20, frames]``; beyond the ends nothing changes."""
        from genreflow.features.compiled import librosa

        return librosa.feature.delta(self.mfcc(), mode="nearest")

    def spectral_flatness(self) -> np.ndarray:
        """Return the geometric over the arithmetic mean of the power, 0 for a tone and 1 for white noise or silence."""
        from genreflow.features.compiled import librosa

        return librosa.feature.spectral_flatness(S=self.power.T, power=1.0)[0]

    def chroma_stft(self) -> np.ndarray:
        """Return the chroma of the power spectra, each frame's largest class 1."""
        from genreflow.features.compiled import librosa

        tuning = estimate_tuning(self.power, self.bin_hz, 12)
        return librosa.feature.chroma_stft(S=self.power.T, sr=self.rate, n_fft=self.n_fft, tuning=tuning)

    def chroma_cqt(self) -> np.ndarray:
        """Return the chroma of constant-Q spectra, each frame's largest class 1."""
        from genreflow.features.compiled import librosa

        return librosa.feature.chroma_cqt(C=self.constant_q, bins_per_octave=BINS_PER_OCTAVE)

    def chroma_cens(self) -> np.ndarray:
        """Return the chroma energy statistics of constant-Q spectra (Müller & Ewert, 2011), each frame of length 1."""
        from genreflow.features.compiled import librosa

        return librosa.feature.chroma_cens(C=self.constant_q, bins_per_octave=BINS_PER_OCTAVE)

    def tonnetz(self) -> np.ndarray:
        """Return the tonal centroid of `chroma_cqt` (Harte et al., 2006), ``[6, frames]``."""
        from genreflow.features.compiled import librosa

        return librosa.feature.tonnetz(chroma=self.chroma_cqt())


def _statistics(curves: np.ndarray) -> np.ndarray:
    """Return `STATISTICS` of ``[d, frames]``, float64 ``[7, d]``: population moments, excess kurtosis."""
    curves = np.ascontiguousarray(curves, np.float64)
    mean = curves.mean(axis=1)
    centered = curves - mean[:, np.newaxis]
    square = centered**2
    variance = square.mean(axis=1)
    # What differs from its mean by the rounding of single precision alone is constant (as in scipy).
    constant = variance <= (np.finfo(np.float32).resolution * mean) ** 2
    unit = np.where(constant, 1, variance)
    kurtosis = np.where(constant, 0, (square**2).mean(axis=1) / unit**2 - 3)
    skewness = np.where(constant, 0, (square * centered).mean(axis=1) / unit**1.5)
    median = np.median(curves, axis=1)
    return np.stack((kurtosis, curves.max(axis=1), mean, median, curves.min(axis=1), skewness, np.sqrt(variance)))
