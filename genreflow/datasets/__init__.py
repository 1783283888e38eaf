"""Datasets: their tracks, labels, artists, shards and copies; `find` lists the tracks of one."""

from importlib import import_module
from typing import Any

__all__ = ["find"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.scan").find


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
