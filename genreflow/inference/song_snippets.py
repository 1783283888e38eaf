"""Answers of several models on random snippets of songs, side by side (genre_mood study, Figures 9 to 12)."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from genreflow.features.shapes import needed_seconds
from genreflow.features.slices import to_stored
from genreflow.figures.save import save_png
from genreflow.figures.snippets import side_by_side
from genreflow.inference import files
from genreflow.inference.prepare import PreparedTrack
from genreflow.inference.tracks import Predictor
from genreflow.store.text import plain_name
from genreflow.training.snippet_predictions import class_counts, random_segments

# Raise it when other snippets would be drawn from the same song, or their predictions would change.
STAGE_VERSION = 1

COLUMNS = ["file", "model", "class", "snippets", "share", "probability", "snippet_s", "reason", "note"]


def predict_snippets_of(
    predictors: Mapping[str, Predictor],
    paths: Sequence[str],
    count: int,
    *,
    seed: int = 0,
    on_song: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Predict random snippets of songs with every model; a snippet is as long as the segments of the model.

    Parameters
    ----------
    predictors
        Models by name.
    paths
        Files, folders and playlists.
    count
        Number of snippets of each song; silent ones are left out.
    seed
        Seed of the positions, which also depend on the bytes of the song.
    on_song
        Called after each song of a model with the number done, and of all.

    Returns
    -------
    DataFrame
        `COLUMNS`, a row per class of a song and model: in how many ``snippets`` it is the likeliest, their ``share`` of
        all, and its mean ``probability`` over them. A song that cannot be used has one row, with ``reason`` and
        ``note``.

    Raises
    ------
    UserError
        When one of the paths does not exist.
    """
    items, parts = files.find(paths), []
    for name, predictor in predictors.items():
        for track in predictor.prepare(items):
            parts.append(_of_song(predictor, track, count, seed).assign(file=track.item.title, model=name))
            if on_song:
                on_song(len(parts), len(items) * len(predictors))
    order = {item.title: place for place, item in enumerate(items)}
    table = pd.concat([part.reindex(columns=COLUMNS) for part in parts], ignore_index=True)
    return table.sort_values("file", key=lambda titles: titles.map(order), kind="stable", ignore_index=True)


def draw(folder: str | os.PathLike[str], table: pd.DataFrame) -> list[Path]:
    """Draw the histograms of each song, one panel per model, into ``<number>-<name>.png``; return the files."""
    drawn = []
    usable = table[table["class"].notna()]
    for number, (file, rows) in enumerate(usable.groupby("file", sort=False), start=1):
        path = Path(folder, f"{number:03d}-{plain_name(str(file))}.png")
        save_png(side_by_side(rows, title=Path(str(file)).name), path)
        drawn.append(path)
    return drawn


def _of_song(predictor: Predictor, track: PreparedTrack, count: int, seed: int) -> pd.DataFrame:
    if track.stored is None or track.ogg is None:
        return pd.DataFrame({"reason": [track.reason], "note": [track.message]})
    arrays = random_segments(track.ogg, predictor.input, count, track_id=track.sha256[:16], seed=seed)
    if not len(arrays):
        return pd.DataFrame({"reason": ["Q_SILENT"], "note": ["All of its snippets are silent."]})
    # Rounded as slices are stored, so that the model sees a song as it saw its training tracks.
    rows = class_counts(predictor.proba(to_stored(arrays, predictor.input)), predictor.bundle.classes)
    return rows.rename(columns={"count": "snippets"}).assign(
        share=rows["count"] / len(arrays), snippet_s=needed_seconds(predictor.input), reason=track.reason,
        note=track.message,
    )  # fmt: skip
