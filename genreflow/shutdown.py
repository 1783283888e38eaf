"""Stopping jobs: SIGTERM and Ctrl-C reach the jobs of a live run, which write their checkpoints."""

import _thread
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

# Put before each job's command. Ctrl-C goes to all processes of a terminal; jobs are sent SIGTERM instead.
IGNORE_INTERRUPTS = "trap '' INT; "
# Time that a job has to write its checkpoint, and snakemake to end after its jobs.
PATIENCE_S, _END_S = 6.0, 2.0
_STOPS = {signal.SIGINT, signal.SIGTERM}
_watched: list[int] | None = None


@contextmanager
def signals_passed_on() -> Iterator[list[int]]:
    """Pass SIGTERM and SIGINT on to the jobs of this process; yield the list of the signals that have come so far.

    Snakemake sets handlers of its own, so signals are noted where Python notes all of them. Snakemake lets running
    jobs end at SIGTERM, and waits for them at SIGINT; both end as soon as the jobs have. A second signal ends them at
    once. Outside the main thread nothing is passed on.
    """
    global _watched
    if _watched is not None or threading.current_thread() is not threading.main_thread():
        yield [] if _watched is None else _watched
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before, handler = signal.set_wakeup_fd(writer, warn_on_full_buffer=False), signal.getsignal(signal.SIGTERM)
    if handler is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _end)
    _watched = []
    thread = threading.Thread(target=_watch, args=(reader, _watched), daemon=True)
    thread.start()
    try:
        yield _watched
    finally:
        signal.set_wakeup_fd(before)
        signal.signal(signal.SIGTERM, handler)
        os.close(writer)
        thread.join()
        _watched = None


def is_job(process: psutil.Process) -> bool:
    """Tell whether a process runs a script of the pipeline; the shell around it does not count."""
    try:
        words = process.cmdline()
    except psutil.Error:
        return False
    is_python = bool(words) and Path(words[0]).name.startswith("python")
    return is_python and any("/.snakemake/scripts/" in word for word in words[1:])


def stop(jobs: Iterable[psutil.Process], patience: float = PATIENCE_S) -> None:
    """Send jobs SIGTERM; kill those that have not ended after so many seconds, and what any has started.

    The workers of a job are not sent SIGTERM: it would take the death of one for a fault of a track.
    """
    families = {job: _below(job) for job in jobs}
    workers = {worker for family in families.values() for worker in family}
    heads = [job for job in families if job not in workers]
    for job in heads:
        with suppress(psutil.Error):
            job.terminate()
    _, alive = psutil.wait_procs(heads, timeout=patience)
    for process in [*alive, *workers]:
        with suppress(psutil.Error):
            process.kill()


def _below(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _after_fork() -> None:
    """Leave signals of a forked worker to itself: it would write them into the pipe of its parent."""
    global _watched
    if _watched is not None:
        _watched = None
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


os.register_at_fork(after_in_child=_after_fork)


def _end(*_: object) -> None:
    """End before any job runs; snakemake sets another handler then."""
    stop(filter(is_job, _below(psutil.Process())))
    raise SystemExit(128 + signal.SIGTERM)


def _watch(reader: int, noted: list[int]) -> None:
    """Note signals until the other end of the pipe is closed."""
    while numbers := os.read(reader, 64):
        for number in numbers:
            is_first = not _STOPS & set(noted)
            noted.append(number)
            if number in _STOPS:
                threading.Thread(target=_pass_on, args=(is_first,), daemon=True).start()
    os.close(reader)


def _pass_on(is_first: bool) -> None:
    stop(filter(is_job, _below(psutil.Process())), PATIENCE_S if is_first else 0.0)
    if is_first and signal.SIGTERM in (_watched or []):
        # Jobs that run elsewhere are waited for at SIGTERM, and canceled at SIGINT.
        end = threading.Event()
        end.wait(_END_S)
        if _watched is not None:
            _thread.interrupt_main()
