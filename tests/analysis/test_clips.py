"""Clips come one by one, whole, and as a model is fed them."""

import numpy as np
import pytest
from small_dataset import STFT, WAVEFORM, index_of, noise, write_input

from genreflow.analysis import clips
from genreflow.analysis.clips import Source, drawn
from genreflow.features.shapes import segment_shape
from genreflow.store.parquet import read_header, write_table

TRACKS = list("abcdefg")


@pytest.mark.parametrize("suffix", [".parquet", ".h5"])
@pytest.mark.parametrize("block_bytes", [1, 30_000, 2**26])
def test_every_clip_comes_once_with_its_slices_in_order(tmp_path, monkeypatch, suffix, block_bytes):
    monkeypatch.setattr(clips, "_BLOCK_BYTES", block_bytes)
    arrays = noise(TRACKS, 3, *segment_shape(WAVEFORM))
    index = index_of(dict.fromkeys(TRACKS, "x"), shard=list("pqpqpqp"))
    source = Source.of("samples", write_input(tmp_path, index, WAVEFORM, arrays, suffix))
    result = {clip.track_id: clip.array for clip in source.clips(TRACKS)}
    assert sorted(result) == TRACKS
    for track in TRACKS:
        np.testing.assert_allclose(result[track], arrays[track], atol=1 / 32_767)
        assert result[track].dtype == np.float32


def test_tracks_that_are_not_wanted_or_were_refused_stay_out(tmp_path):
    arrays = noise(TRACKS, 1, *segment_shape(STFT))
    path = write_input(tmp_path, index_of(dict.fromkeys([*TRACKS, "refused"], "x")), STFT, arrays)
    source = Source.of("spectra", path)
    assert [clip.track_id for clip in source.clips(["b", "refused", "e", "elsewhere"])] == ["b", "e"]
    assert (source.name, source.front_end.settings, source.peak) == ("spectra", STFT.front_end, False)


def test_slices_of_a_track_that_was_refused_later_stay_out(tmp_path):
    index = index_of(dict.fromkeys(TRACKS, "x"))
    path = write_input(tmp_path, index, STFT, noise(TRACKS, 1, *segment_shape(STFT)))
    write_table(path, index.assign(slices=[1, 0, 1, 1, 0, 1, 1]), read_header(path))
    assert [clip.track_id for clip in Source.of("spectra", path).clips(TRACKS)] == list("acdfg")


def test_what_is_drawn_stays_when_others_come():
    few, many = ({f"{number:x}" for number in range(n)} for n in (40, 400))
    assert drawn(few, 10, 0) == drawn(sorted(few, reverse=True), 10, 0)
    kept = set(drawn(many, 100, 0)) & few
    assert kept == set(drawn(few, len(kept), 0))
    assert drawn(few, 10, 0) != drawn(few, 10, 1)
    assert len(drawn(few, 100, 0)) == 40
