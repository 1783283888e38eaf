"""Folds: what may be divided, how it is divided, and the proof that nothing leaks."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold

from genreflow.config.folds import FoldSettings
from genreflow.errors import UserError
from genreflow.folds.assign import assign
from genreflow.folds.audit import verify
from genreflow.folds.feasibility import check, even_shares, feasibility, possible_count


def corpus(sizes, group_size=None, split=None):
    """`sizes` tracks of classes a, b, c ...; groups of `group_size` within a class."""
    rows = []
    for label, size in zip("abcdefgh", sizes, strict=False):
        for i in range(size):
            group = None if group_size is None else f"{label}-artist-{i // group_size}"
            rows.append((f"{len(rows) * 7919 % 99991:016x}", label, group))
    tracks = pd.DataFrame(rows, columns=["track_id", "label", "group"])
    return tracks if split is None else tracks.assign(split=split)


@st.composite
def corpora(draw):
    """Random tracks of two or three classes: some without a group, some groups that span classes."""
    sizes = draw(st.lists(st.integers(6, 20), min_size=2, max_size=3))
    tracks = corpus(sizes)
    groups = st.sampled_from([None, "", *(f"g{i}" for i in range(40))])
    ids = [f"{i:04d}" for i in draw(st.permutations(range(len(tracks))))]
    return tracks.assign(track_id=ids, group=draw(st.lists(groups, min_size=len(tracks), max_size=len(tracks))))


class TestFeasibility:
    def test_counts_tracks_and_groups_of_each_class(self):
        table = feasibility(corpus([6, 4], group_size=2))
        assert table.to_dict("list") == {"label": ["a", "b"], "tracks": [6, 4], "groups": [3, 2]}

    @pytest.mark.parametrize("nothing", [None, "", float("nan")])
    def test_a_track_without_a_group_is_its_own(self, nothing):
        tracks = corpus([3, 3]).assign(group=nothing)
        assert feasibility(tracks)["groups"].tolist() == [3, 3]

    def test_fewer_groups_than_folds_is_refused_with_the_table_and_a_way_out(self):
        with pytest.raises(UserError) as refused:
            check(corpus([20, 8], group_size=2), FoldSettings())
        message = str(refused.value)
        assert "5 folds need at least 5 groups of every class" in message
        assert "b" in message and "8" in message and "4" in message
        assert "set folds.count to 4 or less" in message and "drop" in message

    def test_the_same_tracks_are_enough_when_groups_do_not_count(self):
        check(corpus([20, 8], group_size=2), FoldSettings(group=False))

    def test_fewer_tracks_than_folds_is_refused_in_terms_of_tracks(self):
        with pytest.raises(UserError, match="at least 5 tracks"):
            check(corpus([20, 4]), FoldSettings())

    @pytest.mark.parametrize(
        ("sizes", "group_size", "folds"),
        [([20, 20], None, 5), ([20, 8], 2, 4), ([20, 4], 2, 2), ([20, 2], 2, 2), ([20, 3], None, 3)],
    )
    def test_the_class_with_the_fewest_groups_limits_the_folds(self, sizes, group_size, folds):
        settings = FoldSettings(fewer_if_needed=True)
        assert possible_count(corpus(sizes, group_size=group_size), settings) == folds

    def test_no_tracks_are_left_to_the_check(self):
        tracks = corpus([3, 3], split=["holdout"] * 6)
        assert possible_count(tracks, FoldSettings(fewer_if_needed=True)) == 5

    def test_held_out_tracks_do_not_count_as_possible(self):
        tracks = corpus([6, 6], split=["holdout"] * 3 + [None] * 9)
        assert possible_count(tracks, FoldSettings(fewer_if_needed=True)) == 3

    def test_tracks_of_the_holdout_do_not_count(self):
        tracks = corpus([6, 6], split=["holdout"] * 2 + [None] * 10)
        with pytest.raises(UserError, match="have fewer: a"):
            check(tracks, FoldSettings())

    def test_one_class_is_refused(self):
        with pytest.raises(UserError, match="one class"):
            check(corpus([20]), FoldSettings())

    def test_no_tracks_are_refused(self):
        with pytest.raises(UserError, match="no tracks"):
            check(corpus([]), FoldSettings())

    def test_missing_labels_are_refused_and_named(self):
        tracks = corpus([20, 20])
        tracks.loc[3, "label"] = None
        with pytest.raises(UserError, match=f"without a label: {tracks.track_id[3]}"):
            check(tracks, FoldSettings())

    def test_a_track_listed_twice_is_refused(self):
        tracks = corpus([20, 20])
        with pytest.raises(UserError, match="more than once"):
            check(pd.concat([tracks, tracks.iloc[:1]]), FoldSettings())

    def test_a_holdout_that_would_starve_the_folds_is_refused(self):
        with pytest.raises(UserError, match="leave at most 10"):
            check(corpus([10, 10]), FoldSettings(holdout=11))


class TestAssign:
    def test_divides_the_corpus_of_the_psytrance_study(self):
        """971 tracks, 51 of them aside, 920 = 5 x 184 in folds (Trostanovsky 2018, Data Preparation)."""
        folds = assign(corpus([195, 194, 194, 194, 194]), FoldSettings(holdout=51))
        roles = folds[folds.fold == "1"].role.value_counts().to_dict()
        assert roles == {"train": 736, "test": 184, "holdout": 51}
        held = folds[(folds.fold == "final") & (folds.role == "holdout")].label.value_counts()
        assert sorted(held) == [10, 10, 10, 10, 11]

    def test_has_every_track_in_every_fold_and_in_final(self):
        tracks = corpus([10, 12], group_size=2)
        folds = assign(tracks, FoldSettings(count=3))
        assert list(folds.columns) == ["track_id", "fold", "role", "label", "group"]
        for fold in ["1", "2", "3", "final"]:
            assert set(folds[folds.fold == fold].track_id) == set(tracks.track_id)
        assert set(folds[folds.fold == "final"].role) == {"train"}

    def test_uses_the_holdout_of_the_dataset_rather_than_drawing_one(self):
        marks = ["holdout", "train", "test", None, float("nan"), ""] + [None] * 14
        folds = assign(corpus([10, 10], split=marks), FoldSettings(holdout=5))
        assert folds[folds.role == "holdout"].track_id.nunique() == 1

    def test_refuses_a_dataset_holdout_that_splits_a_group(self):
        tracks = corpus([20, 20], group_size=2, split=["holdout"] + [None] * 39)
        with pytest.raises(UserError, match="a-artist-0"):
            assign(tracks, FoldSettings())

    def test_puts_whole_groups_aside(self):
        folds = assign(corpus([40, 40], group_size=3), FoldSettings(holdout=12))
        final = folds[folds.fold == "final"]
        assert final.groupby("group").role.nunique().max() == 1
        assert (final.role == "holdout").sum() == 12

    def test_refuses_a_holdout_smaller_than_any_group(self):
        with pytest.raises(UserError, match="small enough"):
            assign(corpus([60, 60], group_size=10), FoldSettings(holdout=2))

    def test_finds_folds_that_no_seed_of_the_greedy_search_finds(self):
        """Eight groups that span three classes, each of which has groups enough for four folds."""
        tracks = pd.DataFrame({"label": list("bbccaaccaacbacabbbaacccb"), "group": list("623602037133714206023307")})
        tracks["track_id"] = [f"{i:02d}" for i in range(len(tracks))]
        for seed in range(10):
            greedy = StratifiedGroupKFold(4, shuffle=True, random_state=seed)
            parts = greedy.split(tracks, tracks.label, tracks.group)
            assert any(tracks.label[test].nunique() < 3 for _, test in parts)
        assign(tracks, FoldSettings(count=4))

    def test_another_seed_gives_another_division(self):
        tracks = corpus([30, 30])
        one, two = (assign(tracks, FoldSettings(seed=seed)) for seed in (0, 1))
        assert not one.equals(two)

    @settings(max_examples=40)
    @given(corpora(), st.integers(2, 4), st.integers(0, 4), st.booleans(), st.randoms())
    @pytest.mark.end_to_end
    def test_either_refuses_or_keeps_every_promise_whatever_the_row_order(self, tracks, count, holdout, group, random):
        options = FoldSettings(count=count, holdout=holdout, group=group)
        try:
            folds = assign(tracks, options)
        except UserError:
            assume(False)
        verify(folds)
        order = list(range(len(tracks)))
        random.shuffle(order)
        pd.testing.assert_frame_equal(assign(tracks.iloc[order], options), folds)

    @settings(max_examples=30)
    @given(st.lists(st.integers(10, 30), min_size=2, max_size=5), st.integers(0, 9))
    @pytest.mark.end_to_end
    def test_without_groups_is_even_to_one_track_and_holds_out_the_very_number(self, sizes, holdout):
        folds = assign(corpus(sizes), FoldSettings(holdout=holdout))
        tests = folds[folds.role == "test"]
        counts = pd.crosstab(tests.label, tests.fold).to_numpy()
        assert (counts.max(axis=1) - counts.min(axis=1)).max() <= 1
        assert ((folds.fold == "final") & (folds.role == "holdout")).sum() == holdout


class TestVerify:
    @pytest.fixture
    def folds(self):
        return assign(corpus([20, 20], group_size=2), FoldSettings(holdout=4))

    def test_passes_what_assign_makes(self, folds):
        verify(folds)

    def test_names_a_track_with_two_roles(self, folds):
        row = folds[(folds.fold == "2") & (folds.role == "test")].iloc[[0]].assign(role="train")
        with pytest.raises(UserError, match=f"fold 2: listed twice: {row.track_id.item()}"):
            verify(pd.concat([folds, row]))

    def test_names_a_group_on_both_sides(self, folds):
        at = folds.index[(folds.fold == "1") & (folds.role == "test")][0]
        folds.loc[at, "role"] = "train"
        with pytest.raises(UserError, match=f"group {folds.group[at]}(.|\n)*never tested: {folds.track_id[at]}"):
            verify(folds)

    def test_names_a_class_that_is_absent_from_a_test_part(self, folds):
        folds.loc[(folds.fold == "3") & (folds.role == "test") & (folds.label == "b"), "role"] = "train"
        with pytest.raises(UserError, match="fold 3: no test track of class b"):
            verify(folds)

    def test_names_a_track_tested_twice(self, folds):
        at = folds.index[(folds.fold == "1") & (folds.role == "train")][0]
        folds.loc[at, "role"] = "test"
        with pytest.raises(UserError, match=f"tested in several folds: {folds.track_id[at]}"):
            verify(folds)

    def test_names_a_track_held_out_in_one_fold_and_used_in_another(self, folds):
        at = folds.index[(folds.fold == "final") & (folds.role == "holdout")][0]
        folds.loc[at, "role"] = "train"
        with pytest.raises(UserError, match=f"held out in some folds only: {folds.track_id[at]}"):
            verify(folds)


@given(st.integers(0, 100), st.lists(st.integers(0, 20), min_size=1, max_size=6))
def test_even_shares_use_up_the_total_and_differ_only_where_a_limit_binds(total, limits):
    shares = even_shares(total, pd.Series(limits))
    assert shares.sum() == min(total, sum(limits))
    free = shares[shares < limits]
    assert (shares <= limits).all() and (free.empty or shares.max() - free.min() <= 1)
    assert np.issubdtype(shares.dtype, np.integer)


def test_settings_refuse_a_single_fold():
    with pytest.raises(ValueError, match="count"):
        FoldSettings(count=1)
