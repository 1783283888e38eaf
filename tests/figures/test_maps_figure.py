"""The figure of the music maps shows each curve where it is, in its own scale, and says what it is."""

import warnings

import numpy as np
import pytest

from genreflow.config.inputs import MusicMaps
from genreflow.features.front_end import FrontEnd
from genreflow.figures import inputs
from genreflow.figures.save import save

UNITS = {"energy": "mean square", "rate": "1/s", "nothing": "share"}
HOP_S = 0.02


def values(frames: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.stack([rng.random(frames), 5_000 * rng.random(frames), np.zeros(frames)]).astype(np.float32)


def test_a_slice_is_drawn_frame_by_frame():
    array = values(128)
    figure = inputs.music_maps(array, units=UNITS, title="t", hop_s=HOP_S, start_s=12)
    assert len(figure.axes) == 3
    for axes, row in zip(figure.axes, array, strict=True):
        (line,) = axes.lines
        np.testing.assert_allclose(line.get_ydata(), row)
        np.testing.assert_allclose(line.get_xdata(), 12 + HOP_S * np.arange(128))
        assert not axes.collections
        assert axes.get_xlim() == pytest.approx((12, 12 + 128 * HOP_S))
        assert axes.get_ylim()[0] == 0
        assert axes.get_ylim()[1] > row.max()
    assert figure.axes[-1].get_xlabel() == "Time (s)"


@pytest.mark.parametrize("frames", [1_000, 12_345])
def test_a_track_is_drawn_as_median_and_range(frames):
    array = values(frames)
    figure = inputs.music_maps(array, units=UNITS, title="t", hop_s=HOP_S)
    step = frames // 500
    for axes, row in zip(figure.axes, array, strict=True):
        x, y = axes.lines[0].get_data()
        assert 500 <= len(x) < 1_000
        assert y[7] == pytest.approx(np.median(row[7 * step : 8 * step]))
        assert x[7] == pytest.approx(HOP_S * np.arange(7 * step, 8 * step).mean())
        band = axes.collections[0].get_paths()[0].get_extents()
        assert (band.y0, band.y1) == pytest.approx((row.min(), row.max()))
    assert f"median of every {step * HOP_S:.2g} s, band: their range" in figure.axes[-1].get_xlabel()


def test_maps_are_named_with_units():
    figure = inputs.music_maps(values(10), units=UNITS, title="t", hop_s=HOP_S)
    labels = [axes.get_ylabel() for axes in figure.axes]
    assert labels == ["Energy\n(mean square)", "Rate\n(1/s)", "Nothing\n(share)"]


def test_standardized_maps_go_below_zero():
    figure = inputs.music_maps(values(100) - 1, units=UNITS, title="t", hop_s=HOP_S)
    assert all(axes.get_ylim()[0] <= axes.lines[0].get_ydata().min() for axes in figure.axes)


@pytest.mark.parametrize("title", ["$\\frac{$", "日本語のジャンル", "x" * 400])
def test_any_title_is_saved_without_a_warning_as_the_same_bytes(title, tmp_path):
    for attempt in "ab":
        figure = inputs.music_maps(values(128), units=UNITS, title=title, hop_s=HOP_S)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            save(figure, tmp_path / f"{attempt}.png", tmp_path / f"{attempt}.svg")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_a_unit_is_wanted_for_each_map():
    with pytest.raises(ValueError, match="zip"):
        inputs.music_maps(values(10)[:2], units=UNITS, title="t", hop_s=HOP_S)


def test_an_empty_map_says_why():
    array = values(100)
    figure = inputs.music_maps(array, units=UNITS, title="t", hop_s=HOP_S)
    assert [[text.get_text() for text in axes.texts] for axes in figure.axes] == [[], [], ["0 throughout"]]
    remarks = inputs._remarks(FrontEnd.of(MusicMaps(sample_rate=22_050, brightness_hz=15_000.0)))
    assert remarks == {
        "brightness": "0 throughout: it counts what is above 15,000 Hz, and there is nothing above 11,025 Hz"
    }
    figure = inputs.music_maps(array[[2]], units={"brightness": "share"}, title="t", hop_s=HOP_S, remarks=remarks)
    assert figure.axes[0].texts[0].get_text() == remarks["brightness"]
    assert inputs._remarks(FrontEnd.of(MusicMaps(sample_rate=22_050))) == {}
