"""Figures of songs and filters hold what their arguments hold."""

import numpy as np
import pandas as pd
import pytest
import study_tables as made_up
from legible import words

from genreflow.figures import calibration, inputs, snippets, style

FREQUENCIES = np.geomspace(30, 11_000, 16)


def test_a_song_has_a_bar_a_class_and_its_commonest_is_dark():
    rows = pd.DataFrame(
        {
            "song": ["one", "one", "two", "two"],
            "class": ["rock", "pop", "rock", "jazz"],
            "count": [60, 40, 10, 90],
        }
    )
    panels = snippets.snippets(rows, title="t", labels={"one": "pop", "two": "unheard of"}).axes
    widths = [[bar.get_width() for bar in axes.patches] for axes in panels]
    assert widths == [[60, 40, 0], [10, 0, 90]]
    for axes, dark in zip(panels, (0, 2), strict=True):
        colors = [bar.get_facecolor() for bar in axes.patches]
        assert [place for place, color in enumerate(colors) if colors.count(color) == 1] == [dark]
    marks = [[line.get_ydata()[0] for line in axes.lines] for axes in panels]
    assert marks == [[1], []]
    assert panels[0].get_xlabel() == "Snippets of 3 s, 100 in all"


def test_a_known_class_that_no_song_has_is_not_explained():
    rows = made_up.decisions(["one"], ["rock", "pop"])
    assert "class of the song" not in words(snippets.snippets(rows, title="t"))


def test_each_filter_has_its_own_scale_and_its_layer_and_channel():
    rows = made_up.channels({"conv 1": 2, "conv 3": 11})
    arrays = np.random.default_rng(0).normal(size=(13, 16, 24)) * np.arange(1, 14)[:, None, None]
    figure = inputs.filters(rows, arrays, title="t", hop_s=0.02, frequencies=FREQUENCIES)
    images = [image for axes in figure.axes for image in axes.get_images()]
    assert len(images) == 13
    for image, array in zip(images, arrays, strict=True):
        np.testing.assert_allclose(image.get_array(), array, rtol=1e-6)
        assert image.get_clim() == pytest.approx((array.min(), array.max()))
        assert image.get_extent()[:2] == [0, 24 * 0.02]
    shown = [axes for axes in figure.axes if axes.axison]
    titles = [axes.get_title("left") for axes in shown]
    assert titles == [f"channel {7 * number}" for number in (*range(2), *range(11))]
    assert [axes.get_ylabel().split("\n")[0] for axes in shown if axes.get_ylabel()] == ["conv 1", "conv 3"]


def test_frequencies_of_filters_are_named_at_their_bands():
    rows = made_up.channels({"conv 1": 1})
    figure = inputs.filters(rows, np.zeros((1, 16, 8)), title="t", hop_s=0.02, frequencies=FREQUENCIES)
    axes = figure.axes[0]
    for place, label in zip(axes.get_yticks(), axes.get_yticklabels(), strict=True):
        hz = np.interp(place, np.arange(16), FREQUENCIES)
        assert hz == pytest.approx(float(label.get_text().replace(",", "")), rel=1e-6)
    assert len(axes.get_yticks()) == 3


def test_a_spectrogram_stands_where_it_is_in_the_track():
    array = np.random.default_rng(0).normal(size=(16, 100))
    figure = inputs.mel_example(array, title="t", hop_s=0.02, frequencies=FREQUENCIES, start_s=12.5)
    assert figure.axes[0].get_images()[0].get_extent()[:2] == pytest.approx([12.5, 14.5])
    assert figure.axes[0].get_xlabel() == "Time in the track (s)"


def test_standardized_descriptors_have_a_linear_scale_and_their_unit():
    plain, fed = (inputs.descriptors(np.arange(3.0), list("abc"), title="t", unit=unit).axes[0] for unit in ("", "SD"))
    assert (plain.get_xscale(), fed.get_xscale()) == ("symlog", "linear") and "SD" in fed.get_xlabel()


def test_a_temperature_at_its_bound_is_marked():
    assert calibration._temperature(1.418) == "temperature 1.42"
    assert calibration._temperature(99.99) == "temperature 100, at its bound"
    assert calibration._temperature(0.01) == "temperature 0.01, at its bound"


def test_a_title_is_not_cut_within_a_word():
    text = "Always predicting the commonest class of all classes"
    for width in range(12, len(text)):
        shown = style.label(text, width=width)
        assert len(shown) <= width and (shown == text or text.startswith(f"{shown[:-1]} ")), shown
    assert style.label("x" * 40, width=10) == "x" * 9 + "…"
