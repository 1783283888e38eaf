"""A dataset on disk, small enough to be described in no time: its index, and shards of any input."""

from pathlib import Path

import numpy as np
import pandas as pd

from genreflow.config.inputs import Descriptors, InputSettings, LogMel, Random, Stft, Waveform, Whole
from genreflow.datasets.index import COLUMNS
from genreflow.features.front_end import FrontEnd
from genreflow.features.slices import to_stored
from genreflow.store.parquet import Header, write_table
from genreflow.store.shards import Shard, write_shard

RATE = 8_000
SECONDS = 0.25
WAVEFORM = InputSettings(front_end=Waveform(sample_rate=RATE), segments=Random(seconds=SECONDS, count=3))
STFT = InputSettings(front_end=Stft(sample_rate=RATE, n_fft=64, hop=32), segments=Whole(seconds=SECONDS))
LOG_MEL = InputSettings(
    front_end=LogMel(sample_rate=RATE, n_fft=256, hop=64, n_mels=16), segments=Whole(seconds=SECONDS)
)
NUMBERS = InputSettings(front_end=Descriptors(set="means36"), segments=Whole(seconds=SECONDS))


def index_of(tags: dict[str, tuple[str, ...] | str], **columns: object) -> pd.DataFrame:
    """Return an index of tracks ``t…``, whose tags are tuples and whose classes are text; all are in one shard."""
    tagged = any(isinstance(given, tuple) for given in tags.values())
    index = pd.DataFrame(index=range(len(tags)), columns=COLUMNS, dtype=object)
    index["track_id"] = list(tags)
    index["label"] = "" if tagged else list(tags.values())
    index["tags"] = pd.Series(list(tags.values()) if tagged else [None] * len(tags), dtype=object)
    usual = {
        "shard": "s",
        "slices": 1,
        "seconds": 36.0,
        "gain_db": 0.0,
        "lufs": -14.0,
        "group": "",
        "verdict": "accept",
    }
    return index.assign(**(usual | columns))


def write_input(
    folder: Path, index: pd.DataFrame, settings: InputSettings, arrays: dict[str, np.ndarray], suffix: str = ".parquet"
) -> Path:
    """Write the slices [n, *shape] of each track, the last slice first, and return the input's index."""
    folder.mkdir(parents=True, exist_ok=True)
    index = index.assign(slices=[len(arrays.get(track, ())) for track in index["track_id"]])
    write_table(folder / "index.parquet", index, Header("index", facts={"suffix": suffix}))
    shape = next(iter(arrays.values())).shape[1:]
    facts = {
        "shape": list(shape), "dtype": FrontEnd.of(settings.front_end).dtype.name, "peak": settings.peak, "tracks": [],
        "front_end": settings.front_end.model_dump(mode="json"),
    }  # fmt: skip
    for shard, tracks in index.groupby("shard"):
        own = [(track, arrays[track]) for track in tracks["track_id"] if track in arrays]
        rows = [
            pd.DataFrame({"track_id": track, "slice": np.arange(len(array))[::-1], "start_s": 0.0})
            for track, array in own
        ]
        parts = [to_stored(array[::-1], settings) for _, array in own]
        nothing = np.empty((0, *shape), FrontEnd.of(settings.front_end).dtype)
        write_shard(folder / f"{shard}{suffix}", Shard.of(rows, [nothing, *parts], key="k", facts=facts))
    return folder / "index.parquet"


def noise(tracks: list[str], *shape: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Return noise of -0.5 to 0.5 for each track, float32 ``[*shape]``."""
    rng = np.random.default_rng(seed)
    return {track: rng.uniform(-0.5, 0.5, shape).astype(np.float32) for track in tracks}
