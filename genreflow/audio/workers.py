"""Confined worker processes, with limits on memory, processor time and idle time.

The time limit counts the processor time of a task, which the kernel measures: a suspended process takes none, and a
changed clock does not matter. A task that waits without taking any, as for a disk that does not answer, is limited by
the time for which this process has seen it wait.
"""

import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

import psutil
from threadpoolctl import threadpool_limits

from genreflow.store.memory import limit_memory

_FORK = multiprocessing.get_context("fork")
_TICK = 0.5  # seconds between two checks of the workers; of a longer gap at most twice that is counted
_PATIENCE = 2.0  # seconds that an idle worker has to exit
_ASLEEP = (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)

# Signals that a process causes itself; others come from outside.
CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP, signal.SIGSYS)


class TimedOut(Exception):
    """A task took too long."""


class Died(Exception):
    """A worker ended amid a task.

    Parameters
    ----------
    exit_code
        Its exit code; -n if signal n ended it.
    """

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


@dataclass(frozen=True)
class Result:
    """The value of a task, or the error that it ended with (`TimedOut`, `Died` or its own)."""

    value: Any = None
    error: Exception | None = None


def run_confined(
    function: Callable[..., Any],
    tasks: Mapping[int, tuple],
    *,
    workers: int,
    timeout: float,
    memory_gb: float,
) -> Generator[tuple[int, Result], None, None]:
    """Call `function` for each task in a worker process; yield the number and result of each as it is done.

    Closing the iterator stops all workers.

    Parameters
    ----------
    tasks
        Number -> arguments; they are begun in this order.
    workers
        Tasks that are worked on side by side, each with one thread.
    timeout
        Processor time that a task may take, and time that it may wait without taking any, s.
    memory_gb
        Memory that a task may take, GB.

    Raises
    ------
    OSError
        When no worker can be started.
    """
    waiting = deque(tasks.items())
    idle: list[_Worker] = []
    busy: list[_Worker] = []
    try:
        while waiting or busy:
            while waiting and len(busy) < workers:
                worker = idle.pop() if idle else _Worker(function, timeout, memory_gb, [*idle, *busy])
                if worker.begin(*waiting[0]):
                    waiting.popleft()
                    busy.append(worker)
            for worker in _finished(busy):
                busy.remove(worker)
                if worker.is_usable:
                    idle.append(worker)
                yield worker.task, worker.result
    finally:
        for worker in [*idle, *busy]:
            worker.stop(at_once=worker in busy)


class _Worker:
    """A process that works on one task at a time, and the end of the pipe to it."""

    def __init__(self, function: Callable[..., Any], timeout: float, memory_gb: float, others: list["_Worker"]) -> None:
        self._timeout = timeout
        self.pipe, far_end = _FORK.Pipe()
        own_ends = [self.pipe, *(other.pipe for other in others)]
        arguments = (far_end, own_ends, function, timeout, memory_gb)
        self.process = _FORK.Process(target=_serve, args=arguments, daemon=True)
        self.process.start()
        far_end.close()

    def begin(self, task: int, arguments: tuple) -> bool:
        """Send a task to the worker; return False if the process is gone, as one killed between two tasks."""
        self.task, self.result = task, Result(error=Died(0))
        self._waited, self._taken = 0.0, 0.0
        self.is_usable = True
        try:
            self.pipe.send(arguments)
        except OSError:
            self.stop(at_once=True)
            return False
        return True

    def is_done(self, seen: float) -> bool:
        """Return whether there is a result, after a further `seen` seconds of waiting for it."""
        try:
            if self.pipe.poll():
                self.result = self.pipe.recv()
                return True
        except (OSError, EOFError):
            self.process.join()
        if not self.process.is_alive():
            code = self.process.exitcode
            error: Exception = self._timeout_error("of work") if code == -signal.SIGPROF else Died(code or 0)
        elif self._has_waited(seen) > self._timeout:
            error = self._timeout_error("without any work")
        else:
            return False
        self.result, self.is_usable = Result(error=error), False
        self.stop(at_once=True)
        return True

    def stop(self, *, at_once: bool) -> None:
        """End the process."""
        self.pipe.close()
        if not at_once:
            self.process.join(_PATIENCE)
        if self.process.is_alive():
            self.process.kill()
        self.process.join()

    def _has_waited(self, seen: float) -> float:
        """Return the time for which the process has taken no processor time without being suspended, s."""
        with suppress(psutil.Error):
            process = psutil.Process(self.process.pid)
            if process.status() in _ASLEEP:
                return self._waited
            taken = sum(process.cpu_times()[:2])
            self._waited = self._waited + seen if taken == self._taken else 0.0
            self._taken = taken
        return self._waited

    def _timeout_error(self, activity: str) -> TimedOut:
        return TimedOut(f"{self._timeout:g} s {activity}")


def _finished(workers: list[_Worker]) -> list[_Worker]:
    """Wait a moment for some workers, and return those whose task is done."""
    start = time.monotonic()
    wait([part for worker in workers for part in (worker.pipe, worker.process.sentinel)], timeout=_TICK)
    seen = min(max(0.0, time.monotonic() - start), 2 * _TICK)  # this process may have been suspended too
    return [worker for worker in workers if worker.is_done(seen)]


def _serve(
    pipe: Connection, foreign: list[Connection], function: Callable[..., Any], timeout: float, memory_gb: float
) -> None:
    """Run tasks until the other end of the pipe is closed (in the worker)."""
    for other in foreign:  # an end that stays open here would hide that the parent is gone
        other.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGPROF):
        signal.signal(number, signal.SIG_DFL)
    _confine(memory_gb)
    with suppress(EOFError, OSError):
        while True:
            arguments = pipe.recv()
            signal.setitimer(signal.ITIMER_PROF, timeout)  # the kernel ends what takes longer
            try:
                result = Result(function(*arguments))
            except Exception as error:
                result = Result(error=error)
            signal.setitimer(signal.ITIMER_PROF, 0)
            _send(pipe, result)


def _send(pipe: Connection, result: Result) -> None:
    try:
        pipe.send(result)
    except OSError:
        raise
    except Exception as error:  # it cannot be pickled
        pipe.send(Result(error=RuntimeError(f"{type(error).__name__}: {error}")))


def _confine(memory_gb: float) -> None:
    """Limit this process, a worker, to some more memory than it has now, to one thread, and to no input."""
    limit_memory(psutil.Process().memory_info().vms + round(1e9 * memory_gb))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    threadpool_limits(1)
