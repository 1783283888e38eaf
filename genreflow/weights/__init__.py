"""Public networks: their sources, their checkpoints, and their bundles in the user's data folder."""

from importlib import import_module
from typing import Any

__all__ = ["find", "get", "is_present", "names"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.cache"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
