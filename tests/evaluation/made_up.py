"""Predictions made up for tests."""

from pathlib import Path

import numpy as np
import pandas as pd

from genreflow.evaluation.predictions import Predictions

CLASSES = ("a", "b", "c")
PUBLISHED = Path(__file__).parents[2] / "resources/published"


def predictions(slices, classes=CLASSES):
    """`slices`: (track, true class, probabilities) each."""
    track, label, proba = zip(*slices, strict=True)
    number = pd.Series(track).groupby(list(track)).cumcount()
    return Predictions(
        np.array(track, object), number.to_numpy(), np.array(label), np.array(proba, float), tuple(classes)
    )


def noisy(rng, *, tracks=60, slices=10, skill=0.5, classes=CLASSES):
    """Predictions that are right about a whole track, or wrong about all of it, with probability `skill`."""
    n_classes = len(classes)
    label = np.arange(tracks) % n_classes
    answer = np.where(rng.random(tracks) < skill, label, rng.integers(n_classes, size=tracks))
    proba = rng.dirichlet(np.ones(n_classes), size=(tracks, slices)) * 0.2
    proba[np.arange(tracks), :, answer] += 0.8
    return Predictions(
        np.repeat(np.array([f"t{i:05d}" for i in range(tracks)], object), slices),
        np.tile(np.arange(slices), tracks),
        np.repeat(label, slices),
        proba.reshape(-1, n_classes),
        tuple(classes),
    )


def take(output, rows):
    """Some rows of predictions, by number or by a mask."""
    arrays = {name: getattr(output, name)[rows] for name in ("track_id", "segment", "label", "proba")}
    return Predictions(**arrays, classes=output.classes)


def take_tracks(output, tracks):
    """The rows of some tracks."""
    return take(output, np.isin(output.track_id.astype(str), list(tracks)))
