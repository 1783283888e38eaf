"""Tracks of another collection that are known from the training collection."""

import numpy as np
import pandas as pd
import pytest

from genreflow.audio.fingerprint import to_text
from genreflow.datasets.duplicates import COLUMNS
from genreflow.inference import cross_dataset
from genreflow.inference.cross_dataset import known_tracks
from genreflow.store.parquet import Header, write_table


def words(sound):
    """Return a fingerprint of its own for each sound."""
    return np.random.default_rng(sound).integers(0, 2**32, 90, np.uint32)


@pytest.fixture
def shard(tmp_path):
    """Return a function that writes a shard of audio from id -> (digest of the bytes, seed of the sound)."""

    def write(name, tracks, verdict="accept"):
        rows = [
            (track, verdict, digest * 64, f"{digest}{sound}", to_text(words(sound)))
            for track, (digest, sound) in tracks.items()
        ]
        columns = ["track_id", "verdict", "sha256", "samples_sha256", "fingerprint"]
        path = tmp_path / f"{name}.parquet"
        write_table(path, pd.DataFrame(rows, columns=columns), Header("audio"))
        return path

    return write


def test_equal_bytes_and_equal_sounds_are_known_also_under_the_same_id(shard):
    own = shard("own", {"1": ("a", 1), "2": ("b", 2)})
    other = shard("other", {"1": ("c", 3), "8": ("a", 1), "9": ("d", 2)})
    assert known_tracks([own], [other], "recordings") == {"8", "9"}
    assert known_tracks([own], [other], "exact") == {"8"}


def test_copies_within_either_collection_are_none_of_the_other(shard):
    own = shard("own", {"1": ("a", 1), "2": ("a", 1)})
    other = shard("other", {"3": ("b", 2), "4": ("b", 2)})
    assert known_tracks([own], [other], "recordings") == set()


def test_copies_of_copies_are_known(shard, monkeypatch):
    """Of equal tracks, only the first is paired with each of the others."""
    pairs = [("other/3", "other/4", "bytes", 1.0, 0.0), ("other/3", "own/1", "recording", 0.9, 0.0)]
    monkeypatch.setattr(cross_dataset, "find_pairs", lambda *_: pd.DataFrame(pairs, columns=COLUMNS))
    own, other = shard("own", {"1": ("a", 1)}), shard("other", {"3": ("b", 2), "4": ("b", 2), "5": ("c", 3)})
    assert known_tracks([own], [other], "recordings") == {"3", "4"}


def test_quarantined_tracks_know_nothing(shard):
    own, other = shard("own", {"1": ("a", 1)}, verdict="quarantine"), shard("other", {"1": ("a", 1)})
    assert known_tracks([own], [other], "recordings") == set()
