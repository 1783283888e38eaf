"""Drawings say what their arguments say: songs, filters, moods, fusions and steps."""

from itertools import combinations, pairwise

import numpy as np
import pandas as pd
import pytest
import study_tables as made_up
from hypothesis import example, given, settings
from hypothesis import strategies as st
from legible import assert_legible, words
from matplotlib.collections import QuadMesh
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from genreflow.figures import diagrams, filters, snippets

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
        colours = [bar.get_facecolor() for bar in axes.patches]
        assert [place for place, colour in enumerate(colours) if colours.count(colour) == 1] == [dark]
    marks = [[line.get_ydata()[0] for line in axes.lines] for axes in panels]
    assert marks == [[1], []]
    assert panels[0].get_xlabel() == "Snippets of 3 s, 100 in all"


def test_a_known_class_that_no_song_has_is_not_explained():
    rows = made_up.decisions(["one"], ["rock", "pop"])
    assert "class that the song is of" not in words(snippets.snippets(rows, title="t"))


def test_each_filter_has_its_own_scale_and_its_layer_and_channel():
    rows = made_up.channels({"conv 1": 2, "conv 3": 11})
    arrays = np.random.default_rng(0).normal(size=(13, 16, 24)) * np.arange(1, 14)[:, None, None]
    figure = filters.filters(rows, arrays, title="t", hop_s=0.02, frequencies=FREQUENCIES)
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
    figure = filters.filters(rows, np.zeros((1, 16, 8)), title="t", hop_s=0.02, frequencies=FREQUENCIES)
    axes = figure.axes[0]
    for place, label in zip(axes.get_yticks(), axes.get_yticklabels(), strict=True):
        hz = np.interp(place, np.arange(16), FREQUENCIES)
        assert hz == pytest.approx(float(label.get_text().replace(",", "")), rel=1e-6)
    assert len(axes.get_yticks()) == 3


def test_moods_stand_in_their_quarters():
    moods = {"happy": ["glad"], "angry": ["cross"], "sad": ["low"], "calm": ["still"]}
    figure = diagrams.quadrants(moods, title="t")
    at = {text.get_text(): np.array(text.get_position()) for text in figure.axes[0].texts}
    middle = (at["happy"] + at["sad"]) / 2
    signs = {name: tuple(np.sign((at[name] - middle).round(6))) for name in moods}
    assert signs == {"happy": (1, 1), "angry": (-1, 1), "sad": (-1, -1), "calm": (1, -1)}
    for name, [word] in moods.items():
        assert tuple(np.sign(at[word] - middle)) == signs[name]


def test_four_quarters_are_wanted():
    with pytest.raises(ValueError, match="zip"):
        diagrams.quadrants({"happy": [], "sad": []}, title="t")


def test_a_fusion_is_drawn_as_it_is_done():
    classes = [f"class {number}" for number in range(10)]
    figure = diagrams.fusion(["net_STFT", "net_MUSIC"], classes, title="t")
    [axes] = figure.axes
    tables = [mesh.get_array().reshape(mesh.get_coordinates().shape[0] - 1, -1) for mesh in axes.collections]
    first, second, means, again, _, mean, decisions = tables
    assert all(isinstance(mesh, QuadMesh) for mesh in axes.collections)
    assert first.shape == second.shape == mean.shape == decisions.shape == (18, 10)
    np.testing.assert_allclose(first.sum(axis=1), 1)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_allclose(means, np.concatenate([first, second]).mean(axis=0, keepdims=True))
    np.testing.assert_allclose(mean, (first + second) / 2)
    np.testing.assert_array_equal(decisions.argmax(axis=1), mean.argmax(axis=1))
    answers = [text.get_text() for text in axes.texts if text.get_text() in classes]
    assert answers == [classes[means.argmax()], classes[np.bincount(mean.argmax(axis=1)).argmax()]]


@st.composite
def courses(draw) -> tuple[dict[str, str], list[tuple[str, str]]]:
    names = [f"step {number}" for number in range(draw(st.integers(1, 7)))]
    texts = st.sampled_from(["a", "Ten commonest tags; clips with none of them left out", "Spectrogram, 513 × 454"])
    every = [(start, end) for place, start in enumerate(names) for end in names[place + 1 :]]
    arrows = draw(st.lists(st.sampled_from(every), unique=True)) if every else []
    return {name: draw(texts) for name in names}, arrows


SEVEN = [f"step {number}" for number in range(7)]


@settings(max_examples=40, deadline=None)
@given(courses())
@example((dict.fromkeys(SEVEN, "Spectrogram, 513 × 454"), list(combinations(SEVEN, 2))))
def test_arrows_lead_to_the_right_and_over_no_box(course):
    boxes, arrows = course
    figure = diagrams.workflow(boxes, arrows, title="t")
    assert_legible(figure)
    [axes] = figure.axes
    frames = np.array([box.get_bbox().extents for box in axes.patches if isinstance(box, FancyBboxPatch)])
    assert len(frames) == len(boxes)
    drawn = [patch for patch in axes.patches if isinstance(patch, FancyArrowPatch)]
    assert len(drawn) == len(arrows)
    for arrow in drawn:
        points = arrow._path_original.cleaned(curves=False).vertices[:-1]
        points = points[(points != 0).any(axis=1)]
        assert (np.diff(points[:, 0]) >= -1e-9).all()
        inside = (points[:, None] > frames[None, :, :2] + 1e-6) & (points[:, None] < frames[None, :, 2:] - 1e-6)
        assert not inside.all(axis=2).any()


@pytest.mark.parametrize(
    ("arrows", "message"),
    [
        ([("a", "b"), ("b", "c"), ("c", "b")], "in a circle"),
        ([("a", "a")], "in a circle"),
        ([("a", "nowhere")], "no box is called nowhere"),
    ],
)
def test_a_course_that_cannot_be_drawn_is_refused(arrows, message):
    with pytest.raises(ValueError, match=message):
        diagrams.workflow(dict.fromkeys("abc", "text"), arrows, title="t")


def test_more_than_seven_steps_in_a_row_are_refused():
    steps = "abcdefgh"
    with pytest.raises(ValueError, match="at most seven"):
        diagrams.workflow(dict.fromkeys(steps, "text"), list(pairwise(steps)), title="t")
