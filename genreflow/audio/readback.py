"""Whether an encoded file says what was put into it."""

import numpy as np
from scipy.fft import rfft

from genreflow.audio.verdict import RejectedTrack
from genreflow.audio.vorbis import OggReader

_EXCERPT = 8192  # frames
_EVENLY = 4  # excerpts from start to end, beside the loudest
_HIGHEST = 16_000.0  # Hz; what coders do to higher frequencies is hardly heard
_QUIET = 1e-4  # -40 dB: quieter excerpts are judged as if they had this much of the power of the loudest
_LENGTH_TOLERANCE = 0.001  # seconds


def check_coded(reader: OggReader, samples: np.ndarray, rate: int, *, snr: float) -> None:
    """Refuse an encoded file (`Q_ENCODER`) that is not as long as `samples`, float32 [n] at `rate` Hz, or unlike them.

    Excerpts at the start, the end, the loudest place and some in between are compared below 16 kHz; the coding error
    must be `snr` dB below the signal in each.
    """
    if abs(reader.frames - len(samples)) > _LENGTH_TOLERANCE * rate:
        raise RejectedTrack(
            "Q_ENCODER", f"The encoder made {reader.frames} frames of {len(samples)}; nothing was written."
        )
    powers = np.array([_powers(samples[place], reader.read(place.start, _EXCERPT), rate) for place in _places(samples)])
    signal, error = powers.T
    signal = np.maximum(signal, _QUIET * signal.max())
    worst = 10 * np.log10((signal / np.maximum(error, np.finfo(float).tiny)).min())
    if worst < snr:
        message = f"The coding error is {worst:.1f} dB below the signal; {snr:g} dB are needed. Nothing was written."
        raise RejectedTrack("Q_ENCODER", message)


def _places(samples: np.ndarray) -> list[slice]:
    last = max(0, len(samples) - _EXCERPT)
    starts = np.linspace(0, last, _EVENLY).astype(int).tolist()
    loudest = min(last, max(0, int(np.argmax(samples)) - _EXCERPT // 2))
    return [slice(start, start + _EXCERPT) for start in sorted({*starts, loudest})]


def _powers(samples: np.ndarray, coded: np.ndarray, rate: int) -> tuple[float, float]:
    """Return the power of a signal and that of its coding error, below 16 kHz."""
    window = np.hanning(len(samples)).astype(np.float32)
    highest = 1 + int(min(1.0, 2 * _HIGHEST / rate) * (len(samples) // 2))
    signal, error = rfft(np.stack([samples, coded - samples]) * window, axis=1)[:, :highest]
    return float(np.vdot(signal, signal).real), float(np.vdot(error, error).real)
