"""Bias-corrected and accelerated intervals: those of SciPy, over clusters, of anything."""

from functools import partial

import numpy as np
import pytest
from made_up import noisy
from scipy import stats
from sklearn.metrics import f1_score, roc_auc_score

from genreflow.evaluation import metrics
from genreflow.evaluation.intervals import (
    accuracy_interval,
    bca_interval,
    bca_interval_of_sums,
    cluster_sums,
    percentile_interval,
    ratio,
    resampled,
)


def of_scipy(statistic, *data, resamples=10_000, vectorized=True):
    rng = np.random.default_rng(0)
    options = {"method": "BCa", "paired": True, "vectorized": vectorized, "rng": rng}
    result = stats.bootstrap(data, statistic, n_resamples=resamples, **options)
    return result.confidence_interval


def assert_alike(result, expected, share):
    np.testing.assert_allclose(result, expected, atol=share * (expected[1] - expected[0]))


def confusion_interval(true, predicted, cluster, n_classes, metric, **options):
    """Return the interval of a metric of the confusion matrix, whose cells are sums over clusters."""
    cells = np.eye(n_classes**2)[np.asarray(true) * n_classes + np.asarray(predicted)]
    return bca_interval_of_sums(
        cluster_sums(cells, cluster), lambda sums: metric(sums.reshape(-1, n_classes, n_classes)), **options
    )


def roc_auc_interval(label, proba, **options):
    """Return the interval of the macro ROC-AUC over single items, by weights."""

    def statistic(drawn):
        return np.mean([metrics.areas(label == k, proba[:, k], drawn.T)[0] for k in range(proba.shape[1])], axis=0)

    return bca_interval(statistic, np.ones(len(label), int), **options)


@pytest.mark.end_to_end
class TestAgainstSciPy:
    """On items that are each their own cluster; what remains is the noise of two sets of draws."""

    @pytest.mark.parametrize(("right", "n"), [(60, 80), (76, 80), (3, 80), (700, 900)])
    def test_an_accuracy(self, right, n):
        correct = np.arange(n) < right
        expected = of_scipy(lambda x, axis: x.mean(axis=axis), correct.astype(float))
        low, high = accuracy_interval(correct, np.arange(n))
        # Accuracies are whole items: an end may be one off.
        assert max(abs(low - expected.low), abs(high - expected.high)) < 1.01 / n + 0.03 * (high - low)

    def test_a_skewed_mean_whose_interval_is_far_from_that_of_percentiles(self):
        x = np.random.default_rng(3).lognormal(sigma=1.5, size=60)
        sums = np.column_stack([x, np.ones(60)])
        expected = of_scipy(lambda x, axis: x.mean(axis=axis), x)
        assert_alike(bca_interval_of_sums(sums, ratio), expected, 0.03)
        plain = percentile_interval(x[np.random.default_rng(0).integers(60, size=(10_000, 60))].mean(axis=1))
        assert expected[1] - plain[1] > 0.1 * (expected[1] - expected[0])

    def test_a_ratio_of_sums(self):
        rng = np.random.default_rng(1)
        sizes = rng.integers(1, 30, size=70)
        hits = rng.binomial(sizes, rng.beta(2, 1, size=70))
        expected = of_scipy(lambda x, y, axis: x.sum(axis=axis) / y.sum(axis=axis), hits, sizes)
        assert_alike(bca_interval_of_sums(np.column_stack([hits, sizes]), ratio), expected, 0.03)
        cluster = np.repeat(np.arange(70), sizes)
        correct = np.concatenate([np.arange(size) < hit for hit, size in zip(hits, sizes, strict=True)])
        assert_alike(accuracy_interval(correct, cluster), expected, 0.03)

    def test_macro_f1(self):
        rng = np.random.default_rng(2)
        true = rng.integers(3, size=120)
        predicted = np.where(rng.random(120) < 0.6, true, rng.integers(3, size=120))
        score = partial(f1_score, average="macro")
        expected = of_scipy(score, true, predicted, resamples=999, vectorized=False)
        result = confusion_interval(true, predicted, np.arange(120), 3, partial(metrics.macro, score="f1"))
        assert_alike(result, expected, 0.1)

    def test_roc_auc(self):
        rng = np.random.default_rng(4)
        true = np.arange(90) % 3
        proba = rng.dirichlet(np.ones(3), size=90) + 0.3 * np.eye(3)[true]
        proba /= proba.sum(axis=1, keepdims=True)
        expected = of_scipy(
            lambda i: roc_auc_score(true[i], proba[i], multi_class="ovr"),
            np.arange(90),
            resamples=999,
            vectorized=False,
        )
        assert_alike(roc_auc_interval(true, proba), expected, 0.1)


def test_draws_of_clusters_can_be_had_as_weights_or_as_rows():
    """A statistic of drawn rows, written out, gives what one of weights does."""
    rng = np.random.default_rng(0)
    x, cluster = rng.normal(size=60), np.repeat(np.arange(12), 5)

    def of_weights(drawn):
        return (drawn[:, cluster] * x).sum(axis=1) / drawn[:, cluster].sum(axis=1)

    def of_rows(drawn):
        return np.array([np.mean(np.repeat(x, counts[cluster])) for counts in drawn])

    counts = np.ones(12, int)
    result = bca_interval(of_weights, counts, resamples=500)
    np.testing.assert_allclose(result, bca_interval(of_rows, counts, resamples=500))
    sums = cluster_sums(np.column_stack([x, np.ones(60)]), cluster)
    assert_alike(result, bca_interval_of_sums(sums, ratio), 0.1)


def test_several_statistics_have_their_intervals_at_once():
    x = np.random.default_rng(0).normal(size=(40, 2))
    counts = np.ones(40, int)
    low, high = bca_interval(lambda drawn: drawn @ x / 40, counts, resamples=600)
    for column in range(2):
        alone = bca_interval(lambda drawn, column=column: drawn @ x[:, column] / 40, counts, resamples=600)
        assert (low[column], high[column]) == pytest.approx(alone)


def test_groups_are_what_is_drawn_of_any_metric():
    """Slices of a track that are alike: as wide as if each track were one slice, not as 30."""
    output = noisy(np.random.default_rng(0), tracks=100, slices=30)
    arguments = output.label, output.predicted
    grouped = np.diff(confusion_interval(*arguments, output.track_id, 3, metrics.balanced_accuracy))
    naive = np.diff(confusion_interval(*arguments, np.arange(3000), 3, metrics.balanced_accuracy))
    assert (grouped / naive).item() == pytest.approx(np.sqrt(30), rel=0.15)


@pytest.mark.parametrize("clusters", [0, 1])
def test_there_is_no_interval_of_fewer_than_two_clusters(clusters):
    assert np.isnan(bca_interval_of_sums(np.ones((clusters, 2)), ratio)).all()


def test_what_has_no_value_in_many_draws_has_no_interval():
    """A ratio whose whole is in k of 30 clusters is undefined in a share exp(-k) of the draws."""
    for k, known in [(1, False), (2, False), (4, True)]:
        whole = (np.arange(30) < k).astype(float)
        sums = np.column_stack([whole * np.arange(30), whole])
        assert np.isfinite(bca_interval_of_sums(sums, ratio)).all() == known


def test_a_statistic_that_never_varies_is_its_own_interval():
    assert bca_interval_of_sums(np.tile([1.0, 2.0], (9, 1)), ratio) == (0.5, 0.5)


def test_draws_depend_on_the_seed_alone_and_not_on_how_many_there_are():
    counts = np.array([3, 4, 5])
    few, many = (resampled(lambda drawn: drawn[:, 0], counts, seed=7, resamples=n) for n in (300, 900))
    assert (few == many[:300]).all()
    assert (few != resampled(lambda drawn: drawn[:, 0], counts, seed=8, resamples=300)).any()


@pytest.mark.end_to_end
class TestCoverage:
    """Of 200 data sets each; what is promised is 95 %."""

    def test_on_shuffled_labels_metrics_of_tracks_contain_chance(self):
        balanced = area = 0
        for seed in range(200):
            rng = np.random.default_rng(seed)
            label, cluster = rng.permutation(np.arange(150) % 3), np.arange(150)
            proba = rng.dirichlet(np.ones(3), size=150)
            low, high = confusion_interval(
                label, proba.argmax(axis=1), cluster, 3, metrics.balanced_accuracy, resamples=1000
            )
            balanced += low <= 1 / 3 <= high
            low, high = roc_auc_interval(label, proba, resamples=400)
            area += low <= 1 / 2 <= high
        assert balanced >= 0.93 * 200 and area >= 0.93 * 200

    def test_on_shuffled_labels_slices_of_groups_of_tracks_contain_chance(self):
        """Labels belong to groups of tracks: 60 groups of 5 tracks of 4 slices."""
        contained = 0
        for seed in range(200):
            rng = np.random.default_rng(seed)
            group = np.repeat(np.arange(60), 20)
            answer = np.where(rng.random(1200) < 0.7, rng.integers(3, size=60)[group], rng.integers(3, size=1200))
            label = rng.permutation(np.arange(60) % 3)[group]
            low, high = accuracy_interval(answer == label, group, seed=seed)
            contained += low <= 1 / 3 <= high
        assert contained >= 0.93 * 200

    def test_of_a_good_model(self):
        """95 % of 200 tracks right, where the percentile interval is too low."""
        contained = 0
        for seed in range(200):
            correct = np.random.default_rng(seed).random(200) < 0.95
            low, high = accuracy_interval(correct, np.arange(200), seed=seed)
            contained += low <= 0.95 <= high
        assert contained >= 0.93 * 200
