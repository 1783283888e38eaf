"""The look that all figures share: palette, fonts, limits, labels, legends."""

from __future__ import annotations

import functools
import textwrap
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from genreflow.figures import mpl
from genreflow.store.text import printable

# Okabe and Ito (2008): distinct with any kind of color vision. Their yellow is left out; it is too pale on white.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#7F7F7F")
DASHES = ("-", "--", ":", "-.")
INK = "#1A1A1A"
QUIET = "#6B6B6B"
NO_DATA = "#D9D9D9"  # of cells without a value
PAGE = 10.3  # inches, the width of the widest figure: it is shown in its own size on a page of 1,000 pixels
PUBLISHED: dict[str, Any] = {
    "marker": "D",
    "markersize": 5.5,
    "markerfacecolor": "white",
    "markeredgecolor": INK,
    "color": QUIET,
    "linestyle": "",
}
"""The look of published values, which must not be mistaken for ours."""

# How much a figure holds, whatever the number of classes, tags, settings and tracks.
MOST_CLASSES = 40  # in a matrix of numbers; of more, a figure shows the whole as colors and its extremes
MOST_ROWS = 40  # named below each other
MOST_STROKES = 28  # series that colors and dashes, or colors and markers, keep apart
MOST_LINES = 100  # tags with a curve each
MOST_BARS = 60  # tags with a bar each

RC: dict[Any, Any] = {
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
    # Text stays text in SVG: it can be searched, and any script is drawn with the reader's own fonts.
    "svg.fonttype": "none",
    "svg.hashsalt": "genreflow",
}

P = ParamSpec("P")
T = TypeVar("T")


def styled(draw: Callable[P, T]) -> Callable[P, T]:
    """Decorate a function that draws, so that it runs under `RC`."""

    @functools.wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> T:
        with mpl.rc_context(RC):
            return draw(*args, **kwargs)

    return drawn


def colors(values: Iterable[T]) -> dict[T, tuple[str, str]]:
    """Return a (color, dash) for each value, in order; the first `MOST_STROKES` pairs differ."""
    return {
        value: (PALETTE[i % len(PALETTE)], DASHES[i // len(PALETTE) % len(DASHES)])
        for i, value in enumerate(dict.fromkeys(values))
    }


def label(text: object, *, width: int, lines: int = 1) -> str:
    """Return printable `text` in at most `lines` lines of `width` Latin characters; a cut is marked with …."""
    text = printable(" ".join(str(text).split()))
    # Ideographs are twice as wide as Latin letters.
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text) > len(text) / 2
    width = max(2, width // 2) if wide else width
    if len(text) <= width:
        return text
    wrapped = textwrap.wrap(text, width, break_on_hyphens=False)
    if len(wrapped) <= lines:
        return "\n".join(wrapped)
    last = wrapped[lines - 1][: width - 1] if len(wrapped[lines - 1]) >= width else wrapped[lines - 1]
    if last != wrapped[lines - 1] and " " in last and not wrapped[lines - 1][len(last)].isspace():
        last = last.rpartition(" ")[0]  # not within a word
    return "\n".join([*wrapped[: lines - 1], last.rstrip(" ,;:") + "…"])


def ends(names: Sequence[T], most: int = MOST_ROWS) -> list[T]:
    """Return at most `most` of some ordered names: all, or the first half and the last half of them."""
    half = most // 2
    return list(names) if len(names) <= most else [*names[:half], *names[-half:]]


def part_ends(axes: mpl.Axes, names: Sequence[object], most: int = MOST_ROWS) -> None:
    """Draw a line between the two halves that `ends` keeps of `names`; none where it keeps all. Rows are 0, 1, ..."""
    if len(names) > most:
        axes.axhline(most // 2 - 0.5, color=QUIET, linestyle=":", linewidth=1.0)


def chosen(title: str, words: str, shown: int, total: int) -> str:
    """Return a title with the choice that a figure shows of many, where it is one.

    >>> chosen("Losses", "the first {}", 24, 1300)
    'Losses (the first 24 of 1,300)'
    """
    return f"{title} ({words.format(shown)} of {total:,})" if shown < total else title


def name_rows(axes: mpl.Axes, names: Sequence[str], *, margin: float = 0.6, **look: Any) -> None:
    """Name rows 0, 1, ... of a horizontal plot, the first on top."""
    axes.set_yticks(range(len(names)), names, **look)
    axes.set_ylim(len(names) - 1 + margin, -0.6)
    axes.tick_params(axis="y", length=0)


def key(text: str, **look: Any) -> mpl.Line2D:
    """Return an entry of a legend that looks like a line or marker of the figure."""
    return mpl.Line2D([], [], label=text, **look)


def legend_above(axes: mpl.Axes, keys: Sequence[Any] | None = None, *, columns: int) -> None:
    """Put a legend above the axes, at their left; without `keys`, of all labeled artists."""
    at: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1.0), "ncols": columns, "borderaxespad": 0.3}
    axes.legend(**at) if keys is None else axes.legend(handles=keys, **at)


def figure_of(axes: mpl.Axes) -> mpl.Figure:
    """Return the figure that axes lie in."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    return figure


def title(figure: mpl.Figure, text: object) -> None:
    """Write the title of `figure` at its upper left, cut to two lines of the figure's width."""
    width = int(figure.get_figwidth() * 9.5)
    figure.suptitle(label(text, width=width, lines=2), x=0.01, ha="left")


@contextmanager
def missing_glyphs_ignored() -> Iterator[None]:
    """Silence Matplotlib's warnings about scripts that its font lacks; readers of the SVG have their own."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


@styled
def notice(text: str) -> mpl.Figure:
    """Return a figure that holds a sentence: why there is nothing to draw."""
    figure = mpl.Figure(figsize=(6.2, 1.2))
    figure.text(0.5, 0.5, label(text, width=70, lines=2), ha="center", va="center", color=QUIET)
    return figure
