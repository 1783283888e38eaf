"""Smaller SVG files show the same."""

import base64
import io
import re
import xml.etree.ElementTree as ElementTree

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image

from genreflow.figures.save import compact, with_palette


def png_of(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels, "RGBA").save(buffer, "PNG")
    return buffer.getvalue()


@matplotlib.rc_context({"svg.fonttype": "none"})
def drawn():
    figure = Figure(figsize=(4, 3))
    axes = figure.add_subplot(title="0.123456 kHz")
    axes.imshow(np.random.default_rng(0).normal(size=(80, 120)), interpolation="none")
    axes.plot([0.123456, 100.98765], [3.333333, 70.77777])
    written = io.StringIO()
    figure.savefig(written, format="svg")
    return written.getvalue()


@given(st.integers(0, 2**32), st.integers(1, 300))
def test_pixels_stay_what_they_were(seed, colors):
    rng = np.random.default_rng(seed)
    palette = rng.integers(0, 256, (colors, 4), np.uint8)
    pixels = palette[rng.integers(0, colors, (20, 30))]
    kept = Image.open(io.BytesIO(with_palette(png_of(pixels)))).convert("RGBA")
    assert np.array_equal(np.asarray(kept), pixels)


def test_a_large_spectrogram_looks_the_same():
    levels = np.cumsum(np.random.default_rng(0).normal(size=(300, 400)), axis=1)
    pixels = np.asarray(matplotlib.colormaps["magma"]((levels - levels.min()) / np.ptp(levels)) * 255, np.uint8)
    kept = with_palette(png_of(pixels))
    result = np.asarray(Image.open(io.BytesIO(kept)).convert("RGBA")).astype(int)
    assert np.abs(result - pixels).max() <= 16
    assert len(kept) < 0.5 * len(png_of(pixels))


def test_a_figure_is_smaller_and_says_the_same():
    before, after = drawn(), compact(drawn())
    assert len(after) < 0.6 * len(before)
    texts = [[text.text for text in ElementTree.fromstring(svg).findall(".//{*}text")] for svg in (before, after)]
    assert texts[0] == texts[1] and "0.123456 kHz" in texts[1]
    images = [base64.b64decode(re.search(r"base64,([A-Za-z0-9+/=\s]+)", svg)[1]) for svg in (before, after)]
    first, second = (np.asarray(Image.open(io.BytesIO(png)).convert("RGBA")) for png in images)
    assert np.array_equal(first, second)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ('<path d="M 1.23456 2.5 \nL 3.14159 -0.00499"/>', '<path d="M 1.2 2.5 3.1 -0"/>'),
        ('<path d="M 1.04 10.0 L 2 3 C 4 5 6 7 8 9.99"/>', '<path d="M 1 10 L 2 3 C 4 5 6 7 8 9.9"/>'),
        ('<use x="10.123456" y="7"/>', '<use x="10.1" y="7"/>'),
        ('<g transform="scale(0.00123)"/>', '<g transform="scale(0.00123)"/>'),
        ('<g style="fill: #fff; opacity: 0.123"/>', '<g style="fill:#fff;opacity:0.123"/>'),
        ('<path d="M 1.5e-05 2"/>', '<path d="M 1.5e-05 2"/>'),
        ("<text>d=0.123456 kHz</text>", "<text>d=0.123456 kHz</text>"),
    ],
)
def test_places_are_rounded_and_nothing_else(written, kept):
    assert compact(written) == kept
