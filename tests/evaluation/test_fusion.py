"""Models combined on the same slices: the study's two fusions, stacking, and what does not agree."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up import noisy, predictions, take, take_tracks
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from genreflow.errors import UserError
from genreflow.evaluation.fusion import mean_fusion, stacking
from genreflow.evaluation.tags import TagPredictions
from genreflow.evaluation.votes import majority, mean_probability


def shuffled(output, rng):
    return take(output, rng.permutation(len(output)))


def two_models(seed, tracks=40, slices=18):
    """Two models of which each is right about tracks of its own."""
    stft, music = (noisy(np.random.default_rng([seed, i]), tracks=tracks, slices=slices) for i in range(2))
    return {"net_stft": stft, "net_music": music}


class TestMeanFusion:
    @settings(max_examples=30)
    @given(st.integers(0, 2**32), st.integers(1, 12), st.integers(1, 18))
    def test_by_mean_of_a_track_is_fusion1_of_senac(self, seed, tracks, slices):
        """«Per class average the 2 x 18 probabilities, argmax»."""
        models = two_models(seed, tracks, slices)
        every = pd.concat([pd.DataFrame(output.proba, index=output.track_id) for output in models.values()])
        expected = every.groupby(level=0).mean().to_numpy().argmax(axis=1)
        np.testing.assert_array_equal(mean_probability(mean_fusion(models)).predicted, expected)

    @settings(max_examples=30)
    @given(st.integers(0, 2**32), st.integers(1, 12), st.integers(1, 18))
    def test_by_majority_is_fusion2_of_senac(self, seed, tracks, slices):
        """«Per clip average the two nets' probabilities, argmax per clip, then majority vote»."""
        models = two_models(seed, tracks, slices)
        stft, music = models.values()
        clips = ((stft.proba + music.proba) / 2).argmax(axis=1)
        votes = pd.crosstab(stft.track_id, clips).reindex(columns=range(3), fill_value=0).to_numpy()
        result = majority(mean_fusion(models))
        most = votes.max(axis=1)
        np.testing.assert_array_equal(votes[np.arange(tracks), result.predicted], most)
        alone = (votes == most[:, None]).sum(axis=1) == 1
        np.testing.assert_array_equal(result.predicted[alone], votes.argmax(axis=1)[alone])

    def test_slices_are_matched_and_not_rows(self):
        models = two_models(0)
        mixed = models | {"net_music": shuffled(models["net_music"], np.random.default_rng(1))}
        result, expected = mean_fusion(mixed), mean_fusion(models)
        np.testing.assert_array_equal(result.proba, expected.proba)
        assert (result.track_id == expected.track_id).all() and (result.label == expected.label).all()

    def test_of_three_models_by_hand(self):
        parts = [predictions([("x", 0, row)]) for row in ([1, 0, 0], [0.4, 0.6, 0], [0.1, 0.6, 0.3])]
        result = mean_fusion(dict(zip("abc", parts, strict=True)))
        np.testing.assert_allclose(result.proba, [[0.5, 0.4, 0.1]])

    def test_of_one_model_is_that_model(self):
        output = noisy(np.random.default_rng(0))
        assert (mean_fusion({"only": output}).proba == output.proba).all()


class TestWhatDoesNotAgree:
    def test_slices_of_one_model_alone_are_told_on_either_side(self):
        output = noisy(np.random.default_rng(0), tracks=4, slices=2)
        models = {
            "cnn": take_tracks(output, ["t00000", "t00001"]),
            "rnn": take_tracks(output, ["t00001", "t00002", "t00003"]),
        }
        with pytest.raises(UserError) as message:
            mean_fusion(models)
        assert "2 slices of cnn missing in rnn, the first is slice 0 of track t00000" in str(message.value)
        assert "4 slices of rnn missing in cnn, the first is slice 0 of track t00002" in str(message.value)

    def test_labels(self):
        output = noisy(np.random.default_rng(0), tracks=4, slices=2)
        other = dataclasses.replace(output, label=np.where(output.track_id == "t00003", 1, output.label))
        with pytest.raises(
            UserError, match=r"2 slices with another label in cnn than in rnn, .* slice 0 of track t00003"
        ):
            mean_fusion({"cnn": output, "rnn": other})

    def test_classes(self):
        output = noisy(np.random.default_rng(0))
        with pytest.raises(UserError, match="the classes of cnn are a, b, c, of rnn c, b, a"):
            mean_fusion({"cnn": output, "rnn": dataclasses.replace(output, classes=("c", "b", "a"))})

    def test_no_models(self):
        with pytest.raises(UserError, match="there are none"):
            mean_fusion({})


def halves(models):
    tracks = np.unique(next(iter(models.values())).track_id)
    return tuple(
        {name: take_tracks(output, part) for name, output in models.items()} for part in (tracks[::2], tracks[1::2])
    )


class TestStacking:
    def test_is_logistic_regression_on_log_probabilities(self):
        validation, test = halves(two_models(3, slices=4))
        scaler, learner = StandardScaler(), LogisticRegression(max_iter=1000)
        x, x_test = (np.hstack([np.log(output.proba) for output in side.values()]) for side in (validation, test))
        learner.fit(scaler.fit_transform(x), validation["net_stft"].label)
        expected = learner.predict_proba(scaler.transform(x_test))
        result = stacking(validation, test)
        np.testing.assert_allclose(result.proba, expected)
        assert (result.track_id == test["net_stft"].track_id).all()

    def test_trusts_the_model_that_is_right_where_the_mean_cannot_know(self):
        """One model knows; the other is as sure, and mixes up all classes."""
        knows = noisy(np.random.default_rng(0), tracks=200, slices=3, skill=0.95)
        confuses = dataclasses.replace(noisy(np.random.default_rng(1), tracks=200, slices=3, skill=0.0))
        validation, test = halves({"knows": knows, "confuses": confuses})
        assert stacking(validation, test).correct.mean() > 0.9 > mean_fusion(test).correct.mean()

    def test_the_order_of_rows_does_not_matter(self):
        validation, test = halves(two_models(4, slices=3))
        rng = np.random.default_rng(0)
        mixed = {name: shuffled(output, rng) for name, output in test.items()}
        result = pd.DataFrame(stacking(validation, mixed).proba, _index(mixed["net_stft"])).sort_index()
        expected = pd.DataFrame(stacking(validation, test).proba, _index(test["net_stft"])).sort_index()
        pd.testing.assert_frame_equal(result, expected)

    def test_a_class_that_validation_lacks_gets_probability_0_and_probabilities_of_0_are_no_error(self):
        sure = np.eye(3)
        validation = {"cnn": predictions([(f"v{i}", i % 2, sure[i % 2]) for i in range(10)])}
        result = stacking(validation, {"cnn": predictions([("x", 2, sure[2]), ("y", 1, sure[1])])})
        assert (result.proba[:, 2] == 0).all() and result.predicted[1] == 1

    def test_nothing_to_judge_is_not_an_error(self):
        validation, test = halves(two_models(5, slices=2))
        assert len(stacking(validation, {name: take_tracks(output, []) for name, output in test.items()})) == 0

    def test_what_it_is_judged_by_must_not_be_what_it_learned_from(self):
        validation, _ = halves(two_models(6, slices=2))
        with pytest.raises(UserError, match="test of net_music have 40 slices in common, the first is slice 0"):
            stacking(validation, validation)

    def test_other_slices_of_the_same_tracks_may_judge_where_slices_are_what_is_divided(self):
        models = two_models(6, slices=2)
        sides = ({name: take(output, output.segment == part) for name, output in models.items()} for part in (0, 1))
        assert len(stacking(*sides)) == 40

    def test_both_sides_must_be_of_the_same_models(self):
        validation, test = halves(two_models(6, slices=2))
        with pytest.raises(UserError, match="validation has the models net_stft, net_music, test net_stft"):
            stacking(validation, {"net_stft": test["net_stft"]})

    def test_validation_must_be_of_two_classes(self):
        validation, test = halves(two_models(6, slices=2))
        with pytest.raises(UserError, match="fewer than two classes"):
            stacking({name: take_tracks(output, ["t00000"]) for name, output in validation.items()}, test)


class TestTags:
    def models(self, seed):
        """Three tags of 60 tracks: one model ranks well, the other at random."""
        rng = np.random.default_rng(seed)
        has = rng.random((60, 3)) < 0.4
        ids = np.array([f"t{number:05d}" for number in range(60)], object)
        good, random = (
            TagPredictions(ids, np.zeros(60, int), has, proba, ("a", "b", "c"))
            for proba in (np.where(has, 0.8, 0.3) + rng.uniform(-0.1, 0.1, has.shape), rng.random(has.shape))
        )
        return {"good": good, "random": random}

    def sides(self, seed):
        models = self.models(seed)
        return ({name: take_tags(part, slice(start, None, 2)) for name, part in models.items()} for start in (0, 1))

    def test_mean_is_that_of_each_tag(self):
        models = self.models(0)
        expected = (models["good"].proba + models["random"].proba) / 2
        np.testing.assert_allclose(mean_fusion(models).proba, expected)

    def test_stacking_learns_which_model_to_trust(self):
        validation, test = self.sides(1)
        stacked = stacking(validation, test)
        truth = test["good"].tags
        assert ((stacked.proba > 0.5) == truth).mean() > 0.9 > ((mean_fusion(test).proba > 0.5) == truth).mean()

    def test_a_tag_without_examples_gets_the_mean(self):
        validation, test = self.sides(2)
        absent = {
            name: dataclasses.replace(part, tags=part.tags & [True, True, False]) for name, part in validation.items()
        }
        np.testing.assert_allclose(stacking(absent, test).proba[:, 2], mean_fusion(test).proba[:, 2])

    def test_other_tags_of_a_slice_are_named(self):
        models = self.models(3)
        other = dataclasses.replace(models["random"], tags=~models["random"].tags)
        with pytest.raises(UserError, match="60 slices with another label in good than in random"):
            mean_fusion(models | {"random": other})


def take_tags(part, rows):
    """Return some rows of predictions of tags."""
    arrays = {name: getattr(part, name)[rows] for name in ("track_id", "segment", "tags", "proba")}
    return dataclasses.replace(part, **arrays)


def _index(output):
    return pd.MultiIndex.from_arrays([output.track_id, output.segment])
