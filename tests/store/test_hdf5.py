"""Shards come back as they were written, or not at all."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genreflow.errors import UserError
from genreflow.store.hdf5 import read_header, read_shard, write_shard
from genreflow.store.parquet import Header

HEADER = Header("maps", "a-key", version=2, facts={"tracks": [{"track_id": f"{i:016x}"} for i in range(5_000)]})


def arrays(n=20):
    rng = np.random.default_rng(0)
    return {
        "track_id": np.array([f"{i:016x}" for i in range(n)], dtype="<U16"),
        "title": np.array(["", "Žižkov", "x" * 40, "東京"] * n)[:n],
        "slice": np.arange(n, dtype=np.int32),
        "array": rng.normal(size=(n, 8, 128)).astype(np.float16),
        "waveform": rng.normal(size=(n, 20_000)).astype(np.float32),
    }


def assert_same(result, expected):
    assert list(result) == sorted(expected)
    for name, array in expected.items():
        assert result[name].dtype.kind == array.dtype.kind
        np.testing.assert_array_equal(result[name], array)


@pytest.fixture
def shard(tmp_path):
    write_shard(tmp_path / "x.h5", arrays(), HEADER)
    return tmp_path / "x.h5"


def test_arrays_and_header_come_back(shard):
    assert_same(read_shard(shard, "maps"), arrays())
    assert read_shard(shard, "maps")["array"].dtype == np.float16
    assert read_header(shard, "maps") == HEADER  # 200 kB of facts, more than an HDF5 attribute may have


@pytest.mark.parametrize("n", [0, 1])
def test_a_shard_may_have_no_rows_or_one(tmp_path, n):
    write_shard(tmp_path / "x.h5", arrays(n), HEADER)
    result = read_shard(tmp_path / "x.h5", "maps")
    assert_same(result, arrays(n))
    assert result["array"].shape == (n, 8, 128)


def test_the_same_arrays_are_the_same_bytes(shard):
    first = shard.read_bytes()
    write_shard(shard, arrays(), HEADER)
    assert shard.read_bytes() == first


@given(rows=st.lists(st.integers(0, 19), max_size=30))
def test_rows_are_read_in_the_order_asked_for(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "rows.h5"
    if not path.exists():
        write_shard(path, arrays(), HEADER)
    result = read_shard(path, "maps", ["slice", "array"], np.array(rows, int))
    assert list(result) == ["slice", "array"]
    assert result["slice"].tolist() == rows
    np.testing.assert_array_equal(result["array"], arrays()["array"][np.array(rows, int)])


def test_a_slice_of_rows_is_read(shard):
    np.testing.assert_array_equal(read_shard(shard, "maps", ["slice"], slice(3, 7))["slice"], np.arange(3, 7))


def test_a_flipped_bit_in_the_data_is_noticed(shard):
    content = shard.read_bytes()
    places = 0
    for place in np.random.default_rng(0).permutation(len(content)):
        # Data is what the arrays' own bytes are found in; between the parts of a file there are gaps without meaning.
        if content[place : place + 8] not in arrays()["waveform"].tobytes():
            continue
        damaged = bytearray(content)
        damaged[place] ^= 1 << (place % 8)
        shard.write_bytes(damaged)
        with pytest.raises(UserError, match=r"damaged"):
            read_shard(shard, "maps")
        places += 1
        if places == 20:
            break
    assert places == 20


def test_a_flipped_bit_anywhere_is_noticed_or_has_no_effect(tmp_path):
    few = {name: array[:2] for name, array in arrays().items() if name != "waveform"}
    write_shard(tmp_path / "x.h5", few, Header("maps", "a-key", facts={"shape": [8, 128]}))
    content = (tmp_path / "x.h5").read_bytes()
    noticed = 0
    for place in np.random.default_rng(0).permutation(len(content))[:300]:
        damaged = bytearray(content)
        damaged[place] ^= 1 << (place % 8)
        (tmp_path / "x.h5").write_bytes(damaged)
        try:
            result, header = read_shard(tmp_path / "x.h5", "maps"), read_header(tmp_path / "x.h5")
        except UserError:
            noticed += 1
        else:
            assert_same(result, few)
            assert header == Header("maps", "a-key", facts={"shape": [8, 128]})
    assert noticed > 100


@pytest.mark.parametrize("left", [0, 0.001, 0.5, 0.999])
def test_a_truncated_shard_is_noticed(shard, left):
    content = shard.read_bytes()
    shard.write_bytes(content[: int(left * len(content))])
    with pytest.raises(UserError, match=r"damaged"):
        read_shard(shard, "maps")


def test_what_is_not_wanted_is_refused_in_plain_words(shard, tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        read_shard(tmp_path / "none.h5", "maps")
    with pytest.raises(UserError, match="holds 'maps', where 'waveforms' belongs"):
        read_shard(shard, "waveforms")
    with pytest.raises(UserError, match="holds no 'label', only"):
        read_shard(shard, "maps", ["label"])
    with pytest.raises(IndexError):
        read_shard(shard, "maps", ["slice"], np.array([20]))


def test_rows_that_differ_in_number_are_a_mistake(tmp_path):
    with pytest.raises(ValueError, match="rows differ"):
        write_shard(tmp_path / "x.h5", {"a": np.zeros(2), "b": np.zeros(3)}, HEADER)
    assert list(tmp_path.iterdir()) == []
