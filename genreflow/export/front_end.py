"""Front-ends as torch modules, so that a network can be exported together with its front-end.

Float32 [batch, samples] to float32 [batch, *shape], as `genreflow.features.slices.cut` makes of a segment, rounded as
it is stored. Spectra are computed in double precision, as there.
"""

import numpy as np
import torch
from torch import nn

from genreflow.config.inputs import InFrames, InputSettings
from genreflow.features.front_end import FrontEnd
from genreflow.features.shapes import segment_samples
from genreflow.store.shards import FULL_SCALE

_STORED = {np.dtype(np.float16): torch.float16, np.dtype(np.float32): torch.float32}


def obstacle(settings: InputSettings) -> str | None:
    """Return why an input cannot be a torch module; None if it can."""
    in_frames = isinstance(settings.segments, InFrames)
    return FrontEnd.of(settings.front_end).export_problem(in_frames=in_frames)


def samples_wanted(settings: InputSettings) -> int:
    """Return the samples that a segment is computed from.

    Of segments in frames they reach from the beginning of the first frame to the end of the last, half a window more
    at either side than the segment is long.
    """
    if isinstance(settings.segments, InFrames):
        start, stop = FrontEnd.of(settings.front_end).frame_span(0, settings.segments.frames)
        return stop - start
    return segment_samples(settings)


class FrontEndModule(nn.Module):
    """Samples float32 [batch, `samples_wanted`] to segments as a network is fed, float32 [batch, *shape]."""

    def __init__(self, settings: InputSettings) -> None:
        super().__init__()
        self.peak = settings.peak
        self.front_end = FrontEnd.of(settings.front_end)
        self.pad = 0 if isinstance(settings.segments, InFrames) else self.front_end.margin
        self.names = list(self.front_end.constants())
        for name, values in self.front_end.constants().items():
            self.register_buffer(name, torch.from_numpy(values), persistent=False)

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        """Transform segments, each by itself."""
        if self.peak:
            peaks = samples.abs().amax(dim=1, keepdim=True)
            samples = samples / torch.where(peaks > 0, peaks, torch.ones_like(peaks))
        constants = {name: self.get_buffer(name) for name in self.names}
        segments = self.front_end.torch_transform(samples, constants, pad=self.pad)
        if self.front_end.dtype == np.int16:
            return (segments.clamp(-1, 1) * FULL_SCALE).round() / FULL_SCALE
        return segments.to(_STORED[self.front_end.dtype]).float()
