"""The parts of Matplotlib that figures use, imported at first use.

Plans, Snakemake's rules and pages read the registry of figures, and none of them draws: they must not pay for
Matplotlib (0.4 s). Write ``mpl.Line2D`` instead of importing it from its module.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib import colormaps as colormaps
    from matplotlib import rc_context as rc_context
    from matplotlib.axes import Axes as Axes
    from matplotlib.axis import Axis as Axis
    from matplotlib.backends.backend_agg import FigureCanvasAgg as FigureCanvasAgg
    from matplotlib.colors import LinearSegmentedColormap as LinearSegmentedColormap
    from matplotlib.colors import Normalize as Normalize
    from matplotlib.colors import PowerNorm as PowerNorm
    from matplotlib.colors import to_rgb as to_rgb
    from matplotlib.figure import Figure as Figure
    from matplotlib.image import AxesImage as AxesImage
    from matplotlib.layout_engine import PlaceHolderLayoutEngine as PlaceHolderLayoutEngine
    from matplotlib.legend import Legend as Legend
    from matplotlib.lines import Line2D as Line2D
    from matplotlib.patches import FancyArrowPatch as FancyArrowPatch
    from matplotlib.patches import Patch as Patch
    from matplotlib.patches import Polygon as Polygon
    from matplotlib.patches import Rectangle as Rectangle
    from matplotlib.path import Path as Path
    from matplotlib.ticker import LogLocator as LogLocator
    from matplotlib.ticker import MaxNLocator as MaxNLocator
    from matplotlib.ticker import NullFormatter as NullFormatter
    from matplotlib.ticker import NullLocator as NullLocator
    from matplotlib.ticker import StrMethodFormatter as StrMethodFormatter
    from matplotlib.transforms import ScaledTranslation as ScaledTranslation

_NAMES = {
    "matplotlib": ["colormaps", "rc_context"],
    "matplotlib.axes": ["Axes"],
    "matplotlib.axis": ["Axis"],
    "matplotlib.backends.backend_agg": ["FigureCanvasAgg"],
    "matplotlib.colors": ["LinearSegmentedColormap", "Normalize", "PowerNorm", "to_rgb"],
    "matplotlib.figure": ["Figure"],
    "matplotlib.image": ["AxesImage"],
    "matplotlib.layout_engine": ["PlaceHolderLayoutEngine"],
    "matplotlib.legend": ["Legend"],
    "matplotlib.lines": ["Line2D"],
    "matplotlib.patches": ["FancyArrowPatch", "Patch", "Polygon", "Rectangle"],
    "matplotlib.path": ["Path"],
    "matplotlib.ticker": ["LogLocator", "MaxNLocator", "NullFormatter", "NullLocator", "StrMethodFormatter"],
    "matplotlib.transforms": ["ScaledTranslation"],
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a part of Matplotlib and keep it, so that this function runs once per name."""
    if name not in _MODULE_OF:
        raise AttributeError(f"{__name__} does not list {name!r}")
    globals()[name] = getattr(import_module(_MODULE_OF[name]), name)
    return globals()[name]
