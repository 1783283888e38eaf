"""One clip a tag to look at: which it is, and that its picture is true."""

import numpy as np
import pandas as pd
import pytest
from small_dataset import RATE, SECONDS, STFT, WAVEFORM, index_of, noise, write_input

from genreflow.analysis import examples
from genreflow.analysis.clips import Source
from genreflow.analysis.examples import Envelopes, Spectrograms, typical_tracks
from genreflow.features.front_end import FrontEnd
from genreflow.features.shapes import segment_shape


def tables_of(folder, settings, arrays, make, tracks):
    source = Source.of("it", write_input(folder, index_of(dict.fromkeys(arrays, "x")), settings, arrays))
    listener = make(source, tracks)
    for clip in source.clips(list(arrays)):
        listener.add(clip)
    return listener.tables()


def test_the_typical_track_bears_few_other_tags_and_is_not_another_tags():
    marked = pd.DataFrame(
        {"much": [1, 1, 1, 1, 0], "some": [1, 1, 0, 0, 0], "rare": [1, 0, 0, 0, 0], "never": [0] * 5},
        index=list("abcde"), dtype=bool,
    )  # fmt: skip
    chosen = typical_tracks(marked, seed=0)
    assert chosen["rare"] == "a" and chosen["some"] == "b" and chosen["much"] in "cd"
    assert list(chosen) == ["much", "some", "rare"]
    assert {typical_tracks(marked, seed=seed)["much"] for seed in range(20)} == {"c", "d"}
    alike = pd.DataFrame(True, index=list("abc"), columns=["one", "two", "three"])
    assert all(set(typical_tracks(alike, seed=seed).values()) == set("abc") for seed in range(5))
    # Where there is but one track, it stands for all its tags.
    assert typical_tracks(marked.loc[["a"]], seed=0) == {"much": "a", "some": "a", "rare": "a"}


@pytest.mark.parametrize("points", [7, 600, 10_000])
def test_envelopes_hold_every_sample(tmp_path, monkeypatch, points):
    monkeypatch.setattr(examples, "_POINTS", points)
    arrays = noise(["a", "b"], 3, *segment_shape(WAVEFORM))
    table = tables_of(tmp_path, WAVEFORM, arrays, Envelopes, {"x": "a"})["envelopes"]
    assert list(table.columns) == examples.ENVELOPES
    assert set(table["track_id"]) == {"a"}
    middle = arrays["a"][1]
    assert len(table) <= min(points, len(middle))
    assert (table["low"].min(), table["high"].max()) == pytest.approx((middle.min(), middle.max()), abs=1e-4)
    place = len(table) // 2
    bounds = np.rint(table["time_s"].to_numpy() * RATE).astype(int)[place : place + 2]
    part = middle[bounds[0] : bounds[1]]
    assert table.loc[place, ["low", "high"]].tolist() == pytest.approx([part.min(), part.max()], abs=1e-4)
    assert table["time_s"].iloc[-1] < SECONDS


@pytest.mark.parametrize(("bands", "frames"), [(128, 256), (10, 8)])
def test_spectrograms_are_means_of_blocks(tmp_path, monkeypatch, bands, frames):
    monkeypatch.setattr(examples, "_BANDS", bands)
    monkeypatch.setattr(examples, "_FRAMES", frames)
    arrays = noise(["a"], 1, *segment_shape(STFT))
    table = tables_of(tmp_path, STFT, arrays, Spectrograms, {"x": "a", "y": "a"})["spectrograms"]
    assert list(table.columns) == examples.SPECTROGRAMS
    assert set(table["tag"]) == {"x", "y"}
    grid = table[table["tag"] == "x"].pivot(index="frequency_hz", columns="time_s", values="level").to_numpy()
    assert grid.shape[0] <= bands and grid.shape[1] <= frames
    whole = arrays["a"][0].astype(np.float16).astype(float)
    down, across = -(-whole.shape[0] // bands), -(-whole.shape[1] // frames)
    np.testing.assert_allclose(grid[0, 0], whole[:down, :across].mean(), rtol=1e-6)
    rest = whole[(grid.shape[0] - 1) * down :, (grid.shape[1] - 1) * across :]
    np.testing.assert_allclose(grid[-1, -1], rest.mean(), rtol=1e-6)
    first = FrontEnd.of(STFT.front_end).frequencies()[:down].mean()
    assert table["frequency_hz"].min() == pytest.approx(first)


def test_no_typical_track_no_rows(tmp_path):
    assert tables_of(tmp_path, STFT, noise(["a"], 1, *segment_shape(STFT)), Spectrograms, {"x": "elsewhere"}) == {}
