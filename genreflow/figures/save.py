"""Files of figures: PNG and a compact SVG, the same bytes each time."""

from __future__ import annotations

import base64
import io
import math
import os
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from genreflow.figures import mpl
from genreflow.figures.style import missing_glyphs_ignored, styled
from genreflow.store.atomic import atomic_write, write_text

if TYPE_CHECKING:
    from PIL.Image import Image

PNG_DPI = 160
MAX_PIXELS = 10_000_000  # of a PNG; a figure that is larger on paper gets fewer dots per inch

_PALETTE_COLORS = 256
_LARGE, _FEW_COLORS = 10_000, 64  # pixels of a large image, and the colors of its palette
_IMAGE = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=\s]+)")
# Only attributes that hold positions, in points of the page: neither texts nor factors.
_POSITIONS = re.compile(r'(?<=\s)(?:d|x|y)="[^"]*"')
_DECIMALS = re.compile(r"(\.\d)\d+(?!\d|e)")
_WHOLE = re.compile(r"(\d)\.0(?!\d)")
_STYLE = re.compile(r'(?<=\sstyle=")[^"]*')
_METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
_BETWEEN = re.compile(r">\s+<")


@styled
def save(figure: mpl.Figure, png: str | os.PathLike, svg: str | os.PathLike, *, key: str = "") -> None:
    """Write `figure` as PNG and SVG, atomically, with the key of the product; the same figure gives the same bytes.

    A PNG has at most `MAX_PIXELS`, so that memory does not grow with the figure. It shows boxes for scripts that
    DejaVu Sans lacks (Chinese, Japanese, Korean, emoji); the SVG does not.
    """
    save_png(figure, png, **({"Key": key} if key else {}))
    with missing_glyphs_ignored():
        written = io.StringIO()
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    write_text(svg, compact(written.getvalue()) + (f"<!-- key {key} -->\n" if key else ""))


def save_png(figure: mpl.Figure, png: str | os.PathLike, **metadata: str) -> None:
    """Write `figure` as PNG, atomically."""
    with missing_glyphs_ignored(), atomic_write(png) as temporary:
        figure.savefig(temporary, format="png", dpi=png_dpi(figure), metadata={"Software": None} | metadata)


def png_dpi(figure: mpl.Figure) -> float:
    """Return the dots per inch at which `figure` has at most `MAX_PIXELS`, `PNG_DPI` at most."""
    width, height = figure.get_size_inches()
    return min(PNG_DPI, math.sqrt(MAX_PIXELS / (width * height)))


def compact(svg: str) -> str:
    """Return an SVG with positions to 1/10 point, images with palettes, and no metadata or indentation."""
    svg = _BETWEEN.sub("><", _METADATA.sub("", svg))
    svg = _STYLE.sub(lambda match: match[0].replace(": ", ":").replace("; ", ";"), svg)
    svg = _POSITIONS.sub(lambda match: _rounded(match[0]), svg)
    return _IMAGE.sub(lambda match: "data:image/png;base64," + _smaller(match[1]), svg)


def _rounded(positions: str) -> str:
    positions = _WHOLE.sub(r"\1", _DECIMALS.sub(r"\1", " ".join(positions.split())))
    # After a move or a line, a pair of numbers is a line.
    is_straight = positions.startswith("d=") and not set(positions[3:]) & set("CQAHVST")
    return positions.replace(" L ", " ") if is_straight else positions


def _smaller(image: str) -> str:
    png = base64.b64decode(image)
    return base64.b64encode(min(with_palette(png), png, key=len)).decode()


def with_palette(png: bytes) -> bytes:
    """Return a PNG with a palette.

    Small images of at most 256 colors keep every pixel, those of more stay as they are. Large ones, which are
    spectrograms, get 64 colors: no channel is off by more than 16 of 255.
    """
    from PIL import Image

    image = Image.open(io.BytesIO(png)).convert("RGBA")
    pixels = np.asarray(image)
    if image.width * image.height >= _LARGE and (pixels[..., 3] == 255).all():
        return _png(image.convert("RGB").quantize(_FEW_COLORS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE))
    colors, numbers = np.unique(pixels.view("<u4").ravel(), return_inverse=True)
    if len(colors) > _PALETTE_COLORS:
        return png
    image = Image.fromarray(numbers.reshape(pixels.shape[:2]).astype(np.uint8))
    palette = colors.view(np.uint8).reshape(-1, 4)
    image.putpalette(palette[:, :3].tobytes())
    opacity = {} if np.all(palette[:, 3] == 255) else {"transparency": palette[:, 3].tobytes()}
    return _png(image, **opacity)


def _png(image: Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True, **options)
    return buffer.getvalue()
