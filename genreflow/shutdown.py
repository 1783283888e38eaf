"""Stop jobs: SIGTERM, Ctrl-C and the end of a terminal are passed on to the jobs of a run, which write checkpoints."""

import _thread
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

# Prefix of each job's command: Ctrl-C and the end of a terminal reach all its processes, but jobs are to get SIGTERM.
IGNORE_INTERRUPTS = "trap '' INT HUP; "
# Time for a job to write its checkpoint, and for Snakemake to end after its jobs.
PATIENCE_S, _END_S = 6.0, 2.0
_STOPS = {signal.SIGINT, signal.SIGTERM}
_watched: list[int] | None = None


@contextmanager
def signals_passed_on() -> Iterator[list[int]]:
    """Pass SIGTERM and SIGINT on to the jobs of this process; yield the list of signals received so far.

    Snakemake installs handlers of its own, so signals are read from Python's wakeup file descriptor. Snakemake waits
    for running jobs at either signal, and ends as soon as they have. A second signal kills the jobs at once. SIGHUP
    counts as SIGTERM, unless it is ignored (`nohup`). Outside the main thread nothing is passed on.
    """
    global _watched
    if _watched is not None or threading.current_thread() is not threading.main_thread():
        yield [] if _watched is None else _watched
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number, own in ((signal.SIGTERM, _end), (signal.SIGHUP, _hang_up)):
        if handlers[number] is signal.SIG_DFL:
            signal.signal(number, own)
    _watched = []
    thread = threading.Thread(target=_watch, args=(reader, _watched), daemon=True)
    thread.start()
    try:
        yield _watched
    finally:
        signal.set_wakeup_fd(before)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        os.close(writer)
        thread.join()
        _watched = None


def signals_received() -> list[int]:
    """Return the signals that this process has received while it passed them on."""
    return list(_watched or [])


def is_job(process: psutil.Process) -> bool:
    """Return whether a process runs a script of the pipeline; the shell around it does not count."""
    try:
        words = process.cmdline()
    except psutil.Error:
        return False
    is_python = bool(words) and Path(words[0]).name.startswith("python")
    return is_python and any("/.snakemake/scripts/" in word for word in words[1:])


def stop(jobs: Iterable[psutil.Process], patience: float = PATIENCE_S) -> None:
    """Send SIGTERM to jobs; after `patience` seconds kill those that still run, and the workers of all.

    Workers get no SIGTERM: their job would blame the track that a dead worker was decoding.
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
    """Stop passing signals on in a forked worker, which would write them into the pipe of its parent."""
    global _watched
    if _watched is not None:
        _watched = None
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


os.register_at_fork(after_in_child=_after_fork)


def _end(*_: object) -> None:
    """End the process; Snakemake replaces this handler before any job runs."""
    stop(filter(is_job, _below(psutil.Process())))
    raise SystemExit(128 + signal.SIGTERM)


def _hang_up(*_: object) -> None:
    """Treat the end of the terminal, of which the shell gives notice a second time, as one SIGTERM."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.kill(os.getpid(), signal.SIGTERM)


def _watch(reader: int, noted: list[int]) -> None:
    """Record signals until the other end of the pipe is closed."""
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
        # At SIGTERM Snakemake waits for cluster jobs; at SIGINT it cancels them.
        end = threading.Event()
        end.wait(_END_S)
        if _watched is not None:
            _thread.interrupt_main()
