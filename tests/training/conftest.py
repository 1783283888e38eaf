import numpy as np
import pandas as pd
import pytest
from small_study import CLASSES, ENTRY, Study, slices_of

from genreflow.models.registry import MODELS
from genreflow.training.data import SliceSet
from genreflow.training.run import run_fold


@pytest.fixture
def tiny(monkeypatch):
    """Register the network `tiny` for segments of `SHAPE`; return its name."""
    monkeypatch.setitem(MODELS, "tiny", ENTRY)
    return "tiny"


@pytest.fixture
def easy():
    """Return a set of 30 slices, ten tracks a class, one slice a track."""
    labels = np.repeat(CLASSES, 10)
    frame = pd.DataFrame({"track_id": [f"{n:016x}" for n in range(30)], "slice": 0, "start_s": 0.0, "label": labels})
    arrays = np.concatenate([slices_of(label, 10, seed) for seed, label in enumerate(CLASSES)])
    return SliceSet(arrays, frame, CLASSES)


@pytest.fixture
def study(tmp_path):
    return Study(tmp_path)


@pytest.fixture
def run_tiny(study, tiny):
    """Return a function that runs the network `tiny`, or another, on a fold of the small study, into a folder of it."""

    def run(folder="run", model=tiny, **changes):
        return run_fold(**study.arguments(model, folder, **changes))

    return run
