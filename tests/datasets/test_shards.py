from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from genreflow.datasets.shards import is_in_shard, shard_names

IDS = st.sets(st.integers(0, 2**64 - 1).map(lambda n: f"{n:016x}"), min_size=1, max_size=200)
SIZES = st.integers(1, 20)


@given(IDS, SIZES)
def test_every_track_is_in_exactly_one_shard_and_none_is_too_large(ids, size):
    names = shard_names(sorted(ids), size)
    assert max(Counter(names).values()) <= size
    for track_id, name in zip(sorted(ids), names, strict=True):
        assert [shard for shard in set(names) if is_in_shard(track_id, shard)] == [name]


@given(IDS, SIZES, st.randoms())
def test_the_layout_depends_on_the_set_of_tracks_alone(ids, size, random):
    ordered = sorted(ids)
    shuffled = random.sample(ordered, len(ordered))
    assert dict(zip(ordered, shard_names(ordered, size), strict=True)) == dict(
        zip(shuffled, shard_names(shuffled, size), strict=True)
    )


@given(IDS, SIZES)
def test_a_new_track_touches_one_shard_or_splits_it(ids, size):
    *old, new = sorted(ids)
    if not old:
        return
    before = dict(zip(old, shard_names(old, size), strict=True))
    after = dict(zip([*old, new], shard_names([*old, new], size), strict=True))
    touched = {before[track_id] for track_id in old if before[track_id] != after[track_id]}
    assert len(touched) <= 1
    assert all(after[new].startswith(shard) for shard in touched)


def test_thirty_thousand_tracks_are_some_1500_shards():
    ids = [f"{(i * 0x9E3779B97F4A7C15) % 2**64:016x}" for i in range(30_000)]
    assert 900 < len(set(shard_names(ids, 32))) < 2_000
