"""From samples to the arrays that models are fed; the public functions, loaded when they are first used.

``logmel, stft, music_maps, descriptors`` take samples and keyword arguments, which are the settings of the front-end in
docs/study-files.md, checked in the same way.
"""

from importlib import import_module
from typing import Any

__all__ = ["descriptors", "logmel", "music_maps", "stft"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.functional"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
