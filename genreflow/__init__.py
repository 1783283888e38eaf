"""Train, audit and apply classifiers of music genre, mood or tags.

The command ``genreflow`` and the Snakemake workflow do whole studies; these functions serve scripts and notebooks.

>>> import genreflow as gf
>>> y, sr = gf.load("song.mp3", sr=22_050)
>>> gf.features.logmel(y, sr=sr, n_mels=64, hop=512).shape  # doctest: +ELLIPSIS
(64, ...)
>>> gf.load_model("results/demo/runs/psytrance_cnn/base/fold-final").predict("song.mp3")  # doctest: +SKIP

Names are loaded when they are first used, so that ``import genreflow`` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genreflow import datasets as datasets
    from genreflow import features as features
    from genreflow import weights as weights
    from genreflow.audio.load import load as load
    from genreflow.evaluation.evaluate import evaluate as evaluate
    from genreflow.inference.tracks import load_model as load_model
    from genreflow.models.registry import build as build_model

__version__ = "0.1.0"
__all__ = ["build_model", "datasets", "evaluate", "features", "load", "load_model", "weights"]

# Public name -> the module that defines it, and its name there; none is a package.
_SOURCES = {
    "build_model": ("genreflow.models.registry", "build"),
    "datasets": ("genreflow.datasets", None),
    "evaluate": ("genreflow.evaluation.evaluate", "evaluate"),
    "features": ("genreflow.features", None),
    "load": ("genreflow.audio.load", "load"),
    "load_model": ("genreflow.inference.tracks", "load_model"),
    "weights": ("genreflow.weights", None),
}


def __getattr__(name: str) -> Any:
    if name not in _SOURCES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _SOURCES[name]
    source = import_module(module)
    return source if attribute is None else getattr(source, attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
