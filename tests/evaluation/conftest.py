import numpy as np
import pandas as pd
import pytest
from made_up import CLASSES

from genreflow.config.folds import FoldSettings
from genreflow.folds.assign import assign


@pytest.fixture(scope="session")
def index():
    """42 tracks of three classes, pairs of which share a group; the last two are quarantined."""
    tracks = pd.DataFrame({"track_id": [f"t{i:05d}" for i in range(42)]})
    return tracks.assign(
        title=[f"{name}.wav" for name in tracks.track_id],
        label=[CLASSES[i % 3] for i in range(42)],
        group=[f"{CLASSES[i % 3]}{i // 6}" for i in range(42)],
        slices=[10] * 40 + [0, 0],
        padded_s=[0.02] * 3 + [0.0] * 39,
        seconds=[90.0] * 42,
        verdict=["accept"] * 39 + ["warn", "quarantine", "quarantine"],
    )


@pytest.fixture(scope="session")
def titles(index):
    return index.set_index("track_id")["title"]


@pytest.fixture(scope="session")
def folds(index):
    return assign(index[index.verdict != "quarantine"], FoldSettings(count=3, holdout=6)).assign(protocol="standard")


@pytest.fixture(scope="session")
def make_run(folds):
    """Return a run whose predictions are right for a share `skill` of tracks."""

    def make(setting="dropout=0.2", fold="1", skill=0.8, status="finished", model="cnn"):
        rng = np.random.default_rng([int(fold) if fold.isdigit() else 9, round(100 * skill)])
        tested = folds[(folds.fold == fold) & (folds.role != "train")].sort_values("track_id")
        right = rng.random(len(tested)) < skill
        rows = []
        for track, ok in zip(tested.itertuples(), right, strict=True):
            true = CLASSES.index(track.label)
            proba = np.full(3, 0.1)
            proba[true if ok else (true + 1) % 3] = 0.8
            at = (track.track_id, track.label, track.role)
            rows += [(*at, number, 2.56 * number, *proba) for number in range(10)]
        return {
            "model": model,
            "setting": setting,
            "protocol": "standard",
            "fold": fold,
            "repeat": 0,
            "round": "0",
            "info": {
                "status": status,
                "classes": list(CLASSES),
                "tags": False,
                "device": "cpu",
                "seconds": {"total": 12.5},
                "kept_epoch": 2,
                "dataset": {"tracks": {"train": int((folds[folds.fold == fold].role == "train").sum())}},
            },
            "history": pd.DataFrame(
                {"epoch": [0, 1], "steps": [9, 9], "loss": [1.0, 0.5], "accuracy": [0.4, 0.7], "seconds": [6.0, 6.0]}
            ).iloc[: 2 if status == "finished" else 0],
            "predictions": pd.DataFrame(
                rows, columns=["track_id", "label", "role", "slice", "start_s", "p0", "p1", "p2"]
            ),
        }

    return make
