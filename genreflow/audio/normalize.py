"""Normalization of a track: any audio file to mono Ogg Vorbis at one rate and one loudness."""

import dataclasses
import hashlib
import json
import os
from dataclasses import dataclass

import numpy as np
import soundfile
import soxr

from genreflow.audio.decode import Decoded, decode
from genreflow.audio.fingerprint import fingerprint, to_text
from genreflow.audio.levels import bandwidth
from genreflow.audio.loudness import ABSOLUTE_GATE, integrated_loudness, true_peak
from genreflow.audio.quality import cancelled, check
from genreflow.audio.verdict import RejectedTrack, TrackWarning, verdict_of
from genreflow.audio.vorbis import OggReader, check_coded, check_pages, encode_ogg, ogg_comment, ogg_frames
from genreflow.config.audio import AudioSettings
from genreflow.errors import UserError
from genreflow.store.atomic import write_bytes

# Raise it when the same file would be judged, decoded, leveled, encoded or fingerprinted differently.
STAGE_VERSION = 1

CODER_HEADROOM = 0.5  # dB below the ceiling where it limits the gain: coding raises peaks by about that much
_LARGEST_RISE = 2.0  # dB by which coding raises the peak of a second at most
_PREDICTABLE_QUALITY = 5.0  # from this Vorbis quality on, coding raises all seconds of a track alike
_SECONDS_SEEN = 10
_RISE_MARGIN = 0.2  # dB
_CORRECTION_MARGIN = 0.1  # dB
_TINY = 1e-9


@dataclass(frozen=True)
class Normalized:
    """The record of a normalized track.

    Attributes
    ----------
    verdict, reason, message
        `accept` or `warn` (if there is a doubt), with the codes of all warnings (separated by spaces) and sentences.
    container, codec, source_rate, channels
        Format of the source; Hz.
    seconds, frames
        Length of the normalized audio.
    lufs, true_peak
        Integrated loudness (LUFS) and true peak (dBTP) of the mono signal before the gain.
    gain_db
        The gain; add it to either for the value of the written file.
    peak_limited
        Whether the true-peak ceiling kept the gain below the one for the target loudness.
    samples_sha256
        Digest of the source's rate and of its mono samples as decoded: equal for lossless
        copies of a recording.
    bandwidth_hz
        Frequency above which the source has hardly any energy, Hz.
    fingerprint
        The acoustic fingerprint, see `genreflow.audio.fingerprint`.
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
    samples_sha256: str
    bandwidth_hz: float
    fingerprint: str


def normalize(path: bytes | str, ogg: str | os.PathLike, settings: AudioSettings, *, serial: int) -> Normalized:
    """Decode, gate, downmix, resample and level the audio file `path`, and write it to `ogg`, atomically.

    The gain is the one that reaches `settings.loudness`, or 0 dB with ``level: none``. It is lower where the true peak
    of the file as decoded again would pass `settings.true_peak`, and at most `thresholds.max_gain`. The encoded file is
    decoded and compared before it is written. The record is also stored in the file, see `stored_record`.

    Raises
    ------
    RejectedTrack
        If the track cannot be used; nothing is written.
    """
    samples, measured, warnings = measure(path, settings)
    gain = gain_of(measured, settings)
    applied = 0.0
    while True:
        samples *= np.float32(10 ** ((gain - applied) / 20))
        applied = gain
        record = _levelled(measured, gain, warnings, settings)
        comment = json.dumps(dataclasses.asdict(record))
        content = encode_ogg(samples, settings.sample_rate, quality=settings.quality, serial=serial, comment=comment)
        coded = OggReader(content)
        check_coded(coded, samples, settings.sample_rate, snr=settings.thresholds.encoder_snr)
        excess = _coded_peak(coded, samples, record.true_peak + gain, settings) - settings.true_peak
        if excess <= 0:
            break
        gain -= excess + _CORRECTION_MARGIN
    write_bytes(ogg, content)
    return record


def stored_record(ogg: str | os.PathLike) -> Normalized | None:
    """Return the record in a file that `normalize` wrote; None if the file is missing or damaged."""
    try:
        check_pages(ogg)
        record = Normalized(**json.loads(ogg_comment(ogg)))
        return record if ogg_frames(ogg) == record.frames else None
    except (UserError, soundfile.SoundFileError, ValueError, TypeError):
        return None


def gain_of(measured: Normalized, settings: AudioSettings) -> float:
    """Return the largest gain for a measured track, dB."""
    headroom = settings.true_peak - CODER_HEADROOM - measured.true_peak
    return min(_unlimited_gain(measured, settings), headroom, settings.thresholds.max_gain)


def _unlimited_gain(measured: Normalized, settings: AudioSettings) -> float:
    """Return the gain without limits, dB."""
    return 0.0 if settings.level == "none" else settings.loudness - measured.lufs


def measure(path: bytes | str, settings: AudioSettings) -> tuple[np.ndarray, Normalized, list[TrackWarning]]:
    """Decode and measure a file: `normalize` without gain and encoding.

    Returns
    -------
    samples, record, warnings
        The mono signal at the target rate, float32 ``[frames]``, its record as if the gain were 0 dB, and warnings.

    Raises
    ------
    RejectedTrack
        If the track cannot be used.
    """
    decoded, warnings = _decode(path, settings)
    mono = decoded.mono
    samples_sha256 = _samples_sha256(mono, decoded.rate)
    mono -= np.float32(mono.mean(dtype=np.float64))
    bandwidth_hz = bandwidth(mono, decoded.rate)
    if bandwidth_hz < settings.thresholds.no_bandwidth:
        message = f"There is hardly anything above {bandwidth_hz:.0f} Hz: this can hardly be heard."
        warnings.append(TrackWarning("W_NO_BANDWIDTH", message))
    if decoded.rate != settings.sample_rate:
        mono = soxr.resample(mono, decoded.rate, settings.sample_rate, quality="HQ")
    loudness = integrated_loudness(mono, settings.sample_rate)
    if loudness == -np.inf:
        raise RejectedTrack("Q_BELOW_GATE", f"It is below {ABSOLUTE_GATE:g} LUFS throughout: too quiet to be levelled.")
    measured = Normalized(
        verdict="accept",
        reason="",
        message="",
        container=decoded.container,
        codec=decoded.codec,
        source_rate=decoded.rate,
        channels=decoded.channels,
        seconds=len(mono) / settings.sample_rate,
        lufs=loudness,
        gain_db=0.0,
        true_peak=true_peak(mono),
        peak_limited=False,
        frames=len(mono),
        samples_sha256=samples_sha256,
        bandwidth_hz=bandwidth_hz,
        fingerprint=to_text(fingerprint(mono, settings.sample_rate)),
    )
    return mono, measured, warnings


def _decode(path: bytes | str, settings: AudioSettings) -> tuple[Decoded, list[TrackWarning]]:
    """Decode a file and check its quality; if its channels cancel each other, decode the loudest one alone."""
    thresholds, max_seconds = settings.thresholds, 60 * settings.max_minutes
    decoded = decode(path, max_seconds=max_seconds, thresholds=thresholds)
    warnings = check(decoded, settings)
    channel = cancelled(decoded.levels, thresholds)
    if channel is None:
        return decoded, warnings
    frames = len(decoded.mono)
    del decoded  # so that memory never holds two of them
    decoded = decode(path, max_seconds=max_seconds, thresholds=thresholds, channel=channel)
    if len(decoded.mono) != frames:
        raise RejectedTrack("Q_CHANGED", "The file changed while it was read.")
    message = f"The channels cancel each other; channel {channel + 1} alone is used."
    return decoded, [*warnings, TrackWarning("W_PHASE", message)]


def _samples_sha256(mono: np.ndarray, rate: int) -> str:
    sha256 = hashlib.sha256(rate.to_bytes(4, "little"))
    sha256.update(mono.astype("<f4", copy=False).data)
    return sha256.hexdigest()


def _levelled(measured: Normalized, gain: float, warnings: list[TrackWarning], settings: AudioSettings) -> Normalized:
    level, limit = measured.lufs + gain, settings.thresholds.max_gain
    target = _unlimited_gain(measured, settings)
    peak_limited = gain < min(target, limit)
    if peak_limited:
        message = f"The true-peak ceiling keeps the loudness at {level:.1f} LUFS."
        warnings = [*warnings, TrackWarning("W_PEAK_LIMITED", message)]
    elif gain < target:
        message = f"It is so quiet that a gain of {limit:g} dB brings it to {level:.1f} LUFS only."
        warnings = [*warnings, TrackWarning("W_GAIN_LIMITED", message)]
    return dataclasses.replace(
        measured,
        verdict=verdict_of(warning.reason for warning in warnings),
        reason=" ".join(warning.reason for warning in warnings),
        message=" ".join(warning.message for warning in warnings),
        gain_db=gain,
        peak_limited=peak_limited,
    )


def _coded_peak(coded: OggReader, samples: np.ndarray, peak: float, settings: AudioSettings) -> float:
    """Return the true peak (dBTP) of a file encoded from `samples` (true peak `peak`), as far as it can matter.

    Seconds are decoded from the loudest on, until coding cannot have raised the others to the ceiling: at good quality
    assuming that it raises them hardly more than any second so far, else by `_LARGEST_RISE`. A track far below the
    ceiling is not decoded at all.
    """
    rate = settings.sample_rate
    starts = np.arange(0, len(samples), rate)
    peaks = np.maximum(np.maximum.reduceat(samples, starts), -np.minimum.reduceat(samples, starts))
    levels = 20 * np.log10(np.maximum(peaks, _TINY))
    levels += peak - levels.max()  # peaks between samples exceed samples by about the same everywhere
    highest = -np.inf
    rises: list[float] = []
    for second in np.argsort(-levels, kind="stable"):
        predictable = settings.quality >= _PREDICTABLE_QUALITY and len(rises) >= _SECONDS_SEEN
        rise = max(rises) + _RISE_MARGIN if predictable else _LARGEST_RISE
        if levels[second] + rise <= settings.true_peak:
            break
        coded_peak = true_peak(coded.read(int(starts[second]), rate))
        highest = max(highest, coded_peak)
        rises.append(coded_peak - levels[second])
    return highest
