import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genreflow.errors import UserError
from genreflow.store.parquet import (
    Header,
    array_column,
    column_arrays,
    read_frame,
    read_header,
    read_table,
    write_table,
)


def test_a_table_comes_back_with_its_header(tmp_path):
    path = tmp_path / "x.parquet"
    header = Header("audio", "a-key", facts={"shape": [2, 3]})
    write_table(path, pd.DataFrame({"label": ["NA", "None", "01"]}), header)
    assert read_header(path, "audio") == header
    assert read_frame(path, "audio")["label"].tolist() == ["NA", "None", "01"]


def test_the_same_table_is_the_same_bytes(tmp_path):
    frame = pd.DataFrame({"a": range(100), "b": ["x"] * 100})
    for folder in ("1", "2"):
        write_table(tmp_path / folder / "x.parquet", frame, Header("audio"))
    assert (tmp_path / "1/x.parquet").read_bytes() == (tmp_path / "2/x.parquet").read_bytes()


@given(n=st.integers(0, 5), shape=st.tuples(st.integers(1, 4), st.integers(1, 4)))
def test_arrays_survive_the_column(n, shape):
    arrays = np.arange(n * shape[0] * shape[1], dtype=np.float16).reshape(n, *shape)
    column = pa.chunked_array([array_column(arrays), array_column(arrays)])
    assert np.array_equal(column_arrays(column, shape, "float16"), np.concatenate([arrays, arrays]))


def test_every_flipped_bit_in_the_data_is_noticed(tmp_path):
    path = tmp_path / "x.parquet"
    arrays = np.random.default_rng(0).normal(size=(20, 16, 16)).astype(np.float16)
    write_table(path, pa.table({"array": array_column(arrays)}), Header("slices"))
    content = bytearray(path.read_bytes())
    for place in range(200, arrays.nbytes, 1_000):
        damaged = content.copy()
        damaged[place] ^= 4
        path.write_bytes(damaged)
        with pytest.raises(UserError, match="damaged"):
            read_table(path, "slices")


@pytest.mark.parametrize("seed", range(4))
def test_no_flipped_bit_anywhere_goes_unnoticed(tmp_path, seed):
    """Either it is told, or it has no effect on anything that is read."""
    path, header = tmp_path / "x.parquet", Header("slices", "key", facts={"shape": [2, 2]})
    rows = {"track_id": [f"{n:016x}" for n in range(20)], "label": ["goa", None] * 10, "start_s": np.arange(20.0)}
    table = pa.table(rows | {"array": array_column(np.arange(80, dtype=np.float16).reshape(20, 2, 2))})
    write_table(path, table, header)
    content, message = path.read_bytes(), 0
    for place in np.random.default_rng(seed).choice(8 * len(content), 400, replace=False):
        damaged = bytearray(content)
        damaged[place // 8] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            assert read_table(path, "slices").equals(table)
            assert read_header(path) == header
        except UserError:
            message += 1
    assert message > 350


def test_other_files_are_refused_in_plain_words(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        read_header(tmp_path / "none")
    (tmp_path / "text").write_text("text")
    with pytest.raises(UserError, match="damaged"):
        read_header(tmp_path / "text")
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "foreign")
    with pytest.raises(UserError, match="not written by genreflow"):
        read_header(tmp_path / "foreign")
    write_table(tmp_path / "audio", pd.DataFrame({"a": [1]}), Header("audio"))
    with pytest.raises(UserError, match="holds 'audio', where 'slices' belongs"):
        read_table(tmp_path / "audio", "slices")
