"""Copies of a recording are found, nothing else is, and what follows from them."""

import io

import numpy as np
import pandas as pd
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from genreflow.audio.fingerprint import WORDS_PER_SECOND, fingerprint, to_text
from genreflow.datasets.duplicates import find_pairs, recordings, resolve
from genreflow.synthetic.corpus import plan, render

RATE = 44_100
TRACKS = 30


def audio_table(rows: dict[str, dict], **default) -> pd.DataFrame:
    """Tracks as the audio stage lists them."""
    nothing = {"sha256": None, "samples_sha256": None, "fingerprint": None} | default
    return pd.DataFrame([{"track_id": track, **nothing, **known} for track, known in rows.items()])


def prints(words: dict[str, np.ndarray]) -> pd.DataFrame:
    return audio_table({track: {"fingerprint": to_text(own)} for track, own in words.items()})


def random_words(seed: int, length: int = 200) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**32, length, dtype=np.uint32)


def with_wrong_bits(words: np.ndarray, share: float, seed: int = 9) -> np.ndarray:
    """Like coding, which spares most words: the wrong bits are in half of them."""
    rng = np.random.default_rng(seed)
    wrong = (rng.random((len(words), 32)) < 2 * share) & (rng.random((len(words), 1)) < 0.5)
    return words ^ (wrong.astype(np.uint32) << np.arange(32, dtype=np.uint32)).sum(axis=1, dtype=np.uint32)


def links(pairs: pd.DataFrame) -> set[tuple[str, str, str]]:
    return set(pairs[["a", "b", "kind"]].itertuples(index=False, name=None))


class TestEqualContent:
    @pytest.mark.parametrize("search", ["exact", "recordings"])
    def test_bytes_come_before_samples_and_samples_before_recordings(self, search):
        words = to_text(random_words(0))
        tracks = audio_table(
            {
                "c": {"sha256": "1", "samples_sha256": "s", "fingerprint": words},
                "a": {"sha256": "1", "samples_sha256": "s", "fingerprint": words},
                "b": {"sha256": "2", "samples_sha256": "s", "fingerprint": words},
                "d": {"sha256": "3", "samples_sha256": "t", "fingerprint": words},
            }
        )
        pairs = find_pairs(tracks, search)
        recording = {("a", "d", "recording")} if search == "recordings" else set()
        assert links(pairs) == {("a", "c", "bytes"), ("a", "b", "samples")} | recording
        assert set(pairs["similarity"]) == {1.0} and set(pairs["offset_s"]) == {0.0}

    def test_a_crowd_of_equal_tracks_is_paired_with_its_first(self):
        pairs = find_pairs(audio_table({f"{i:03}": {"sha256": "same"} for i in range(100)}), "exact")
        assert links(pairs) == {("000", f"{i:03}", "bytes") for i in range(1, 100)}

    @pytest.mark.parametrize("nothing", [None, "", float("nan")])
    def test_what_is_unknown_equals_nothing(self, nothing):
        tracks = audio_table({"a": {}, "b": {}}, sha256=nothing, samples_sha256=nothing, fingerprint=nothing)
        assert find_pairs(tracks, "recordings").empty

    def test_files_that_cannot_be_read_are_no_copies_of_each_other(self):
        assert find_pairs(audio_table({"a": {}, "b": {}}, sha256="missing"), "exact").empty
        assert find_pairs(audio_table({"a": {}, "b": {}}, sha256="missing-0a1b"), "exact").empty

    def test_no_tracks_have_no_pairs(self):
        pairs = find_pairs(audio_table({"a": {}})[:0], "recordings")
        assert pairs.empty and list(pairs) == ["a", "b", "kind", "similarity", "offset_s"]


class TestFingerprints:
    def test_a_cut_copy_says_by_how_much(self):
        words = random_words(0)
        (pair,) = find_pairs(prints({"a": words, "b": with_wrong_bits(words[40:], 0.05)}), "recordings").itertuples()
        assert (pair.a, pair.b, pair.kind) == ("a", "b", "recording")
        assert pair.similarity == pytest.approx(0.95, abs=0.02)
        assert pair.offset_s == pytest.approx(40 / WORDS_PER_SECOND)

    def test_the_offset_is_negative_where_the_first_one_is_cut(self):
        words = random_words(0)
        pairs = find_pairs(prints({"a": words[40:], "b": words}), "recordings")
        assert pairs["offset_s"].item() == pytest.approx(-40 / WORDS_PER_SECOND)

    def test_too_many_wrong_bits_make_another_recording(self):
        words = random_words(0)
        assert find_pairs(prints({"a": words, "b": with_wrong_bits(words, 0.2)}), "recordings").empty

    def test_a_short_common_passage_does_not_make_a_copy(self):
        """Four seconds of one track inside another, like a jingle, or at its end, as where tracks are mixed."""
        passage = random_words(0, 32)
        inside, again = (np.concatenate([random_words(i), passage, random_words(i + 1)]) for i in (1, 3))
        ending, beginning = np.concatenate([random_words(5), passage]), np.concatenate([passage, random_words(6)])
        tracks = prints({"a": inside, "b": again, "c": ending, "d": beginning})
        assert find_pairs(tracks, "recordings").empty

    def test_common_silence_does_not_make_a_copy(self):
        """Ten seconds of music, a long gap, and the click with which both end."""
        gap = np.concatenate([np.full(800, 7, np.uint32), random_words(0, 4)])
        one, two = (np.concatenate([random_words(i, 80), gap]) for i in (1, 2))
        assert find_pairs(prints({"a": one, "b": two, "c": gap, "d": gap}), "recordings").empty

    def test_long_silence_does_not_hide_a_copy(self):
        words = np.concatenate([np.full(800, 7, np.uint32), random_words(1, 100)])
        assert links(find_pairs(prints({"a": words, "b": with_wrong_bits(words, 0.05)}), "recordings"))

    def test_short_tracks_must_have_most_of_their_words_in_common(self):
        """Three seconds at the end of one and the start of another are too little of 6 s; two words say nothing."""
        passage = random_words(0, 24)
        one, two = np.concatenate([random_words(1, 24), passage]), np.concatenate([passage, random_words(2, 24)])
        assert find_pairs(prints({"a": one, "b": two, "c": passage[:2], "d": passage[:2]}), "recordings").empty
        assert links(find_pairs(prints({"a": one, "b": one[8:]}), "recordings"))

    def test_held_sounds_make_a_track_shorter_not_unfit(self):
        """Nine words in ten repeat the one before, as in slow music."""
        words = np.repeat(random_words(0, 30), 10)
        assert links(find_pairs(prints({"a": words, "b": words[5:]}), "recordings"))

    def test_a_few_words_over_and_over_do_not_make_a_copy(self):
        """As of two drones on one note, or two metronomes."""
        words = random_words(0, 12)
        drone = words[np.random.default_rng(1).integers(0, len(words), 300)]
        assert find_pairs(prints({"a": drone, "b": with_wrong_bits(drone, 0.02)}), "recordings").empty

    @pytest.mark.end_to_end
    def test_a_crowd_of_copies_is_one_recording(self):
        words = random_words(0)
        crowd = prints({f"{i:03}": with_wrong_bits(words, 0.02, seed=i) for i in range(100)})
        pairs = find_pairs(crowd, "recordings")
        assert set(recordings(crowd["track_id"], pairs)) == {"000"}
        assert len(pairs) < 100 * 20

    @settings(max_examples=20)
    @given(st.permutations(range(6)), st.integers(0, 100))
    def test_the_order_of_rows_does_not_matter(self, order, seed):
        words = [random_words(seed + i) for i in range(3)]
        tracks = prints({f"{i}": with_wrong_bits(words[i % 3], 0.03, seed=i) for i in range(6)})
        pairs = find_pairs(tracks, "recordings")
        assert links(pairs) == {("0", "3", "recording"), ("1", "4", "recording"), ("2", "5", "recording")}
        pd.testing.assert_frame_equal(find_pairs(tracks.iloc[list(order)], "recordings"), pairs)


# ---------------------------------------------------------------------------------------------------------------
# Music
# ---------------------------------------------------------------------------------------------------------------


def as_mp3(mono: np.ndarray) -> tuple[np.ndarray, int]:
    buffer = io.BytesIO()
    options = {"subtype": "MPEG_LAYER_III", "bitrate_mode": "CONSTANT", "compression_level": 0.8}
    soundfile.write(buffer, mono, RATE, format="MP3", **options)
    buffer.seek(0)
    return soundfile.read(buffer, dtype="float32")


COPIES = {
    "mp3": as_mp3,
    "lower": lambda mono: (0.25 * mono, RATE),
    "cut": lambda mono: (mono[3 * RATE :], RATE),
    "cut between hops": lambda mono: (mono[round((3 + 0.5 / WORDS_PER_SECOND) * RATE) :], RATE),
    "22,050 Hz": lambda mono: (soxr.resample(mono, RATE, 22_050), 22_050),
    "48,000 Hz": lambda mono: (soxr.resample(mono, RATE, 48_000), 48_000),
}


@pytest.fixture(scope="module")
def music() -> list[np.ndarray]:
    """Thirty tracks, up to four of an album, mono."""
    return [render(track).mean(axis=1) for track in plan(tracks_per_class=TRACKS // 5, seconds=12, seed=5)]


@pytest.fixture(scope="module")
def originals(music) -> dict[str, np.ndarray]:
    return {f"{i:02}": fingerprint(mono, RATE) for i, mono in enumerate(music)}


@pytest.mark.end_to_end
def test_no_two_of_many_tracks_are_one_recording(originals):
    assert find_pairs(prints(originals), "recordings").empty


@pytest.mark.end_to_end
@pytest.mark.parametrize("copy", COPIES)
def test_copies_are_found_and_nothing_else(music, originals, copy):
    """Recall of 0.95 with no false pair is what is promised (D, near-duplicates)."""
    copies = {f"{i:02}x": fingerprint(*COPIES[copy](mono)) for i, mono in enumerate(music)}
    pairs = find_pairs(prints(originals | copies), "recordings")
    assert (pairs["b"] == pairs["a"] + "x").all()
    assert len(pairs) >= 0.95 * TRACKS


# ---------------------------------------------------------------------------------------------------------------
# Consequences
# ---------------------------------------------------------------------------------------------------------------


def cataloged(*rows: dict) -> pd.DataFrame:
    nothing = {"label": "rock", "group": None, "artist": None, "tags": None}
    tracks = pd.DataFrame([nothing | row for row in rows])
    return tracks.assign(title="title of " + tracks["track_id"])


def linked(*pairs: tuple[str, str, str]) -> pd.DataFrame:
    return pd.DataFrame(pairs, columns=["a", "b", "kind"]).assign(similarity=0.97, offset_s=0.0)


def by_track(tracks: pd.DataFrame, pairs: pd.DataFrame, across_classes: str = "quarantine") -> dict[str, dict]:
    return resolve(tracks, pairs, across_classes).set_index("track_id").to_dict("index")


class TestConsequences:
    def test_a_track_without_copies_is_left_alone(self):
        fate = by_track(cataloged({"track_id": "a", "group": "album"}, {"track_id": "b"}), linked())
        assert fate["a"] == {"group": "album", "recording": None, "reason": "", "message": ""}
        assert fate["b"]["group"] is None

    @pytest.mark.parametrize(
        ("kind", "reason", "words"),
        [
            ("bytes", "W_DUPLICATE", "the same bytes as"),
            ("samples", "W_DUPLICATE", "the same samples as"),
            ("recording", "W_NEAR_DUP", "the same recording as"),
        ],
    )
    def test_copies_within_a_class_name_each_other_and_stay_together(self, kind, reason, words):
        fate = by_track(cataloged({"track_id": "b"}, {"track_id": "a"}), linked(("a", "b", kind)))
        assert {row["group"] for row in fate.values()} == {"recording:a"}
        assert {row["recording"] for row in fate.values()} == {"a"}
        assert {row["reason"] for row in fate.values()} == {reason}
        assert words in fate["a"]["message"] and "title of b." in fate["a"]["message"]
        assert "title of a." in fate["b"]["message"]

    def test_a_track_can_be_a_copy_in_two_ways(self):
        tracks = cataloged(*({"track_id": name} for name in "abc"))
        fate = by_track(tracks, linked(("a", "b", "bytes"), ("a", "c", "recording")))
        assert fate["a"]["reason"] == "W_DUPLICATE W_NEAR_DUP"
        assert {row["recording"] for row in fate.values()} == {"a"}

    def test_groups_that_share_a_recording_are_one(self):
        tracks = cataloged(
            {"track_id": "a", "group": "second album"},
            {"track_id": "b", "group": "first album"},
            {"track_id": "c", "group": "first album"},
            {"track_id": "d", "group": "second album"},
            {"track_id": "e"},
            {"track_id": "f", "group": "third album"},
        )
        fate = by_track(tracks, linked(("a", "b", "samples"), ("b", "e", "recording")))
        assert [fate[name]["group"] for name in "abcde"] == ["first album"] * 5
        assert fate["f"]["group"] == "third album"
        assert fate["c"]["recording"] is None and fate["c"]["reason"] == ""

    def test_an_artist_is_a_group_where_there_is_no_other(self):
        tracks = cataloged(
            {"track_id": "a", "artist": "The Knife"},
            {"track_id": "b", "artist": "Knife, The"},
            {"track_id": "c", "artist": "Various Artists"},
            {"track_id": "d", "artist": "The Knife", "group": "album"},
        )
        fate = by_track(tracks, linked())
        assert [fate[name]["group"] for name in "abcd"] == ["artist:knife", "artist:knife", None, "album"]

    @pytest.mark.parametrize(("across_classes", "refused"), [("quarantine", "abc"), ("keep_first", "ac"), ("keep", "")])
    def test_copies_in_two_classes(self, across_classes, refused):
        tracks = cataloged({"track_id": "a", "label": "jazz"}, {"track_id": "b"}, {"track_id": "c"}, {"track_id": "d"})
        tracks["title"] = ["z", "x", "y", "w"]
        fate = by_track(tracks, linked(("a", "b", "bytes"), ("a", "c", "recording")), across_classes)
        assert [name for name in fate if fate[name]["reason"] == "Q_LABEL_CONFLICT"] == list(refused)
        for name in "abc":
            assert "'jazz' (z)" in fate[name]["message"] and "'rock' (x)" in fate[name]["message"]
            assert fate[name]["message"].endswith(".")
        for name in set("bc") - set(refused):
            assert fate[name]["reason"].startswith("W_")
        assert fate["d"]["reason"] == ""

    @pytest.mark.parametrize(("one", "other"), [("", ""), ("rock", "jazz")])
    def test_tracks_with_tags_are_never_in_conflict(self, one, other):
        tracks = cataloged(
            {"track_id": "a", "label": one, "tags": ["slow"]}, {"track_id": "b", "label": other, "tags": []}
        )
        fate = by_track(tracks, linked(("a", "b", "recording")))
        assert {row["reason"] for row in fate.values()} == {"W_NEAR_DUP"}
        assert {row["group"] for row in fate.values()} == {"recording:a"}

    def test_pairs_with_refused_tracks_do_not_count(self):
        fate = by_track(cataloged({"track_id": "a"}), linked(("a", "gone", "bytes")))
        assert fate["a"] == {"group": None, "recording": None, "reason": "", "message": ""}

    def test_a_crowd_is_named_in_part(self):
        tracks = cataloged(*({"track_id": f"{i:02}"} for i in range(20)))
        pairs = linked(*(("00", f"{i:02}", "bytes") for i in range(1, 20)))
        assert by_track(tracks, pairs)["00"]["message"].endswith("title of 03 and 16 more.")

    @settings(max_examples=100)
    @given(st.data())
    def test_whatever_belongs_together_stays_together(self, data):
        n = data.draw(st.integers(1, 12))
        names = [f"{i:02}" for i in data.draw(st.permutations(range(n)))]
        groups = data.draw(st.lists(st.sampled_from([None, "", "g1", "g2", "g3"]), min_size=n, max_size=n))
        labels = data.draw(st.lists(st.sampled_from(["rock", "jazz"]), min_size=n, max_size=n))
        ends = st.tuples(st.sampled_from(names), st.sampled_from(names), st.sampled_from(["bytes", "recording"]))
        drawn = data.draw(st.lists(ends, max_size=8))
        pairs = linked(*((min(a, b), max(a, b), kind) for a, b, kind in drawn if a != b))
        rows = zip(names, groups, labels, strict=True)
        tracks = cataloged(*({"track_id": name, "group": group, "label": label} for name, group, label in rows))
        fate = resolve(tracks, pairs, "quarantine")
        assert fate["track_id"].tolist() == names
        result = fate.set_index("track_id")
        for a, b in pairs[["a", "b"]].itertuples(index=False):
            assert result.group[a] == result.group[b] and result.recording[a] == result.recording[b] <= min(a, b)
        for one in range(n):
            for other in range(one):
                if groups[one] and groups[one] == groups[other]:
                    assert fate.group[one] == fate.group[other]
        in_pairs = set(pairs["a"]) | set(pairs["b"])
        assert set(result.index[result.recording.notna()]) == in_pairs == set(result.index[result.reason != ""])
        conflicts = result.assign(label=labels).dropna(subset="recording").groupby("recording").label.nunique() > 1
        assert set(result.recording[result.reason == "Q_LABEL_CONFLICT"]) == set(conflicts.index[conflicts])
