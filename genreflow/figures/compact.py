"""SVG as Matplotlib writes it, in fewer bytes, that looks the same."""

import base64
import io
import re

import numpy as np
from PIL import Image

_COLOURS = 256  # of a palette
_IMAGE = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=\s]+)")
# Only what holds places, in points of the page: neither texts nor factors.
_PLACES = re.compile(r'(?<=\s)(?:d|x|y)="[^"]*"')
_DECIMALS = re.compile(r"(\.\d\d)\d+(?!\d|e)")
_METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)


def compact(svg: str) -> str:
    """Return an SVG with places to 1/100 point, images of few colours as palettes, and no metadata."""
    svg = _METADATA.sub("", svg)
    svg = _PLACES.sub(lambda found: " ".join(_DECIMALS.sub(r"\1", found[0]).split()), svg)
    return _IMAGE.sub(lambda found: "data:image/png;base64," + _smaller(found[1]), svg)


def _smaller(image: str) -> str:
    png = base64.b64decode(image)
    return base64.b64encode(min(with_palette(png), png, key=len)).decode()


def with_palette(png: bytes) -> bytes:
    """Return a PNG of the same pixels (RGBA) with a palette, or as it is where it has more than 256 colours."""
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))
    colours, numbers = np.unique(pixels.view("<u4").ravel(), return_inverse=True)
    if len(colours) > _COLOURS:
        return png
    image = Image.fromarray(numbers.reshape(pixels.shape[:2]).astype(np.uint8))
    palette = colours.view(np.uint8).reshape(-1, 4)
    image.putpalette(palette[:, :3].tobytes())
    opacity = {} if np.all(palette[:, 3] == 255) else {"transparency": palette[:, 3].tobytes()}
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True, **opacity)
    return buffer.getvalue()
