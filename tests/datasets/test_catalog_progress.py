import os
import time

import pandas as pd

from genreflow.datasets.progress import expect, standing
from genreflow.store.parquet import Header, write_table

NOTE = "progress.json"


def make(folder, shard, key):
    write_table(folder / f"{shard}.parquet", pd.DataFrame({"a": [1]}), Header("audio", key))


def test_only_shards_without_their_key_are_expected(tmp_path):
    for shard, key in {"s00": "current", "s01": "old"}.items():
        make(tmp_path, shard, key)
        os.utime(tmp_path / f"{shard}.parquet", (1, 1))
    expect(tmp_path / NOTE, tmp_path, {"s00": "current", "s01": "new", "s10": "new", "s11": "new"})
    assert standing(tmp_path / NOTE, tmp_path) == "0 of 3"
    make(tmp_path, "s01", "new")
    assert standing(tmp_path / NOTE, tmp_path).startswith("1 of 3, ")
    for shard in ("s10", "s11"):
        make(tmp_path, shard, "new")
    assert standing(tmp_path / NOTE, tmp_path) == "3 of 3"


def test_time_left_is_that_of_the_shards_made_so_far(tmp_path):
    expect(tmp_path / NOTE, tmp_path, dict.fromkeys(["s0", "s1", "s2"], "k"))
    note = tmp_path / NOTE
    note.write_text(f'{{"since": {time.time() - 600}, "shards": 3}}')
    make(tmp_path, "s0", "k")
    assert standing(tmp_path / NOTE, tmp_path) == "1 of 3, 20 min left"


def test_without_a_note_nothing_is_said(tmp_path):
    assert standing(tmp_path / NOTE, tmp_path) == ""
