"""Finished runs of a made-up study on disk: models that are right about the tracks one says."""

from pathlib import Path

import numpy as np
import pandas as pd
from resealing import write_facts

from genreflow.store.parquet import Header, write_table

CLASSES = ("goa", "techno")
TRACKS = 12
FOLDS = ("1", "2")


def track(number):
    return f"{number:016x}"


def label(number):
    return CLASSES[number % 2]


def write_folds(study, protocol="standard", *, holdout=(), group=2, key=""):
    """Write a protocol in which every other group of tracks is tested in fold 1, the others in fold 2."""
    rows = []
    for fold in (*FOLDS, "final"):
        for number in range(TRACKS):
            role = "holdout" if number in holdout else "train"
            if role == "train" and fold != "final" and number // group % 2 == int(fold) - 1:
                role = "test"
            rows.append((track(number), fold, role, label(number), f"album {number // group}"))
    folds = pd.DataFrame(rows, columns=["track_id", "fold", "role", "label", "group"])
    path = Path(study, "protocols", protocol, "folds.parquet")
    write_table(path, folds, Header("folds", key, facts={"classes": list(CLASSES), "tags": False}))
    return folds


def write_setting(study, folds, *, model="cnn", setting="base", wrong=(), final=False, **changes):
    """Write the runs of a setting that is wrong about some tracks, and right about all others; return its folder."""
    for fold in (*FOLDS, *(["final"] if final else [])):
        write_one_run(study, folds, fold, model=model, setting=setting, wrong=wrong, **changes)
    return Path(study, "runs", model, setting)


def write_one_run(study, folds, fold, *, model="cnn", setting="base", wrong=(), **changes):
    home = Path(study, "runs", model, setting, f"fold-{fold}")
    own = folds[folds["fold"] == fold]
    judged = own[own["role"] == ("holdout" if fold == "final" else "test")]
    rows = []
    for each in judged.itertuples():
        output = CLASSES.index(each.label) ^ (int(each.track_id, 16) in wrong)
        rows += [(each.track_id, piece, 2.56 * piece, each.label, each.role, *np.eye(2)[output]) for piece in range(3)]
    columns = ["track_id", "slice", "start_s", "label", "role", "p0", "p1"]
    facts = {"classes": list(CLASSES), "tags": False}
    predictions = pd.DataFrame(rows, columns=columns).astype({"slice": int, "p0": float, "p1": float})
    write_table(home / "predictions.parquet", predictions, Header("predictions", facts=facts))
    history = pd.DataFrame({"epoch": [1], "steps": [9], "loss": [0.5], "accuracy": [0.9], "seconds": [1.0]})
    write_table(home / "history.parquet", history, Header("history"))
    trained = int((own["role"] == "train").sum())
    info = {
        "key": "0123456789abcdef",
        "fold": fold,
        "model": model,
        "options": {"pool": "mean", "dropout": 0.2},
        "training": {"epochs": 20, "seed": 0},
        "input": {"segments": {"kind": "midpoint", "count": 3}},
        "status": "finished",
        "kept_epoch": 1,
        "device": "cpu",
        "seconds": {"total": 2.0},
        "dataset": {"tracks": {"train": trained, "test": len(judged)}, "training_tracks": f"digest-{fold}"},
        "versions": {"torch": "2.0"},
        **facts,
    }
    write_facts(home, **info | changes)
    return home
