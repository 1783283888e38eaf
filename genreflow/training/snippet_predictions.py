"""Predictions for random snippets of songs that a model was not trained on (Abela 2021, Figures 9 to 12)."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from genreflow.audio.excerpts import Track
from genreflow.config.inputs import InFrames, InputSettings, Midpoint, Random
from genreflow.datasets.index import read_index
from genreflow.errors import UserError
from genreflow.features.front_end import FrontEnd
from genreflow.features.segments import draw, random
from genreflow.features.shapes import needed_seconds
from genreflow.features.slices import cut, to_stored
from genreflow.folds.roles import HOLDOUT, TEST
from genreflow.training.bundle import Bundle, load_bundle
from genreflow.training.device import choose_threads
from genreflow.training.predict import predict_proba
from genreflow.training.run import fold_tracks

# Raise it when other snippets would be drawn, or their predictions would change.
STAGE_VERSION = 1

COLUMNS = ["song", "track_id", "class", "count", "probability"]
SONGS = 4


def predict_snippets(
    model: str | os.PathLike[str],
    *,
    index: str | os.PathLike[str],
    folds: str | os.PathLike[str],
    audio_folder: str | os.PathLike[str],
    count: int,
    seed: int = 0,
    threads: int | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Predict random snippets, as long as the model's segments, of up to `SONGS` songs it was not trained on.

    Parameters
    ----------
    model
        ``model.safetensors`` of a run, or the run's folder.
    index, folds
        The tables that it was trained by.
    audio_folder
        The folder that ``ogg`` in the index is relative to.
    count
        Snippets per song, at most.
    seed
        Seed of the positions.
    threads
        CPU threads, at most; all if not given. The result is bit for bit the same for the same number.

    Returns
    -------
    decisions, facts
        A row per class of a song, `COLUMNS`: ``count`` is the number of snippets for which the class, or tag, is the
        likeliest, ``probability`` its mean over all snippets. And ``seconds``, the length of a snippet, with
        ``labels``, the class of each song by its title, or the tag that it was chosen for.

    Raises
    ------
    UserError
        When the model was trained on parts of every song.
    """
    bundle = load_bundle(model)
    songs = _held_out_songs(bundle, index, folds)
    if songs.empty:
        raise UserError(
            f"{model}: it was trained on parts of every song, so no song is left to predict. Set tracks aside "
            "(folds.holdout), or leave `snippets` out of the study."
        )
    torch.set_num_threads(choose_threads(threads))
    settings, training, parts = bundle.input, bundle.run["training"], []
    for song in songs.itertuples():
        arrays = random_segments(Path(audio_folder, song.ogg), settings, count, track_id=song.track_id, seed=seed)
        # Rounded as slices are stored, so that the model sees a track as it did in training.
        probabilities = predict_proba(
            bundle.model,
            to_stored(arrays, settings),
            crop=training["crop"],
            windows=training["crop_windows"],
            tags=bundle.run["tags"],
        )
        parts.append(class_counts(probabilities, bundle.classes).assign(song=song.title, track_id=song.track_id))
    labels = dict(zip(songs["title"], songs["chosen_for"], strict=True))
    return pd.concat(parts, ignore_index=True)[COLUMNS], {"seconds": needed_seconds(settings), "labels": labels}


def random_segments(
    path: str | os.PathLike[str], settings: InputSettings, count: int, *, track_id: str, seed: int = 0
) -> np.ndarray:
    """Return segments from random positions of a normalized track, uniformly distributed, float32 [n, *shape].

    Except for their positions they are segments of the input: frames of the spectrogram of the whole track, or samples
    that are transformed segment by segment. Of the latter silent ones are left out.

    Parameters
    ----------
    path
        An Ogg Vorbis file.
    settings
        Front-end and length of a segment.
    count
        Number of segments, at most.
    track_id, seed
        Hexadecimal id, and a number: the positions depend on both.
    """
    if not isinstance(settings.segments, InFrames):
        segments = settings.segments
        anywhere = Random(seconds=segments.seconds, tolerance=segments.tolerance, count=count, seed=seed)
        return cut(path, settings.model_copy(update={"segments": anywhere}), track_id=track_id).array
    front_end, frames = FrontEnd.of(settings.front_end), settings.segments.frames
    n_samples = Track.open(path, front_end.sample_rate).n_samples
    n_frames = max(frames, front_end.frame_count(n_samples))  # a usable track lacks no more frames than may be padded
    whole = Midpoint(frames=n_frames, tolerance=settings.segments.tolerance, count=1)
    [spectrogram] = cut(path, settings.model_copy(update={"segments": whole}), track_id=track_id).array
    starts = random(n_frames, frames, Random(count=count), draw(track_id, seed))
    return np.stack([spectrogram[:, start : start + frames] for start in starts])


def _held_out_songs(bundle: Bundle, index: str | os.PathLike[str], folds: str | os.PathLike[str]) -> pd.DataFrame:
    """Return a track that the model was not trained on for each of the first classes, named in ``chosen_for``."""
    tracks, classes = fold_tracks(folds, index, bundle.run["fold"])
    used = tracks.loc[~tracks["role"].isin([TEST, HOLDOUT]), "track_id"]
    held_out = tracks[~tracks["track_id"].isin(used)].drop_duplicates("track_id").sort_values("track_id")
    classes_of = held_out["tags"] if bundle.run["tags"] else held_out["label"].map(lambda label: [label])
    chosen: dict[str, str] = {}
    for name in classes:
        candidates = held_out.loc[[name in own for own in classes_of], "track_id"]
        track_id = next((track_id for track_id in candidates if track_id not in chosen), None)
        if track_id is not None and len(chosen) < SONGS:
            chosen[track_id] = name
    songs = read_index(Path(index)).set_index("track_id", drop=False).loc[list(chosen)]
    return songs.assign(chosen_for=list(chosen.values()))


def class_counts(probabilities: np.ndarray, classes: tuple[str, ...]) -> pd.DataFrame:
    """Return ``class, count, probability``: of snippets [n, K], how often each class is the likeliest, and its mean."""
    counts = np.bincount(probabilities.argmax(axis=1), minlength=len(classes))
    return pd.DataFrame({"class": classes, "count": counts, "probability": probabilities.mean(axis=0)})
