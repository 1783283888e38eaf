"""Pictures of tracks: the number of slices by predicted class."""

import os
import re
import warnings
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from genreflow.features.shapes import needed_seconds
from genreflow.figures import snippets, style
from genreflow.inference.tracks import Predictor, TrackPrediction
from genreflow.store.atomic import atomic_write

_NAME = 60  # characters of a track's name in that of its picture


def draw(folder: str | os.PathLike, predictor: Predictor, predictions: Sequence[TrackPrediction]) -> list[Path]:
    """Draw each usable track into ``<number>-<name>.png``; return the files."""
    seconds = needed_seconds(predictor.input)
    drawn = []
    for number, track in enumerate(predictions, start=1):
        if track.is_usable:
            path = Path(folder, f"{number:03d}-{plain_name(track.file)}.png")
            rows = [{"song": "slices", "class": name, "count": n} for name, n in track.counts.items()]
            title = f"{Path(track.file).name}: {track.label}"
            save(snippets.snippets(pd.DataFrame(rows), title=title, seconds=seconds), path)
            drawn.append(path)
    return drawn


def plain_name(file: str) -> str:
    """Return the name of a track without characters that a file name should not have."""
    return re.sub(r"[^\w.-]+", "_", Path(file).stem)[:_NAME].strip("_.") or "track"


def save(figure: Figure, png: str | os.PathLike) -> None:
    """Write a figure as PNG, atomically."""
    with warnings.catch_warnings(), atomic_write(png) as temporary:
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(temporary, format="png", dpi=style.png_dpi(figure), metadata={"Software": None})
