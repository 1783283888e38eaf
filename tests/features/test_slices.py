"""Slices of a track are those of its whole spectrogram, and every track is accounted for."""

import numpy as np
import pandas as pd
import pytest

from genreflow.audio.excerpts import Track
from genreflow.audio.vorbis import read_ogg, write_ogg
from genreflow.config.inputs import (
    AvoidBreaks,
    Beats,
    Chunks,
    Descriptors,
    InputSettings,
    LogMel,
    Midpoint,
    MusicMaps,
    Onsets,
    Random,
    RandomOffset,
    Sliding,
    Split,
    Stft,
    Waveform,
    Whole,
)
from genreflow.features.front_end import FrontEnd
from genreflow.features.mel import log_mel
from genreflow.features.shapes import segment_shape
from genreflow.features.slices import cut, slice_shard
from genreflow.store.shards import FULL_SCALE, as_fed, read_arrays, read_header, read_rows, write_shard

RATE = 44_100
IDS = {"few": "0a", "long": "0b", "short": "0c", "missing": "0d", "half": "0e", "hollow": "0f"}
SMALL = InputSettings(segments=Midpoint(frames=32, count=4))
AS_CODED = InputSettings(
    front_end=LogMel(hop=512, fmax=12_000.0, decibels="double_log", scale="frame_minmax"), segments=Midpoint(count=2)
)
INPUTS = {
    "logmel": SMALL,
    "beats": InputSettings(segments=Beats(frames=32, count=3)),
    "onsets": InputSettings(segments=Onsets(frames=32, count=3)),
    "avoid_breaks": InputSettings(segments=AvoidBreaks(frames=32, count=3)),
    "western8": InputSettings(
        front_end=LogMel(sample_rate=22_050, hop=512, reference="max"),
        segments=RandomOffset(seconds=2.0, earliest=1, latest=5),
        peak=True,
    ),
    "power": InputSettings(front_end=LogMel(decibels="none"), segments=Midpoint(frames=32, count=2)),
    "stft": InputSettings(front_end=Stft(), segments=Sliding(count=3)),
    "maps": InputSettings(front_end=MusicMaps(), segments=Sliding(count=3)),
    "waveform": InputSettings(front_end=Waveform(), segments=Chunks(seconds=1.0, count=4)),
    "descriptors": InputSettings(front_end=Descriptors(), segments=Split(seconds=2.0, count=3)),
    "random": InputSettings(front_end=Descriptors(set="means36"), segments=Random(seconds=1.0, count=3)),
}


def write_track(path, seconds, seed=0):
    samples = np.random.default_rng(seed).normal(0, 0.1, round(seconds * RATE)).astype(np.float32)
    write_ogg(path, samples, RATE, quality=6, serial=1)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audio")
    for name, seconds in {"long": 9.0, "fitting": 2.56, "few": 1.5, "short": 0.5}.items():
        write_track(folder / f"{name}.ogg", seconds)
    return folder


def audio_index(*names):
    rows = [{"track_id": IDS[name], "verdict": "accept", "ogg": f"{name}.ogg"} for name in names]
    return pd.DataFrame(rows, columns=["track_id", "verdict", "ogg"])


def test_a_part_decoded_gives_the_slices_of_the_whole(folder):
    slices = cut(folder / "long.ogg", SMALL, track_id="0f")
    whole = log_mel(read_ogg(folder / "long.ogg"), SMALL.front_end)
    first = (whole.shape[1] - 4 * 32) // 2
    for number, result in enumerate(slices.array):
        begin = first + 32 * number
        np.testing.assert_allclose(result, whole[:, begin : begin + 32], rtol=0, atol=1e-3)
        assert slices.start_s[number] == pytest.approx(begin * 882 / RATE)
    assert slices.array.shape == (4, 128, 32)
    assert slices.array.dtype == np.float32
    assert slices.seconds == pytest.approx(9.0)


def test_the_ends_of_a_track_see_zeros_as_librosa_does(folder):
    # 2.56 s have 129 frames: all of four slices of 32 but one, so both ends are looked at.
    slices = cut(folder / "fitting.ogg", SMALL, track_id="0f")
    whole = log_mel(read_ogg(folder / "fitting.ogg"), SMALL.front_end)
    assert whole.shape[1] == 129
    np.testing.assert_allclose(np.hstack(slices.array), whole[:, :128], rtol=0, atol=1e-3)


def test_the_default_slice_lasts_2_56_seconds_and_the_coded_one_1_486(folder):
    assert np.diff(cut(folder / "long.ogg", InputSettings(), track_id="0f").start_s) == pytest.approx(2.56)
    assert np.diff(cut(folder / "long.ogg", AS_CODED, track_id="0f").start_s) == pytest.approx(1.486, abs=5e-4)


def test_slices_as_coded_fill_0_to_1_in_every_frame(folder):
    array = cut(folder / "long.ogg", AS_CODED, track_id="0f").array
    np.testing.assert_allclose(array.min(axis=1), 0)
    np.testing.assert_allclose(array.max(axis=1), 1)


def test_a_track_shorter_than_a_slice_gives_none(folder):
    slices = cut(folder / "short.ogg", SMALL, track_id="0f")
    assert slices.array.shape == (0, 128, 32)
    assert len(slices.start_s) == 0


def test_a_shard_keeps_the_order_and_tells_what_became_of_each_track(folder, tmp_path):
    index = audio_index("few", "long", "short")
    write_shard(tmp_path / "s.parquet", slice_shard(index, audio_folder=folder, settings=SMALL, key="k1"))
    header, rows = read_header(tmp_path / "s.parquet"), read_rows(tmp_path / "s.parquet")

    assert header.key == "k1"
    assert header.facts["front_end"]["hop"] == 882
    assert header.facts["segments"] == {"kind": "midpoint", "frames": 32, "count": 4, "tolerance": 0.02}
    assert rows["track_id"].tolist() == [IDS["few"]] * 2 + [IDS["long"]] * 4
    assert rows["slice"].tolist() == [0, 1, 0, 1, 2, 3]

    array = read_arrays(tmp_path / "s.parquet", np.arange(6))
    expected = np.concatenate([cut(folder / f"{name}.ogg", SMALL, track_id="0f").array for name in ("few", "long")])
    assert array.dtype == np.float16
    np.testing.assert_allclose(array, expected, rtol=0, atol=0.04)

    fates = {fate["track_id"]: fate for fate in header.facts["tracks"]}
    assert list(fates) == [IDS["few"], IDS["long"], IDS["short"]]
    assert [fate["slices"] for fate in fates.values()] == [2, 4, 0]
    assert [fate["verdict"] for fate in fates.values()] == ["accept", "accept", "quarantine"]
    assert [fate["reason"] for fate in fates.values()] == ["W_FEWER_SLICES", "", "Q_TOO_SHORT"]
    needs = "one slice needs 0.61 s, with the 0.0128 s that may be padded."
    assert fates[IDS["short"]]["message"] == f"It lasts 0.50 s; {needs}"


def test_tracks_that_the_audio_index_quarantined_are_passed_over(folder):
    index = audio_index("few", "missing")
    index["verdict"] = ["warn", "quarantine"]
    shard = slice_shard(index, audio_folder=folder, settings=SMALL, key="")
    assert [fate["track_id"] for fate in shard.header.facts["tracks"]] == [IDS["few"]]


@pytest.mark.parametrize("kind", INPUTS)
def test_a_shard_without_slices_is_one_all_the_same(kind, folder, tmp_path):
    path = tmp_path / f"s.{'h5' if kind in ('maps', 'waveform') else 'parquet'}"
    write_shard(path, slice_shard(audio_index("short"), audio_folder=folder, settings=INPUTS[kind], key=""))
    assert read_rows(path).empty
    assert read_arrays(path, np.arange(0)).shape == (0, *segment_shape(INPUTS[kind]))


@pytest.mark.parametrize("kind", INPUTS)
def test_every_input_is_stored_and_found_again(kind, folder, tmp_path):
    settings, path = INPUTS[kind], tmp_path / f"s.{'h5' if kind in ('maps', 'waveform') else 'parquet'}"
    write_shard(path, slice_shard(audio_index("long"), audio_folder=folder, settings=settings, key="k"))
    result = cut(folder / "long.ogg", settings, track_id=IDS["long"])
    assert result.array.shape == (len(result.start_s), *segment_shape(settings)) and len(result.start_s) > 0
    assert np.isfinite(result.array).all()
    stored = as_fed(read_arrays(path, np.arange(len(result.array))))
    step = np.maximum(np.abs(result.array) * 2.0**-11, 1 / FULL_SCALE)
    assert (np.abs(stored - result.array.clip(-1, 1) if kind == "waveform" else stored - result.array) <= step).all()
    assert read_header(path).facts["shape"] == list(segment_shape(settings))


def test_segments_in_seconds_are_transformed_by_themselves(folder):
    settings = INPUTS["western8"]
    slices = cut(folder / "long.ogg", settings, track_id=IDS["long"])
    samples = Track.open(folder / "long.ogg", 22_050).read()
    for start_s, array in zip(slices.start_s, slices.array, strict=True):
        segment = samples[round(start_s * 22_050) :][: 2 * 22_050]
        expected = log_mel(segment / np.abs(segment).max(), settings.front_end)
        np.testing.assert_allclose(array, expected, rtol=0, atol=1e-2)


def test_maps_are_computed_before_the_cut(folder):
    settings = INPUTS["maps"]
    slices = cut(folder / "long.ogg", settings, track_id=IDS["long"])
    excerpt = Track.open(folder / "long.ogg", 22_050).read(0, round(8.9 * 22_050))
    whole = FrontEnd.of(settings.front_end).transform(excerpt)
    for start_s, array in zip(slices.start_s, slices.array, strict=True):
        first = round(start_s * 22_050 / 512)
        np.testing.assert_allclose(array[:6], whole[:6, first : first + 128], rtol=2e-3, atol=1e-5)


def test_the_published_inputs_have_their_published_shapes():
    mel = LogMel(sample_rate=22_050, n_fft=2048, hop=512, reference="max")
    stft = Stft(sample_rate=16_000, hop=1024, window="hann", centered=True, magnitude="log1p")
    assert segment_shape(InputSettings(front_end=mel, segments=RandomOffset(seconds=30.0))) == (128, 1292)
    assert segment_shape(InputSettings(front_end=mel, segments=Split(seconds=3.0))) == (128, 130)
    assert segment_shape(InputSettings(front_end=Stft(), segments=Sliding())) == (513, 128)
    assert segment_shape(InputSettings(front_end=MusicMaps(), segments=Sliding())) == (8, 128)
    assert segment_shape(InputSettings(front_end=stft, segments=Whole(seconds=29.0))) == (513, 454)
    assert segment_shape(InputSettings(front_end=Waveform(), segments=Whole(seconds=29.0))) == (464_000,)
    assert segment_shape(InputSettings()) == (128, 128)


def test_silent_slices_are_left_out_and_said_to_be(tmp_path):
    samples = np.random.default_rng(0).normal(0, 0.1, 4 * 32 * 882 + 4096).astype(np.float32)
    samples[: len(samples) // 2] = 0
    write_ogg(tmp_path / "half.ogg", samples, RATE, quality=6, serial=1)
    slices = cut(tmp_path / "half.ogg", SMALL, track_id="0f")
    assert (len(slices.array), slices.silent) == (2, 2)
    assert slices.start_s[0] > len(samples) / RATE / 2 - 0.1
    shard = slice_shard(audio_index("half"), audio_folder=tmp_path, settings=SMALL, key="k")
    assert shard.header.facts["tracks"][0]["reason"] == "W_SILENT_SLICES"


def test_a_track_that_is_silent_where_it_is_cut_is_refused(tmp_path):
    samples = np.zeros(9 * RATE, np.float32)
    samples[:RATE] = samples[-RATE:] = np.random.default_rng(0).normal(0, 0.1, RATE)
    write_ogg(tmp_path / "hollow.ogg", samples, RATE, quality=6, serial=1)
    shard = slice_shard(audio_index("hollow"), audio_folder=tmp_path, settings=SMALL, key="k")
    fate = shard.header.facts["tracks"][0]
    assert (fate["slices"], fate["verdict"], fate["reason"]) == (0, "quarantine", "Q_SILENT")
