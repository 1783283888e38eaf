"""Musical quantities of each class: tempo and key clarity."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_dataset import NUMBERS, index_of, write_input

from genreflow.analysis.describe import describe
from genreflow.config.inputs import InputSettings, MusicMaps, Whole
from genreflow.figures.dataset import quantities

RESOURCES = Path(__file__).parents[2] / "resources/published"
MAPS = InputSettings(front_end=MusicMaps(), segments=Whole(seconds=1.0))


def test_the_tempo_of_a_class_is_that_of_its_tracks_beside_the_published_one(tmp_path):
    tempi = {"a": (150, 75, 152), "b": (148, 148, 148), "c": (0, 0, 0), "d": (0, 0, 0)}
    index = index_of({"a": "dark", "b": "dark", "c": "techno", "d": "techno"})
    arrays = {name: np.zeros((3, 36), np.float32) for name in tempi}
    for name, own in tempi.items():
        arrays[name][:, -1] = own
    published = pd.read_csv(RESOURCES / "psytrance_quantities.csv")
    path = write_input(tmp_path / "tempo", index, NUMBERS, arrays)
    table = describe(index, {"tempo": path}, published={"quantities": published})["quantities"]
    tempo = table[table["quantity"] == "tempo"].set_index("tag")
    assert (tempo.loc["dark", "clips"], tempo.loc["dark", "median"]) == (2, 149)  # the median of three parts
    assert tempo.loc["techno", "clips"] == 0  # without onsets there is no tempo
    assert (tempo.loc["dark", "published_least"], tempo.loc["techno", "published_most"]) == (148, 130)
    assert np.isnan(tempo.loc["dark", "published_most"])
    axes = quantities(table, title="t", noun="class").axes[0]
    assert axes.get_xlabel() == "Tempo (beats/min)"


def test_every_published_quantity_is_of_a_class_of_the_study(tmp_path):
    published = pd.read_csv(RESOURCES / "psytrance_quantities.csv")
    index = index_of({name: name for name in published["class"]})
    arrays = {name: np.full((1, 36), 140, np.float32) for name in published["class"]}
    path = write_input(tmp_path / "tempo", index, NUMBERS, arrays)
    table = describe(index, {"tempo": path}, published={"quantities": published})["quantities"]
    ends = ["published_least", "published_most"]
    assert table[ends].notna().sum().sum() == published[["least", "most"]].notna().sum().sum() == 7


def test_the_key_clarity_of_a_genre_is_the_mean_over_time(tmp_path):
    index = index_of({"a": "blues", "b": "hiphop"})
    arrays = {name: np.zeros((2, 8, 5), np.float32) for name in "ab"}
    arrays["a"][:, 6] = 0.8
    arrays["b"][:, 6] = [[0.1] * 5, [0.3] * 5]
    path = write_input(tmp_path / "maps", index, MAPS, arrays, suffix=".parquet")
    table = describe(index, {"maps": path})["quantities"].set_index(["quantity", "tag"])
    assert table.loc[("key clarity", "blues"), "mean"] == pytest.approx(0.8, abs=1e-3)
    assert table.loc[("key clarity", "hiphop"), "mean"] == pytest.approx(0.2, abs=1e-3)
    assert len(quantities(table.reset_index(), title="t").axes) == 8
