import hashlib
import json

import numpy as np
import pandas as pd
import pytest

from genreflow.config.inputs import InputSettings
from genreflow.training import novelty
from genreflow.training.data import SliceSet

MEL = InputSettings()


def tracks(n, seed=0, *, shape=(40, 6), shift=0.0, slices=2):
    """Return n tracks' slices [n * slices, *shape], float16, whose bands go up and down together."""
    rng = np.random.default_rng(seed)
    tilt = np.linspace(-1, 1, shape[0])[:, None]
    level, slope = rng.normal(size=(2, n, 1, 1, 1))
    noise = rng.normal(size=(n, slices, *shape))
    return (-30 + shift + 5 * level + 4 * slope * tilt + noise).reshape(n * slices, *shape).astype(np.float16)


def sha256(number):
    return hashlib.sha256(bytes([number % 256, number // 256])).hexdigest()


def profile_of(arrays, slices=2, groups=None, settings=MEL):
    n = len(arrays) // slices
    names = [f"{number:016x}" for number in range(n)]
    data = SliceSet(arrays, pd.DataFrame({"track_id": np.repeat(names, slices)}), ("a", "b"))
    groups = names if groups is None else groups
    frame = pd.DataFrame({"track_id": names, "sha256": [sha256(number) for number in range(n)], "group": groups})
    facts = novelty.fit_profile(data, frame, settings)
    return novelty.from_facts(json.loads(json.dumps(facts)))


def test_training_tracks_are_known_again_by_file_and_by_sound():
    arrays = tracks(30)
    profile = profile_of(arrays)
    new = tracks(1, seed=9)
    assert profile.was_trained_on(sha256(3), new)
    assert profile.was_trained_on(sha256(99), arrays[6:8])
    assert not profile.was_trained_on(sha256(99), new)
    assert not profile.was_trained_on(sha256(99), arrays[7:8])  # the second slice: only the first of each track is kept


def test_few_tracks_alike_are_found_foreign_and_all_unlike_are():
    profile = profile_of(tracks(200))
    alike, unlike = tracks(300, seed=1), tracks(50, seed=2, shift=80)
    distances = [
        np.array([profile.distance(each, MEL) for each in arrays.reshape(-1, 2, 40, 6)]) for arrays in (alike, unlike)
    ]
    assert (distances[0] > profile.limit).mean() < 0.05
    assert (distances[1] > profile.limit).all()


def test_an_odd_relation_of_bands_is_foreign_though_every_band_is_usual():
    arrays = tracks(200)
    profile = profile_of(arrays)
    odd = arrays[:2].copy()
    odd[:, ::2], odd[:, 1::2] = -38, -22  # each is where other tracks have been, and all know of their neighbors
    means = arrays.astype(float).mean(axis=2)
    assert (means.min(axis=0) < -38).all() and (means.max(axis=0) > -22).all()
    assert profile.distance(odd, MEL) > profile.limit


def test_tracks_of_one_group_do_not_vouch_for_each_other():
    albums = np.repeat(np.arange(20), 5)
    sound = np.random.default_rng(0).normal(size=(20, 40, 1))[albums] * 6
    arrays = tracks(100, slices=1) + sound.astype(np.float16)
    by_album, by_track = (profile_of(arrays, slices=1, groups=groups) for groups in (albums.astype(str), None))
    assert by_album.limit > by_track.limit * 1.05


def test_of_few_tracks_nothing_is_said():
    assert profile_of(tracks(novelty.MIN_TRACKS - 1)).limit is None


@pytest.mark.parametrize(
    ("input", "shape", "dtype"),
    [
        ({"front_end": {"kind": "waveform"}, "segments": {"kind": "whole", "seconds": 1}}, (16_000,), np.int16),
        ({"front_end": {"kind": "stft"}, "segments": {"kind": "sliding"}}, (513, 20), np.float16),
        ({"front_end": {"kind": "maps"}, "segments": {"kind": "sliding"}}, (8, 20), np.float32),
        ({"front_end": {"kind": "descriptors"}, "segments": {"kind": "split"}}, (25,), np.float32),
        ({"front_end": {"kind": "descriptors", "set": "full"}, "segments": {"kind": "split"}}, (518,), np.float32),
    ],
)
def test_every_kind_of_input_can_be_judged(input, shape, dtype):
    settings = InputSettings.model_validate(input)
    rng = np.random.default_rng(0)
    scale = 3_000 if dtype == np.int16 else 0.1
    usual, loud = (np.abs(rng.normal(size=(40, *shape))) * scale * factor for factor in (1, 9))
    profile = profile_of(usual.astype(dtype), slices=1, settings=settings)
    assert profile.distance(loud[:1].astype(dtype), settings) > profile.limit
    assert profile.distance(usual[:1].astype(dtype), settings) < profile.limit


def test_thousands_of_tracks_take_few_bytes():
    arrays = tracks(3_000, shape=(4, 2), slices=1)
    names = [f"{number:016x}" for number in range(3_000)]
    data = SliceSet(arrays, pd.DataFrame({"track_id": names}), ("a",))
    frame = pd.DataFrame({"track_id": names, "sha256": [sha256(number) for number in range(3_000)], "group": names})
    assert len(json.dumps(novelty.fit_profile(data, frame, MEL))) < 3_000 * 24


@pytest.mark.parametrize("damage", [{"center": "@"}, {"limit": "far"}, {"files": None}, {"whitening": ""}])
def test_damage_is_noticed(damage):
    arrays = tracks(25)
    names = [f"{number:016x}" for number in range(25)]
    data = SliceSet(arrays, pd.DataFrame({"track_id": np.repeat(names, 2)}), ("a",))
    frame = pd.DataFrame({"track_id": names, "sha256": [sha256(number) for number in range(25)], "group": names})
    facts = novelty.fit_profile(data, frame, MEL)
    with pytest.raises((ValueError, KeyError, TypeError)):
        novelty.from_facts(facts | damage)
