"""Lengths of files without decoding, in confined workers: a file that crashes one affects no other."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from genreflow.audio.bytesource import LimitedSource, ReadLimitReached
from genreflow.audio.container import probe_container
from genreflow.audio.decode import (
    choose_stream,
    declared_seconds,
    open_media,
    opened,
    packet_seconds,
    rejecting_library_errors,
)
from genreflow.audio.verdict import RejectedTrack
from genreflow.audio.workers import CRASHES, Died, Result, TimedOut, run_confined
from genreflow.config.audio import QualityThresholds

_PROBED_BYTES = 2**28
_FEWEST_BITS, _MOST_SAMPLE_BITS = 16_000, 64  # of a second of music, and of a sample of a channel, as stored


@dataclass(frozen=True)
class Workers:
    """Number of files that are probed side by side, and the limits of each: s, GB."""

    count: int
    timeout: float
    memory_gb: float


@dataclass(frozen=True)
class Probed:
    """The result of probing a file.

    Attributes
    ----------
    seconds
        The length that will be used; None if it is unknown.
    reason, message
        `Q_...` and a sentence if the file will be rejected. A sentence alone explains why the length is unknown.
    """

    seconds: float | None = None
    reason: str = ""
    message: str = ""


def probe(path: bytes | str, *, thresholds: QualityThresholds, max_seconds: float) -> float | None:
    """Return the length of a file without decoding it, at most `max_seconds`; None if it cannot be determined.

    The length in the header is used if it is plausible for the size of the file; else the lengths of packets are
    summed.

    Raises
    ------
    RejectedTrack
        For defects that are visible without decoding.
    """
    with rejecting_library_errors(), opened(path, thresholds) as whole:
        size, file = os.fstat(whole.fileno()).st_size, LimitedSource(whole, _PROBED_BYTES)
        try:
            container = probe_container(file, junk_bytes=round(1e6 * thresholds.junk_mb))
            seconds = 0.0
            for piece in container.pieces:
                piece.seek(0)
                with open_media(piece) as media:
                    stream, _ = choose_stream(media, container.container, thresholds)
                    declared = declared_seconds(media, stream)
                    if len(container.pieces) > 1 or not _is_plausible(
                        declared, size, stream.rate or 1, stream.channels
                    ):
                        declared = packet_seconds(media, stream, max_seconds - seconds)
                    seconds += declared
                if seconds >= max_seconds:
                    return max_seconds
            return seconds or None
        except ReadLimitReached:
            return None


def _is_plausible(seconds: float, size: int, rate: int, channels: int) -> bool:
    """Return whether music of that length may take `size` bytes: no fewer than coders make, and no more than raw."""
    bits = 8 * size / seconds if seconds > 0 else 0
    return _FEWEST_BITS <= bits <= _MOST_SAMPLE_BITS * rate * max(1, channels)


def probe_all(
    paths: Sequence[bytes], *, thresholds: QualityThresholds, max_seconds: float, workers: Workers
) -> list[Probed]:
    """Return the result of `probe` for each file, in their order."""
    tasks = [(path, thresholds, max_seconds) for path in paths]
    results = dict(in_workers(_probe, tasks, workers))
    return [results[place] for place in range(len(paths))]


def in_workers(
    function: Callable[..., Any], tasks: Sequence[tuple], workers: Workers
) -> Iterator[tuple[int, Any | Probed]]:
    """Yield position and result of each task; for a task whose worker failed, a `Probed` with the reason."""
    count, limits = max(1, workers.count), {"timeout": workers.timeout, "memory_gb": workers.memory_gb}
    with closing(run_confined(function, dict(enumerate(tasks)), workers=count, **limits)) as results:
        for place, result in results:
            yield place, result.value if result.error is None else _failure(result, workers)


def _failure(result: Result, workers: Workers) -> Probed:
    match result.error:
        case TimedOut():
            return Probed(message=f"It takes more than the {workers.timeout:g} s that a look at it may take.")
        case Died() as death if -death.exit_code in CRASHES:
            name = signal.Signals(-death.exit_code).name
            return Probed(reason="Q_DECODER_CRASH", message=f"The decoder crashes on it ({name}).")
        case Died() as death:
            return Probed(message=f"The look at it was ended from outside (exit code {death.exit_code}).")
        case OSError() | MemoryError() as error:
            return Probed(message=f"It cannot be looked at: {os.strerror(getattr(error, 'errno', None) or 12)}.")
    return Probed(reason="Q_INTERNAL", message=f"An error of genreflow itself ({type(result.error).__name__}).")


def _probe(path: bytes, thresholds: QualityThresholds, max_seconds: float) -> Probed:
    try:
        return Probed(seconds=probe(path, thresholds=thresholds, max_seconds=max_seconds))
    except RejectedTrack as refused:
        return Probed(reason=refused.reason, message=refused.message)
