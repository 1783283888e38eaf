"""Attribution of a model's answer to seconds and bands of a track.

A slice is divided into patches of time and band. *Occlusion* (Zeiler and Fergus 2014, Visualizing and understanding
convolutional networks) replaces each patch in turn by the mean of the training tracks; the *effect* of the patch is the
drop of the log-odds of a class: positive effects support the class, negative ones contradict it. Effects do not add up
to the whole, because two patches may carry the same evidence. Those of *integrated gradients* (Sundararajan et al.
2017) do; those of *saliency* (Simonyan et al. 2014) are the gradient alone, which shows where the network is sensitive.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from genreflow.audio.excerpts import Track
from genreflow.config.inputs import FrontEndSettings, InputSettings, LogMel
from genreflow.errors import UserError, did_you_mean
from genreflow.features.front_end import FrontEnd, SpectralFrontEnd
from genreflow.features.mel import log_mel
from genreflow.features.shapes import needed_seconds
from genreflow.inference.files import find
from genreflow.inference.tracks import Predictor, TrackPrediction
from genreflow.models.estimator import Estimator
from genreflow.store.shards import as_fed
from genreflow.training.loader import window_starts

METHODS = ("occlusion", "integrated_gradients", "saliency")
COLUMNS = ("slice", "start_s", "end_s", "band", "low_hz", "high_hz", "effect")
BANDS = 8
_PATCH_S, _MOST_TIMES = 0.32, 32
_BATCH, _VALUES = 64, 2**21
_STEPS = 32  # of integrated gradients
_COLUMNS_DRAWN = 2_000
_SHOWN = LogMel(n_fft=2_048)


@dataclass(frozen=True)
class Explanation:
    """Attribution of a prediction.

    Attributes
    ----------
    prediction
        The prediction.
    of
        Class or tag that is explained.
    method
        One of `METHODS`.
    effects
        A row per patch of a slice, `COLUMNS`: limits in s and Hz (NaN where a row is no band), name of the band, and
        effect on the log-odds of the class.
    seconds
        Length of a slice.
    levels
        Log-mel spectrogram of the part that was cut, dB [bands, columns], for the picture.
    begin_s, column_s
        Start of the spectrogram, and length of a column.
    frequencies
        Center frequencies of its bands, Hz.
    """

    prediction: TrackPrediction
    of: str
    method: str
    effects: pd.DataFrame
    seconds: float
    levels: np.ndarray
    begin_s: float
    column_s: float
    frequencies: np.ndarray


def explain(
    predictor: Predictor, file: str, *, of: str | None = None, method: str = "occlusion", bands: int = BANDS
) -> Explanation:
    """Explain the prediction for one file.

    Parameters
    ----------
    of
        Class or tag; by default the one with the most votes, or the likeliest tag.
    method
        One of `METHODS`; all but occlusion need the package captum.
    bands
        Number of patches over frequency.

    Raises
    ------
    UserError
        When the file cannot be used, there is no such class, or the method does not suit the model.
    """
    items = find([file])
    if len(items) != 1:
        raise UserError(f"{file} holds {len(items)} files; name one of them.")
    classes = predictor.bundle.classes
    if of is not None and of not in classes:
        raise UserError(f"The model has no class {of!r}.{did_you_mean(of, classes)} Its classes: {', '.join(classes)}.")
    find_effects = _occlusion if method == "occlusion" else _by_gradient(predictor.bundle.model, method)
    with closing(predictor.prepare(items)) as stream:
        track = next(stream)
        if track.stored is None or track.start_s is None:
            raise UserError(f"{track.item.title} cannot be used: {track.message} ({track.reason})")
        seconds = needed_seconds(predictor.input)
        levels, begin_s, column_s = _spectrogram(track.ogg, track.start_s, seconds)
    prediction = predictor.predict_track(track)
    name = of or prediction.best
    log_odds = _log_odds(predictor, classes.index(name))
    grid, baseline = _grid(track.stored, predictor.input, bands), _baseline(predictor, track.stored)
    effects = [find_effects(log_odds, array, baseline, grid) for array in as_fed(track.stored)]
    table = _table(effects, track.start_s, grid, predictor.input)
    frequencies = SpectralFrontEnd.of(_SHOWN).frequencies()
    return Explanation(prediction, name, method, table, seconds, levels, begin_s, column_s, frequencies)


@dataclass(frozen=True)
class _Grid:
    """Edges of the patches along time and over rows. Waveforms have no rows, descriptors no time."""

    times: np.ndarray
    rows: np.ndarray | None

    def patches(self) -> list[tuple[slice, ...]]:
        """Return the patches of a segment as indices, time changing fastest."""
        times = [slice(*pair) for pair in pairwise(self.times)]
        if self.rows is None:
            return [(time,) for time in times]
        rows = [slice(*pair) for pair in pairwise(self.rows)]
        return [(row, time) for row in rows for time in times] if len(times) else [(row,) for row in rows]


def _grid(stored: np.ndarray, settings: InputSettings, bands: int) -> _Grid:
    axes = settings.front_end.axes
    if "time" not in axes:
        return _Grid(np.empty(0, int), np.arange(stored.shape[1] + 1))
    length = stored.shape[-1]
    count = int(np.clip(round(needed_seconds(settings) / _PATCH_S), 1, min(_MOST_TIMES, length)))
    times = np.linspace(0, length, count + 1).astype(int)
    if len(axes) == 1:
        return _Grid(times, None)
    count = stored.shape[1] if "quantity" in axes else min(bands, stored.shape[1])
    return _Grid(times, np.linspace(0, stored.shape[1], count + 1).astype(int))


def _baseline(predictor: Predictor, stored: np.ndarray) -> np.ndarray:
    """Return the input that stands for absence, float32 [*shape]: the mean of the training tracks, or silence."""
    inputs = as_fed(stored)
    if predictor.input.front_end.axes == ("time",):
        return np.zeros(inputs.shape[1:], np.float32)
    profile = predictor.training_profile
    if inputs.ndim == 2:
        center = profile.center if profile is not None else inputs.mean(axis=0)
        return np.asarray(center, np.float32)
    rows = profile.mean_spectrum if profile is not None and len(profile.mean_spectrum) else inputs.mean(axis=(0, 2))
    return np.broadcast_to(np.asarray(rows, np.float32)[:, np.newaxis], inputs.shape[1:])


def _log_odds(predictor: Predictor, number: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return a function from segments as they are fed, [n, *shape], to the log-odds of a class or tag, [n]."""
    network, training = predictor.bundle.model.eval(), predictor.bundle.run["training"]
    crop, windows = training.get("crop"), training.get("crop_windows", 1)

    def of_one(inputs: torch.Tensor) -> torch.Tensor:
        logits = network(inputs)
        if predictor.is_tagged:
            return logits[:, number]
        others = torch.cat([logits[:, :number], logits[:, number + 1 :]], dim=1)
        return logits[:, number] - others.logsumexp(dim=1)

    def of_all(inputs: torch.Tensor) -> torch.Tensor:
        inputs = inputs.to(predictor.device)
        if crop is None:
            return of_one(inputs)
        starts = window_starts(inputs.shape[-1], crop, windows)
        return torch.stack([of_one(inputs[..., start : start + crop]) for start in starts]).mean(dim=0)

    return of_all


def _occlusion(log_odds: Callable, array: np.ndarray, baseline: np.ndarray, grid: _Grid) -> np.ndarray:
    """Return the drop of the log-odds as each patch is hidden, [patches]."""
    patches = grid.patches()
    step = max(1, min(_BATCH, _VALUES // array.size))
    drops = []
    with torch.inference_mode():
        whole = log_odds(torch.from_numpy(array[np.newaxis])).item()
        for start in range(0, len(patches), step):
            some = patches[start : start + step]
            hidden = np.repeat(array[np.newaxis], len(some), axis=0)
            for copy, patch in zip(hidden, some, strict=True):
                copy[patch] = baseline[patch]
            drops.append(whole - log_odds(torch.from_numpy(hidden)).cpu().numpy())
    return np.concatenate(drops)


def _by_gradient(network: nn.Module, method: str) -> Callable[..., np.ndarray]:
    """Return the function that computes effects by gradients.

    Raises
    ------
    UserError
        When there is no such method, captum is not installed, or the model has no gradients.
    """
    if method not in METHODS:
        raise UserError(f"There is no method {method!r}.{did_you_mean(method, METHODS)} Known: {', '.join(METHODS)}.")
    if any(isinstance(module, Estimator) for module in network.modules()):
        raise UserError(f"The model has no gradients, so {method} cannot explain it. Use the method occlusion.")
    try:
        from captum.attr import IntegratedGradients, Saliency
    except ImportError:
        raise UserError(
            f"{method} needs the package captum: pip install captum. The method occlusion needs nothing."
        ) from None

    def find(log_odds: Callable, array: np.ndarray, baseline: np.ndarray, grid: _Grid) -> np.ndarray:
        inputs = torch.from_numpy(array[np.newaxis].copy()).requires_grad_()
        if method == "saliency":
            attributions = Saliency(log_odds).attribute(inputs, abs=True)
        else:
            attributions = IntegratedGradients(log_odds).attribute(
                inputs,
                torch.from_numpy(baseline[np.newaxis].copy()),
                n_steps=_STEPS,
                internal_batch_size=max(1, min(_STEPS, _VALUES // array.size)),
            )
        values = attributions[0].detach().cpu().numpy()
        return np.array([values[patch].sum() for patch in grid.patches()])

    return find


def _table(effects: list[np.ndarray], start_s: np.ndarray, grid: _Grid, settings: InputSettings) -> pd.DataFrame:
    """Return a row per patch: `COLUMNS`."""
    front_end = settings.front_end
    seconds = needed_seconds(settings)
    begins, ends = (grid.times[:-1], grid.times[1:]) if len(grid.times) else (np.zeros(1), np.ones(1))
    scale = seconds / (grid.times[-1] if len(grid.times) else 1)
    names, low, high = _bands(grid, front_end)
    parts = []
    for number, (start, values) in enumerate(zip(start_s, effects, strict=True)):
        columns = {
            "slice": number,
            "start_s": np.tile(start + begins * scale, len(names)),
            "end_s": np.tile(start + ends * scale, len(names)),
            "band": np.repeat(names, len(begins)),
            "low_hz": np.repeat(low, len(begins)),
            "high_hz": np.repeat(high, len(begins)),
            "effect": values,
        }
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)]


def _bands(grid: _Grid, settings: FrontEndSettings) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return name, lower and upper frequency (Hz) of each row of patches."""
    if grid.rows is None:
        return ["all"], np.zeros(1), np.array([settings.sample_rate / 2])
    front_end = FrontEnd.of(settings)
    if not isinstance(front_end, SpectralFrontEnd):
        return front_end.rows(), *np.full((2, front_end.n_rows), np.nan)
    edges = front_end.band_edges(grid.rows)
    return [f"{low:,.0f} to {high:,.0f} Hz" for low, high in pairwise(edges)], edges[:-1], edges[1:]


def _spectrogram(ogg: Any, start_s: np.ndarray, seconds: float) -> tuple[np.ndarray, float, float]:
    """Return levels around the slices, dB [bands, columns], their start and the length of a column, s."""
    track = Track.open(ogg, _SHOWN.sample_rate)
    begin, end = float(start_s.min()), float(start_s.max()) + seconds
    samples = track.read(round(begin * track.rate), round(end * track.rate))
    hop = max(_SHOWN.hop, len(samples) // _COLUMNS_DRAWN)
    settings = _SHOWN.model_copy(update={"hop": min(hop, _SHOWN.n_fft)})
    levels = log_mel(samples, settings)
    together = -(-levels.shape[1] // _COLUMNS_DRAWN)
    levels = levels[:, : levels.shape[1] // together * together]
    return levels.reshape(len(levels), -1, together).mean(axis=2), begin, settings.hop * together / track.rate
