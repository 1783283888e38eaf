"""Fine-tuning reaches the accuracy of a training from scratch in a third of its epochs, on other classes."""

import numpy as np
import pandas as pd
import pytest
import torch

from genreflow.config.inputs import LogMel
from genreflow.config.training import TrainingSettings
from genreflow.features.mel import log_mel
from genreflow.models.registry import build
from genreflow.synthetic.corpus import plan, render
from genreflow.training.data import SliceSet
from genreflow.training.fine_tuning import FineTuning, head_of, take_weights
from genreflow.training.loop import train

EPOCHS, STEPS, SLICES = 12, 12, 5


def slices_of(corpus, tracks_per_class, seed):
    """Return the slices of a corpus of synthetic music: log-mel, of 2.56 s each."""
    tracks = plan(tracks_per_class=tracks_per_class, seconds=2.6 * SLICES, seed=seed, corpus=corpus)
    arrays, rows = [], []
    for track in tracks:
        mono = render(track).mean(axis=1)
        mel = log_mel(mono * (0.1 / mono.std()), LogMel())
        for number in range(SLICES):
            arrays.append(mel[:, 128 * number : 128 * (number + 1)])
            rows.append((track.path, number, 2.56 * number, track.label, track.group))
    frame = pd.DataFrame(rows, columns=["track_id", "slice", "start_s", "label", "group"])
    return SliceSet(np.array(arrays, np.float16), frame, tuple(sorted(frame["label"].unique())))


def split(data):
    """Return the slices of the first album of each class, to train on, and the others."""
    first = data.frame["group"].isin(data.frame.drop_duplicates("label")["group"])
    return data.select(data.frame[first]), data.select(data.frame[~first])


def learn(network, training, validation=None, tuning=None, **changes):
    given = {"batch": 30, "epochs": EPOCHS, "steps_per_epoch": STEPS, "schedule": "constant", "precision": "float32"}
    settings = TrainingSettings.model_validate(given | changes)
    torch.manual_seed(1)
    device = torch.device("cpu")
    how = {"validation": validation, "fine_tuning": tuning and tuning(network, settings)}
    return train(network, training, settings, device=device, precision=torch.float32, **how).history


@pytest.mark.slow
def test_a_third_of_the_epochs_suffices():
    torch.manual_seed(0)
    before = slices_of("genres", 12, 3)
    source = build("psytrance_crnn", len(before.classes))
    learn(source, before, epochs=15)
    target = slices_of("subgenres", 12, 4)
    training, validation = split(target)
    n_outputs = len(target.classes)

    torch.manual_seed(2)
    scratch, tuned = build("psytrance_crnn", n_outputs), build("psytrance_crnn", n_outputs)
    head = head_of(tuned, build("psytrance_crnn", n_outputs + 1))
    take_weights(tuned, source, head, keep_head=False)
    from_scratch = learn(scratch, training, validation)["validation_accuracy"]
    init = {"init": "source", "layer_decay": 0.8}
    third = learn(tuned, training, validation, lambda *given: FineTuning(*given, head), epochs=EPOCHS // 3, **init)[
        "validation_accuracy"
    ]
    print(f"from scratch {from_scratch.round(3).tolist()}, fine-tuned {third.round(3).tolist()}")
    assert third.max() >= from_scratch.max()
