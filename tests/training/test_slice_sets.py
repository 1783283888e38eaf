import numpy as np
import pytest
from small_study import CLASSES

from genreflow.errors import UserError
from genreflow.store.parquet import Header, read_header, read_table, write_table
from genreflow.training.data import load_slices


def test_slices_come_by_track_and_number_with_their_arrays(study):
    data = load_slices(study.shards, study.tracks, CLASSES)
    assert len(data) == 54
    assert data.n_tracks == 18
    assert data.arrays.dtype == np.float16
    assert data.arrays.flags.c_contiguous
    assert data.frame["track_id"].is_monotonic_increasing
    labels = study.tracks.set_index("track_id")["label"]
    for row, array, target in zip(data.frame.itertuples(), data.arrays, data.targets, strict=True):
        np.testing.assert_array_equal(array, study.arrays[row.track_id][row.slice])
        assert row.label == labels[row.track_id] == CLASSES[target]
        assert row.start_s == pytest.approx(2.56 * row.slice)


def test_shards_and_tracks_may_come_in_any_order(study):
    one = load_slices(study.shards, study.tracks, CLASSES)
    other = load_slices(study.shards[::-1], study.tracks[::-1], CLASSES)
    np.testing.assert_array_equal(one.arrays, other.arrays)
    assert one.frame.equals(other.frame)


def test_only_the_wanted_tracks_are_loaded(study):
    data = load_slices(study.shards, study.tracks[:1], CLASSES)
    assert set(data.frame["track_id"]) == {study.tracks["track_id"][0]}
    assert len(load_slices(study.shards, study.tracks[:0], CLASSES)) == 0


def test_a_track_without_all_its_slices_is_refused(study):
    study.write_shard("1", study.tracks.loc[study.tracks["shard"] == "1", "track_id"][1:])
    with pytest.raises(UserError, match="should have 3 slices, but 0 are stored"):
        load_slices(study.shards, study.tracks, CLASSES)


def test_shards_of_different_shapes_are_refused(study):
    table, header = read_table(study.shards[0], "slices"), read_header(study.shards[0])
    write_table(study.shards[0], table, Header("slices", facts=header.facts | {"shape": [6, 4]}))
    with pytest.raises(UserError, match=r"one shape and type: \(6, 4\) float16 in .*; \(8, 6\) float16 in "):
        load_slices(study.shards, study.tracks, CLASSES)


def test_a_damaged_shard_is_refused(study):
    content = bytearray(study.shards[0].read_bytes())
    content[len(content) // 3] ^= 1
    study.shards[0].write_bytes(content)
    with pytest.raises(UserError, match="damaged"):
        load_slices(study.shards, study.tracks, CLASSES)
