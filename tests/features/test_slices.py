"""Slices of a track are those of its whole spectrogram, and every track is accounted for."""

import numpy as np
import pandas as pd
import pytest

from genreflow.audio.vorbis import read_ogg, write_ogg
from genreflow.config.inputs import InputSettings, LogMel, Midpoint
from genreflow.features.logmel import log_mel
from genreflow.features.slices import cut, slice_shard
from genreflow.store.parquet import column_arrays, read_header, read_table, write_table

RATE = 44_100
SMALL = InputSettings(segments=Midpoint(frames=32, count=4))
AS_CODED = InputSettings(
    front_end=LogMel(hop=512, fmax=12_000.0, decibels="doubled", scale="frame_minmax"), segments=Midpoint(count=2)
)


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
    rows = [{"track_id": f"id-{name}", "verdict": "accept", "ogg": f"{name}.ogg"} for name in names]
    return pd.DataFrame(rows, columns=["track_id", "verdict", "ogg"])


def test_a_part_decoded_gives_the_slices_of_the_whole(folder):
    slices = cut(folder / "long.ogg", SMALL)
    whole = log_mel(read_ogg(folder / "long.ogg"), SMALL.front_end)
    first = (whole.shape[1] - 4 * 32) // 2
    for number, found in enumerate(slices.array):
        begin = first + 32 * number
        np.testing.assert_allclose(found, whole[:, begin : begin + 32], rtol=0, atol=1e-3)
        assert slices.start_s[number] == pytest.approx(begin * 882 / RATE)
    assert slices.array.shape == (4, 128, 32)
    assert slices.array.dtype == np.float32
    assert slices.seconds == pytest.approx(9.0)


def test_the_ends_of_a_track_see_zeros_as_librosa_does(folder):
    # 2.56 s have 129 frames: all of four slices of 32 but one, so both ends are looked at.
    slices = cut(folder / "fitting.ogg", SMALL)
    whole = log_mel(read_ogg(folder / "fitting.ogg"), SMALL.front_end)
    assert whole.shape[1] == 129
    np.testing.assert_allclose(np.hstack(slices.array), whole[:, :128], rtol=0, atol=1e-3)


def test_the_default_slice_lasts_2_56_seconds_and_the_coded_one_1_486(folder):
    assert np.diff(cut(folder / "long.ogg", InputSettings()).start_s) == pytest.approx(2.56)
    assert np.diff(cut(folder / "long.ogg", AS_CODED).start_s) == pytest.approx(1.486, abs=5e-4)


def test_slices_as_coded_fill_0_to_1_in_every_frame(folder):
    array = cut(folder / "long.ogg", AS_CODED).array
    np.testing.assert_allclose(array.min(axis=1), 0)
    np.testing.assert_allclose(array.max(axis=1), 1)


def test_a_track_shorter_than_a_slice_gives_none(folder):
    slices = cut(folder / "short.ogg", SMALL)
    assert slices.array.shape == (0, 128, 32)
    assert len(slices.start_s) == 0


def test_a_shard_keeps_the_order_and_tells_what_became_of_each_track(folder, tmp_path):
    index = audio_index("few", "long", "short")
    table, header = slice_shard(index, audio_folder=folder, settings=SMALL, key="k1")
    write_table(tmp_path / "slices.parquet", table, header)
    table = read_table(tmp_path / "slices.parquet", "slices")
    header = read_header(tmp_path / "slices.parquet", "slices")

    assert header.key == "k1"
    assert header.facts["front_end"]["hop"] == 882
    assert header.facts["segments"] == {"kind": "midpoint", "frames": 32, "count": 4}
    assert table["track_id"].to_pylist() == ["id-few"] * 2 + ["id-long"] * 4
    assert table["slice"].to_pylist() == [0, 1, 0, 1, 2, 3]

    array = column_arrays(table["array"], tuple(header.facts["shape"]), header.facts["dtype"])
    expected = np.concatenate([cut(folder / f"{name}.ogg", SMALL).array for name in ("few", "long")])
    assert array.dtype == np.float16
    np.testing.assert_allclose(array, expected, rtol=0, atol=0.04)

    fates = {fate["track_id"]: fate for fate in header.facts["tracks"]}
    assert list(fates) == ["id-few", "id-long", "id-short"]
    assert [fate["slices"] for fate in fates.values()] == [2, 4, 0]
    assert [fate["verdict"] for fate in fates.values()] == ["warn", "accept", "quarantine"]
    assert [fate["reason"] for fate in fates.values()] == ["W_FEWER_SLICES", "", "Q_TOO_SHORT"]
    assert fates["id-short"]["message"] == "It lasts 0.5 s; one slice needs 0.64 s."


def test_tracks_that_the_audio_index_quarantined_are_passed_over(folder):
    index = audio_index("few", "missing")
    index["verdict"] = ["warn", "quarantine"]
    _, header = slice_shard(index, audio_folder=folder, settings=SMALL, key="")
    assert [fate["track_id"] for fate in header.facts["tracks"]] == ["id-few"]


def test_a_shard_without_slices_is_a_table_all_the_same(folder, tmp_path):
    table, header = slice_shard(audio_index("short"), audio_folder=folder, settings=SMALL, key="")
    write_table(tmp_path / "slices.parquet", table, header)
    table = read_table(tmp_path / "slices.parquet", "slices")
    assert column_arrays(table["array"], (128, 32), "float16").shape == (0, 128, 32)
