"""What a model says of random snippets of songs that it never heard (genre_mood study, Figures 9 to 12)."""

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
from genreflow.features.segments import draw, random
from genreflow.features.shapes import frame_count, needed_seconds
from genreflow.features.slices import cut, to_stored
from genreflow.folds.roles import HOLDOUT, TEST
from genreflow.training.bundle import Bundle, load_bundle
from genreflow.training.device import choose_threads
from genreflow.training.predict import predict_proba
from genreflow.training.run import fold_tracks

# Raise it when other snippets would be drawn, or decided differently.
STAGE_VERSION = 1

COLUMNS = ["song", "track_id", "class", "count", "probability"]
SONGS = 4


def snippets_of_run(
    model: str | os.PathLike,
    *,
    index: str | os.PathLike,
    folds: str | os.PathLike,
    audio_folder: str | os.PathLike,
    count: int,
    seed: int = 0,
    threads: int | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Ask a trained model, on the CPU, about snippets as long as its segments of songs it was not trained on.

    Parameters
    ----------
    model
        ``model.safetensors`` of a run, or the run's folder.
    index, folds
        The tables that it was trained by.
    audio_folder
        The folder that ``ogg`` in the index is relative to.
    count
        Snippets a song; a song with fewer places gives what it has.
    seed
        Of the places.
    threads
        Most CPU threads, all there are if not given; with the same number the result is the same bit for bit.

    Returns
    -------
    decisions, facts
        A row a class of a song, `COLUMNS`: ``count`` is of snippets for which the class, or tag, is the likeliest, and
        ``probability`` its mean over all snippets. And ``seconds``, the length of a snippet, with ``labels``, the class
        of each song by its name, or the tag that it was chosen for.

    Raises
    ------
    UserError
        When every song was trained on.
    """
    bundle = load_bundle(model)
    songs = _unheard_songs(bundle, index, folds)
    if songs.empty:
        raise UserError(
            f"{model}: it was trained on parts of every song, so there is none to ask it about. Put tracks aside "
            "(folds.holdout), or leave `snippets` out of the study."
        )
    torch.set_num_threads(choose_threads(threads))
    settings, training, parts = bundle.input, bundle.run["training"], []
    for song in songs.itertuples():
        arrays = random_segments(Path(audio_folder, song.ogg), settings, count, track_id=song.track_id, seed=seed)
        # A track must look the same here as it did in training, where it was stored.
        probabilities = predict_proba(
            bundle.model,
            to_stored(arrays, settings),
            device=torch.device("cpu"),
            crop=training["crop"],
            windows=training["crop_windows"],
            tags=bundle.run["tags"],
        )
        parts.append(_decisions(probabilities, bundle.classes).assign(song=song.title, track_id=song.track_id))
    labels = dict(zip(songs["title"], songs["chosen_for"], strict=True))
    return pd.concat(parts, ignore_index=True)[COLUMNS], {"seconds": needed_seconds(settings), "labels": labels}


def random_segments(
    path: str | os.PathLike, settings: InputSettings, count: int, *, track_id: str, seed: int = 0
) -> np.ndarray:
    """Return segments from anywhere in a normalised track, each place as likely, float32 [n, *shape].

    They are those of the input in all but where they begin: runs of frames of the spectrogram of the whole track, or
    stretches of samples, each transformed by itself. Of the latter silent ones are left out.

    Parameters
    ----------
    path
        An Ogg Vorbis file.
    settings
        What to compute, and how long a segment is.
    count
        How many, at most.
    track_id, seed
        Hexadecimal, and a number: the places depend on both.
    """
    if not isinstance(settings.segments, InFrames):
        segments = settings.segments
        anywhere = Random(seconds=segments.seconds, tolerance=segments.tolerance, count=count, seed=seed)
        return cut(path, settings.model_copy(update={"segments": anywhere}), track_id=track_id).array
    front_end, frames = settings.front_end, settings.segments.frames
    n_samples = Track.open(path, front_end.sample_rate).n_samples
    n_frames = max(frames, frame_count(n_samples, front_end))  # a usable track lacks no more than may be padded
    whole = Midpoint(frames=n_frames, tolerance=settings.segments.tolerance, count=1)
    [spectrogram] = cut(path, settings.model_copy(update={"segments": whole}), track_id=track_id).array
    starts = random(n_frames, frames, Random(count=count), draw(track_id, seed))
    return np.stack([spectrogram[:, start : start + frames] for start in starts])


def _unheard_songs(bundle: Bundle, index: str | os.PathLike, folds: str | os.PathLike) -> pd.DataFrame:
    """Return a track that the model was not trained on of each of the first classes: ``chosen_for`` names the class."""
    tracks, classes = fold_tracks(folds, index, bundle.run["fold"])
    heard = tracks.loc[~tracks["role"].isin([TEST, HOLDOUT]), "track_id"]
    unheard = tracks[~tracks["track_id"].isin(heard)].drop_duplicates("track_id").sort_values("track_id")
    borne = unheard["tags"] if bundle.run["tags"] else unheard["label"].map(lambda label: [label])
    chosen: dict[str, str] = {}
    for name in classes:
        bearing = unheard.loc[[name in own for own in borne], "track_id"]
        track_id = next((track_id for track_id in bearing if track_id not in chosen), None)
        if track_id is not None and len(chosen) < SONGS:
            chosen[track_id] = name
    songs = read_index(index).set_index("track_id", drop=False).loc[list(chosen)]
    return songs.assign(chosen_for=list(chosen.values()))


def _decisions(probabilities: np.ndarray, classes: tuple[str, ...]) -> pd.DataFrame:
    counts = np.bincount(probabilities.argmax(axis=1), minlength=len(classes))
    return pd.DataFrame({"class": classes, "count": counts, "probability": probabilities.mean(axis=0)})
