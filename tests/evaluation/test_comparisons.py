"""Two settings on the same tracks: what is different, what cannot be told apart, and how often that is wrong."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from genreflow.errors import UserError
from genreflow.evaluation import comparisons
from genreflow.evaluation.comparisons import (
    corrected_t_test,
    exchange_test,
    fold_difference,
    holm,
    pairs_table,
    track_difference,
    training_error,
    verdict,
)


def judged(setting, correct, group=None, **columns):
    ids = [f"t{i:05d}" for i in range(len(correct))]
    group = ids if group is None else group
    fixed = {"setting": setting, "track_id": ids, "group": group, "fold": "1", "repeat": 0}
    return pd.DataFrame(fixed | {"correct": correct} | columns)


def difference(a, b):
    """Return the facts of a difference, with its interval at 5 %."""
    facts, test = track_difference(a, b)
    return facts | dict(zip(("low", "high"), test.interval(0.05) if test else (np.nan, np.nan), strict=True))


def repeated(setting, sides):
    """Return the answers of several trainings of one fold."""
    return pd.concat([judged(setting, side, repeat=number) for number, side in enumerate(sides)])


def folds_of(setting, accuracies, train=80, test=20):
    return pd.DataFrame(
        {
            "setting": setting,
            "fold": [str(1 + i) for i in range(len(accuracies))],
            "accuracy": accuracies,
            "train": train,
            "test": test,
        }
    )


def pair(rng, accuracy_a, accuracy_b, n, shared=0.6):
    """Answers of two settings to n tracks, for a share of which both find the same ones hard."""
    hard = rng.random(n)
    own = [np.where(rng.random(n) < shared, hard, rng.random(n)) for _ in range(2)]
    return own[0] < accuracy_a, own[1] < accuracy_b


class TestTrackDifference:
    def test_by_hand(self):
        result = difference(judged("a", [1, 1, 1, 0]), judged("b", [1, 0, 1, 0, 1]))
        assert (result["tracks"], result["groups"], result["left_out"]) == (4, 4, 1)
        assert (result["accuracy_a"], result["accuracy_b"], result["difference"]) == (0.75, 0.5, 0.25)

    def test_is_as_wide_as_theory_says(self):
        """Standard error of a paired difference: sqrt((b + c) / n - d²) / sqrt(n), b and c the tracks that differ."""
        a, b = pair(np.random.default_rng(0), 0.7, 0.66, 900)
        result = difference(judged("a", a), judged("b", b))
        error = (a.astype(int) - b).std() / np.sqrt(900)
        expected = result["difference"] + 1.96 * error * np.array([-1, 1])
        np.testing.assert_allclose([result["low"], result["high"]], expected, atol=0.1 * error)
        assert result["p"] == pytest.approx(2 * stats.norm.sf(abs(result["difference"]) / error), abs=0.02)

    def test_groups_make_it_wider(self):
        a, b = (np.repeat(side, 10) for side in pair(np.random.default_rng(2), 0.7, 0.6, 60))
        alone = difference(judged("a", a), judged("b", b))
        group = np.repeat(np.arange(60), 10)
        grouped = difference(judged("a", a, group), judged("b", b, group))
        ratio = (grouped["high"] - grouped["low"]) / (alone["high"] - alone["low"])
        assert ratio == pytest.approx(np.sqrt(10), rel=0.1) and grouped["p"] > alone["p"]
        assert (grouped["tracks"], grouped["groups"]) == (600, 60)

    def test_equal_repeats_are_no_new_tracks(self):
        """The same answers three times: the same interval and p."""
        a, b = pair(np.random.default_rng(3), 0.7, 0.6, 200)
        once, thrice = (
            difference(judged("a", a), judged("b", b)),
            difference(repeated("a", [a] * 3), repeated("b", [b] * 3)),
        )
        assert (thrice.pop("repeats"), thrice.pop("runs"), thrice.pop("training_error")) == (3, 3, 0)
        assert thrice == pytest.approx({name: once[name] for name in thrice})

    def test_repeats_that_differ_make_it_wider_by_their_chance(self):
        """Three trainings each, whose accuracies are 4 points apart, on 400 tracks."""
        levels = (0.66, 0.70, 0.74)
        hard = np.arange(400) / 400
        order = np.random.default_rng(4).permutation(400)
        a, b = (
            repeated("a", [hard < level for level in levels]),
            repeated("b", [hard[order] < level for level in levels]),
        )
        result = difference(a, b)
        assert result["training_error"] == pytest.approx(np.sqrt(2 * 0.04**2 / 3))
        wide = result["high"] - result["low"]
        middle = difference(judged("a", hard < 0.70), judged("b", hard[order] < 0.70))
        assert wide > 1.3 * (middle["high"] - middle["low"]) and middle["repeats"] == 1

    def test_a_fold_that_was_trained_once_leaves_the_chance_of_training_unknown(self):
        a, b = pair(np.random.default_rng(5), 0.7, 0.6, 200)
        result = difference(judged("a", a), repeated("b", [b, b]))
        assert result["repeats"] == 1 and np.isnan(result["training_error"])
        once = difference(judged("a", a), judged("b", b))
        assert (result["difference"], result["p"]) == pytest.approx((once["difference"], once["p"]))

    def test_turned_round_is_the_same_with_the_other_sign(self):
        right_a, right_b = pair(np.random.default_rng(6), 0.8, 0.6, 500)
        a, b = judged("a", right_a), judged("b", right_b)
        there, back = difference(a, b), difference(b, a)
        assert (there["difference"], there["p"]) == (-back["difference"], back["p"])
        assert there["low"] == pytest.approx(-back["high"], abs=0.004)

    def test_equal_answers_do_not_differ_at_all(self):
        result = difference(judged("a", [1, 0] * 9), judged("b", [1, 0] * 9))
        assert (result["difference"], result["low"], result["high"], result["p"]) == (0, 0, 0, 1)

    @pytest.mark.parametrize("n", [0, 1, comparisons.FEWEST - 1])
    def test_too_few_groups_have_no_interval(self, n):
        result = difference(judged("a", [True] * n), judged("b", [False] * 9))
        assert np.isnan([result["low"], result["high"], result["p"]]).all() and result["tracks"] == n

    def test_the_fewest_groups_are_those_that_can_differ_significantly(self):
        """Six of six for a: two exchanges of 64 are as extreme."""
        result = difference(judged("a", [True] * 6), judged("b", [False] * 6))
        assert result["p"] == pytest.approx(2 / 64, abs=0.006) and result["low"] > 0


def alone(differences):
    """Return the test of differences of clusters of equal size."""
    return exchange_test(np.asarray(differences) / len(differences), np.full(len(differences), 1 / len(differences)))


class TestExchange:
    @pytest.mark.parametrize(("b", "c"), [(5, 0), (9, 2), (30, 18), (4, 4)])
    def test_of_single_tracks_is_mcnemars_exact_test(self, b, c):
        expected = stats.binomtest(b, b + c).pvalue
        assert alone([1] * b + [-1] * c + [0] * 50).p == pytest.approx(expected, abs=0.01)

    def test_of_groups_is_the_permutation_test_of_scipy(self):
        differences = np.array([3, -1, 4, 2, 0, -2, 5, 1, 1, 2])
        expected = stats.permutation_test(
            (differences,), np.sum, permutation_type="samples", n_resamples=100_000, rng=np.random.default_rng(0)
        ).pvalue
        assert alone(differences).p == pytest.approx(expected, abs=0.01)

    def test_p_is_neither_0_nor_above_1(self):
        assert alone(np.ones(500)).p == 1 / 10_001 and alone(np.zeros(9)).p == 1

    @pytest.mark.parametrize("error", [0.0, 0.02])
    def test_the_interval_holds_the_differences_that_are_not_rejected(self, error):
        """The test is repeated for supposed differences on both sides of each end."""
        rng = np.random.default_rng(1)
        weight = rng.dirichlet(np.full(12, 3.0))
        values = weight * rng.normal(0.06, 0.08, size=12)
        options = {"error": error, "freedom": 4.0}
        low, high = exchange_test(values, weight, **options).interval(0.05)
        for supposed, inside in (
            (low - 0.002, False),
            (low + 0.002, True),
            (high - 0.002, True),
            (high + 0.002, False),
        ):
            assert (exchange_test(values - supposed * weight, weight, **options).p >= 0.05) == inside

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(st.integers(-3, 3), min_size=6, max_size=14),
        st.sampled_from([0.0, 0.05]),
        st.sampled_from([0.05, 0.05 / 3, 0.004]),
        st.integers(0, 99),
    )
    def test_p_and_interval_never_contradict_each_other(self, differences, error, level, seed):
        values, weight = np.array(differences) / 40, np.full(len(differences), 1 / len(differences))
        test = exchange_test(values, weight, error=error, freedom=3.0, seed=seed, exchanges=999)
        low, high = test.interval(level)
        assert low <= values.sum().round(9) + 1e-9 and high >= values.sum().round(9) - 1e-9
        assert (test.p < level) == (low > 0 or high < 0)

    def test_an_error_of_training_alone_gives_students_t(self):
        """Clusters that differ equally: what remains is the error, here of 4 degrees of freedom."""
        test = exchange_test(np.zeros(400), np.full(400, 1 / 400), error=0.01, freedom=4.0)
        shifted = exchange_test(np.full(400, 0.0001), np.full(400, 1 / 400), error=0.01, freedom=4.0)
        assert test.p == 1 and shifted.p < 0.05


class TestTrainingError:
    def test_by_hand(self):
        """Fold 1 has 4 tracks, fold 2 has 2; the accuracies of b do not vary."""
        rows = [("1", 0, [1, 1, 1, 0]), ("1", 1, [1, 0, 0, 0]), ("2", 0, [1, 1]), ("2", 1, [1, 0])]
        a = pd.concat([judged("a", correct, fold=fold, repeat=repeat) for fold, repeat, correct in rows])
        b = a.assign(correct=1)
        first, second = (4 / 6) ** 2 * 0.125 / 2, (2 / 6) ** 2 * 0.125 / 2
        expected = np.sqrt(first + second), (first + second) ** 2 / (first**2 + second**2)
        assert training_error(a, b) == pytest.approx(expected)

    def test_is_none_where_trainings_do_not_differ(self):
        a = repeated("a", [[1, 0, 1]] * 3)
        assert training_error(a, a) == (0, np.inf)


class TestCorrectedTTest:
    def test_without_correction_is_the_paired_t_test(self):
        a, b = np.random.default_rng(0).random((2, 10))
        expected = stats.ttest_rel(a, b)
        ends = expected.confidence_interval(0.95)
        assert corrected_t_test(a - b, 0) == pytest.approx((expected.statistic, expected.pvalue, ends.low, ends.high))

    def test_by_hand(self):
        """Differences 1, 2, 3, 4, 5 (mean 3, variance 2.5) of 5 folds: t = 3 / sqrt((1/5 + 1/4) 2.5) = 2.8284."""
        t, p, low, high = corrected_t_test(np.arange(1.0, 6), 1 / 4)
        assert t == pytest.approx(2 * np.sqrt(2)) and p == pytest.approx(2 * stats.t.sf(np.sqrt(8), 4))
        # 2.7764451 is the 97.5 % point of Student's t with 4 degrees of freedom.
        margin = 2.7764451 * np.sqrt(0.45 * 2.5)
        assert (low, high) == pytest.approx((3 - margin, 3 + margin), rel=1e-6)

    def test_folds_without_spread(self):
        assert corrected_t_test(np.zeros(5), 0.25)[:2] == (0, 1)
        assert corrected_t_test(np.full(5, -0.5), 0.25)[:2] == (-np.inf, 0)
        assert np.isnan(corrected_t_test(np.array([0.1]), 0.25)).all()

    def test_of_folds_that_both_finished(self):
        """Fold 3 diverged in b; the other differences are .1 and .3."""
        b = folds_of("b", [0.6, 0.5, 0.9]).iloc[:2]
        result = fold_difference(folds_of("a", [0.7, 0.8, 0.1]), b)
        t, p, low, high = corrected_t_test(np.array([0.1, 0.3]), 0.25)
        assert result == pytest.approx(
            {"folds": 2, "fold_difference": 0.2, "fold_low": low, "fold_high": high, "fold_t": t, "fold_p": p}
        )

    def test_repeats_of_a_fold_are_no_new_folds(self):
        a, b = folds_of("a", [0.7, 0.8, 0.9]), folds_of("b", [0.6, 0.5, 0.9])
        twice = pd.concat([a.assign(accuracy=a.accuracy - 0.1), a.assign(accuracy=a.accuracy + 0.1)])
        assert fold_difference(twice, b) == pytest.approx(fold_difference(a, b))

    def test_no_folds_in_common_have_no_difference(self):
        result = fold_difference(folds_of("a", [0.7]), folds_of("b", [0.7]).assign(fold="9"))
        assert result.pop("folds") == 0 and np.isnan(list(result.values())).all()


class TestHolm:
    def test_by_hand(self):
        """.005 x 4, .01 x 3, .03 x 2, .04 x 1, none below the one before."""
        np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])

    def test_is_at_most_1_and_what_is_unknown_does_not_count(self):
        np.testing.assert_allclose(holm([0.9, np.nan, 0.04, 0.8]), [1, np.nan, 0.12, 1])
        assert len(holm([])) == 0

    @given(st.lists(st.floats(0, 1), max_size=12))
    def test_lies_between_the_plain_p_and_bonferronis_and_keeps_the_order(self, p):
        result = holm(p)
        assert (result >= p).all() and (result <= np.minimum(1, np.array(p) * len(p)) + 1e-12).all()
        assert (np.diff(result[np.argsort(p)]) >= 0).all()


class TestPairsTable:
    def test_has_a_row_a_pair_and_corrects_for_all(self):
        rng = np.random.default_rng(0)
        a, b = pair(rng, 0.8, 0.65, 900)
        c = np.where(rng.random(900) < 0.1, ~b, b)
        items = pd.concat([judged(0.2, a), judged(0.5, b), judged(0.8, c)])
        folds = pd.concat(
            [folds_of(value, accuracy) for value, accuracy in zip((0.2, 0.5, 0.8), rng.random((3, 5)), strict=True)]
        )
        table = pairs_table(items, folds, axis="dropout")
        assert tuple(table) == comparisons.PAIRS
        assert table[["a", "b"]].to_numpy().tolist() == [["0.2", "0.5"], ["0.2", "0.8"], ["0.5", "0.8"]]
        np.testing.assert_allclose(table.p_holm, holm(table.p))
        np.testing.assert_allclose(table.fold_p_holm, holm(table.fold_p))
        assert table.loc[0, "p"] == difference(judged("a", a), judged("b", b))["p"]
        assert table.loc[0, "fold_p"] == fold_difference(folds.iloc[:5], folds.iloc[5:10])["fold_p"]
        assert table.is_significant.tolist() == [True, True, False]
        assert table.verdict[0].startswith(
            "dropout 0.2 is better than 0.5 on a single run of each and 900 tracks (difference"
        )
        assert table.verdict[2].startswith(
            "dropout 0.5 and 0.8 do not differ significantly on a single run of each and 900 tracks (difference"
        )

    def test_without_folds_those_columns_are_unknown(self):
        table = pairs_table(pd.concat([judged("cnn", [1, 0, 1]), judged("rnn", [0, 0, 1])]))
        assert table.loc[0, ["folds", "fold_p", "fold_p_holm"]].isna().all()

    def test_a_single_setting_has_no_pairs(self):
        table = pairs_table(judged("cnn", [1, 0]), folds_of("cnn", [0.5]))
        assert len(table) == 0 and tuple(table) == comparisons.PAIRS

    def test_sentence_p_and_interval_agree_for_every_pair(self):
        """Ten settings a little apart on 40 groups: 45 pairs, some of them on the edge."""
        rng = np.random.default_rng(8)
        group = np.arange(400) // 10
        items = [judged(f"s{number}", rng.random(400) < 0.6 + 0.025 * number, group) for number in range(10)]
        table = pairs_table(pd.concat(items))
        outside = (table.low > 0) | (table.high < 0)
        assert (outside == (table.p_holm < 0.05)).all() and (outside == table.is_significant).all()
        assert 5 < outside.sum() < 40
        assert table.verdict.str.contains("is better than").equals(outside)
        assert ((table.low <= table.difference) & (table.difference <= table.high)).all()

    def test_more_pairs_make_intervals_wider(self):
        rng = np.random.default_rng(0)
        sides = [judged(name, rng.random(300) < 0.7) for name in "abc"]
        two, three = pairs_table(pd.concat(sides[:2])).iloc[0], pairs_table(pd.concat(sides)).iloc[0]
        assert three.high - three.low > two.high - two.low and three.p == two.p

    def test_everything_wrong_is_told_at_once(self):
        items = pd.concat([judged("cnn", [1, 0]), judged("rnn", [1, 0], group=["g", "g"])])
        with pytest.raises(UserError) as message:
            pairs_table(items.drop(columns="correct"), folds_of("cnn", [0.5]).drop(columns=["train", "test"]))
        for part in (
            "items have no column correct",
            "folds have no column train, test",
            "a track has different groups",
        ):
            assert part in str(message.value)


PAIR = {
    "a": "0.2", "b": "0.5", "tracks": 920, "groups": 920, "repeats": 1, "runs": 5, "difference": 0.012,
    "low": -0.009, "high": 0.031, "p": 0.2, "p_holm": 0.6, "is_significant": False,
}  # fmt: skip


class TestVerdict:
    def test_without_repeats_it_is_about_these_runs(self):
        assert verdict(PAIR, axis="dropout", pairs=3) == (
            "dropout 0.2 and 0.5 do not differ significantly on these runs and 920 tracks "
            "(difference 1.2 points, 95 % interval corrected for 3 pairs, -0.9 to 3.1)."
        )

    def test_the_better_one_is_named_first_and_groups_are_told(self):
        message = PAIR | {"a": "net_stft", "b": "net_music", "difference": -0.04, "low": -0.061, "high": -0.02}
        assert verdict(message | {"is_significant": True, "groups": 210}) == (
            "net_music is better than net_stft on these runs and 920 tracks in 210 groups "
            "(difference 4.0 points, 95 % interval 2.0 to 6.1)."
        )

    def test_with_repeats_it_is_about_the_settings(self):
        message = verdict(PAIR | {"repeats": 3, "runs": 15, "low": 0.001, "is_significant": True})
        assert message == (
            "0.2 is better than 0.5 on 920 tracks "
            "(difference 1.2 points, 95 % interval corrected for the chance of 3 trainings each, 0.1 to 3.1)."
        )

    def test_a_single_training_on_one_split_is_warned_of(self):
        message = verdict(PAIR | {"runs": 1})
        assert message.startswith("0.2 and 0.5 do not differ significantly on a single run of each and 920 tracks")
        [warning] = comparisons.warnings(pd.DataFrame([PAIR | {"runs": 1}, PAIR]))
        assert "`repeats`" in warning and comparisons.warnings(pd.DataFrame([PAIR])) == []

    def test_nothing_to_compare_on(self):
        message = PAIR | {"p": np.nan}
        assert verdict(message) == "0.2 and 0.5 cannot be compared: they share fewer than 6 groups of test tracks."


@pytest.mark.end_to_end
class TestSimulations:
    """Settings whose true difference is known, judged by the whole table."""

    @pytest.mark.parametrize(("n", "accuracy"), [(900, 0.7), (100, 0.97), (40, 0.7)])
    def test_equal_ones_are_told_apart_in_at_most_7_percent(self, n, accuracy):
        apart = 0
        for seed in range(200):
            a, b = pair(np.random.default_rng(seed), accuracy, accuracy, n)
            apart += pairs_table(pd.concat([judged("a", a), judged("b", b)]), seed=seed).is_significant.item()
        assert apart <= 0.07 * 200

    def test_equal_ones_on_few_large_groups(self):
        """Fifteen groups of 20 tracks, each setting good at groups of its own."""
        apart, group = 0, np.repeat(np.arange(15), 20)
        for seed in range(500):
            rng = np.random.default_rng(seed)
            a, b = (rng.random(300) < rng.beta(4, 2, size=15)[group] for _ in range(2))
            items = pd.concat([judged("a", a, group), judged("b", b, group)])
            apart += pairs_table(items, seed=seed).is_significant.item()
        assert apart <= 0.07 * 500

    def test_of_four_equal_ones_any_pair_is_told_apart_in_at_most_7_percent(self):
        apart = 0
        for seed in range(60):
            rng = np.random.default_rng(seed)
            items = pd.concat([judged(name, rng.random(300) < 0.7) for name in "abcd"])
            apart += pairs_table(items, seed=seed).is_significant.any()
        assert apart <= 0.07 * 60

    def test_ten_points_on_900_tracks_are_found_in_most(self):
        result = 0
        for seed in range(50):
            a, b = pair(np.random.default_rng(seed), 0.75, 0.65, 900)
            result += pairs_table(pd.concat([judged("a", a), judged("b", b)]), seed=seed).is_significant.item()
        assert result >= 47

    def test_folds_that_share_training_tracks_need_the_correction(self):
        """Ten random divisions of 200 tracks, two settings equally good: the plain test finds far too much.

        A setting's accuracy on a fold is that of its answers to the fold's 40 test tracks, which other folds test too.
        """
        corrected = plain = 0
        for seed in range(300):
            rng = np.random.default_rng(seed)
            right = rng.random((2, 200)) < 0.7
            tested = [rng.choice(200, 40, replace=False) for _ in range(10)]
            differences = np.array([right[0, rows].mean() - right[1, rows].mean() for rows in tested])
            corrected += corrected_t_test(differences, 40 / 160)[1] < 0.05
            plain += corrected_t_test(differences, 0)[1] < 0.05
        assert corrected <= 0.07 * 300 < 0.2 * 300 < plain
