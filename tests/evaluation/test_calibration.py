"""Calibration: by hand, by scikit-learn, and on models whose true calibration is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import noisy, predictions, take_tracks
from scipy.special import softmax
from sklearn import metrics as sklearn_metrics

from genreflow.errors import UserError
from genreflow.evaluation import calibration
from genreflow.evaluation.calibration import (
    apply_temperature,
    brier_score,
    calibration_error,
    fit_temperature,
    log_loss,
    reliability_table,
)


def calibrated(rng, n=20_000, n_classes=4, scale=2.0):
    """Probabilities, and labels drawn from them."""
    proba = softmax(scale * rng.normal(size=(n, n_classes)), axis=1)
    label = (rng.random((n, 1)) > proba.cumsum(axis=1)[:, :-1]).sum(axis=1)
    return proba, label


class TestReliability:
    def test_by_hand(self):
        """Confidences .95 (right), .85 (wrong), .55 (right), .5 (wrong) in five bins; .8 to .2 are empty."""
        proba = np.array([[0.95, 0.05], [0.85, 0.15], [0.45, 0.55], [0.5, 0.5]])
        table = reliability_table(proba, np.array([0, 1, 1, 1]), bins=5)
        assert tuple(table) == calibration.RELIABILITY and table["count"].tolist() == [0, 0, 2, 0, 2]
        assert table.loc[2, ["low", "high", "confidence", "accuracy"]].tolist() == pytest.approx([0.4, 0.6, 0.525, 0.5])
        assert table.loc[4, ["low", "high", "confidence", "accuracy"]].tolist() == pytest.approx([0.8, 1, 0.9, 0.5])
        assert table.loc[[0, 1, 3], ["confidence", "accuracy"]].isna().all(axis=None)
        assert calibration_error(table) == pytest.approx((2 * 0.025 + 2 * 0.4) / 4)

    def test_a_confidence_on_an_edge_is_in_the_bin_below(self):
        proba = np.array([[1.0, 0.0], [0.6, 0.4], [0.8, 0.2]])
        assert reliability_table(proba, np.zeros(3, int), bins=5)["count"].tolist() == [0, 0, 1, 1, 1]

    @given(st.integers(0, 2**32), st.integers(1, 40), st.integers(1, 20))
    def test_holds_every_item_once_and_its_means(self, seed, n, bins):
        rng = np.random.default_rng(seed)
        proba, label = rng.dirichlet(np.ones(3), size=n), rng.integers(3, size=n)
        table = reliability_table(proba, label, bins=bins)
        assert len(table) == bins and table["count"].sum() == n
        assert (table["count"] * table["accuracy"]).sum() == pytest.approx((proba.argmax(axis=1) == label).sum())
        assert (table["count"] * table["confidence"]).sum() == pytest.approx(proba.max(axis=1).sum())
        held = table[table["count"] > 0]
        assert (held["confidence"] > held["low"] - 1e-9).all() and (held["confidence"] <= held["high"] + 1e-9).all()
        gap = abs((proba.argmax(axis=1) == label).mean() - proba.max(axis=1).mean())
        assert gap - 1e-9 <= calibration_error(table) <= 1

    def test_a_calibrated_model_has_no_error_and_one_too_sure_has(self):
        proba, label = calibrated(np.random.default_rng(0))
        assert calibration_error(reliability_table(proba, label)) < 0.012
        assert calibration_error(reliability_table(apply_temperature(proba, 0.4), label)) > 0.1


class TestScores:
    def test_agree_with_scikit_learn(self):
        output = noisy(np.random.default_rng(0))
        expected = sklearn_metrics.brier_score_loss(output.label, output.proba, scale_by_half=False)
        assert brier_score(output.proba, output.label) == pytest.approx(expected)
        assert log_loss(output.proba, output.label) == pytest.approx(
            sklearn_metrics.log_loss(output.label, output.proba)
        )

    def test_by_hand(self):
        proba, label = np.array([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]]), np.array([0, 0])
        assert brier_score(proba, label) == pytest.approx((0.25 + 2 * 0.0625 + 2) / 2)
        assert log_loss(proba, label) == pytest.approx((np.log(2) - np.log(calibration.FLOOR)) / 2)

    def test_of_nothing_are_unknown(self):
        proba, label = np.empty((0, 3)), np.empty(0, int)
        assert np.isnan([brier_score(proba, label), log_loss(proba, label)]).all()
        assert np.isnan(calibration_error(reliability_table(proba, label)))


class TestTemperature:
    @pytest.mark.parametrize("made", [0.3, 1.0, 3.0])
    def test_finds_how_much_too_sure_a_model_was_made(self, made):
        """Probabilities at temperature t are put right by 1 / t."""
        proba, label = calibrated(np.random.default_rng(1))
        assert fit_temperature(apply_temperature(proba, made), label) == pytest.approx(1 / made, rel=0.03)

    def test_is_the_least_of_a_fine_grid(self):
        output = noisy(np.random.default_rng(2), skill=0.6)
        result = fit_temperature(output.proba, output.label)
        losses = [
            log_loss(apply_temperature(output.proba, result * f), output.label) for f in np.linspace(0.8, 1.25, 91)
        ]
        assert log_loss(apply_temperature(output.proba, result), output.label) <= min(losses) + 1e-9

    def test_from_probabilities_is_from_logits(self):
        logits = np.random.default_rng(3).normal(size=(50, 4)) * 5
        np.testing.assert_allclose(apply_temperature(softmax(logits, axis=1), 2.5), softmax(logits / 2.5, axis=1))

    def test_changes_no_answer_and_1_changes_nothing(self):
        output = noisy(np.random.default_rng(4))
        assert (apply_temperature(output.proba, 7.0).argmax(axis=1) == output.predicted).all()
        np.testing.assert_allclose(apply_temperature(output.proba, 1.0), output.proba)

    def test_of_a_model_that_is_always_right_is_finite(self):
        proba, label = np.tile([0.9, 0.1], (9, 1)), np.zeros(9, int)
        result = fit_temperature(proba, label)
        assert result >= 0.01 and log_loss(apply_temperature(proba, result), label) < 1e-9

    def test_of_nothing_is_refused(self):
        with pytest.raises(UserError, match="no validation predictions"):
            fit_temperature(np.empty((0, 3)), np.empty(0, int))


class TestEvaluate:
    def test_before_and_after(self):
        rng = np.random.default_rng(5)
        proba, label = calibrated(rng, n=4000)
        too_sure = apply_temperature(proba, 0.4)
        output = predictions(
            [
                (f"t{i // 4}", y, p)
                for i, (p, y) in enumerate(zip(too_sure, label, strict=True))
                if y == label[i - i % 4]
            ],
            classes="abcd",
        )
        tracks = np.unique(output.track_id)
        validation, test = take_tracks(output, tracks[::2]), take_tracks(output, tracks[1::2])
        result = calibration.evaluate(test, validation)
        assert result["slice_log_loss"] == pytest.approx(log_loss(test.proba, test.label))
        after = apply_temperature(test.proba, result["temperature"])
        assert result["slice_brier_scaled"] == pytest.approx(brier_score(after, test.label))
        for name in ("slice_log_loss", "slice_brier", "slice_ece"):
            assert result[f"{name}_scaled"] < result[name]
        assert set(calibration.evaluate(test)) == {"slice_log_loss", "slice_brier", "slice_ece"}

    def test_a_temperature_fitted_to_what_it_is_judged_by_is_refused(self):
        output = noisy(np.random.default_rng(6))
        with pytest.raises(UserError, match="600 slices in common, the first is slice 0 of track t00000"):
            calibration.evaluate(output, output)
