"""Log-mel spectrograms as the networks see them."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from genreflow.figures import style

_TICKS_HZ = (16_000, 8_000, 4_000, 2_000, 1_000, 500, 250, 125, 63, 31)
_COLOURS = "magma"


@style.styled
def mel_example(
    array: np.ndarray,
    *,
    title: str,
    hop_s: float,
    frequencies: np.ndarray,
    unit: str = "dB",
    axis: str = "Mel band, centre frequency (Hz)",
) -> Figure:
    """Draw one slice: time (s) to the right, bands upwards with their frequencies (Hz), level as colour.

    Parameters
    ----------
    array
        Levels [bands, frames].
    hop_s
        Step between frames, s.
    frequencies
        Centre frequencies of the bands [bands], Hz, rising.
    unit
        Unit of the levels: dB, or "0 to 1" for an input scaled per frame.
    axis
        What the bands are.
    """
    figure = Figure(figsize=(6.2, 4.2))
    axes = figure.subplots()
    image = _draw(axes, array, hop_s=hop_s, frequencies=frequencies, limits=(np.nanmin(array), np.nanmax(array)))
    axes.set_ylabel(axis)
    figure.colorbar(image, ax=axes, label=f"Level ({unit})", pad=0.02)
    style.title(figure, title)
    return figure


@style.styled
def right_and_wrong(
    arrays: Sequence[np.ndarray],
    captions: Sequence[str],
    *,
    title: str,
    hop_s: float,
    frequencies: np.ndarray,
    unit: str = "dB",
) -> Figure:
    """Draw two slices of one class side by side on one level scale: one classified correctly, one not.

    `captions` say true class, predicted class and probability, in one line or more; arrays and axes are as in
    `mel_example` (psytrance study, Figure 6).
    """
    figure = Figure(figsize=(9.0, 4.5))
    panels = figure.subplots(1, len(arrays), sharey=True, squeeze=False)[0]
    limits = (min(map(np.nanmin, arrays)), max(map(np.nanmax, arrays)))
    for letter, axes, array, caption in zip("abcdefgh", panels, arrays, captions, strict=False):
        image = _draw(axes, array, hop_s=hop_s, frequencies=frequencies, limits=limits)
        lines = [style.label(line, width=50, lines=2) for line in f"({letter}) {caption}".split("\n")]
        axes.set_title("\n".join(lines), loc="left")
    panels[0].set_ylabel("Mel band, centre frequency (Hz)")
    figure.colorbar(image, ax=panels, label=f"Level ({unit})", pad=0.02)
    style.title(figure, title)
    return figure


def _draw(
    axes: Axes, array: np.ndarray, *, hop_s: float, frequencies: np.ndarray, limits: tuple[float, float]
) -> AxesImage:
    bands, frames = array.shape
    image = axes.imshow(
        np.asarray(array, np.float32),
        origin="lower",
        aspect="auto",
        cmap=_COLOURS,
        vmin=limits[0],
        vmax=limits[1],
        extent=(0, frames * hop_s, -0.5, bands - 0.5),
    )
    ticks = _ticks(frequencies)
    axes.set_yticks(list(ticks.values()), [f"{hz:,}" for hz in ticks])
    axes.set_xlabel("Time (s)")
    return image


def _ticks(frequencies: np.ndarray) -> dict[int, float]:
    """Return the octaves in view and their places between the band centres, leaving out crowded low ones."""
    places: dict[int, float] = {}
    for hz in _TICKS_HZ:
        place = float(np.interp(hz, frequencies, np.arange(len(frequencies)), left=-1, right=-1))
        if place < 0:
            continue
        if min(places.values(), default=np.inf) - place < 0.045 * len(frequencies):
            break
        places[hz] = place
    return places
