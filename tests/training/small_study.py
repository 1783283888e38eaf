"""A study small enough to train in no time: its network, its slices, its tables."""

import numpy as np
import pandas as pd
import pyarrow as pa
from torch import nn

from genreflow.config.audio import AudioSettings
from genreflow.config.inputs import InputSettings
from genreflow.config.training import TrainingSettings
from genreflow.models.entry import ModelEntry
from genreflow.models.registry import check_options
from genreflow.project.specs import TrainingSpec
from genreflow.store.parquet import Header, array_column, read_frame, write_table

SHAPE = (8, 6)
TRAINING = TrainingSettings(batch=9, steps_per_epoch=6, epochs=3, learning_rate=0.02)
INPUT = {"front_end": {"kind": "logmel", "hop": 882}}
CLASSES = ("dark", "full-on", "goa")


class Tiny(nn.Sequential):
    """A network of the registry's form, small enough to train in no time."""

    def __init__(self, *, n_outputs, input_shape):
        super().__init__(
            nn.Flatten(), nn.Linear(int(np.prod(input_shape)), 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, n_outputs)
        )


ENTRY = ModelEntry(
    name="tiny",
    study="psytrance",
    title="of these tests",
    module="small_study",
    builder="Tiny",
    input={
        "front_end": {"kind": "logmel", "n_mels": SHAPE[0]},
        "segments": {"kind": "midpoint", "frames": SHAPE[1]},
    },
    n_outputs=3,
    source="these tests",
)


def slices_of(label, n, seed, shape=SHAPE):
    """Return n noisy slices, float16, whose mean rises with the number of the label: an easy task."""
    noise = np.random.default_rng(seed).normal(size=(n, *shape))
    noise[:, CLASSES.index(label)] += 3
    return noise.astype(np.float16)


class Study:
    """Tables of a small study on disk: six tracks a class, three slices each, in two shards."""

    def __init__(self, folder, shape=SHAPE):
        self.folder, self.shape = folder, shape
        self.index, self.folds = folder / "index.parquet", folder / "folds.parquet"
        self.tracks = pd.DataFrame(
            [
                {"track_id": f"{5 * n % 18:016x}", "label": CLASSES[n % 3], "group": f"artist {n}", "shard": f"{n % 2}"}
                for n in range(18)
            ]
        )
        self.tracks["slices"] = 3
        self.tracks["sha256"] = [f"{n:064x}" for n in range(18)]
        self.arrays = {
            row.track_id: slices_of(row.label, 3, number, shape) for number, row in enumerate(self.tracks.itertuples())
        }
        write_table(self.index, self.tracks.drop(columns="label"), Header("index"))
        self.shards = [self.write_shard(name) for name in ("0", "1")]
        self.write_folds()

    def write_shard(self, name, tracks=None):
        """Write the slices of the shard's tracks, the last slice first, so that no reader may rely on the order."""
        tracks = self.tracks.loc[self.tracks["shard"] == name, "track_id"] if tracks is None else tracks
        rows = [(track, number) for track in tracks for number in (2, 0, 1)]
        table = pa.table(
            {
                "track_id": [track for track, _ in rows],
                "slice": pa.array([number for _, number in rows], pa.int32()),
                "start_s": [2.56 * number for _, number in rows],
                "array": array_column(np.stack([self.arrays[track][number] for track, number in rows])),
            }
        )
        path = self.folder / f"shard-{name}.parquet"
        write_table(path, table, Header("slices", facts={"shape": list(self.shape), "dtype": "float16"}))
        return path

    def write_folds(self, holdout=True):
        """Folds 1 and 2, and the final one with the first three tracks held out."""
        held = self.tracks.index < 3 if holdout else np.zeros(18, bool)
        parts = []
        for fold in ("1", "2", "final"):
            test = held if fold == "final" else ~held & (self.tracks.index // 3 % 2 == int(fold) - 1)
            role = np.where(test, "holdout" if fold == "final" else "test", "train")
            part = self.tracks[["track_id", "label", "group"]].assign(fold=fold, role=role)
            parts.append(part if fold == "final" else part[~held])
        facts = {"classes": list(CLASSES), "tags": False}
        write_table(self.folds, pd.concat(parts, ignore_index=True), Header("folds", facts=facts))

    def write_tagged(self):
        """Give every track two tags in place of its class; the first fold watches its last three training tracks."""
        tags = [[label, "slow" if number % 2 else "fast"] for number, label in enumerate(self.tracks["label"])]
        write_table(self.index, self.tracks.assign(tags=tags).drop(columns="label"), Header("index"))
        folds = read_frame(self.folds, "folds").assign(label="")
        folds.loc[folds[(folds["fold"] == "1") & (folds["role"] == "train")].index[-3:], "role"] = "validation"
        facts = {"classes": [*CLASSES, "fast", "slow"], "tags": True}
        write_table(self.folds, folds, Header("folds", facts=facts))

    def write_divided(self):
        """Divide the slices one by one: the first of each track is tested, the others are trained on."""
        rows = [
            {"track_id": row.track_id, "slice": number, "label": row.label, "group": row.track_id}
            for row in self.tracks.itertuples()
            for number in range(3)
        ]
        frame = pd.DataFrame(rows)
        parts = [
            frame.assign(fold="1", role=np.where(frame["slice"] == 0, "test", "train")),
            frame.assign(fold="final", role="train"),
        ]
        facts = {"classes": list(CLASSES), "tags": False}
        write_table(self.folds, pd.concat(parts, ignore_index=True), Header("folds", facts=facts))

    def arguments(self, model, folder, *, training=TRAINING, input=INPUT, **changes):
        """Return arguments of `run_fold` for fold 1."""
        return {
            "spec": TrainingSpec(
                study="small",
                model=model,
                setting="base",
                network=model,
                options=check_options(model, {}),
                training=training,
                input=InputSettings.model_validate(input),
                audio=AudioSettings(),
            ),
            "shards": self.shards,
            "index": self.index,
            "folds": self.folds,
            "fold": "1",
            "key": "0123abcd",
            "folder": self.folder / folder,
            "threads": 1,
        } | changes
