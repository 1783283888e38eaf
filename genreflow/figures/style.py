"""How every figure looks: one palette, one font, literal text, and files that are the same bytes each time."""

import io
import math
import os
import textwrap
import unicodedata
import warnings
from collections.abc import Iterable, Sequence

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from genreflow.figures import limits
from genreflow.figures.compact import compact
from genreflow.store.atomic import atomic_write, write_text
from genreflow.store.text import printable

# Okabe & Ito (2008), told apart with any kind of colour vision; their yellow is too pale for lines on white.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#7F7F7F")
DASHES = ("-", "--", ":", "-.")
INK = "#1A1A1A"
QUIET = "#6B6B6B"
PNG_DPI = 160
PAGE = 10.3
"""Width of the widest figure, inches: it stands in its own size on a page of 1,000 pixels."""
PUBLISHED = {
    "marker": "D",
    "markersize": 5.5,
    "markerfacecolor": "white",
    "markeredgecolor": INK,
    "color": QUIET,
    "linestyle": "",
}
"""Look of a published value, which is never taken for one of ours."""

RC = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
    "font.size": 9.0,
    "axes.labelsize": 9.0,
    "axes.titlesize": 9.0,
    "figure.titlesize": 11.0,
    "figure.titleweight": "bold",
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.0,
    "legend.frameon": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": QUIET,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.h_pad": 0.06,
    "figure.constrained_layout.w_pad": 0.06,
    "image.interpolation": "none",
    # Class names are drawn as written: "$\frac{$" is a name, not a formula.
    "text.parse_math": False,
    # Text stays text in SVG: searchable, and any script is drawn with the reader's own fonts.
    "svg.fonttype": "none",
    "svg.hashsalt": "genreflow",
}

# Decorator of every function that draws.
styled = matplotlib.rc_context(RC)


def colours(values: Iterable[object]) -> dict[object, tuple[str, str]]:
    """Return a (colour, dash) for each value, in order; no pair comes twice among the first 28."""
    return {
        value: (PALETTE[i % len(PALETTE)], DASHES[i // len(PALETTE) % len(DASHES)])
        for i, value in enumerate(dict.fromkeys(values))
    }


def label(text: object, *, width: int, lines: int = 1) -> str:
    """Return printable `text` in at most `lines` lines of `width` Latin characters, ending in … where cut."""
    text = printable(" ".join(str(text).split()))
    # Ideographs are twice as wide as Latin letters.
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text) > len(text) / 2
    width = max(2, width // 2) if wide else width
    if len(text) <= width:
        return text
    wrapped = textwrap.wrap(text, width, break_on_hyphens=False)
    if len(wrapped) <= lines:
        return "\n".join(wrapped)
    last = wrapped[lines - 1]
    return "\n".join([*wrapped[: lines - 1], last[: width - 1].rstrip() + "…"])


def ends(names: Sequence, most: int = limits.MOST_ROWS) -> list:
    """Return at most `most` of some ordered names: all, or the first half and the last half of them."""
    half = most // 2
    return list(names) if len(names) <= most else [*names[:half], *names[-half:]]


def part_ends(axes: Axes, names: Sequence, most: int = limits.MOST_ROWS) -> None:
    """Draw a line between the two halves that `ends` keeps of `names`; none where it keeps all. Rows are 0, 1, ..."""
    if len(names) > most:
        axes.axhline(most // 2 - 0.5, color=QUIET, linestyle=":", linewidth=1.0)


def title(figure: Figure, text: object) -> None:
    """Write the title of `figure` at its upper left, cut to two lines of the figure's width."""
    width = int(figure.get_figwidth() * 9.5)
    figure.suptitle(label(text, width=width, lines=2), x=0.01, ha="left")


@styled
def notice(text: str) -> Figure:
    """Return a figure that says why there is nothing to draw."""
    figure = Figure(figsize=(6.2, 1.2))
    figure.text(0.5, 0.5, label(text, width=70, lines=2), ha="center", va="center", color=QUIET)
    return figure


def png_dpi(figure: Figure) -> float:
    """Return the dots an inch at which `figure` has at most `limits.MAX_PIXELS`; `PNG_DPI` where that is so anyway."""
    width, height = figure.get_size_inches()
    return min(PNG_DPI, math.sqrt(limits.MAX_PIXELS / (width * height)))


@styled
def save(figure: Figure, png: str | os.PathLike, svg: str | os.PathLike, *, key: str = "") -> None:
    """Write `figure` as PNG and SVG, atomically, with the key that made it; the same figure gives the same bytes.

    A PNG has at most `limits.MAX_PIXELS`, so that memory does not grow with the figure. It shows boxes for scripts
    that DejaVu Sans lacks (Chinese, Japanese, Korean, emoji); the SVG does not.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        with atomic_write(png) as temporary:
            figure.savefig(
                temporary,
                format="png",
                dpi=png_dpi(figure),
                metadata={"Software": None} | ({"Key": key} if key else {}),
            )
        written = io.StringIO()
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    write_text(svg, compact(written.getvalue()) + (f"<!-- key {key} -->\n" if key else ""))
