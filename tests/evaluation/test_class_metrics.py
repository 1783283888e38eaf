"""Averages over classes, ranks and areas agree with scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import noisy, predictions
from sklearn import metrics as sklearn_metrics

from genreflow.evaluation import metrics

PAIRS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40)


@given(PAIRS)
def test_macro_and_micro_agree_with_scikit_learn(pairs):
    true, predicted = np.array(pairs).T
    confusion = metrics.confusion_matrix(true, predicted, 4)
    for score in ("precision", "recall", "f1"):
        of_sklearn = getattr(sklearn_metrics, f"{score}_score")
        expected = of_sklearn(true, predicted, average="macro", zero_division=0)
        assert metrics.macro(confusion, score) == pytest.approx(expected)
        micro = of_sklearn(true, predicted, average="micro", zero_division=0)
        assert metrics.accuracy(confusion) == pytest.approx(micro) == pytest.approx((true == predicted).mean())


def test_many_matrices_have_their_metrics_at_once():
    stack = np.random.default_rng(0).integers(4, size=(5, 6, 3, 3))
    stack[0, 0] = 0
    for metric in (metrics.accuracy, metrics.balanced_accuracy, metrics.majority_baseline):
        expected = [[metric(matrix) for matrix in row] for row in stack]
        np.testing.assert_allclose(metric(stack), expected)
        assert np.isnan(metric(stack)[0, 0]) and np.isfinite(metric(stack)[1:]).all()
    np.testing.assert_allclose(metrics.macro(stack, "f1")[2, 3], metrics.macro(stack[2, 3], "f1"))


class TestTopK:
    def test_agrees_with_scikit_learn_where_no_probabilities_are_equal(self):
        rng = np.random.default_rng(0)
        label, proba = np.arange(200) % 5, rng.dirichlet(np.ones(5), size=200)
        for k in (1, 2, 3, 4):
            expected = sklearn_metrics.top_k_accuracy_score(label, proba, k=k)
            assert metrics.top_k_accuracy(label, proba, k) == pytest.approx(expected)

    def test_of_equals_the_first_class_comes_first_as_in_accuracy(self):
        label, proba = np.array([0, 1, 2]), np.tile([0.4, 0.4, 0.2], (3, 1))
        assert [metrics.top_k_accuracy(label, proba, k) for k in (1, 2, 3)] == pytest.approx([1 / 3, 2 / 3, 1])

    def test_of_one_is_the_accuracy(self):
        output = noisy(np.random.default_rng(0))
        assert metrics.top_k_accuracy(output.label, output.proba, 1) == output.correct.mean()

    def test_of_nothing_is_unknown(self):
        assert np.isnan(metrics.top_k_accuracy(np.array([], int), np.empty((0, 3)), 2))


class TestAreas:
    @given(st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 2)), min_size=2, max_size=40))
    def test_agree_with_scikit_learn_with_ties_and_without_each_part(self, items):
        positive, score, part = (np.array(column) for column in zip(*items, strict=True))
        roc, pr = metrics.areas(positive, score / 5, part, 3)
        for number, kept in enumerate([np.ones(len(part), bool), *(part != left_out for left_out in range(3))]):
            if positive[kept].any() and not positive[kept].all():
                expected = sklearn_metrics.roc_auc_score(positive[kept], score[kept])
                assert roc[number] == pytest.approx(expected)
                expected = sklearn_metrics.average_precision_score(positive[kept], score[kept])
                assert pr[number] == pytest.approx(expected)
            else:
                assert np.isnan([roc[number], pr[number]]).all()

    def test_by_hand(self):
        """Ranked + - + -: three of four pairs are right; precision 1 at the first positive, 2/3 at the second."""
        roc, pr = metrics.areas(np.array([True, False, True, False]), np.array([0.9, 0.8, 0.7, 0.1]))
        assert (roc.item(), pr.item()) == pytest.approx((3 / 4, (1 + 2 / 3) / 2))

    @pytest.mark.parametrize("positive", [[True, True], [False, False], []])
    def test_of_items_that_are_all_alike_are_unknown(self, positive):
        assert np.isnan(metrics.areas(np.array(positive, bool), np.linspace(0, 1, len(positive)))).all()


class TestRocAuc:
    def test_agrees_with_scikit_learn(self):
        output = noisy(np.random.default_rng(0), skill=0.3)
        expected = sklearn_metrics.roc_auc_score(output.label, output.proba, multi_class="ovr", average="macro")
        assert metrics.roc_auc(output.label, output.proba) == pytest.approx(expected)

    def test_a_class_that_does_not_occur_is_in_no_mean_and_one_class_alone_has_no_area(self):
        proba = np.array([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.5, 0.4, 0.1]])
        assert metrics.roc_auc(np.array([0, 1, 1]), proba) == 1
        assert np.isnan(metrics.roc_auc(np.array([1, 1, 1]), proba))


class TestClassIndexMse:
    def test_is_that_of_scikit_learn_and_changes_with_the_order_of_the_classes(self):
        label, predicted = np.array([0, 1, 2, 2]), np.array([2, 1, 2, 0])
        expected = sklearn_metrics.mean_squared_error(label, predicted)
        assert metrics.class_index_mse(label, predicted) == pytest.approx(expected) == 2
        renamed = np.array([0, 2, 1])
        assert metrics.class_index_mse(renamed[label], renamed[predicted]) == 0.5

    def test_says_that_it_is_meaningless(self):
        assert "meaningless" in metrics.class_index_mse.__doc__


def test_every_metric_has_its_level_in_its_name():
    output = predictions(
        [
            ("x", 0, [0.9, 0.1, 0]), ("x", 0, [0.4, 0.6, 0]), ("x", 0, [0.4, 0.6, 0]),
            ("y", 1, [0, 1, 0]), ("z", 2, [0.5, 0.3, 0.2]),
        ]
    )  # fmt: skip
    result = metrics.evaluate_fully(output)
    assert all(name in ("tracks", "slices") or name.startswith(("slice_", "track_")) for name in result)
    assert {name: result[name] for name in metrics.evaluate(output)} == metrics.evaluate(output)
    assert result | {
        "track_accuracy_majority": 1 / 3,
        "track_accuracy_mean": 2 / 3,
        "track_accuracy_maximum": 2 / 3,
        "track_accuracy_weighted": 1 / 3,
        "slice_micro_f1": 2 / 5,
        "track_micro_f1": 1 / 3,
        "slice_top_3_accuracy": 1,
        "slice_class_index_mse": (1 + 1 + 4) / 5,
        "track_class_index_mse": (1 + 4) / 3,
        "track_macro_recall": 1 / 3,
    } == pytest.approx(result)
    expected = sklearn_metrics.f1_score(output.label, output.predicted, average="macro", zero_division=0)
    assert result["slice_macro_f1"] == pytest.approx(expected)


def test_nothing_is_not_an_error():
    nothing = noisy(np.random.default_rng(0), tracks=0)
    result = metrics.evaluate_fully(nothing)
    assert (result.pop("tracks"), result.pop("slices")) == (0, 0) and np.isnan(list(result.values())).all()
