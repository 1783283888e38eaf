"""Projections are those of their definitions, and say how much they keep."""

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import pdist
from sklearn.decomposition import PCA
from small_dataset import NUMBERS, STFT, WAVEFORM, index_of, noise, write_input

from genreflow.analysis import projections
from genreflow.analysis.clips import Source
from genreflow.analysis.projections import Projections, centered_products, mds, pca, shown_with, tsne
from genreflow.features.shapes import segment_shape

RNG = np.random.default_rng(0)


def project(folder, settings, arrays, tags, seed=0):
    source = Source.of("it", write_input(folder, index_of(dict.fromkeys(arrays, "x")), settings, arrays))
    listener = Projections(source, tags, seed=seed)
    for clip in source.clips(list(arrays)):
        listener.add(clip)
    return listener.tables()


@pytest.mark.parametrize("block", [7, 10_000])
def test_principal_components_are_those_of_the_whole_matrix(monkeypatch, block):
    monkeypatch.setattr(projections, "_BLOCK", block)
    arrays = RNG.normal(size=(30, 100)) * np.geomspace(5, 0.1, 100)
    plane, measures = pca(centered_products(list(arrays.astype(np.float32))))
    expected = PCA(2)
    points = expected.fit_transform(arrays)
    np.testing.assert_allclose(np.abs(plane), np.abs(points), rtol=1e-4, atol=1e-5)
    assert measures["explained"] == pytest.approx(expected.explained_variance_ratio_.sum(), rel=1e-5)
    assert (plane[np.abs(plane).argmax(axis=0), [0, 1]] > 0).all()


def test_scaling_makes_units_irrelevant_and_constants_silent():
    arrays = RNG.normal(size=(20, 6))
    units = np.array([1e-3, 1, 1e3, 7, 1e6, 1])
    units_and_constant = np.hstack([arrays * units, np.full((20, 1), 5.0)])
    expected = centered_products(list(arrays), scaled=True)
    np.testing.assert_allclose(centered_products(list(units_and_constant), scaled=True), expected, atol=1e-9)


@pytest.mark.filterwarnings("error")
def test_points_that_lie_in_a_plane_keep_their_distances():
    flat = np.hstack([RNG.normal(size=(25, 2)), np.zeros((25, 50))])
    products = centered_products(list(flat))
    for method in (pca, mds):
        distances = pdist(method(products, 0)[0])
        np.testing.assert_allclose(distances / distances.mean(), pdist(flat) / pdist(flat).mean(), rtol=1e-3)
    assert mds(products, 0)[1]["stress"] < 1e-3
    assert pca(products)[1]["explained"] == pytest.approx(1)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n", [3, 4, 40])
def test_tsne_takes_any_number_of_clips_and_repeats_itself(n):
    products = centered_products(list(RNG.normal(size=(n, 20))))
    plane, measures = tsne(products, 3)
    assert plane.shape == (n, 2)
    assert np.isfinite(plane).all() and np.isfinite(measures["divergence"])
    np.testing.assert_array_equal(plane, tsne(products, 3)[0])


def test_tags_that_lie_apart_are_found_apart_by_every_method(tmp_path):
    arrays = noise([f"{number:02x}" for number in range(24)], 1, *segment_shape(STFT))
    tags = {track: ("loud", "quiet")[place % 2] for place, track in enumerate(arrays)}
    arrays = {track: array + 3 * (tags[track] == "loud") for track, array in arrays.items()}
    tables = project(tmp_path, STFT, arrays, tags)
    assert list(tables["projections"].columns) == projections.PROJECTIONS
    assert list(tables["projection_quality"].columns) == projections.QUALITY
    quality = tables["projection_quality"].set_index("method")
    assert (quality["neighbors"] == 1).all()
    assert quality["chance"].tolist() == pytest.approx([11 / 23] * 3)
    assert quality["clips"].tolist() == [24] * 3
    assert quality.notna()[["explained", "stress", "divergence"]].to_numpy().tolist() == np.eye(3, dtype=bool).tolist()
    points = tables["projections"]
    assert (points.groupby("method")["track_id"].nunique() == 24).all()
    assert points["tag"].tolist() == [tags[track] for track in points["track_id"]]


def test_samples_are_projected_in_full_scale(tmp_path):
    arrays = noise(list("abcd"), 3, *segment_shape(WAVEFORM))
    points = project(tmp_path, WAVEFORM, arrays, dict.fromkeys("abcd", "x"))["projections"]
    middle = np.stack([array[1] for array in arrays.values()])
    expected = PCA(2).fit_transform(middle)
    plane = points[points["method"] == "pca"][["x", "y"]].to_numpy()
    np.testing.assert_allclose(np.abs(plane), np.abs(expected), rtol=1e-2, atol=1e-3)


def test_of_long_slices_only_the_beginning_is_used(tmp_path, monkeypatch):
    monkeypatch.setattr(projections, "MOST_BYTES", 400)
    arrays = noise(list("abcd"), 1, *segment_shape(WAVEFORM))
    same_beginning = {track: np.hstack([array[:, :200], array[:, 200:] ** 2]) for track, array in arrays.items()}
    first, second = (
        project(tmp_path / str(place), WAVEFORM, given, dict.fromkeys("abcd", "x"))["projections"]
        for place, given in enumerate((arrays, same_beginning))
    )
    pd.testing.assert_frame_equal(first, second)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("settings", [WAVEFORM, STFT, NUMBERS])
def test_nothing_is_projected_where_nothing_can_be(tmp_path, settings):
    arrays = noise(list("abcde"), 1, *segment_shape(settings))
    assert project(tmp_path / "few", settings, arrays, {"a": "x", "b": "x"}) == {}
    alike = dict.fromkeys(arrays, arrays["a"])
    assert project(tmp_path / "alike", settings, alike, dict.fromkeys(arrays, "x")) == {}


def test_a_clip_is_shown_with_its_rarest_tag():
    marked = pd.DataFrame(
        {"common": [True, True, True, False], "less": [True, True, False, False], "rare": [True, False, False, False]},
        index=list("abcd"),
    )
    assert shown_with(marked, seed=0) == {"a": "rare", "b": "less", "c": "common"}
    assert len(shown_with(marked, seed=0, most=2)) == 2
    assert shown_with(marked[["rare"]].iloc[1:], seed=0) == {}
