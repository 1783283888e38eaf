"""What decoded audio must be like to be used: whole, finite, audible, long enough; and what may be said against it.

The gates come before any signal processing, because codecs and loudness meters turn NaN into silence without a word.
"""

import numpy as np

from genreflow.audio.decode import Decoded
from genreflow.audio.levels import STEPS_PER_SECOND, Levels
from genreflow.audio.verdict import RejectedTrack, TrackWarning
from genreflow.config.audio import AudioSettings, QualityThresholds

LOW_BITS = 8


def check(decoded: Decoded, settings: AudioSettings) -> list[TrackWarning]:
    """Judge a decoded file, and return what is odd about it.

    Raises
    ------
    Refused
        For the first of these that it fails: `Q_RATE`, `Q_DECODE_ERRORS`, `Q_TRUNCATED`, `Q_TOO_SHORT`,
        `Q_NONFINITE`, `Q_RANGE`, `Q_SILENT`.
    """
    thresholds = settings.thresholds
    if not thresholds.min_rate <= decoded.rate <= thresholds.max_rate:
        raise RejectedTrack("Q_RATE", f"A sampling rate of {decoded.rate} Hz is not supported.")
    cautions = [*decoded.cautions, *_check_errors(decoded, thresholds), *_check_length(decoded, thresholds)]
    if decoded.seconds < settings.min_seconds:
        raise RejectedTrack("Q_TOO_SHORT", f"It lasts {decoded.seconds:.2f} s; {settings.min_seconds:g} s are needed.")
    if decoded.cut:
        cautions.append(TrackWarning("W_LONG", f"Only the first {decoded.seconds / 60:.3g} minutes are used."))
    _check_samples(decoded.levels, thresholds)
    _check_activity(decoded.levels, thresholds)
    return cautions + _format_cautions(decoded, settings) + _level_cautions(decoded.levels, thresholds)


def cancelled(levels: Levels, thresholds: QualityThresholds) -> int | None:
    """Return the number of the loudest channel where the channels cancel each other in their mean; else None."""
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


def _format_cautions(decoded: Decoded, settings: AudioSettings) -> list[TrackWarning]:
    thresholds, cautions = settings.thresholds, []
    if decoded.rate < thresholds.bandlimited * settings.sample_rate:
        message = f"At a sampling rate of {decoded.rate} Hz there is no treble above {decoded.rate / 2:g} Hz."
        cautions.append(TrackWarning("W_BANDLIMITED", message))
    if 0 < decoded.bits <= LOW_BITS:
        cautions.append(
            TrackWarning("W_LOW_BITDEPTH", f"The samples have {decoded.bits} bits only, and so audible noise.")
        )
    if decoded.channels > 2:
        message = f"The mean of {decoded.channels} channels is used, without one for low frequencies only."
        cautions.append(TrackWarning("W_MULTICHANNEL", message))
    return cautions


def _level_cautions(levels: Levels, thresholds: QualityThresholds) -> list[TrackWarning]:
    cautions = []
    if np.abs(levels.mean).max() > thresholds.dc * max(1.0, levels.peak):
        cautions.append(
            TrackWarning("W_DC", f"An offset of {np.abs(levels.mean).max():.2g} of full scale was removed.")
        )
    if levels.clipped > thresholds.clipped_share:
        cautions.append(TrackWarning("W_CLIPPED", f"{levels.clipped:.1%} of the samples are clipped at full scale."))
    if levels.peak > _ratio(thresholds.over_full_scale):
        level = 20 * np.log10(levels.peak)
        cautions.append(TrackWarning("W_OVER_FS", f"The samples reach {level:.0f} dB over full scale."))
    if len(levels.rms) == 2 and levels.rms.min() < _ratio(thresholds.one_sided) * levels.rms.max():
        side = ("left", "right")[int(np.argmin(levels.rms))]
        cautions.append(TrackWarning("W_ONE_SIDED", f"The {side} channel is silent."))
    return cautions + _gap_cautions(levels, thresholds)


def _gap_cautions(levels: Levels, thresholds: QualityThresholds) -> list[TrackWarning]:
    cautions = []
    active = np.flatnonzero(_active(levels, thresholds))
    lead = active[0] / STEPS_PER_SECOND
    if lead >= thresholds.lead_silence:
        cautions.append(TrackWarning("W_LEAD_SILENCE", f"The music begins after {lead:.1f} s of silence."))
    inside = levels.zero[active[0] : active[-1] + 1]
    edges = np.flatnonzero(np.diff(np.concatenate([[0], inside, [0]])))
    gap = max(edges[1::2] - edges[::2], default=0) + 1  # its ends are within two more steps
    if gap > 1 and gap / STEPS_PER_SECOND >= thresholds.dropout:
        cautions.append(TrackWarning("W_DROPOUT", f"Amid the music there are {gap / STEPS_PER_SECOND:.1f} s of zeros."))
    return cautions


def _active(levels: Levels, thresholds: QualityThresholds) -> np.ndarray:
    """Return which steps are active, bool [steps]; a step that stands alone is a click, and none."""
    loud = np.pad(levels.envelope >= _ratio(thresholds.active_level) * levels.envelope.max(), 1)
    return loud[1:-1] & (loud[:-2] | loud[2:])


def _ratio(decibel: float) -> float:
    return 10 ** (decibel / 20)
