"""The figure of a network can be read, whatever the network, and adds up to its parameters."""

import re
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Polygon

from genreflow.figures import style
from genreflow.figures.architecture import Layer, architecture
from genreflow.models import registry
from genreflow.models.summary import layers, trainable_parameters

PAGE = 750  # points: 1,000 CSS pixels
NAMES = [
    "conv 256 @ 3 × 3, BN, max 2 × 2",
    "conv 64 @ 80, stride 16, BN, max 4",
    "gated residual 512 @ 3, max 3",
    "global mean + max",
    "dense 2,048",
    "concat",
    "100 trees, depth ≤ 26, 31,415 nodes",
    "attention 8 × 32, dense 1,024",
]


@st.composite
def networks(draw) -> list[Layer]:
    size = st.integers(0, 19).flatmap(lambda power: st.integers(1, 2**power))
    shapes = st.one_of(st.tuples(st.integers(1, 1_024), size, st.integers(1, 513)), st.tuples(st.integers(1, 99_999)))
    result = []
    for place in range(draw(st.integers(1, 26))):
        joins = (
            draw(st.none() | st.lists(st.integers(0, place - 1), min_size=1, max_size=3, unique=True))
            if place
            else None
        )
        parameters = draw(st.integers(0, 20_000_000))
        result.append(Layer(draw(st.sampled_from(NAMES)), draw(shapes), parameters, joins))
    return result


def texts(figure: Figure) -> list:
    return [text for text in figure.findobj(lambda artist: hasattr(artist, "get_text")) if text.get_text()]


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in texts(figure)]


def blocks(figure: Figure) -> list[np.ndarray]:
    """Return left, bottom, right, top of the faces that look at the reader, in inches and in their order."""
    faces = [patch.get_xy() for patch in figure.axes[0].patches if isinstance(patch, Polygon)]
    boxes = [np.array([*face.min(axis=0), *face.max(axis=0)]) for face in faces]
    is_front = [len(np.unique(face[:, 0].round(9))) == 2 and len(np.unique(face[:, 1].round(9))) == 2 for face in faces]
    return [box for box, front in zip(boxes, is_front, strict=True) if front]


def assert_legible(figure: Figure) -> None:
    """Text is large enough on the page, lies on the figure, and nothing else lies on it."""
    width, height = figure.get_size_inches()
    assert width * 72 <= PAGE
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw_without_rendering()
    boxes = [text.get_window_extent(renderer).extents / figure.dpi for text in texts(figure)]
    for text, (left, bottom, right, top) in zip(texts(figure), boxes, strict=True):
        assert text.get_fontsize() >= 7
        assert left >= 0, text
        assert bottom >= 0, text
        assert right <= width, text
        assert top <= height, text
    taken = [*boxes, *(patch.get_extents().extents / figure.dpi for patch in figure.findobj(Polygon))]
    for own, other in combinations(range(len(taken)), 2):
        if own < len(boxes):
            assert not overlap(taken[own], taken[other]), words(figure)[own]
    for arrow in figure.findobj(FancyArrowPatch):
        for start, end in pairwise(arrow._path_original.vertices):
            line = np.array([*np.minimum(start, end), *np.maximum(start, end)])
            assert not any(overlap(line, box) for box in boxes)


def overlap(one: np.ndarray, other: np.ndarray) -> bool:
    apart = 0.01  # inches: what a line of text claims above its letters
    return bool((one[:2] < other[2:] - apart).all() and (other[:2] < one[2:] - apart).all())


@settings(max_examples=25)
@given(networks(), st.none() | st.tuples(st.integers(1, 513), st.integers(1, 2_000)))
@pytest.mark.end_to_end
def test_any_network_can_be_read(network, input_shape):
    figure = architecture(network, title="a network", input_shape=input_shape)
    assert_legible(figure)
    total = sum(layer.parameters for layer in network)
    assert f"a network: {total:,} parameters" in words(figure) or total == 0
    assert len(blocks(figure)) == len(network) + (input_shape is not None)


@pytest.mark.parametrize("name", registry.MODELS)
def test_every_model_can_be_read_and_its_parameters_add_up(name):
    entry = registry.describe(name)
    network = registry.build(name, entry.n_outputs)
    drawn = [Layer(**layer) for layer in layers(network, entry.input_shape)]
    figure = architecture(drawn, title=name, input_shape=entry.input_shape)
    assert_legible(figure)
    [title] = [text for text in words(figure) if re.fullmatch(rf"{name}(: .*)?", text)]
    written = re.sub(r"\D", "", title.removeprefix(name))
    assert int(written or 0) == trainable_parameters(network)
    # And what stands below the blocks adds up to it.
    below = [
        text for text in texts(figure) if text.get_color() == style.QUIET and re.fullmatch(r"[\d,]+", text.get_text())
    ]
    assert sum(int(text.get_text().replace(",", "")) for text in below) == int(written or 0)


def test_long_chains_go_on_in_the_next_row():
    figure = architecture([Layer("conv", (8, 64, 1), 1)] * 20, title="t")
    middles = [round((bottom + top) / 2, 6) for _, bottom, _, top in blocks(figure)]
    assert [middles.count(y) for y in dict.fromkeys(middles)] == [6, 7, 7]
    assert middles == sorted(middles, reverse=True)


def test_a_skip_connection_is_kept_in_a_row_where_it_can_be():
    """Twelve layers would be six and six, but a skip leads from the second to the eighth."""
    chain = [Layer("conv", (8, 64, 1), 1)] * 12
    chain[7] = Layer("sum", (8, 64, 1), joins=1)
    figure = architecture(chain, title="t")
    assert not [text for text in words(figure) if re.fullmatch("[a-z]", text)]
    middles = [round(bottom + top, 6) for _, bottom, _, top in blocks(figure)]
    assert middles.count(middles[0]) == 8


def test_a_skip_connection_to_another_row_has_a_letter_at_both_ends():
    chain = [Layer("conv", (8, 64, 1), 1)] * 16
    chain[12] = Layer("concat", (8, 64, 1), joins=[2, 3])
    figure = architecture(chain, title="t")
    letters = [text.get_text() for text in texts(figure) if re.fullmatch("[a-z]", text.get_text())]
    assert sorted(letters) == ["a", "a", "b", "b"]
    assert "same one" in "\n".join(words(figure))


def test_a_skip_connection_goes_over_the_blocks_from_its_source_to_its_target():
    chain = [Layer("conv", (8, 64, 1), 1)] * 4
    figure = architecture([*chain, Layer("sum", (8, 64, 1), joins=1)], title="t")
    boxes = blocks(figure)
    paths = [arrow._path_original.vertices for arrow in figure.findobj(FancyArrowPatch)]
    [skip] = [path for path in paths if len(path) == 4]
    for end, box in ((skip[0], boxes[1]), (skip[-1], boxes[4])):
        assert box[0] < end[0] < box[2]
        assert end[1] == pytest.approx(box[3])
    assert skip[1:3, 1].min() > max(top for *_, top in boxes)


def test_edges_grow_with_time_channels_and_bands():
    chain = [Layer("conv", shape, 1) for shape in [(8, 512, 32), (16, 64, 8), (32, 8, 1), (64,)]]
    figure = architecture(chain, title="t")
    left, bottom, right, top = np.array(blocks(figure)).T
    assert (np.diff(right - left) > 0).all()
    assert (np.diff((top - bottom)[:3]) < 0).all()
    depths = [np.ptp(patch.get_xy()[:, 1]) - np.ptp(patch.get_xy()[:, 0]) for patch in figure.findobj(Polygon)]
    assert len(depths) == 2 * 3 + 2  # only what has bands has depth


@pytest.mark.parametrize(
    ("input_shape", "first", "shape", "time"),
    [
        ((128, 130), (8, 128, 64), "1 × 130 × 128", "time (130 frames)"),
        ((59_049,), (8, 19_683, 1), "1 × 59,049", "time (59,049 samples)"),
        ((25,), (64,), "25", None),
    ],
)
def test_the_input_is_the_first_block(input_shape, first, shape, time):
    chain = [Layer("first", first, 7), Layer("sum", first, joins=0)]
    figure = architecture(chain, title="t", input_shape=input_shape)
    written = words(figure)
    assert written.index("input") < written.index("first")
    assert shape in written
    assert [text for text in written if text.startswith("time (")] == ([time] if time else [])
    assert "t: 7 parameters" in written


def test_a_short_time_axis_is_not_named():
    """There is no room for its name where a later row holds the longest one."""
    figure = architecture([*[Layer("conv", (8, 1, 4), 1)] * 9, Layer("conv", (8, 100_000, 4), 1)], title="t")
    assert_legible(figure)
    assert "time (1 frames)" not in words(figure)


def test_what_has_no_layers_says_so():
    assert "no layers" in "\n".join(words(architecture([], title="oracle")))


def test_of_what_is_fitted_no_parameters_are_counted():
    assert "forest" in words(architecture([Layer("100 trees", (8,))], title="forest"))
