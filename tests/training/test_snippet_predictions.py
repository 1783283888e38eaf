import numpy as np
import pandas as pd
import pytest
import torch
from small_study import CLASSES, TRAINING

from genreflow.audio.vorbis import read_ogg, write_ogg
from genreflow.config.inputs import InputSettings
from genreflow.errors import UserError
from genreflow.features import mel
from genreflow.features.slices import cut, to_stored
from genreflow.store.parquet import Header, write_table
from genreflow.training.bundle import load_bundle
from genreflow.training.predict import predict_proba
from genreflow.training.snippet_predictions import predict_snippets, random_segments

RATE = 22_050
TRACK = "0123456789abcdef"
MEL = {"kind": "logmel", "sample_rate": RATE, "n_fft": 512, "hop": 441, "n_mels": 8}
FRAMES = InputSettings(front_end=MEL, segments={"kind": "midpoint", "frames": 6, "count": 3})
SECONDS = InputSettings(front_end={"kind": "waveform", "sample_rate": RATE}, segments={"kind": "split", "seconds": 0.5})


def sweep(seconds):
    """A tone that rises all the time, so that no two places sound alike."""
    time = np.arange(int(seconds * RATE)) / RATE
    return (0.3 * np.sin(2 * np.pi * (100 * time + 300 * time**2 / 2))).astype(np.float32)


@pytest.fixture(scope="module")
def ogg(tmp_path_factory):
    path = tmp_path_factory.mktemp("tracks") / "sweep.ogg"
    write_ogg(path, sweep(8), RATE, quality=6.0, serial=0)
    return path


def places_of(segments, whole):
    """Where in `whole` [..., n] each segment begins."""
    length = segments.shape[-1]
    windows = np.moveaxis(np.lib.stride_tricks.sliding_window_view(whole, length, axis=-1), -2, 0)
    result = [np.flatnonzero([np.allclose(segment, window, atol=1e-4) for window in windows]) for segment in segments]
    assert all(len(places) == 1 for places in result)
    return np.array([places[0] for places in result])


def test_segments_in_frames_are_runs_of_the_spectrogram_of_the_whole_track(ogg):
    whole = mel.log_mel(read_ogg(ogg), FRAMES.front_end)
    segments = random_segments(ogg, FRAMES, 100, track_id=TRACK)
    places = places_of(segments, whole)
    assert segments.shape == (100, 8, 6)
    assert len(set(places)) == 100


def test_segments_in_seconds_are_stretches_of_the_track(ogg):
    samples = read_ogg(ogg)
    segments = random_segments(ogg, SECONDS, 20, track_id=TRACK)
    assert segments.shape == (20, RATE // 2)
    starts = [np.abs(samples[: -len(one) + 1] - one[0]).argsort()[:50] for one in segments]
    for segment, likely in zip(segments, starts, strict=True):
        assert any(np.allclose(segment, samples[at : at + len(segment)], atol=1e-5) for at in likely)


def test_every_place_is_as_likely(ogg):
    whole = mel.log_mel(read_ogg(ogg), FRAMES.front_end)
    places = places_of(random_segments(ogg, FRAMES, 200, track_id=TRACK), whole)
    counts, _ = np.histogram(places, bins=4, range=(0, whole.shape[1] - 6))
    assert counts.min() > 35  # of 50, three deviations


def test_a_seed_gives_the_same_places_and_another_others(ogg):
    first, again, other, of_other = (
        random_segments(ogg, FRAMES, 5, track_id=track_id, seed=seed)
        for track_id, seed in ((TRACK, 0), (TRACK, 0), (TRACK, 1), ("fedcba9876543210", 0))
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, of_other)


@pytest.mark.parametrize(
    ("settings", "seconds"), [(FRAMES, 5 * 441 / RATE + 0.001), (SECONDS, 0.5)], ids=["frames", "seconds"]
)
def test_a_track_with_one_place_gives_the_slice_that_training_sees(tmp_path, settings, seconds):
    path = tmp_path / "short.ogg"
    write_ogg(path, sweep(seconds), RATE, quality=6.0, serial=0)
    [trained_on] = cut(path, settings, track_id=TRACK).array
    [snippet] = random_segments(path, settings, 10, track_id=TRACK)
    np.testing.assert_array_equal(snippet, trained_on)


@pytest.fixture
def trained(study, run_tiny, ogg):
    """Train on the small study, whose tracks all sound like the sweep; return what asks the network about snippets."""
    settings = FRAMES.model_dump(mode="json")

    def ask(count=30, tags=False, **changes):
        index = study.tracks.drop(columns="label").assign(title=[f"song {n}" for n in range(18)], ogg=ogg.name)
        if tags:
            study.write_tagged()
            index["tags"] = [
                [label, "slow" if number % 2 else "fast"] for number, label in enumerate(study.tracks.label)
            ]
        write_table(study.index, index, Header("index"))
        run_tiny(input=settings, **changes)
        files = {"index": study.index, "folds": study.folds, "audio_folder": ogg.parent}
        return predict_snippets(study.folder / "run", count=count, threads=1, **files)

    return ask


def test_a_song_of_each_class_that_was_not_trained_on_is_asked_about(trained, study):
    decisions, facts = trained()
    tested = study.tracks[(study.tracks.index >= 3) & (study.tracks.index // 3 % 2 == 0)]
    label = dict(zip(tested["track_id"], tested["label"], strict=True))
    songs = decisions.drop_duplicates("song")
    assert [label[track_id] for track_id in songs["track_id"]] == list(CLASSES)
    assert facts["labels"] == dict(zip(songs["song"], CLASSES, strict=True))
    assert facts["seconds"] == pytest.approx(6 * 441 / RATE)


def test_counts_are_of_the_likeliest_class_and_probabilities_means(trained, study, ogg):
    decisions, _ = trained()
    model = load_bundle(study.folder / "run").model
    for track_id, rows in decisions.groupby("track_id", sort=False):
        arrays = to_stored(random_segments(ogg, FRAMES, 30, track_id=track_id), FRAMES)
        probabilities = predict_proba(model, arrays, device=torch.device("cpu"))
        assert rows["class"].tolist() == list(CLASSES)
        assert rows["count"].tolist() == [(probabilities.argmax(axis=1) == place).sum() for place in range(3)]
        np.testing.assert_allclose(rows["probability"], probabilities.mean(axis=0), atol=1e-6)
        assert rows["count"].sum() == 30


def test_the_same_is_said_twice(trained):
    (first, facts), (second, same) = trained(), trained()
    pd.testing.assert_frame_equal(first, second, check_exact=True)
    assert facts == same


def test_a_final_model_is_asked_about_the_holdout(trained, study):
    decisions, _ = trained(fold="final")
    assert set(decisions["track_id"]) <= set(study.tracks["track_id"][:3])


def test_songs_with_tags_are_chosen_for_one_of_them(trained):
    decisions, facts = trained(tags=True, training=TRAINING.model_copy(update={"sampling": "shuffled"}))
    assert list(facts["labels"].values()) == [*CLASSES, "fast"]
    assert decisions.groupby("song")["count"].sum().tolist() == [30] * 4
    # Each tag has a probability of its own.
    assert not np.allclose(decisions.groupby("song")["probability"].sum(), 1, atol=0.05)


def test_where_every_song_was_trained_on_it_says_so(trained, study):
    study.write_folds(holdout=False)
    with pytest.raises(UserError, match="trained on parts of every song"):
        trained(fold="final")
    study.write_divided()
    with pytest.raises(UserError, match="trained on parts of every song"):
        trained()
