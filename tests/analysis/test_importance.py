"""Coefficients are those of least squares, and what matters is found to matter."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import linregress
from sklearn.linear_model import LinearRegression
from sklearn.metrics import roc_auc_score
from small_dataset import NUMBERS, index_of, noise, write_input

from genreflow.analysis import importance
from genreflow.analysis.clips import Source
from genreflow.analysis.importance import GROUPS, Importances, forest, regression, roc_auc
from genreflow.analysis.tags import membership
from genreflow.config.inputs import Descriptors
from genreflow.features.front_end import FrontEnd

RNG = np.random.default_rng(0)
TRACKS = [f"{number:03x}" for number in range(160)]


def listener_of(folder, arrays, index, set_of="means36"):
    settings = NUMBERS.model_copy(update={"front_end": Descriptors(set=set_of)})
    source = Source.of("numbers", write_input(folder, index, settings, arrays))
    listener = Importances(source, index, membership(index), seed=0)
    for clip in source.clips(list(arrays)):
        listener.add(clip)
    return listener


def tagged_by(descriptor, arrays):
    """Return an index of tracks that are high where the descriptor is, and even at every other place."""
    column = FrontEnd.of(Descriptors(set="means36")).rows().index(descriptor)
    return index_of(
        {
            track: (("high",) if array[0, column] > 0 else ()) + (("even",) if place % 2 else ())
            for place, (track, array) in enumerate(arrays.items())
        }
    )


def test_regression_is_that_of_least_squares():
    values, targets = RNG.normal(3, [1, 10, 0.1], (50, 3)), RNG.random((50, 2)) < 0.4
    result = regression(values, targets.astype(float))
    expected = LinearRegression().fit(values, targets)
    np.testing.assert_allclose(result.raw, expected.coef_.T)
    scaled = result.raw * values.std(axis=0)[:, np.newaxis] / targets.std(axis=0)
    np.testing.assert_allclose(result.standardized, scaled)
    r2 = [LinearRegression().fit(values, targets[:, place]).score(values, targets[:, place]) for place in range(2)]
    np.testing.assert_allclose(result.r2, r2)


def test_errors_are_those_of_a_simple_regression():
    x, y = RNG.normal(5, 2, 40), RNG.random(40)
    expected = linregress((x - x.mean()) / x.std(), (y - y.mean()) / y.std())
    result = regression(x[:, np.newaxis], y[:, np.newaxis])
    assert result.standardized[0, 0] == pytest.approx(expected.slope)
    assert result.error[0, 0] == pytest.approx(expected.stderr)


@pytest.mark.filterwarnings("error")
def test_what_never_varies_has_no_coefficient_and_disturbs_no_other():
    values, targets = RNG.normal(size=(30, 2)), RNG.random((30, 1))
    constant = np.insert(values, 1, 4.0, axis=1)
    result, expected = regression(constant, np.hstack([targets, np.ones_like(targets)])), regression(values, targets)
    np.testing.assert_allclose(result.raw[[0, 2], 0], expected.raw[:, 0])
    assert np.isnan(result.raw[1]).all() and np.isnan(result.raw[:, 1]).all()
    assert np.isnan(result.r2).tolist() == [False, True]


@pytest.mark.filterwarnings("error")
def test_fewer_clips_than_the_regression_needs_give_nothing():
    assert np.isnan(regression(RNG.normal(size=(4, 3)), RNG.random((4, 1))).raw).all()
    assert np.isfinite(regression(RNG.normal(size=(5, 3)), RNG.random((5, 1))).raw).all()


def test_roc_auc_is_the_usual_one_with_ties():
    true, scores = RNG.random((60, 3)) < 0.4, RNG.integers(0, 5, (60, 3)) / 5
    np.testing.assert_allclose(roc_auc(true, scores), roc_auc_score(true, scores, average=None))
    assert np.isnan(roc_auc(np.ones((4, 1), bool), scores[:4, :1])).all()


def test_the_forest_is_judged_on_clips_that_it_has_not_seen():
    values, is_held = RNG.normal(size=(200, 3)), np.arange(200) % 4 == 0
    borne = RNG.random((200, 1)) < 0.5
    assert forest(values, borne.astype(float), is_held, seed=0)[0][0] < 0.75  # on its own clips it would be near 1
    learnt = (values[:, [1]] > 0).astype(float)
    auc, drops = forest(values, learnt, is_held, seed=0)
    assert auc[0] > 0.95
    assert drops.shape == (importance.SHUFFLES, 3, 1)
    assert drops[:, 1].min() > 0.2 > np.abs(drops[:, [0, 2]]).max()


def test_tables_find_the_feature_that_makes_the_tag(tmp_path):
    arrays = noise(TRACKS, 1, 36)
    index = tagged_by("mfcc_05_mean", arrays)
    tables = listener_of(tmp_path, arrays, index.assign(lufs=RNG.normal(-10, 3, len(index)))).tables()
    importances, scores = tables["importances"], tables["importance_scores"].set_index("tag")
    assert list(importances.columns) == importance.IMPORTANCES
    assert list(tables["importance_scores"].columns) == importance.SCORES
    assert list(dict.fromkeys(importances["group"])) == list(GROUPS)
    assert importances["feature"].nunique() == 1 + 1 + 12 + 12
    high = importances[importances["tag"] == "high"].set_index("feature")
    for measure in ("coefficient", "raw_coefficient", "auc_drop"):
        assert high[measure].astype(float).idxmax() == "timbre_05"
    assert scores.loc["high", "r2_drop_timbre"] > 0.5 > 0.1 > scores.loc["high", "r2_drop_pitch"]
    assert scores.loc["high", "auc"] > 0.9
    assert scores.loc["high", ["clips", "bearers"]].tolist() == [160, index["tags"].map(lambda t: "high" in t).sum()]


def test_raw_coefficients_shrink_with_the_unit_and_standardized_ones_do_not(tmp_path):
    arrays = noise(TRACKS, 1, 36)
    index = tagged_by("mfcc_05_mean", arrays)
    column = FrontEnd.of(Descriptors(set="means36")).rows().index("mfcc_05_mean")
    scale = np.ones(36, np.float32)
    scale[column] = 1000
    small, large = (
        listener_of(tmp_path / name, given, index).tables()["importances"].query("tag == 'high'").set_index("feature")
        for name, given in {"small": arrays, "large": {track: array * scale for track, array in arrays.items()}}.items()
    )
    assert large.loc["timbre_05", "raw_coefficient"] == pytest.approx(small.loc["timbre_05", "raw_coefficient"] / 1000)
    np.testing.assert_allclose(large["coefficient"], small["coefficient"].astype(float), atol=1e-6)


def test_albums_are_not_on_both_sides_of_the_forest(tmp_path, monkeypatch):
    arrays = noise(TRACKS, 1, 36)
    index = tagged_by("tempo", arrays).assign(group=[f"album {place // 8}" for place in range(len(TRACKS))])
    seen = {}

    def spy(values, borne, is_held, *, seed):
        seen["held"] = is_held
        return np.zeros(borne.shape[1]), np.zeros((2, values.shape[1], borne.shape[1]))

    monkeypatch.setattr(importance, "forest", spy)
    listener_of(tmp_path, arrays, index).tables()
    by_album = seen["held"].reshape(-1, 8)
    assert (by_album.all(axis=1) | ~by_album.any(axis=1)).all()
    assert 0 < by_album[:, 0].sum() < len(by_album)


@pytest.mark.parametrize(
    ("set_of", "size", "features"),
    [
        ("means25", 25, {"loudness": 1, "tempo": 1, "pitch": 1, "timbre": 12}),
        ("means36", 36, {"loudness": 1, "tempo": 1, "pitch": 12, "timbre": 12}),
        ("full", 518, {"loudness": 1, "pitch": 12, "timbre": 12}),
    ],
)
def test_every_set_of_descriptors_gives_what_it_has(tmp_path, set_of, size, features):
    given = FrontEnd.of(Descriptors(set=set_of)).rows()
    arrays = {track: np.arange(size, dtype=np.float32)[np.newaxis] for track in "ab"}
    result = listener_of(tmp_path, arrays, index_of({"a": "x", "b": "y"}), set_of).features()
    groups = pd.Series([name.partition("_")[0] for name in result.columns])
    assert groups.value_counts(sort=False).to_dict() == features
    # The values are their places among the names of the set.
    for feature, stem in {"pitch_C#": "chroma_stft", "timbre_02": "mfcc"}.items():
        if feature in result:
            name = given[int(result[feature].iloc[0])]
            assert name in (f"{stem}_02_mean", f"{stem}_mean_02")


def test_where_loudness_is_unknown_it_is_left_out(tmp_path):
    arrays = noise(TRACKS, 1, 36)
    index = tagged_by("tempo", arrays)
    assert "loudness" not in listener_of(tmp_path / "a", arrays, index.assign(lufs=np.nan)).features()
    some = listener_of(tmp_path / "b", arrays, index.assign(lufs=[np.nan] + [-9.0] * 159)).features()
    assert len(some) == 159 and "loudness" in some
