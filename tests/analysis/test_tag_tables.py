"""Counts of tags, and which of them go together."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_dataset import index_of

from genreflow.analysis import tags

PUBLISHED = Path(__file__).parents[2] / "resources/published"
TAGGED = {"a": ("rock", "loud"), "b": ("rock",), "c": ("rock", "loud"), "d": (), "e": ("slow",)}

marks = st.integers(2, 30).flatmap(
    lambda n: st.lists(st.lists(st.booleans(), min_size=n, max_size=n), min_size=1, max_size=5)
)


def marked_of(columns):
    return pd.DataFrame({f"tag {place}": column for place, column in enumerate(columns)}, dtype=bool)


def test_membership_orders_tags_by_number_and_keeps_tracks_without_any():
    marked = tags.membership(index_of(TAGGED))
    assert list(marked.columns) == ["rock", "loud", "slow"]
    assert list(marked.index) == list("abcde")
    assert marked.to_numpy().tolist() == [[1, 1, 0], [1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 0, 1]]


def test_classes_are_tags_that_exclude_each_other():
    marked = tags.membership(index_of({"a": "goa", "b": "dark", "c": "goa", "d": ""}))
    assert list(marked.columns) == ["goa", "dark"]
    assert marked.sum(axis=1).tolist() == [1, 1, 1, 0]


def test_tags_read_back_from_parquet_are_understood():
    index = index_of(TAGGED)
    as_read = index.assign(tags=[np.array(given, dtype=object) for given in index["tags"]])
    pd.testing.assert_frame_equal(tags.membership(as_read), tags.membership(index))


def test_counts_tell_what_is_usable_and_how_long_it_lasts():
    index = index_of(TAGGED, slices=[1, 0, 2, 1, 1], seconds=[3600.0, 900.0, 1800.0, 9.0, np.nan])
    counts = tags.counts(index, tags.membership(index))
    assert list(counts.columns) == tags.COUNTS
    assert counts["tag"].tolist() == ["rock", "loud", "slow"]
    assert counts["tracks"].tolist() == [3, 2, 1]
    assert counts["share"].tolist() == [0.6, 0.4, 0.2]
    assert counts["usable"].tolist() == [2, 2, 1]
    assert counts["hours"].tolist() == [1.5, 1.5, 0]
    assert counts[["published_rank", "published_tracks"]].isna().all(axis=None)


def test_published_counts_stand_beside_ours_and_none_is_lost():
    index = index_of(TAGGED)
    published = pd.DataFrame({"rank": [1, 2], "tag": ["loud", "harp"], "tracks": [7, np.nan], "source": "a"})
    counts = tags.counts(index, tags.membership(index), published).set_index("tag")
    assert counts.loc["loud", ["tracks", "published_rank", "published_tracks"]].tolist() == [2, 1, 7]
    assert counts.loc["harp", ["tracks", "published_rank"]].tolist() == [0, 2]
    assert counts["rank"].tolist() == [1, 2, 3, 4]
    assert np.isnan(counts.loc["rock", "published_tracks"])


def test_tracks_are_counted_by_their_number_of_tags():
    table = tags.tags_per_track(tags.membership(index_of({"a": ("x", "y", "z"), "b": (), "c": ("x",)})))
    assert table["tags"].tolist() == [0, 1, 2, 3]
    assert table["tracks"].tolist() == [1, 1, 0, 1]
    assert table["share"].sum() == pytest.approx(1)


@given(marks)
def test_phi_is_pearsons_correlation(columns):
    marked = marked_of(columns)
    result = tags.correlations(marked, most=5).pivot(index="first", columns="second", values="phi")
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = np.atleast_2d(np.corrcoef(marked.to_numpy(float), rowvar=False))
    varies = marked.nunique().to_numpy() > 1
    np.testing.assert_allclose(result.to_numpy()[np.ix_(varies, varies)], expected[np.ix_(varies, varies)], atol=1e-9)
    assert np.isnan(result.to_numpy()[~varies]).all()


@given(marks, st.integers(1, 40))
def test_leaving_out_tracks_without_tags_never_makes_phi_greater(columns, untagged):
    marked = marked_of(columns)
    more = pd.concat([marked, pd.DataFrame(False, index=range(untagged), columns=marked.columns)], ignore_index=True)
    without, with_them = (tags.correlations(table, most=5)["phi"].to_numpy() for table in (marked, more))
    both = np.isfinite(without) & np.isfinite(with_them)
    assert (without[both] <= with_them[both] + 1e-9).all()


def test_the_strongest_pairs_come_first_and_published_ones_stay():
    rng = np.random.default_rng(0)
    base = rng.random(400) < 0.4
    marked = pd.DataFrame(
        {"much": base, "twin": base ^ (rng.random(400) < 0.1), "far": rng.random(400) < 0.3, "never": False}
    )
    published = pd.DataFrame({"first": ["far", "x"], "second": ["much", "y"], "phi": [0.25, 0.5]})
    pairs = tags.correlated_pairs(marked, tags.correlations(marked, most=4), published, most=1)
    assert list(pairs.columns) == tags.PAIRS
    assert list(zip(pairs["first"], pairs["second"], strict=True)) == [("much", "twin"), ("much", "far"), ("x", "y")]
    np.testing.assert_array_equal(pairs["published_phi"], [np.nan, 0.25, 0.5])
    assert pairs["phi"].isna().tolist() == [False, False, True]
    assert pairs["tracks_first"].tolist() == [base.sum(), base.sum(), 0]
    assert pairs["both"].iloc[0] == (marked["much"] & marked["twin"]).sum()


def test_published_numbers_of_the_tagging_study():
    counts = pd.read_csv(PUBLISHED / "tagging_tags.csv")
    pairs = pd.read_csv(PUBLISHED / "tagging_correlations.csv")
    # Table 3.1.2: ten counts that add up to 30,206; Table 3.1.1: 13 pairs by falling correlation.
    assert counts["tracks"].sum() == 30_206
    assert counts["tracks"].count() == 10
    assert counts["tag"].is_unique and len(counts) == 50
    assert len(pairs) == 13 and pairs["phi"].is_monotonic_decreasing
    assert set(pairs["first"]) | set(pairs["second"]) <= set(counts["tag"])
    assert counts["source"].notna().all() and pairs["source"].notna().all()
