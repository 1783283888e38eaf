"""Differences between two sets of settings, in words."""

from collections.abc import Iterator, Mapping
from typing import Any

_ABSENT = object()
_WIDEST = 60  # characters of a value in a phrase


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested values as one mapping.

    >>> flat({"training": {"batch": 6}})
    {'training.batch': 6}
    """
    result: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            result |= flat(value, f"{prefix}{name}.")
        else:
            result[f"{prefix}{name}"] = list(value) if isinstance(value, tuple) else value
    return result


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """Yield a phrase per value that differs between nested settings.

    >>> list(differences({"batch": 6, "crop": None}, {"batch": 8, "decay": 0.1}))
    ['batch 8 (was 6)', 'crop is gone', 'decay 0.1 is new']
    """
    before, after = flat(old), flat(new)
    for name in dict.fromkeys([*before, *after]):
        was, value = before.get(name, _ABSENT), after.get(name, _ABSENT)
        if value is _ABSENT:
            yield f"{name} is gone"
        elif was is _ABSENT:
            yield f"{name} {_plain(value)} is new"
        elif was != value:
            yield f"{name} {_plain(value)} (was {_plain(was)})"


def _plain(value: Any) -> str:
    """Return a value as it is written in a study file, cut where it is long."""
    text = "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"
