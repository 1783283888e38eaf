"""A limit to the memory of a process that reads what others wrote."""

import resource
import sys


def limit_memory(most: int) -> None:
    """Limit the address space of this process, bytes; on macOS, which refuses such limits, do nothing.

    Raises
    ------
    ValueError, OSError
        When another system refuses.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
    try:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    except (ValueError, OSError):
        if sys.platform != "darwin":
            raise
