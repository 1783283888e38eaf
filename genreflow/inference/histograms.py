"""Pictures of tracks: the number of slices by predicted class."""

import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from genreflow.features.shapes import needed_seconds
from genreflow.figures.save import save_png
from genreflow.figures.snippets import snippets
from genreflow.inference.tracks import Predictor, TrackPrediction
from genreflow.store.text import plain_name


def draw(folder: str | os.PathLike, predictor: Predictor, predictions: Sequence[TrackPrediction]) -> list[Path]:
    """Draw each usable track into ``<number>-<name>.png``; return the files."""
    seconds = needed_seconds(predictor.input)
    drawn = []
    for number, track in enumerate(predictions, start=1):
        if track.is_usable:
            path = Path(folder, f"{number:03d}-{plain_name(track.file)}.png")
            rows = [{"song": "slices", "class": name, "count": n} for name, n in track.counts.items()]
            title = f"{Path(track.file).name}: {track.label}"
            save_png(snippets(pd.DataFrame(rows), title=title, seconds=seconds), path)
            drawn.append(path)
    return drawn
