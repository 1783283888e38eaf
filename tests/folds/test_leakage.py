"""The leakage audit: sound folds pass, leaky ones are caught, and a codec that betrays the class is named."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from genreflow.config.folds import FoldSettings
from genreflow.datasets.duplicates import resolve
from genreflow.errors import UserError
from genreflow.folds.assign import assign
from genreflow.folds.leakage import COLUMNS, EarlierTraining, bandwidth_by_class, leakage

NO_PAIRS = pd.DataFrame(columns=["a", "b", "kind", "similarity", "offset_s"])


def indexed(size: int = 60, classes: int = 3, **columns) -> pd.DataFrame:
    """An index of like files, the classes taking turns."""
    ids = [f"{i:04}" for i in range(size)]
    plain = {
        "track_id": ids,
        "title": [f"{i}.mp3" for i in ids],
        "label": ["abcdefgh"[i % classes] for i in range(size)],
        "group": None,
        "artist": [f"artist {i}" for i in range(size)],
        "tags": None,
        "verdict": "accept",
        "container": "mp3",
        "codec": "mp3",
        "source_rate": 44_100,
        "channels": 2,
        "bandwidth_hz": np.random.default_rng(0).normal(16_000, 500, size),
        "lufs": (lufs := np.random.default_rng(1).normal(-14, 3, size)),
        "gain_db": -23 - lufs,
        "seconds": np.random.default_rng(2).normal(240, 30, size),
    }
    return pd.DataFrame(plain | columns)


def folds_of(index: pd.DataFrame, **options) -> pd.DataFrame:
    return assign(index[["track_id", "label", "group"]], FoldSettings(count=3, **options))


def pairs_of(*pairs: tuple[str, str, str]) -> pd.DataFrame:
    return pd.DataFrame(pairs, columns=["a", "b", "kind"]).assign(similarity=1.0, offset_s=0.0)


def finding(result: pd.DataFrame, check: str, what: str, fold: str) -> pd.Series:
    return result[(result["check"] == check) & (result["what"] == what) & (result["fold"] == fold)].squeeze()


def test_sound_folds_of_like_files_pass():
    index = indexed()
    result = leakage(folds_of(index, holdout=6), index, NO_PAIRS)
    assert list(result) == COLUMNS
    assert set(result["verdict"]) == {"ok"} and set(result["tracks"][result["check"] != "encoding"]) == {0}
    assert set(result["fold"]) == {"1", "2", "3", "final", "all"}
    assert result["message"].str.endswith(".").all()


class TestCommonThings:
    def test_copies_on_both_sides_are_counted_once_each_even_if_they_are_paired_with_a_third(self):
        """Two tested tracks are copies of a trained one, but listed as copies of each other and of the first."""
        index = indexed()
        folds = folds_of(index, group=False)
        fold = folds[folds["fold"] == "1"]
        tested = fold.loc[fold["role"] == "test", "track_id"].tolist()
        trained = fold.loc[fold["role"] == "train", "track_id"].tolist()
        pairs = pairs_of((tested[0], trained[0], "bytes"), (tested[0], tested[1], "bytes"))
        row = finding(leakage(folds, index, pairs), "duplicates", "bytes", "1")
        assert (row.verdict, row.tracks, row.share) == ("leak", 2, 0.1)
        assert f"{tested[0]}.mp3, {tested[1]}.mp3" in row.message and "the same bytes" in row.message

    def test_copies_on_one_side_are_no_leak(self):
        index = indexed()
        folds = folds_of(index, holdout=6)
        held = folds.loc[(folds["fold"] == "final") & (folds["role"] == "holdout"), "track_id"].tolist()
        result = leakage(folds, index, pairs_of((held[0], held[1], "recording")))
        assert set(result.loc[result["check"] == "duplicates", "verdict"]) == {"ok"}

    def test_a_copy_in_the_holdout_of_the_final_model_is_caught(self):
        index = indexed()
        folds = folds_of(index, holdout=6)
        final = folds[folds["fold"] == "final"]
        one, other = (final.loc[final["role"] == role, "track_id"].iloc[0] for role in ("holdout", "train"))
        result = leakage(folds, index, pairs_of((min(one, other), max(one, other), "recording")))
        assert finding(result, "duplicates", "recording", "final").verdict == "leak"
        assert finding(result, "duplicates", "bytes", "final").verdict == "ok"

    def test_groups_are_those_of_the_index_even_if_the_folds_ignored_them(self):
        index = indexed(group=[f"album {i // 6}" for i in range(60)])
        result = leakage(folds_of(index, group=False), index, NO_PAIRS)
        row = finding(result, "groups", "group", "2")
        assert row.verdict == "leak" and row.share > 0.5 and "album" in row.message
        result = leakage(folds_of(index), index, NO_PAIRS)
        assert set(result.loc[result["check"] == "groups", "verdict"]) == {"ok"}

    def test_an_artist_with_two_albums_leaks_though_albums_are_kept_whole(self):
        """Spellings do not matter; `Various Artists` is none."""
        names = ["The Knife", "knife", "Knife, The", "Various Artists"]
        index = indexed(group=[f"album {i // 3}" for i in range(60)], artist=[names[i // 3 % 4] for i in range(60)])
        result = leakage(folds_of(index), index, NO_PAIRS)
        assert set(result.loc[result["check"] == "groups", "verdict"]) == {"ok"}
        row = finding(result, "artists", "artist", "1")
        tested = folds_of(index).query("fold == '1' and role == 'test'").track_id
        known = index.set_index("track_id").artist[tested] != "Various Artists"
        assert (row.verdict, row.tracks, row.share) == ("leak", known.sum(), known.mean())
        assert f"({known.mean():.0%})" in row.message and "knife" in row.message

    def test_a_single_artist_on_both_sides_is_noted(self):
        index = indexed(300)
        folds = folds_of(index)
        fold = folds[folds["fold"] == "1"]
        pair = [fold.loc[fold["role"] == role, "track_id"].iloc[0] for role in ("train", "test")]
        index.loc[index["track_id"].isin(pair), "artist"] = "Prince"
        row = finding(leakage(folds, index, NO_PAIRS), "artists", "artist", "1")
        assert (row.verdict, row.tracks, row.share) == ("note", 1, 0.01)

    def test_unknown_artists_are_no_proof(self):
        index = indexed(artist="Various Artists")
        result = leakage(folds_of(index), index, NO_PAIRS)
        artists = result[result["check"] == "artists"]
        assert artists["share"].isna().all()
        assert set(artists["verdict"]) == {"note"}

    def test_of_divided_segments_every_track_is_on_both_sides_and_copies_are_found_all_the_same(self):
        index = indexed(20).assign(slices=10)
        options = FoldSettings(scheme="random", unit="segment", count=1, test=0.3, valid=0.1, group=False)
        folds = assign(index[["track_id", "label", "group", "slices"]], options)
        for pairs, verdict in ((NO_PAIRS, "ok"), (pairs_of(("0000", "0001", "samples")), "leak")):
            result = leakage(folds, index, pairs)
            assert finding(result, "tracks", "track", "1")["verdict"] == "leak"
            assert finding(result, "duplicates", "samples", "1")["verdict"] == verdict

    def test_a_fold_that_tests_nothing_has_nothing_to_leak(self):
        index = indexed()
        assert set(leakage(folds_of(index), index, NO_PAIRS)["fold"]) == {"1", "2", "3", "all"}

    @pytest.mark.end_to_end
    @settings(max_examples=10)
    @given(st.data())
    def test_folds_of_resolved_groups_never_leak(self, data):
        """Whatever albums and copies there are; and moving a test copy into the training set is always caught."""
        size = data.draw(st.integers(30, 60))
        albums = data.draw(st.lists(st.sampled_from([None, *map(str, range(25))]), min_size=size, max_size=size))
        index = indexed(size, 2, group=albums, artist=None)
        ids = st.sampled_from(index["track_id"].tolist())
        kinds = st.sampled_from(["bytes", "samples", "recording"])
        drawn = data.draw(st.lists(st.tuples(ids, ids, kinds), min_size=1, max_size=10))
        pairs = pairs_of(*((min(a, b), max(a, b), kind) for a, b, kind in drawn if a != b))
        index["group"] = resolve(index, pairs, "keep")["group"]
        try:
            folds = folds_of(index, holdout=data.draw(st.integers(0, 3)))
        except UserError:
            assume(False)
        result = leakage(folds, index, pairs)
        assert set(result.loc[result["check"].isin(["duplicates", "groups"]), "verdict"]) == {"ok"}

        assume(len(pairs))
        pair = pairs.iloc[0]
        sides = folds["track_id"].map({pair.a: "train", pair.b: "test"})
        leaky = folds.assign(role=sides.where(sides.notna(), folds["role"]))
        assert finding(leakage(leaky, index, pairs), "duplicates", pair.kind, "1").verdict == "leak"
        assert finding(leakage(leaky, index, pairs), "groups", "group", "1").verdict == "leak"


class TestEncoding:
    def test_a_codec_for_each_class_is_a_leak(self):
        index = indexed(codec=["mp3", "flac", "vorbis"] * 20, container=["mp3", "flac", "ogg"] * 20)
        result = leakage(folds_of(index), index, NO_PAIRS)
        row = finding(result, "encoding", "codec", "all")
        assert (row.verdict, row.tracks, row.share) == ("leak", 60, 1.0)
        assert row.message == (
            "The codec alone predicts the class with 1.00 where the most common class gives 0.33: "
            "the model may have learned the codec."
        )
        assert finding(result, "encoding", "bandwidth_hz", "all").verdict == "ok"

    @pytest.mark.parametrize(
        ("what", "values"),
        [
            ("bandwidth_hz", [16_000.0, 19_000.0, 22_000.0]),
            ("source_rate", [22_050, 44_100, 48_000]),
            ("container", ["mp4", "aac", "mp3"]),
        ],
    )
    def test_so_is_any_other_property(self, what, values):
        index = indexed(**{what: values * 20})
        result = leakage(folds_of(index), index, NO_PAIRS)
        leaks = result.loc[result["verdict"] == "leak", "what"].tolist()
        assert leaks == ["codec" if what == "container" else what]

    def test_a_level_that_differs_by_class_after_normalization_is_told_with_the_classes(self):
        """The true-peak ceiling keeps reggae quieter: its level tells the class that it was to be freed of."""
        limited = indexed(lufs=-14.0, gain_db=[0.0, -6.4, -3.0] * 20)
        row = finding(leakage(folds_of(limited), limited, NO_PAIRS), "encoding", "level", "all")
        assert (row.verdict, row.share) == ("leak", 1.0)
        assert "The level after normalization alone predicts the class with 1.00" in row.message
        assert row.message.endswith("Medians of classes are between -20.4 LUFS (b) and -14.0 LUFS (a).")

    def test_a_duration_that_tells_the_class_is_a_trivial_answer_and_no_leak(self):
        index = indexed(seconds=[180.0, 240.0, 300.0] * 20)
        row = finding(leakage(folds_of(index), index, NO_PAIRS), "encoding", "seconds", "all")
        assert (row.verdict, row.share) == ("note", 1.0)
        assert "The duration alone predicts the class with 1.00" in row.message

    def test_equal_levels_predict_nothing(self):
        level = indexed()
        row = finding(leakage(folds_of(level), level, NO_PAIRS), "encoding", "level", "all")
        assert row.verdict == "ok" and "between -23.0 LUFS" in row.message

    def test_one_class_that_stands_out_is_noted(self):
        index = indexed(90, 5, channels=[1, 2, 2, 2, 2] * 18)
        assert finding(leakage(folds_of(index), index, NO_PAIRS), "encoding", "channels", "all").verdict == "note"

    def test_the_commonest_class_is_what_has_to_be_beaten(self):
        """Nine tracks in ten are of one class: rightly guessing it is no finding."""
        index = indexed(120, label=["a" if i % 10 else "b" for i in range(120)])
        result = leakage(folds_of(index), index, NO_PAIRS)
        assert set(result.loc[result["check"] == "encoding", "verdict"]) == {"ok"}
        assert "0.90" in finding(result, "encoding", "codec", "all").message

    def test_what_is_not_known_predicts_nothing(self):
        index = indexed(
            bandwidth_hz=np.nan, codec=None, container=None, source_rate=np.nan, channels=np.nan, lufs=np.nan
        )
        result = leakage(folds_of(index), index, NO_PAIRS)
        assert set(result.loc[result["check"] == "encoding", "verdict"]) == {"ok"}

    def test_tracks_with_tags_have_no_class_to_predict(self):
        index = indexed()
        folds = folds_of(index).assign(label="")
        assert "encoding" not in set(leakage(folds, index, NO_PAIRS)["check"])

    @settings(max_examples=10)
    @given(st.integers(0, 10_000))
    def test_chance_is_not_taken_for_a_finding(self, seed):
        rng = np.random.default_rng(seed)
        index = indexed(150, bandwidth_hz=rng.normal(16_000, 2_000, 150), codec=rng.choice(["mp3", "flac"], 150))
        result = leakage(folds_of(index), index, NO_PAIRS)
        assert "leak" not in set(result["verdict"])


def test_bandwidth_by_class_lists_percentiles_and_codecs():
    index = indexed(
        12,
        bandwidth_hz=[float(i) for i in range(12)],
        label=["b"] * 11 + ["a"],
        codec=["mp3"] * 8 + ["flac"] * 4,
        verdict=["accept"] * 11 + ["warn"],
    )
    table = bandwidth_by_class(index)
    assert table.to_dict("records") == [
        {"class": "a", "tracks": 1, "p10": 11.0, "median": 11.0, "p90": 11.0, "codecs": "flac 1"},
        {"class": "b", "tracks": 11, "p10": 1.0, "median": 5.0, "p90": 9.0, "codecs": "mp3 8, flac 3"},
    ]


def test_bandwidth_by_class_counts_tags_and_leaves_refused_tracks_out():
    index = indexed(3, label="", tags=[["slow", "sad"], np.array(["slow"]), ["fast"]])
    index["verdict"] = ["accept", "accept", "quarantine"]
    table = bandwidth_by_class(index)
    assert dict(zip(table["class"], table["tracks"], strict=True)) == {"sad": 1, "slow": 2}


class TestEarlierTraining:
    index = indexed(12, sha256=[f"{number:02x}" * 32 for number in range(12)])

    def checked(self, files, pairs=NO_PAIRS):
        folds = folds_of(self.index)
        earlier = [EarlierTraining("cnn of study one, trained on 2 tracks", files)]
        table = leakage(folds, self.index, pairs, earlier)
        return folds, table[table["check"] == "pretraining"]

    def test_a_tested_track_that_the_first_network_was_trained_on_is_a_leak(self):
        folds, rows = self.checked(frozenset({bytes([3]) * 8, bytes([99]) * 8}))
        [tested] = folds.loc[(folds["track_id"] == "0003") & (folds["role"] == "test"), "fold"]
        assert dict(zip(rows["fold"], rows["verdict"], strict=True)) == {
            fold: "leak" if fold == tested else "ok" for fold in ("1", "2", "3")
        }
        [message] = rows.loc[rows["verdict"] == "leak", "message"]
        assert message == (
            f"Fold {tested}: 1 of 4 tested or held-out tracks (25%) were training tracks of cnn of study one, trained "
            "on 2 tracks, from which training starts: 0003.mp3."
        )

    def test_so_is_a_copy_of_one(self):
        copies = pd.DataFrame([("0003", "0006", "recording", 0.9, 0.0)], columns=NO_PAIRS.columns)
        _, rows = self.checked(frozenset({bytes([3]) * 8}), copies)
        assert rows["tracks"].sum() == 2

    def test_tracks_that_are_not_listed_are_noted(self):
        _, rows = self.checked(None)
        assert rows["verdict"].tolist() == ["note"]
        assert "it may have been trained on tracks that are tested here" in rows["message"].iloc[0]
