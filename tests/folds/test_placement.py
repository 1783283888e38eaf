"""Placement: what was placed stays, and what was held out stays held out, whatever happens to the collection."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from genreflow.config.folds import FoldSettings
from genreflow.errors import Damaged, UserError
from genreflow.folds.assign import assign, place
from genreflow.folds.audit import verify
from genreflow.folds.placement import facts_of, read_changes, read_placement, restore, write_placement
from genreflow.project import layout
from genreflow.store.digest import digest
from genreflow.store.parquet import Header, write_table

MOST_MOVED = 0.03
SCHEMES = [
    FoldSettings(count=4, holdout=30),
    FoldSettings(count=4, validation=True),
    FoldSettings(scheme="random", count=2, valid=0.2, holdout=30),
    FoldSettings(scheme="random", count=2, group=False),
]


@cache
def album(number, size):
    """Tracks of an album of one of three classes."""
    label = "abc"[number % 3]
    return pd.DataFrame(
        {"track_id": [digest(number, n) for n in range(size)], "label": label, "group": f"{label}/{number}"}
    )


def collection(numbers, *, seed=0, equal=False):
    """Albums of 1 to 20 tracks, or of ten; an album of one number is always the same."""
    sizes = np.random.default_rng(seed).integers(1, 21, 1000)
    return pd.concat([album(number, 10 if equal else sizes[number]) for number in numbers], ignore_index=True)


def held(folds):
    return set(folds["track_id"][folds["role"] == "holdout"])


def roles(folds):
    return (folds.sort_values("fold")["role"].astype(object) + " ").groupby(folds["track_id"]).sum()


def share_moved(old, new):
    old, new = roles(old), roles(new)
    both = old.index.intersection(new.index)
    return float((old[both] != new[both]).mean())


def unevenness(folds, options):
    tested = folds[folds["role"] == "test"]
    counts = pd.crosstab(tested["fold"], tested["label"])
    rest = folds[(folds["fold"] == "1") & (folds["role"] != "holdout")]["label"].value_counts()
    share = options.test if options.scheme == "random" else 1 / options.count
    return float(np.abs(counts - share * rest.reindex(counts.columns)).to_numpy().max())


@pytest.mark.parametrize("options", SCHEMES, ids=str)
@pytest.mark.parametrize("equal", [True, False])
def test_an_album_that_comes_or_goes_moves_few_others(options, equal):
    tracks = collection(range(100), equal=equal)
    folds, placement = place(tracks, options)
    for numbers in (range(101), range(99), [*range(50), *range(51, 101)]):
        changed, _ = place(collection(numbers, equal=equal), options, placement)
        verify(changed, options)
        assert share_moved(folds, changed) <= MOST_MOVED * (options.count if options.scheme == "random" else 1)
        assert held(folds) & set(changed["track_id"]) <= held(changed)


@pytest.mark.parametrize("options", [each for each in SCHEMES if each.group], ids=str)
def test_folds_stay_as_even_as_those_drawn_anew(options):
    placement = None
    for step in range(4):
        tracks = collection(range(step, 60 + step))
        folds, placement = place(tracks, options, placement)
        assert unevenness(folds, options) <= max(unevenness(assign(tracks, options), options), 3)


@settings(max_examples=6)
@given(st.sampled_from(SCHEMES), st.lists(st.sets(st.integers(0, 59), min_size=30), min_size=2, max_size=3), st.data())
def test_the_holdout_never_gives_back_a_track(options, states, data):
    placement, seen = None, set()
    for numbers in states:
        wanted = data.draw(st.sampled_from([20, 30, 40])) if options.holdout else 0
        count = data.draw(st.integers(3, 4)) if options.scheme == "stratified" else options.count
        changed = options.model_copy(update={"holdout": wanted, "count": count})
        try:
            folds, placement = place(collection(sorted(numbers)), changed, placement)
        except UserError:
            assume(False)
        verify(folds, changed)
        assert seen & set(folds["track_id"]) <= held(folds)
        seen |= held(folds)


@pytest.mark.parametrize("options", SCHEMES, ids=str)
def test_the_same_tracks_stay_to_the_last_byte(options, tmp_path):
    """A job that was killed after it wrote the placement makes the same folds."""
    first, placement = place(collection(range(60)), options)
    write_placement(tmp_path / "placement.parquet", placement)
    again, same = place(collection(range(60)), options, read_placement(tmp_path / "placement.parquet"))
    pd.testing.assert_frame_equal(first, again)
    write_placement(tmp_path / "again" / "placement.parquet", same)
    files = (tmp_path / "placement.parquet", tmp_path / "again" / "placement.parquet")
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_track_that_was_held_out_and_gone_comes_back_into_the_holdout():
    options = SCHEMES[0]
    folds, placement = place(collection(range(60)), options)
    gone = int(folds["group"][folds["role"] == "holdout"].iloc[0].split("/")[1])
    _, placement = place(collection([n for n in range(60) if n != gone]), options, placement)
    back, _ = place(collection(range(60)), options, placement)
    assert held(folds) <= held(back)


def test_what_was_trained_on_joins_the_holdout_only_where_a_larger_one_is_asked_for():
    options = FoldSettings(count=3, group=False, holdout=12)
    folds, placement = place(collection(range(30)), options)
    rest = collection(range(30))
    rest = rest[~rest["track_id"].isin(sorted(held(folds))[:5])]
    smaller, placement = place(rest, options, placement)
    assert held(smaller) == held(folds) & set(rest["track_id"])
    larger, _ = place(rest, options.model_copy(update={"holdout": 15}), placement)
    assert held(smaller) < held(larger) and len(held(larger)) == 15


def test_another_seed_draws_folds_and_holdout_anew():
    options = SCHEMES[0]
    _, placement = place(collection(range(60)), options)
    other = options.model_copy(update={"seed": 1})
    pd.testing.assert_frame_equal(
        place(collection(range(60)), other, placement)[0], assign(collection(range(60)), other)
    )


@pytest.mark.parametrize("update", [{"count": 3}, {"scheme": "random"}, {"holdout": 45}])
def test_other_folds_are_those_of_the_new_settings_and_keep_the_holdout(update):
    folds, placement = place(collection(range(60)), SCHEMES[0])
    options = FoldSettings.model_validate(SCHEMES[0].model_dump() | update)
    changed, _ = place(collection(range(60)), options, placement)
    verify(changed, options)
    assert held(folds) <= held(changed)
    assert changed["fold"].nunique() == options.count + 1


def test_a_holdout_that_leaves_too_few_groups_names_the_way_out():
    options = FoldSettings(count=3, group=False, holdout=12)
    folds, placement = place(collection(range(30)), options)
    tracks = collection(range(30))
    few = tracks[tracks["track_id"].isin(held(folds)) | (tracks["label"] != "a")]
    with pytest.raises(UserError, match=r"another folds\.seed draws it anew"):
        place(few, options, placement)


def test_the_facts_count_what_moved(tmp_path):
    options = SCHEMES[1]
    _, placement = place(collection(range(60), equal=True), options)
    folds, placement = place(collection(range(61), equal=True), options, placement)
    write_table(tmp_path / "folds.parquet", folds, Header("folds", facts=facts_of(placement, options)))
    changes = read_changes(tmp_path / "folds.parquet")
    assert (changes.stayed, changes.moved, changes.new) == (600, 0, 10)
    assert str(changes) == ("When the tracks last changed, 0 of 600 tracks moved to another part, and 10 were new.")


@pytest.mark.parametrize("options", SCHEMES, ids=str)
def test_a_damaged_placement_is_named_and_restored_from_the_folds(tmp_path, options):
    path, table = (tmp_path / name.rsplit("/", 1)[-1] for name in (layout.PLACEMENT, layout.FOLDS))
    folds, placement = place(collection(range(60)), options)
    write_placement(path, placement)
    write_table(table, folds, Header("folds", facts=facts_of(placement, options)))
    sound = path.read_bytes()
    path.write_bytes(sound[:100] + bytes([sound[100] ^ 1]) + sound[101:])
    with pytest.raises(Damaged) as refused:
        read_placement(path)
    assert "verify --repair" in refused.value.remedy and "may be trained on" in refused.value.remedy
    restore(path)
    assert path.read_bytes() == sound
    table.unlink()
    with pytest.raises(Damaged, match="and so is"):
        restore(path)


@pytest.mark.parametrize("group", [True, False])
def test_every_random_draw_has_every_class_in_every_role(group):
    for seed in range(6):
        options = FoldSettings(scheme="random", count=1, test=0.1, valid=0.1, seed=seed, group=group)
        tracks = pd.concat([collection(range(30)), album(300, 3).assign(label="rare", group=list("xyz"))])
        folds = assign(tracks, options)
        drawn = folds[folds["fold"] == "1"]
        assert (pd.crosstab(drawn["role"], drawn["label"]) > 0).all(axis=None)


def test_a_class_of_few_groups_is_trained_on_and_tested_before_it_validates():
    tracks = pd.concat([collection(range(30)), album(300, 4).assign(label="rare", group=list("xxyy"))])
    for seed in range(5):
        folds = assign(tracks, FoldSettings(scheme="random", count=1, valid=0.1, seed=seed))
        drawn = folds[(folds["fold"] == "1") & (folds["label"] == "rare")]
        assert sorted(set(drawn["role"])) == ["test", "train"]
