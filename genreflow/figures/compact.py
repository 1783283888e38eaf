"""SVG as Matplotlib writes it, in fewer bytes, that looks the same."""

import base64
import io
import re

import numpy as np
from PIL import Image

_COLOURS = 256  # of a palette
_LARGE, _FEW_COLOURS = 10_000, 64  # pixels of a large image, and the colours of its palette
_IMAGE = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=\s]+)")
# Only what holds places, in points of the page: neither texts nor factors. A tenth of a point is 1/30 mm.
_PLACES = re.compile(r'(?<=\s)(?:d|x|y)="[^"]*"')
_DECIMALS = re.compile(r"(\.\d)\d+(?!\d|e)")
_WHOLE = re.compile(r"(\d)\.0(?!\d)")
_STYLE = re.compile(r'(?<=\sstyle=")[^"]*')
_METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
_BETWEEN = re.compile(r">\s+<")


def compact(svg: str) -> str:
    """Return an SVG with places to 1/10 point, images with palettes, and no metadata or indentation."""
    svg = _BETWEEN.sub("><", _METADATA.sub("", svg))
    svg = _STYLE.sub(lambda found: found[0].replace(": ", ":").replace("; ", ";"), svg)
    svg = _PLACES.sub(lambda found: _rounded(found[0]), svg)
    return _IMAGE.sub(lambda found: "data:image/png;base64," + _smaller(found[1]), svg)


def _rounded(places: str) -> str:
    places = _WHOLE.sub(r"\1", _DECIMALS.sub(r"\1", " ".join(places.split())))
    # After a move or a line, a pair of numbers is a line.
    is_straight = places.startswith("d=") and not set(places[3:]) & set("CQAHVST")
    return places.replace(" L ", " ") if is_straight else places


def _smaller(image: str) -> str:
    png = base64.b64decode(image)
    return base64.b64encode(min(with_palette(png), png, key=len)).decode()


def with_palette(png: bytes) -> bytes:
    """Return a PNG with a palette.

    Small images of at most 256 colours keep every pixel, those of more stay as they are. Large ones, which are
    spectrograms, get 64 colours: no channel is off by more than 16 of 255.
    """
    image = Image.open(io.BytesIO(png)).convert("RGBA")
    if image.width * image.height >= _LARGE and image.getextrema()[3][0] == 255:
        return _png(image.convert("RGB").quantize(_FEW_COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE))
    pixels = np.asarray(image)
    colours, numbers = np.unique(pixels.view("<u4").ravel(), return_inverse=True)
    if len(colours) > _COLOURS:
        return png
    image = Image.fromarray(numbers.reshape(pixels.shape[:2]).astype(np.uint8))
    palette = colours.view(np.uint8).reshape(-1, 4)
    image.putpalette(palette[:, :3].tobytes())
    opacity = {} if np.all(palette[:, 3] == 255) else {"transparency": palette[:, 3].tobytes()}
    return _png(image, **opacity)


def _png(image: Image.Image, **options: bytes) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True, **options)
    return buffer.getvalue()
