"""A look at many files before a run, in the confined workers of a run: a file that breaks one costs itself alone."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from genreflow.audio.decode import probe
from genreflow.audio.verdict import RejectedTrack
from genreflow.audio.workers import CRASHES, Died, Result, TimedOut, run_confined
from genreflow.config.audio import QualityThresholds


@dataclass(frozen=True)
class Workers:
    """How many files are looked at side by side, and what each may take: s, GB."""

    count: int
    timeout: float
    memory_gb: float


@dataclass(frozen=True)
class Probed:
    """What a look at a file showed.

    Attributes
    ----------
    seconds
        The length that will be used; None if it is not known.
    reason, message
        `Q_...` and a sentence if the file will be refused. A sentence alone: why nothing is known of it.
    """

    seconds: float | None = None
    reason: str = ""
    message: str = ""


def probe_all(
    paths: Sequence[bytes], *, thresholds: QualityThresholds, max_seconds: float, workers: Workers
) -> list[Probed]:
    """Find out the lengths of files without decoding them, in their order; see `genreflow.audio.decode.probe`."""
    tasks = [(path, thresholds, max_seconds) for path in paths]
    found = dict(in_workers(_probe, tasks, workers))
    return [found[place] for place in range(len(paths))]


def in_workers(
    function: Callable[..., Any], tasks: Sequence[tuple], workers: Workers
) -> Iterator[tuple[int, Any | Probed]]:
    """Yield place and result of each task; for one whose worker did not return, a `Probed` that says why."""
    limits = {"workers": max(1, workers.count), "timeout": workers.timeout, "memory_gb": workers.memory_gb}
    with closing(run_confined(function, dict(enumerate(tasks)), **limits)) as results:
        for place, result in results:
            yield place, result.value if result.error is None else _unreturned(result, workers)


def _unreturned(result: Result, workers: Workers) -> Probed:
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
