"""All tables of a dataset, whatever it lacks."""

import numpy as np
import pandas as pd
import pytest
from small_dataset import LOG_MEL, NUMBERS, STFT, WAVEFORM, index_of, noise, write_input

from genreflow.analysis.describe import TABLES, TOP, describe
from genreflow.config.inputs import InputSettings, MusicMaps, Whole
from genreflow.features.shapes import segment_shape
from genreflow.store.parquet import Header, write_table

INPUTS = {"samples": WAVEFORM, "spectra": STFT, "mel": LOG_MEL, "numbers": NUMBERS}
OF_TAGS = {"tag_counts", "tags_per_track", "correlations", "correlated_pairs"}
OF_INPUT = {
    "samples": {"variance", "envelopes", "projections", "projection_quality"},
    "spectra": {"spectra", "spectrograms", "projections", "projection_quality"},
    "mel": {"spectra", "spectrograms", "projections", "projection_quality"},
    "numbers": {"quantities", "importances", "importance_scores", "projections", "projection_quality"},
}
pytestmark = pytest.mark.filterwarnings("error")


def tracks(n):
    return [f"{number:02x}" for number in range(n)]


def tagged(n=40):
    """Return an index whose tag `all` is on every track, and `none` on refused ones alone."""
    rng = np.random.default_rng(0)
    tags = {track: ("all", *(f"t{k}" for k in range(12) if rng.random() < 0.3)) for track in tracks(n)}
    index = index_of(tags | {"refused": ("none",)}, lufs=rng.normal(-12, 3, n + 1))
    index.loc[index["track_id"] == "refused", "slices"] = 0
    return index


def inputs_of(folder, index, names=tuple(INPUTS), shard=None):
    index = index if shard is None else index.assign(shard=shard)
    usable = index.loc[index["slices"] > 0, "track_id"].tolist()
    return {
        name: write_input(folder / name, index, INPUTS[name], noise(usable, 1, *segment_shape(INPUTS[name])))
        for name in names
    }


def check_columns(tables):
    assert list(tables) == list(TABLES)
    for name, table in tables.items():
        assert list(table.columns) == TABLES[name], name


def test_every_table_is_there_and_full(tmp_path):
    index = tagged()
    tables = describe(index, inputs_of(tmp_path, index))
    check_columns(tables)
    assert all(len(table) for table in tables.values())
    assert set(tables["projections"]["input"]) == set(INPUTS)
    looked_at = tables["tag_counts"]["tag"].head(TOP).tolist()
    assert tables["importance_scores"]["tag"].tolist() == looked_at
    assert set(tables["variance"]["tag"]) == set(looked_at)


@pytest.mark.parametrize("name", INPUTS)
def test_of_one_input_there_are_its_tables_alone(tmp_path, name):
    index = tagged()
    tables = describe(index, inputs_of(tmp_path, index, [name]))
    check_columns(tables)
    assert {table for table, rows in tables.items() if len(rows)} == OF_TAGS | OF_INPUT[name]


def test_without_inputs_there_are_the_tags():
    tables = describe(tagged(), {})
    check_columns(tables)
    assert {table for table, rows in tables.items() if len(rows)} == OF_TAGS


def test_an_input_without_shards_gives_nothing(tmp_path):
    write_table(tmp_path / "index.parquet", index_of({}), Header("index", facts={"suffix": ".h5"}))
    tables = describe(tagged(), {"samples": tmp_path / "index.parquet"})
    assert {table for table, rows in tables.items() if len(rows)} == OF_TAGS


def test_music_maps_give_quantities(tmp_path):
    index = tagged(3)
    maps = InputSettings(front_end=MusicMaps(sample_rate=8_000), segments=Whole(seconds=0.25))
    path = write_input(tmp_path, index, maps, noise(tracks(3), 1, *segment_shape(maps)))
    assert {table for table, rows in describe(index, {"maps": path}).items() if len(rows)} == (OF_TAGS | {"quantities"})


def test_tags_that_all_or_none_bear_are_told_as_such(tmp_path):
    index = tagged()
    tables = describe(index, inputs_of(tmp_path, index), names=["all", "none", "t0", "unheard of"])
    check_columns(tables)
    scores = tables["importance_scores"].set_index("tag")
    assert scores["bearers"].tolist()[:2] == [40, 0]
    assert scores["r2"].isna().tolist() == [True, True, False, True]
    clips = tables["variance"].query("level == 'fed'").set_index("tag")["clips"]
    assert clips["all"] == 40 and clips["none"] == clips["unheard of"] == 0
    assert set(tables["spectra"]["tag"]) == {"all", "t0"}
    phi = tables["correlations"].set_index(["first", "second"])["phi"]
    assert np.isfinite(phi["all", "none"]) and phi["all", "none"] == pytest.approx(-1)


def test_classes_are_all_looked_at(tmp_path):
    index = index_of({track: f"class {int(track, 16) % 12}" for track in tracks(48)})
    tables = describe(index, inputs_of(tmp_path, index))
    check_columns(tables)
    assert all(len(table) for table in tables.values())
    assert tables["variance"]["tag"].nunique() == 12
    assert tables["tags_per_track"].set_index("tags")["tracks"].to_dict() == {0: 0, 1: 48}
    assert tables["tag_counts"]["hours"].tolist() == pytest.approx([0.04] * 12)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5])
def test_few_tracks_are_no_error(tmp_path, n):
    index = index_of({track: ("x", "y")[: 1 + place % 2] for place, track in enumerate(tracks(n))})
    inputs = inputs_of(tmp_path, index) if n else {}
    tables = describe(index, inputs)
    check_columns(tables)
    assert (len(tables["projections"]) > 0) == (n >= 3)
    assert tables["tags_per_track"]["tracks"].sum() == n


def test_a_dataset_all_of_which_was_refused_is_no_error(tmp_path):
    index = index_of({"a": ("x",), "b": ("y",)})
    inputs = inputs_of(tmp_path, index)
    tables = describe(index.assign(slices=0), inputs)
    check_columns(tables)
    assert {table for table, rows in tables.items() if len(rows)} == OF_TAGS


def test_the_layout_of_shards_changes_nothing(tmp_path):
    index = tagged(12)
    one = describe(index, inputs_of(tmp_path / "one", index))
    two = describe(index, inputs_of(tmp_path / "two", index, shard=[f"s{place % 3}" for place in range(len(index))]))
    for name, table in one.items():
        pd.testing.assert_frame_equal(table, two[name])


def test_published_numbers_are_shown_beside_ours():
    published = {
        "tags": pd.DataFrame({"rank": [1], "tag": ["t0"], "tracks": [99]}),
        "correlations": pd.DataFrame({"first": ["t1"], "second": ["t0"], "phi": [0.5]}),
    }
    tables = describe(tagged(), {}, published=published)
    assert tables["tag_counts"].set_index("tag").loc["t0", "published_tracks"] == 99
    assert tables["correlated_pairs"]["published_phi"].dropna().tolist() == [0.5]
