"""Clips a little too short for their segments are used, and what is padded is counted."""

import numpy as np
import pandas as pd
import pytest

from genreflow.audio.vorbis import encode_ogg
from genreflow.config.inputs import InputSettings
from genreflow.datasets.index import padded
from genreflow.features.shapes import needed_seconds
from genreflow.features.slices import apart, cut, slice_shard, too_short
from genreflow.store.digest import digest

FMA_SAMPLES = 1_321_967  # what a 30 s clip of the Free Music Archive decodes to at 44,100 Hz
RATE = 44_100
TRACK = "00c0ffee00c0ffee"
AT_22K = {"kind": "logmel", "sample_rate": 22_050, "hop": 512}
EVERY_KIND = {
    "midpoint": {"frames": 1_292, "count": 1},
    "beats": {"frames": 1_292, "count": 1},
    "onsets": {"frames": 1_292, "count": 1},
    "avoid_breaks": {"frames": 1_292, "count": 1},
    "random_offset": {"seconds": 30},
    "sliding": {"seconds": 30, "hop": 15},
    "split": {"seconds": 30},
    "random": {"seconds": 30},
    "whole": {"seconds": 30},
    "chunks": {"seconds": 30},
}


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Return a function that writes a clip with a number of samples at 44,100 Hz."""
    folder = tmp_path_factory.mktemp("clips")
    beat = 1 + 9 * (np.arange(FMA_SAMPLES) % (RATE // 2) < RATE // 20)
    music = (0.05 * np.random.default_rng(0).normal(size=FMA_SAMPLES) * beat).clip(-1, 1).astype(np.float32)

    def write(samples):
        path = folder / f"{samples}.ogg"
        if not path.exists():
            path.write_bytes(encode_ogg(music[:samples], RATE, quality=0, serial=1, comment=""))
        return path

    return write


# A segment that fills the clip would have to start on a beat at its very beginning.
@pytest.mark.parametrize("kind", [kind for kind in EVERY_KIND if kind != "beats"])
def test_every_segmentation_uses_a_clip_of_29_98_s(clips, kind):
    settings = InputSettings(front_end=AT_22K, segments={"kind": kind, **EVERY_KIND[kind]})
    result = cut(clips(FMA_SAMPLES), settings, track_id=TRACK)
    assert result.array.shape == (1, 128, 1_292 if "frames" in EVERY_KIND[kind] else 1 + 30 * 22_050 // 512)
    # A segment of frames ends with the center of its last one.
    samples = 1_291 * 512 if "frames" in EVERY_KIND[kind] else 30 * 22_050
    assert result.padded_s == (samples - FMA_SAMPLES // 2) / 22_050


@pytest.mark.parametrize("front_end", ["waveform", "descriptors", "maps", "stft"])
def test_every_front_end_uses_it_and_sees_zeros_at_its_end(clips, front_end):
    settings = InputSettings(
        front_end={"kind": front_end, "sample_rate": 22_050}, segments={"kind": "whole", "seconds": 3}
    )
    result = cut(clips(int(2.95 * RATE)), settings, track_id=TRACK)
    assert len(result.array) == 1 and np.isfinite(result.array).all()
    assert result.padded_s == pytest.approx(0.05, abs=1e-4)
    if front_end == "waveform":
        assert not result.array[0, -round(0.05 * 22_050) :].any() and result.array[0, : int(2.9 * 22_050)].any()


@pytest.mark.parametrize(("seconds", "slices"), [(6.0, 2), (5.95, 2), (5.93, 1), (3.0, 1), (2.95, 1), (2.93, 0)])
def test_the_last_of_several_may_lack_as_much_and_no_other(clips, seconds, slices):
    settings = InputSettings(
        front_end={"kind": "waveform"}, segments={"kind": "sliding", "seconds": 3, "hop": 3, "count": 2}
    )
    result = cut(clips(round(seconds * RATE)), settings, track_id=TRACK)
    assert len(result.array) == slices
    assert result.padded_s == pytest.approx(max(0, 3 * slices - seconds), abs=1e-4)


def test_a_tolerance_of_nothing_pads_nothing(clips):
    settings = InputSettings(front_end=AT_22K, segments={"kind": "whole", "seconds": 30, "tolerance": 0})
    assert len(cut(clips(FMA_SAMPLES), settings, track_id=TRACK).array) == 0


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_no_more_than_a_tenth_of_a_second_is_padded(kind):
    settings = InputSettings(front_end=AT_22K, segments={"kind": kind, **EVERY_KIND[kind]})
    needed = 1_291 * 512 / 22_050 if "frames" in EVERY_KIND[kind] else needed_seconds(settings)
    assert too_short(needed - 0.099, settings) is None
    assert too_short(needed - 0.101, settings)[0] == "Q_TOO_SHORT"


def test_a_message_has_digits_enough_to_show_what_is_missing():
    settings = InputSettings(front_end=AT_22K, segments={"kind": "whole", "seconds": 30, "tolerance": 0})
    assert too_short(29.9767, settings)[1] == "It lasts 29.98 s; one slice needs 30.00 s."
    assert too_short(29.9999, settings)[1] == "It lasts 29.9999 s; one slice needs 30.0000 s."
    assert apart(29.99999, 30) == ("29.99999", "30.00000")


def test_what_is_padded_is_counted_for_each_input(clips, tmp_path):
    oggs = [clips(FMA_SAMPLES), clips(int(29.5 * RATE))]
    audio = pd.DataFrame(
        {"track_id": ["0a", "0b"], "verdict": "accept", "ogg": [path.name for path in oggs]},
    )
    settings = InputSettings(front_end=AT_22K, segments={"kind": "whole", "seconds": 30})
    shard = slice_shard(audio, audio_folder=oggs[0].parent, settings=settings, key="k")
    fates = pd.DataFrame(shard.header.facts["tracks"])
    assert fates["padded_s"].round(4).tolist() == [0.0234, 0.0]
    assert fates["message"].tolist() == [
        "", "It lasts 29.50 s; one slice needs 29.90 s, with the 0.1 s that may be padded.",
    ]  # fmt: skip
    assert padded(fates)["tracks"] == 1


def test_the_tolerance_is_part_of_the_key_of_an_input():
    tolerant, strict = (InputSettings(segments={"kind": "whole", "tolerance": tolerance}) for tolerance in (0.02, 0))
    assert digest(tolerant) != digest(strict)
