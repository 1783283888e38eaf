"""Accuracies a batch of tracks, whose spread compares with the error bars of the psytrance study.

The study kept its tracks in files of five, one of each class, and its error bars are the standard deviation over
the accuracies of its test files. It drew files with replacement; here each is tested once.
"""

import numpy as np
import pandas as pd

from genreflow.evaluation.predictions import Predictions


def batch_accuracies(predictions: Predictions, *, seed: int = 0) -> np.ndarray:
    """Return the slice accuracy of each batch of one track a class, float64 [batches].

    Tracks of each class are shuffled and dealt out; there are as many batches as the smallest class has tracks,
    and tracks beyond that are in none.
    """
    tracks = (
        pd.DataFrame({"track_id": predictions.track_id, "label": predictions.label, "hit": predictions.correct})
        .groupby(["label", "track_id"])["hit"]
        .agg(["sum", "size"])
    )
    rng = np.random.default_rng(seed)
    classes = [
        tracks[tracks.index.get_level_values("label") == label].to_numpy() for label in range(len(predictions.classes))
    ]
    n_batches = min(len(rows) for rows in classes)
    hits, slices = sum(rng.permutation(rows)[:n_batches] for rows in classes).reshape(-1, 2).T
    return hits / slices
