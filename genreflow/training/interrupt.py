"""Being asked to stop: SIGTERM, as batch systems and `genreflow run` send it."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def sigterm_noted() -> Iterator[Callable[[], bool]]:
    """Yield a function that tells whether SIGTERM has come within the block, which it no longer ends.

    Outside the main thread, where no signals can be handled, it never has.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    before = signal.signal(signal.SIGTERM, lambda *_: asked.set())
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGTERM, before)
