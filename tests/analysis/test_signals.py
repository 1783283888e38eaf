"""Variances and mean spectra are those of numpy on all samples and frames at once."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_dataset import LOG_MEL, STFT, WAVEFORM, index_of, noise, write_input

from genreflow.analysis import signals
from genreflow.analysis.clips import Source
from genreflow.analysis.signals import Moments, Spectra, Variances
from genreflow.analysis.tags import membership
from genreflow.config.inputs import LogMel, Stft
from genreflow.features.front_end import FrontEnd
from genreflow.features.mel import mel_filter_bank
from genreflow.features.shapes import segment_shape
from genreflow.store.shards import FULL_SCALE

TAGS = {"a": ("x",), "b": ("x", "y"), "c": ("y",), "d": ("x",), "e": ()}
GAIN = {"a": 6.0, "b": -6.0, "c": 0.0, "d": 20.0}


def tables_of(folder, settings, arrays, make, tags=TAGS):
    index = index_of(tags)
    source = Source.of("it", write_input(folder, index, settings, arrays))
    listener = make(source, membership(index))
    for clip in source.clips(list(arrays)):
        listener.add(clip)
    return listener.tables()


@given(st.lists(st.tuples(st.integers(0, 7), st.floats(-1e6, 1e6)), min_size=1, max_size=30), st.floats(-1e9, 1e9))
def test_moments_are_those_of_all_vectors_at_once(given_vectors, offset):
    moments = Moments(3, 2)
    members = [np.array([bits & 1, bits & 2, bits & 4], bool) for bits, _ in given_vectors]
    vectors = np.array([[value + offset, -value] for _, value in given_vectors])
    for vector, groups in zip(vectors, members, strict=True):
        moments.add(vector, groups)
    for group in range(3):
        own = vectors[[groups[group] for groups in members]]
        assert moments.count[group] == len(own)
        if len(own):
            np.testing.assert_allclose(moments.mean[group], own.mean(axis=0), rtol=1e-9, atol=1e-6)
            np.testing.assert_allclose(moments.deviation[group], own.std(axis=0), rtol=1e-6, atol=1e-3)


def test_variance_of_a_clip_is_that_of_all_its_samples(tmp_path):
    arrays = noise(list("abcd"), 3, *segment_shape(WAVEFORM))
    table = tables_of(tmp_path, WAVEFORM, arrays, lambda *given: Variances(*given, GAIN))["variance"]
    assert list(table.columns) == signals.VARIANCE
    row = table.set_index(["level", "tag"]).loc[("fed", "x")]
    stored = {track: np.rint(array * FULL_SCALE) / FULL_SCALE for track, array in arrays.items()}
    own = np.array([stored[track].var() for track in "abd"])
    assert row["clips"] == 3
    assert row[["mean", "sd", "least", "median", "most"]].tolist() == pytest.approx(
        [own.mean(), own.std(), own.min(), np.median(own), own.max()], rel=1e-6
    )
    assert row[["p05", "q25", "q75", "p95"]].tolist() == pytest.approx(
        np.quantile(own, [0.05, 0.25, 0.75, 0.95]).tolist(), rel=1e-6
    )


def test_the_gain_of_normalizing_is_taken_back(tmp_path):
    arrays = noise(["d"], 1, *segment_shape(WAVEFORM))
    table = tables_of(tmp_path, WAVEFORM, arrays, lambda *given: Variances(*given, GAIN))["variance"]
    table = table.set_index(["level", "tag"])["mean"]
    assert table["fed", "x"] == pytest.approx(100 * table["recorded", "x"])


def test_of_peak_normalized_segments_the_recorded_level_is_unknown(tmp_path):
    arrays = noise(["a"], 1, *segment_shape(WAVEFORM))
    table = tables_of(tmp_path, WAVEFORM.model_copy(update={"peak": True}), arrays, lambda *g: Variances(*g, GAIN))
    assert set(table["variance"]["level"]) == {"fed"}


def test_a_tag_that_no_clip_bears_has_no_distribution(tmp_path):
    arrays = noise(["a"], 1, *segment_shape(WAVEFORM))
    table = tables_of(tmp_path, WAVEFORM, arrays, lambda *given: Variances(*given, GAIN))["variance"]
    row = table.set_index(["level", "tag"]).loc[("fed", "y")]
    assert row["clips"] == 0
    assert row.drop(["clips", "input"]).isna().all()


@pytest.mark.parametrize("settings", [STFT, LOG_MEL])
def test_spectrum_of_a_tag_is_the_mean_over_time_and_clips(tmp_path, settings):
    # Of different numbers of slices: every clip counts the same.
    arrays = {
        track: array[: 1 + place]
        for place, (track, array) in enumerate(noise(list("abcd"), 4, *segment_shape(settings)).items())
    }
    table = tables_of(tmp_path, settings, arrays, Spectra)["spectra"]
    assert list(table.columns) == signals.SPECTRA
    own = np.stack([arrays[track].astype(np.float16).astype(float).mean(axis=(0, 2)) for track in "abd"])
    rows = table[table["tag"] == "x"]
    np.testing.assert_allclose(rows["mean"], own.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(rows["sd"], own.std(axis=0), rtol=1e-5)
    assert set(rows["clips"]) == {3}
    np.testing.assert_array_equal(rows["frequency_hz"], FrontEnd.of(settings.front_end).frequencies())


def test_a_tag_that_no_clip_bears_has_no_spectrum(tmp_path):
    tables = tables_of(tmp_path, STFT, noise(["c"], 1, *segment_shape(STFT)), Spectra)
    assert set(tables["spectra"]["tag"]) == {"y"}
    assert tables_of(tmp_path / "none", STFT, noise(["e"], 1, *segment_shape(STFT)), Spectra) == {}


def test_frequencies_and_units_are_those_of_the_front_end():
    stft, mel = Stft(sample_rate=16_000, n_fft=1_024), LogMel()
    np.testing.assert_allclose(FrontEnd.of(stft).frequencies(), np.arange(513) * 16_000 / 1_024)
    bins = np.fft.rfftfreq(mel.n_fft, 1 / mel.sample_rate)
    loudest = bins[mel_filter_bank(mel).argmax(axis=1)]
    np.testing.assert_allclose(FrontEnd.of(mel).frequencies(), loudest, atol=bins[1])
    units = [FrontEnd.of(front_end).unit for front_end in (stft, Stft(magnitude="log1p"), mel, LogMel(decibels="none"))]
    assert units == ["magnitude", "log(1 + magnitude)", "dB", "power"]
    assert FrontEnd.of(LogMel(scale="frame_minmax")).unit == "0 to 1"


def test_variances_do_not_depend_on_how_tracks_lie_in_shards(tmp_path):
    arrays = noise(list("abcd"), 2, *segment_shape(WAVEFORM))
    tables = []
    for shard in ("s", list("pqpqp")):
        index = index_of(TAGS, shard=shard)
        source = Source.of("it", write_input(tmp_path / str(len(tables)), index, WAVEFORM, arrays))
        listener = Variances(source, membership(index), GAIN)
        for clip in source.clips(list(arrays)):
            listener.add(clip)
        tables.append(listener.tables()["variance"])
    pd.testing.assert_frame_equal(*tables)
