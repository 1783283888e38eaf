"""What a case of the corpus is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Case:
    """A file, good or bad, that a music folder may hold.

    Attributes
    ----------
    id
        Names the case in the golden table: an entry of the catalog of bad inputs, and what sets this case apart.
    name
        File name; below it a folder name may come first.
    content
        The bytes of the file, or what makes it at a path that does not exist yet.
    apart
        Whether no scan is to find it: what happens to it lies between the scan and the decoding.
    """

    id: str
    name: bytes
    content: bytes | Callable[[bytes], None]
    apart: bool = False


Cases = Iterator[Case]


def case(spec: str, what: str, suffix: str, content: bytes | Callable[[bytes], None], **options) -> Case:
    """Return the case `spec-what`, in a file of the same name."""
    identity = f"{spec}-{what}"
    return Case(identity, f"{identity}{'.' if suffix else ''}{suffix}".encode(), content, **options)


def noise_bytes(count: int, seed: int = 0) -> bytes:
    """Return random bytes."""
    return np.random.default_rng(seed).bytes(count)
