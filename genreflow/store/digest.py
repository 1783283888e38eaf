"""Digests of files and of settings."""

import hashlib
import json
import os
from typing import Any


def digest(*parts: Any, length: int = 16) -> str:
    """Return `length` hex digits of the SHA-256 of JSON-like `parts`; the order of keys in mappings is irrelevant."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def file_sha256(path: str | bytes | os.PathLike) -> str:
    """Return the SHA-256 of a file's bytes as 64 hex digits."""
    with open(path, "rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, set | frozenset):
        return sorted(value)
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(f"{type(value).__name__} has no digest: {value!r}")
