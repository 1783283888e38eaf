"""What decoded audio must be like to be used: whole, finite, audible, long enough.

The gates come before any signal processing, because codecs and loudness meters turn NaN into silence without a word.
"""

import numpy as np

from genreflow.audio.decode import Decoded
from genreflow.audio.verdict import Caution, Refused

MIN_RATE, MAX_RATE = 8_000, 768_000  # Hz
MAX_MAGNITUDE = 1e3  # full scale is 1; more is a broken float file
SILENCE_RMS = 1e-6  # -120 dBFS; one bit of 24 is -138
ANTIPHASE_RATIO = 0.1  # -20 dB

WHOLE, NEARLY_WHOLE, TOO_LONG = 0.995, 0.90, 1.02  # decoded over declared length
LENGTH_TOLERANCE = 0.1  # seconds: encoder delay and padding
MAX_ERROR_SHARE = 0.01  # of the packets


def check_stream(decoded: Decoded) -> list[Caution]:
    """Judge how completely and cleanly a file was decoded.

    Raises
    ------
    Refused
        `Q_RATE`, `Q_TRUNCATED`, `Q_DECODE_ERRORS`.
    """
    if not MIN_RATE <= decoded.rate <= MAX_RATE:
        raise Refused("Q_RATE", f"A sampling rate of {decoded.rate} Hz is not supported.")
    cautions = _check_length(decoded) + _check_errors(decoded)
    if decoded.container == "ogg" and decoded.declared_seconds is None:
        cautions.append(Caution("W_NO_EOS", "The Ogg stream does not end where it should: it may be cut short."))
    if decoded.format_changed:
        cautions.append(Caution("W_FORMAT_CHANGE", "The audio format changes midway; the first part is used."))
    return cautions


def check_samples(samples: np.ndarray) -> None:
    """Refuse samples [frames, channels] which are not finite or absurdly large (`Q_NONFINITE`, `Q_RANGE`)."""
    lowest, highest = samples.min(), samples.max()
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        raise Refused("Q_NONFINITE", "The samples contain NaN or infinity.")
    if max(-lowest, highest) > MAX_MAGNITUDE:
        raise Refused("Q_RANGE", f"The samples reach {max(-lowest, highest):.3g}, where full scale is 1.")


def downmix(samples: np.ndarray) -> tuple[np.ndarray, list[Caution]]:
    """Return the mean of all channels without its DC offset (float32 [frames]), or one channel if they cancel.

    Raises
    ------
    Refused
        `Q_SILENT` when nothing but DC is there.
    """
    channels = np.ascontiguousarray(samples.T)
    mono = _without_dc(_mean(channels))
    levels = [_rms(channel) for channel in channels]
    loudest = int(np.argmax(levels))
    if levels[loudest] < SILENCE_RMS:
        raise Refused("Q_SILENT", "The file is silent.")
    if _rms(mono) >= ANTIPHASE_RATIO * levels[loudest]:
        return mono, []
    message = f"The channels cancel each other; channel {loudest + 1} alone is used."
    return _without_dc(channels[loudest].copy()), [Caution("W_PHASE", message)]


def _check_length(decoded: Decoded) -> list[Caution]:
    declared = decoded.declared_seconds
    if declared is None or decoded.cut or decoded.format_changed or abs(decoded.seconds - declared) <= LENGTH_TOLERANCE:
        return []
    share = decoded.seconds / declared
    lengths = f"{decoded.seconds:.1f} s of a declared {declared:.1f} s could be decoded."
    if share < NEARLY_WHOLE:
        raise Refused("Q_TRUNCATED", lengths)
    if share < WHOLE:
        return [Caution("W_TRUNCATED", lengths)]
    return [Caution("W_LENGTH_MISMATCH", lengths)] if share > TOO_LONG else []


def _check_errors(decoded: Decoded) -> list[Caution]:
    if not decoded.errors:
        return []
    message = f"{decoded.errors} of {decoded.packets} packets could not be decoded."
    if decoded.errors > MAX_ERROR_SHARE * decoded.packets:
        raise Refused("Q_DECODE_ERRORS", message)
    return [Caution("W_DECODE_ERRORS", message)]


def _mean(channels: np.ndarray) -> np.ndarray:
    mono = channels[0].copy()
    for channel in channels[1:]:
        mono += channel
    mono *= np.float32(1 / len(channels))
    return mono


def _without_dc(signal: np.ndarray) -> np.ndarray:
    signal -= signal.mean()
    return signal


def _rms(signal: np.ndarray) -> float:
    """Return the RMS of a signal around its mean."""
    return float(np.sqrt(max(0.0, np.dot(signal, signal) / len(signal) - float(signal.mean()) ** 2)))
