"""One track: any audio file to mono Ogg Vorbis at one rate and one loudness."""

import dataclasses
import io
import json
import os
from dataclasses import dataclass

import numpy as np
import soundfile
import soxr

from genreflow.audio.decode import decode
from genreflow.audio.gates import check_samples, check_stream, downmix
from genreflow.audio.loudness import ABSOLUTE_GATE, integrated_loudness, true_peak
from genreflow.audio.verdict import Caution, Refused
from genreflow.audio.vorbis import encode_ogg, ogg_comment, ogg_frames, read_ogg
from genreflow.config.audio import AudioSettings
from genreflow.store.atomic import write_bytes

CODER_HEADROOM = 0.5  # dB left below the ceiling where it caps the gain: coding raises peaks by about that much
_LARGEST_RISE = 2.0  # dB by which coding can be thought to raise the peak of a second
_PREDICTABLE_QUALITY = 5.0  # from this Vorbis quality on, the seconds of a track are raised alike
_SECONDS_SEEN = 10
_RISE_MARGIN = 0.2  # dB
_CORRECTION_MARGIN = 0.1  # dB
_TINY = 1e-9


@dataclass(frozen=True)
class Normalised:
    """What became of a track.

    Parameters
    ----------
    verdict, reason, message
        `accept`, or `warn` with its codes (separated by spaces) and sentences.
    container, codec, source_rate, channels
        What the source is; Hz.
    seconds, frames
        Length of the normalised audio.
    lufs, true_peak
        Integrated loudness (LUFS) and true peak (dBTP) of the mono signal before the gain.
    gain_db
        The gain; add it to either for what the written file has.
    peak_limited
        Whether the true-peak ceiling kept the gain below what the loudness asked for.
    """

    verdict: str
    reason: str
    message: str
    container: str
    codec: str
    source_rate: int
    channels: int
    seconds: float
    lufs: float
    gain_db: float
    true_peak: float
    peak_limited: bool
    frames: int


def normalise(path: bytes | str, ogg: str | os.PathLike, settings: AudioSettings, *, serial: int) -> Normalised:
    """Decode, gate, downmix, resample and level the audio file `path`, and write it to `ogg`, atomically.

    The gain is the one that reaches `settings.loudness`, or the highest that keeps the true peak of the file as
    decoded again at or below `settings.true_peak`. The record is kept within the file too, see `stored_record`.

    Raises
    ------
    Refused
        When the track cannot be used; nothing is written.
    """
    mono, measured, cautions = _measure(path, settings)
    gain = min(
        settings.loudness - measured.lufs,
        settings.true_peak - CODER_HEADROOM - measured.true_peak,
    )
    while True:
        record = _levelled(measured, gain, cautions, settings)
        samples = mono * np.float32(10 ** (gain / 20))
        comment = json.dumps(dataclasses.asdict(record))
        content = encode_ogg(samples, settings.sample_rate, quality=settings.quality, serial=serial, comment=comment)
        excess = _coded_peak(content, samples, record.true_peak + gain, settings) - settings.true_peak
        if excess <= 0:
            break
        gain -= excess + _CORRECTION_MARGIN
    write_bytes(ogg, content)
    return record


def stored_record(ogg: str | os.PathLike) -> Normalised | None:
    """Return the record within a file that `normalise` wrote; None where there is no such file, or not a whole one."""
    try:
        record = Normalised(**json.loads(ogg_comment(ogg)))
        return record if ogg_frames(ogg) == record.frames else None
    except (soundfile.SoundFileError, ValueError, TypeError):
        return None


def _measure(path: bytes | str, settings: AudioSettings) -> tuple[np.ndarray, Normalised, list[Caution]]:
    """Return the mono signal at the target rate, its record as if the gain were 0 dB, and the cautions."""
    decoded = decode(path, max_seconds=60 * settings.max_minutes)
    cautions = check_stream(decoded)
    check_samples(decoded.samples)
    if decoded.seconds < settings.min_seconds:
        raise Refused("Q_TOO_SHORT", f"It lasts {decoded.seconds:.2f} s; {settings.min_seconds:g} s are needed.")
    if decoded.cut:
        cautions.append(Caution("W_LONG", f"Only the first {decoded.seconds / 60:.3g} minutes are used."))
    mono, phase = downmix(decoded.samples)
    if decoded.rate != settings.sample_rate:
        mono = soxr.resample(mono, decoded.rate, settings.sample_rate, quality="HQ")
    loudness = integrated_loudness(mono, settings.sample_rate)
    if loudness == -np.inf:
        raise Refused("Q_BELOW_GATE", f"It is below {ABSOLUTE_GATE:g} LUFS throughout: too quiet to be levelled.")
    measured = Normalised(
        verdict="accept",
        reason="",
        message="",
        container=decoded.container,
        codec=decoded.codec,
        source_rate=decoded.rate,
        channels=decoded.samples.shape[1],
        seconds=len(mono) / settings.sample_rate,
        lufs=loudness,
        gain_db=0.0,
        true_peak=true_peak(mono),
        peak_limited=False,
        frames=len(mono),
    )
    return mono, measured, cautions + phase


def _levelled(measured: Normalised, gain: float, cautions: list[Caution], settings: AudioSettings) -> Normalised:
    level = measured.lufs + gain
    peak_limited = gain < settings.loudness - measured.lufs
    if peak_limited:
        message = f"The true-peak ceiling keeps the loudness at {level:.1f} LUFS."
        cautions = [*cautions, Caution("W_PEAK_LIMITED", message)]
    return dataclasses.replace(
        measured,
        verdict="warn" if cautions else "accept",
        reason=" ".join(caution.reason for caution in cautions),
        message=" ".join(caution.message for caution in cautions),
        gain_db=gain,
        peak_limited=peak_limited,
    )


def _coded_peak(content: bytes, samples: np.ndarray, peak: float, settings: AudioSettings) -> float:
    """Return the true peak (dBTP) of an encoded file as far as it can matter.

    It was made from `samples`, whose true peak is `peak`.

    Seconds are decoded from the loudest on, until coding cannot have raised the others to the ceiling: at
    good quality not if it has raised them little more than any second seen, else not by `_LARGEST_RISE`.
    A track far below the ceiling is not decoded at all.
    """
    rate = settings.sample_rate
    starts = np.arange(0, len(samples), rate)
    peaks = np.maximum(np.maximum.reduceat(samples, starts), -np.minimum.reduceat(samples, starts))
    levels = 20 * np.log10(np.maximum(peaks, _TINY))
    levels += peak - levels.max()  # what lies between samples, about alike everywhere
    highest, rises = -np.inf, []
    for second in np.argsort(-levels, kind="stable"):
        predictable = settings.quality >= _PREDICTABLE_QUALITY and len(rises) >= _SECONDS_SEEN
        rise = max(rises) + _RISE_MARGIN if predictable else _LARGEST_RISE
        if levels[second] + rise <= settings.true_peak:
            break
        coded = true_peak(read_ogg(io.BytesIO(content), start=int(starts[second]), frames=rate))
        highest = max(highest, coded)
        rises.append(coded - levels[second])
    return highest
