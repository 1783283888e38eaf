"""Several front-ends of vectors side by side: their vectors of a segment, one after the other.

Segments are read at the highest of the parts' rates, and resampled for the others one by one, so that a segment depends
on its own music alone.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Self

import numpy as np

from genreflow.config.inputs import Joined, embedding_in
from genreflow.features.front_end import Display, FrontEnd

# Raise it when joined vectors would have other values.
STAGE_VERSION = 1


class JoinedFrontEnd(FrontEnd[Joined]):
    """The vectors of several front-ends as one."""

    uses_librosa = True
    dtype = np.dtype(np.float32)

    def __init__(self, settings: Joined, device: str = "cpu") -> None:
        super().__init__(settings)
        self.device = device
        # Jobs of embeddings load PyTorch.
        self.folder = "descriptors" if embedding_in(settings) is None else "embeddings"  # type: ignore[misc]
        self.load = max(part.load for part in self.parts)  # type: ignore[misc]

    def on(self, device: str) -> Self:
        """Return this front-end with its network on another device."""
        return type(self)(self.settings, device)

    @cached_property
    def parts(self) -> list[FrontEnd[Any]]:
        """The front-ends, in the order of their vectors."""
        return [FrontEnd.of(part).on(self.device) for part in self.settings.parts]

    def transform_all(self, excerpts: Sequence[np.ndarray]) -> np.ndarray:
        """Return the vectors of segments of one length, float32 ``[n, d]``."""
        return np.concatenate(
            [part.transform_all([self._at_rate_of(part, each) for each in excerpts]) for part in self.parts], axis=1
        )

    @property
    def memory_mb(self) -> float:
        """Memory of the most demanding part, and of librosa, MB."""
        return max(part.memory_mb for part in self.parts) + 200

    @property
    def noun(self) -> str:
        """The plural, since vectors have no time."""
        return "joined vectors"

    def compute(self, samples: np.ndarray) -> np.ndarray:
        """Return the vectors of a segment one after the other, float32 ``[d]``."""
        return np.concatenate([part.transform(self._at_rate_of(part, samples)) for part in self.parts])

    def _at_rate_of(self, part: FrontEnd[Any], samples: np.ndarray) -> np.ndarray:
        from genreflow.audio.excerpts import at_rate  # loads soxr, which plans do without

        return at_rate(samples, self.sample_rate, part.sample_rate)

    def frame_count(self, n_samples: int) -> int:
        """Return 1: a segment gives one vector."""
        del n_samples
        return 1

    @property
    def n_rows(self) -> int:
        """Values of a vector."""
        return sum(part.n_rows for part in self.parts)

    def rows(self) -> list[str]:
        """Return the names of the values; a name that two parts have in common begins with the number of its part."""
        names = [part.rows() for part in self.parts]
        every = [name for own in names for name in own]
        return [
            f"{number} {name}" if every.count(name) > 1 else name
            for number, own in enumerate(names, start=1)
            for name in own
        ]

    def describe(self) -> str:
        """Return the parts in words."""
        return "vectors of " + "; and of ".join(part.describe() for part in self.parts)

    def remarks(self) -> list[str]:
        """Return the remarks on all parts."""
        return [remark for part in self.parts for remark in part.remarks()]

    def display(self, array: np.ndarray) -> Display:
        """Return the vector, which has no time."""
        return Display(array, 0.0)


FRONT_END = JoinedFrontEnd
