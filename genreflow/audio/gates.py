"""What decoded audio must be like to be used: whole, finite, audible, long enough; and what may be said against it.

The gates come before any signal processing, because codecs and loudness meters turn NaN into silence without a word.
"""

import numpy as np

from genreflow.audio.decode import Decoded
from genreflow.audio.levels import STEPS_PER_SECOND, Levels
from genreflow.audio.verdict import Caution, Refused
from genreflow.config.audio import AudioSettings, Gates

LOW_BITS = 8


def check(decoded: Decoded, settings: AudioSettings) -> list[Caution]:
    """Judge a decoded file, and return what is odd about it.

    Raises
    ------
    Refused
        For the first of these that it fails: `Q_RATE`, `Q_DECODE_ERRORS`, `Q_TRUNCATED`, `Q_TOO_SHORT`,
        `Q_NONFINITE`, `Q_RANGE`, `Q_SILENT`.
    """
    gates = settings.gates
    if not gates.min_rate <= decoded.rate <= gates.max_rate:
        raise Refused("Q_RATE", f"A sampling rate of {decoded.rate} Hz is not supported.")
    cautions = [*decoded.cautions, *_check_errors(decoded, gates), *_check_length(decoded, gates)]
    if decoded.seconds < settings.min_seconds:
        raise Refused("Q_TOO_SHORT", f"It lasts {decoded.seconds:.2f} s; {settings.min_seconds:g} s are needed.")
    if decoded.cut:
        cautions.append(Caution("W_LONG", f"Only the first {decoded.seconds / 60:.3g} minutes are used."))
    _check_samples(decoded.levels, gates)
    _check_activity(decoded.levels, gates)
    return cautions + _format_cautions(decoded, settings) + _level_cautions(decoded.levels, gates)


def cancelled(levels: Levels, gates: Gates) -> int | None:
    """Return the number of the loudest channel where the channels cancel each other in their mean; else None."""
    loudest = int(np.argmax(levels.rms))
    return loudest if levels.mono_rms < _ratio(gates.antiphase) * levels.rms[loudest] else None


def _check_errors(decoded: Decoded, gates: Gates) -> list[Caution]:
    if not decoded.errors:
        return []
    message = f"{decoded.errors} of {decoded.packets} packets are damaged and could not be decoded."
    if decoded.errors > gates.error_share * decoded.packets:
        raise Refused("Q_DECODE_ERRORS", message)
    return [Caution("W_DECODE_ERRORS", message)]


def _check_length(decoded: Decoded, gates: Gates) -> list[Caution]:
    if decoded.cut:
        return []
    declared = decoded.seconds if decoded.declared_seconds is None else decoded.declared_seconds
    share = decoded.seconds / declared
    differs = abs(decoded.seconds - declared) > gates.length_tolerance
    lengths = f"{decoded.seconds:.1f} s of a declared {declared:.1f} s could be decoded."
    if differs and share < gates.nearly_whole:
        raise Refused("Q_TRUNCATED", lengths)
    if differs and share < gates.whole:
        return [Caution("W_TRUNCATED", lengths)]
    if decoded.ends_early and not decoded.errors:
        return [Caution("W_TRUNCATED", "The last bytes of the file are missing.")]
    if differs and share > gates.too_long:
        return [Caution("W_LENGTH_MISMATCH", lengths)]
    if decoded.checksum is False and not decoded.errors:
        message = "The audio is not the one that was encoded: the checksum in the FLAC header differs."
        return [Caution("W_FLAC_MD5", message)]
    return []


def _check_samples(levels: Levels, gates: Gates) -> None:
    if not (np.isfinite(levels.low).all() and np.isfinite(levels.high).all()):
        raise Refused("Q_NONFINITE", "The samples contain NaN or infinity.")
    if levels.peak > gates.max_magnitude:
        raise Refused("Q_RANGE", f"The samples reach {levels.peak:.3g}, where full scale is 1.")


def _check_activity(levels: Levels, gates: Gates) -> None:
    if levels.swing < _ratio(gates.silence):
        raise Refused("Q_SILENT", "The file is silent.")
    share = _active(levels, gates).mean()
    if share < gates.active_share:
        raise Refused("Q_SILENT", f"The file is silent but for {share:.2%} of its time: clicks, no music.")


def _format_cautions(decoded: Decoded, settings: AudioSettings) -> list[Caution]:
    gates, cautions = settings.gates, []
    if decoded.rate < gates.bandlimited * settings.sample_rate:
        message = f"At a sampling rate of {decoded.rate} Hz there is no treble above {decoded.rate / 2:g} Hz."
        cautions.append(Caution("W_BANDLIMITED", message))
    if 0 < decoded.bits <= LOW_BITS:
        cautions.append(Caution("W_LOW_BITDEPTH", f"The samples have {decoded.bits} bits only, and so audible noise."))
    if decoded.channels > 2:
        message = f"The mean of {decoded.channels} channels is used, without one for low frequencies only."
        cautions.append(Caution("W_MULTICHANNEL", message))
    return cautions


def _level_cautions(levels: Levels, gates: Gates) -> list[Caution]:
    cautions = []
    if np.abs(levels.mean).max() > gates.dc * max(1.0, levels.peak):
        cautions.append(Caution("W_DC", f"An offset of {np.abs(levels.mean).max():.2g} of full scale was removed."))
    if levels.clipped > gates.clipped_share:
        cautions.append(Caution("W_CLIPPED", f"{levels.clipped:.1%} of the samples are clipped at full scale."))
    if levels.peak > _ratio(gates.over_full_scale):
        level = 20 * np.log10(levels.peak)
        cautions.append(Caution("W_OVER_FS", f"The samples reach {level:.0f} dB over full scale."))
    if len(levels.rms) == 2 and levels.rms.min() < _ratio(gates.one_sided) * levels.rms.max():
        side = ("left", "right")[int(np.argmin(levels.rms))]
        cautions.append(Caution("W_ONE_SIDED", f"The {side} channel is silent."))
    return cautions + _gap_cautions(levels, gates)


def _gap_cautions(levels: Levels, gates: Gates) -> list[Caution]:
    cautions = []
    active = np.flatnonzero(_active(levels, gates))
    lead = active[0] / STEPS_PER_SECOND
    if lead >= gates.lead_silence:
        cautions.append(Caution("W_LEAD_SILENCE", f"The music begins after {lead:.1f} s of silence."))
    inside = levels.zero[active[0] : active[-1] + 1]
    edges = np.flatnonzero(np.diff(np.concatenate([[0], inside, [0]])))
    gap = max(edges[1::2] - edges[::2], default=0) + 1  # its ends are within two more steps
    if gap > 1 and gap / STEPS_PER_SECOND >= gates.dropout:
        cautions.append(Caution("W_DROPOUT", f"Amid the music there are {gap / STEPS_PER_SECOND:.1f} s of zeros."))
    return cautions


def _active(levels: Levels, gates: Gates) -> np.ndarray:
    """Return which steps are active, bool [steps]; a step that stands alone is a click, and none."""
    loud = np.pad(levels.envelope >= _ratio(gates.active_level) * levels.envelope.max(), 1)
    return loud[1:-1] & (loud[:-2] | loud[2:])


def _ratio(decibel: float) -> float:
    return 10 ** (decibel / 20)
