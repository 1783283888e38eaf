"""Quality checks of decoded audio: it must be complete, finite, audible and long enough; other defects are warnings.

The checks come before any signal processing, because codecs and loudness meters silently turn NaN into silence.
"""

import numpy as np

from genreflow.audio.decode import Decoded
from genreflow.audio.levels import STEPS_PER_SECOND, Levels
from genreflow.audio.verdict import RejectedTrack, TrackWarning
from genreflow.config.audio import AudioSettings, QualityThresholds

LOW_BITS = 8


def check(decoded: Decoded, settings: AudioSettings) -> list[TrackWarning]:
    """Check a decoded file and return warnings.

    Raises
    ------
    RejectedTrack
        For the first failed check of `Q_RATE`, `Q_DECODE_ERRORS`, `Q_TRUNCATED`, `Q_TOO_SHORT`,
        `Q_NONFINITE`, `Q_RANGE`, `Q_SILENT`.
    """
    thresholds = settings.thresholds
    if not thresholds.min_rate <= decoded.rate <= thresholds.max_rate:
        raise RejectedTrack("Q_RATE", f"A sampling rate of {decoded.rate} Hz is not supported.")
    warnings = [*decoded.warnings, *_check_errors(decoded, thresholds), *_check_length(decoded, thresholds)]
    if decoded.seconds < settings.min_seconds:
        raise RejectedTrack("Q_TOO_SHORT", f"It lasts {decoded.seconds:.2f} s; {settings.min_seconds:g} s are needed.")
    if decoded.cut:
        warnings.append(TrackWarning("W_LONG", f"Only the first {decoded.seconds / 60:.3g} minutes are used."))
    _check_samples(decoded.levels, thresholds)
    _check_activity(decoded.levels, thresholds)
    return warnings + _format_warnings(decoded, settings) + _level_warnings(decoded.levels, thresholds)


def cancelled(levels: Levels, thresholds: QualityThresholds) -> int | None:
    """Return the index of the loudest channel if the channels cancel each other in their mean; else None."""
    loudest = int(np.argmax(levels.rms))
    return loudest if levels.mono_rms < _ratio(thresholds.antiphase) * levels.rms[loudest] else None


def _check_errors(decoded: Decoded, thresholds: QualityThresholds) -> list[TrackWarning]:
    if not decoded.errors:
        return []
    message = f"{decoded.errors} of {decoded.packets} packets are damaged and could not be decoded."
    if decoded.errors > thresholds.error_share * decoded.packets:
        raise RejectedTrack("Q_DECODE_ERRORS", message)
    return [TrackWarning("W_DECODE_ERRORS", message)]


def _check_length(decoded: Decoded, thresholds: QualityThresholds) -> list[TrackWarning]:
    if decoded.cut:
        return []
    declared = decoded.seconds if decoded.declared_seconds is None else decoded.declared_seconds
    share = decoded.seconds / declared
    differs = abs(decoded.seconds - declared) > thresholds.length_tolerance
    lengths = f"{decoded.seconds:.1f} s of a declared {declared:.1f} s could be decoded."
    if differs and share < thresholds.nearly_whole:
        raise RejectedTrack("Q_TRUNCATED", lengths)
    if differs and share < thresholds.whole:
        return [TrackWarning("W_TRUNCATED", lengths)]
    if decoded.ends_early and not decoded.errors:
        return [TrackWarning("W_TRUNCATED", "The last bytes of the file are missing.")]
    if differs and share > thresholds.too_long:
        return [TrackWarning("W_LENGTH_MISMATCH", lengths)]
    if decoded.checksum is False and not decoded.errors:
        message = "The audio is not the one that was encoded: the checksum in the FLAC header differs."
        return [TrackWarning("W_FLAC_MD5", message)]
    return []


def _check_samples(levels: Levels, thresholds: QualityThresholds) -> None:
    if not (np.isfinite(levels.low).all() and np.isfinite(levels.high).all()):
        raise RejectedTrack("Q_NONFINITE", "The samples contain NaN or infinity.")
    if levels.peak > thresholds.max_magnitude:
        raise RejectedTrack("Q_RANGE", f"The samples reach {levels.peak:.3g}, where full scale is 1.")


def _check_activity(levels: Levels, thresholds: QualityThresholds) -> None:
    if levels.swing < _ratio(thresholds.silence):
        raise RejectedTrack("Q_SILENT", "The file is silent.")
    share = _active(levels, thresholds).mean()
    if share < thresholds.active_share:
        raise RejectedTrack("Q_SILENT", f"The file is silent but for {share:.2%} of its time: clicks, no music.")


def _format_warnings(decoded: Decoded, settings: AudioSettings) -> list[TrackWarning]:
    thresholds, warnings = settings.thresholds, []
    if decoded.rate < thresholds.bandlimited * settings.sample_rate:
        message = f"At a sampling rate of {decoded.rate} Hz there is no treble above {decoded.rate / 2:g} Hz."
        warnings.append(TrackWarning("W_BANDLIMITED", message))
    if 0 < decoded.bits <= LOW_BITS:
        warnings.append(
            TrackWarning("W_LOW_BITDEPTH", f"The samples have {decoded.bits} bits only, and so audible noise.")
        )
    if decoded.channels > 2:
        message = f"The mean of {decoded.channels} channels is used, without one for low frequencies only."
        warnings.append(TrackWarning("W_MULTICHANNEL", message))
    return warnings


def _level_warnings(levels: Levels, thresholds: QualityThresholds) -> list[TrackWarning]:
    warnings = []
    if np.abs(levels.mean).max() > thresholds.dc * max(1.0, levels.peak):
        warnings.append(
            TrackWarning("W_DC", f"An offset of {np.abs(levels.mean).max():.2g} of full scale was removed.")
        )
    if levels.clipped > thresholds.clipped_share:
        warnings.append(TrackWarning("W_CLIPPED", f"{levels.clipped:.1%} of the samples are clipped at full scale."))
    if levels.peak > _ratio(thresholds.over_full_scale):
        level = 20 * np.log10(levels.peak)
        warnings.append(TrackWarning("W_OVER_FS", f"The samples reach {level:.0f} dB over full scale."))
    if len(levels.rms) == 2 and levels.rms.min() < _ratio(thresholds.one_sided) * levels.rms.max():
        side = ("left", "right")[int(np.argmin(levels.rms))]
        warnings.append(TrackWarning("W_ONE_SIDED", f"The {side} channel is silent."))
    return warnings + _gap_warnings(levels, thresholds)


def _gap_warnings(levels: Levels, thresholds: QualityThresholds) -> list[TrackWarning]:
    warnings = []
    active = np.flatnonzero(_active(levels, thresholds))
    lead = active[0] / STEPS_PER_SECOND
    if lead >= thresholds.lead_silence:
        warnings.append(TrackWarning("W_LEAD_SILENCE", f"The music begins after {lead:.1f} s of silence."))
    inside = levels.zero[active[0] : active[-1] + 1]
    edges = np.flatnonzero(np.diff(np.concatenate([[0], inside, [0]])))
    gap = max(edges[1::2] - edges[::2], default=0) + 1  # its ends lie within two more steps
    if gap > 1 and gap / STEPS_PER_SECOND >= thresholds.dropout:
        warnings.append(TrackWarning("W_DROPOUT", f"Amid the music there are {gap / STEPS_PER_SECOND:.1f} s of zeros."))
    return warnings


def _active(levels: Levels, thresholds: QualityThresholds) -> np.ndarray:
    """Return the active steps, bool [steps]; a loud step between quiet ones is a click, not music."""
    loud = np.pad(levels.envelope >= _ratio(thresholds.active_level) * levels.envelope.max(), 1)
    return loud[1:-1] & (loud[:-2] | loud[2:])


def _ratio(decibel: float) -> float:
    return 10 ** (decibel / 20)
