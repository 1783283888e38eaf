"""A track lies where its sound puts it, and the map says what it is worth."""

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from small_dataset import LOG_MEL, NUMBERS, RATE, SECONDS, STFT, WAVEFORM, index_of, noise, write_input

from genreflow.analysis import library_map as module
from genreflow.analysis.library_map import library_map, principal_components
from genreflow.analysis.summaries import summary
from genreflow.config.inputs import InputSettings, MusicMaps, Stft, Whole
from genreflow.features.front_end import FrontEnd
from genreflow.features.shapes import segment_shape

RNG = np.random.default_rng(0)
MAPS = InputSettings(front_end=MusicMaps(sample_rate=RATE, n_fft=256, hop=128), segments=Whole(seconds=SECONDS))
PLACES = ["pca_x", "pca_y", "tsne_x", "tsne_y"]


def tracks(n):
    return [f"{number:02x}" for number in range(n)]


def written(folder, settings=STFT, *, n=24, tags=None, arrays=None, **columns):
    """Slices of n tracks, every second of which has more of everything."""
    arrays = arrays or noise(tracks(n), 2, *segment_shape(settings))
    more = {track: 8 * array if settings is WAVEFORM else 3 + array for track, array in arrays.items()}
    loud = {track: (array, more[track])[place % 2] for place, (track, array) in enumerate(arrays.items())}
    index = index_of(tags or {track: ("quiet", "loud")[place % 2] for place, track in enumerate(loud)}, **columns)
    suffix = ".parquet" if settings in (STFT, LOG_MEL) else ".h5"
    return write_input(folder, index, settings, loud, suffix)


@pytest.mark.parametrize("settings", [STFT, LOG_MEL, WAVEFORM, MAPS, NUMBERS], ids=lambda one: one.front_end.kind)
def test_what_sounds_alike_lies_together_whatever_a_model_is_fed(tmp_path, settings):
    index = written(tmp_path / "an-input", settings, title="a.wav")
    points, facts = library_map(index)
    assert points["track_id"].tolist() == tracks(24) and set(points["title"]) == {"a.wav"}
    assert (facts["input"], facts["front_end"], facts["tracks"]) == ("an-input", settings.front_end.kind, 24)
    for method in ("pca", "tsne"):
        plane = points[[f"{method}_x", f"{method}_y"]].to_numpy()
        distances = np.square(plane[:, None] - plane).sum(axis=2) + np.diag(np.full(24, np.inf))
        assert (points["label"].to_numpy()[distances.argmin(axis=1)] == points["label"]).all()
    assert 0 < facts["explained"][1] <= facts["explained"][0] <= sum(facts["explained"]) <= 1
    pd.testing.assert_frame_equal(library_map(index)[0], points)


def test_a_track_is_the_mean_and_deviation_of_its_bands():
    array = RNG.normal(size=(3, 5, 7)).astype(np.float32)
    expected = [*array.mean(axis=(0, 2)), *array.std(axis=(0, 2))]
    assert summary(array, FrontEnd.of(STFT.front_end)) == pytest.approx(expected, rel=1e-5)
    assert summary(array[:, :, 0], FrontEnd.of(NUMBERS.front_end)) == pytest.approx(
        [*array[:, :, 0].mean(axis=0), *array[:, :, 0].std(axis=0)], rel=1e-5
    )


def test_of_many_bands_neighbors_are_averaged():
    array = np.repeat(RNG.normal(size=(2, 128, 4)).astype(np.float32), 3, axis=1)
    front_end = FrontEnd.of(Stft())
    assert summary(array, front_end) == pytest.approx(summary(array[:, ::3], front_end), rel=1e-5)


def test_waveforms_are_told_apart_by_pitch_and_not_by_phase():
    time = np.arange(2 * RATE) / RATE
    kinds = [(200, 0), (200, 2), (2_000, 0)]
    waves = [np.sin(2 * np.pi * hertz * time + phase) + 0.1 * RNG.normal(size=len(time)) for hertz, phase in kinds]
    low, shifted, high = (summary(wave[None].astype(np.float32), FrontEnd.of(WAVEFORM.front_end)) for wave in waves)
    assert np.abs(low - shifted).max() < 0.5 * np.abs(low - high).max()


@pytest.mark.parametrize("shape", [(40, 6), (8, 60), (200, 90)])
def test_components_are_those_of_standardized_features(shape):
    features = (RNG.normal(size=shape) @ RNG.normal(size=(shape[1], shape[1])) * 1e3 + 50).astype(np.float32)
    features[:, 3] = 0.1  # which never varies
    components, shares = principal_components(features)
    rest = np.delete(features, 3, axis=1).astype(float)
    kept = min(50, *rest.shape) - (shape[0] <= shape[1])
    expected = PCA(kept)
    points = expected.fit_transform((rest - rest.mean(axis=0)) / rest.std(axis=0))
    np.testing.assert_allclose(np.abs(components[:, :kept]), np.abs(points), atol=1e-6)
    assert shares[:kept] == pytest.approx(expected.explained_variance_ratio_)
    assert (components[np.abs(components).argmax(axis=0), np.arange(50)] >= 0).all()


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_few_tracks_are_no_error(tmp_path, n):
    points, facts = library_map(written(tmp_path, n=n))
    assert points[PLACES[:2]].notna().all(axis=None)
    assert points[PLACES[2:]].notna().all(axis=None) == (n >= 3)
    assert facts["drawn"] == (n if n >= 3 else 0) and len(facts["sentences"]) >= 2


def test_without_tracks_or_without_any_difference_there_is_not_much_to_see(tmp_path):
    nothing = {track: np.empty((0, *segment_shape(STFT)), np.float32) for track in tracks(3)}
    points, facts = library_map(written(tmp_path / "none", arrays=nothing))
    assert list(points.columns) == ["track_id", "title", "label", *PLACES] and points.empty
    assert facts["sentences"] == ["No track can be used, so there is no map."]
    same = {track: np.zeros((1, *segment_shape(STFT)), np.float32) for track in tracks(5)}
    index = write_input(tmp_path / "same", index_of(dict.fromkeys(same, "x")), STFT, same)
    points, facts = library_map(index)
    assert (points[PLACES[:2]] == 0).all(axis=None) and points[PLACES[2:]].isna().all(axis=None)
    assert facts["explained"] == [0, 0] and facts["methods"] == ["pca"]


def test_of_a_large_library_some_tracks_are_drawn_and_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_DRAWN", 10)
    points, facts = library_map(written(tmp_path))
    assert points[PLACES[:2]].notna().all(axis=None)
    assert points[PLACES[2:]].notna().all(axis=1).sum() == facts["drawn"] == 10
    assert "t-SNE: 10 tracks, drawn by chance." in facts["sentences"]


def test_the_layout_of_shards_changes_nothing(tmp_path):
    one, _ = library_map(written(tmp_path / "it"))
    several, _ = library_map(written(tmp_path / "other", shard=[f"s{place % 3}" for place in range(24)]))
    pd.testing.assert_frame_equal(several, one)


def test_a_track_with_tags_is_shown_with_its_rarest(tmp_path):
    tags = {track: ("common", "rare") if place < 6 else ("common",) for place, track in enumerate(tracks(12))}
    points, _ = library_map(written(tmp_path, n=12, tags=tags | {"0b": ()}))
    assert points["label"].tolist() == ["rare"] * 6 + ["common"] * 5 + [""]


def test_umap_is_there_where_it_is_installed(tmp_path, monkeypatch):
    package = tmp_path / "site" / "umap"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        "class UMAP:\n    def __init__(self, **how): self.how = how\n"
        "    def fit_transform(self, points): return self.how['init'] + self.how['n_neighbors']\n"
    )
    monkeypatch.syspath_prepend(tmp_path / "site")
    points, facts = library_map(written(tmp_path / "it", n=6))
    assert facts["methods"] == ["pca", "tsne", "umap"] and points["umap_x"].notna().all()
    assert facts["sentences"][-1].startswith("t-SNE and UMAP: neighbors are alike")


def test_tracks_that_sound_alike_are_each_other_s_nearest(tmp_path):
    points, _ = library_map(written(tmp_path / "an-input", NUMBERS))
    labels = points.set_index("track_id")["label"]
    for rank in range(1, 6):
        assert (points[f"near_{rank}"].map(labels) == points["label"]).all()
        assert (points[f"near_{rank}"] != points["track_id"]).all()
        assert points[f"similarity_{rank}"].between(-1, 1.0001).all()
    assert (points["similarity_1"] >= points["similarity_5"]).all()


def test_two_tracks_are_nearest_to_each_other_and_one_is_to_none(tmp_path):
    points, _ = library_map(written(tmp_path / "two", NUMBERS, n=2))
    assert points["near_1"].tolist() == points["track_id"].tolist()[::-1] and "near_2" not in points
    points, _ = library_map(written(tmp_path / "one", NUMBERS, n=1))
    assert "near_1" not in points
