"""JSON files with a seal: a digest of the rest of the file, and digests of files beside it.

A seal reveals damage, manual edits, and files that do not belong together. It is not a signature: anyone can compute
it.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from genreflow.errors import Damaged, UserError
from genreflow.store.atomic import write_text
from genreflow.store.digest import digest, file_sha256
from genreflow.store.regular import read_regular

SEAL, FILES = "seal", "files"
_MOST = 64 * 2**20  # bytes; larger files are refused


def seal(facts: Mapping[str, Any]) -> str:
    """Return the digest of facts without their own ``seal``."""
    return digest({name: fact for name, fact in facts.items() if name != SEAL})


def write_sealed(path: str | os.PathLike, facts: Mapping[str, Any], *, files: Iterable[str] = ()) -> dict[str, Any]:
    """Write facts as JSON with a seal, atomically; return them as they will be read.

    Parameters
    ----------
    path
        The file.
    facts
        Values that JSON can hold.
    files
        Names of files beside it that are already written; their SHA-256 is stored in ``files``.
    """
    path = Path(path)
    bound = {name: file_sha256(path.with_name(name)) for name in files}
    bare = json.loads(json.dumps({**facts, FILES: bound} if bound else dict(facts)))
    whole = bare | {SEAL: seal(bare)}
    text = json.dumps(whole, indent=2, ensure_ascii=False) + "\n"
    # Titles may hold lone surrogates, which JSON can escape and UTF-8 cannot encode.
    write_text(path, text.encode("utf-8", "backslashreplace").decode())
    return whole


def read_sealed(path: str | os.PathLike, *, files: Iterable[str] = (), remedy: str = "") -> dict[str, Any]:
    """Read facts; verify their seal and the named files beside them.

    Parameters
    ----------
    path, files
        As in `write_sealed`; only these files are verified.
    remedy
        What to do about damage, if the pipeline does not make the file.

    Raises
    ------
    Damaged
        If it is no JSON object, its seal is missing or broken, or a file has another SHA-256.
    UserError
        If there is no such file.
    """
    path = Path(path)
    try:
        facts = json.loads(read_regular(path, most=_MOST, expected="a file of facts"))
    except FileNotFoundError:
        raise UserError(f"{path} does not exist.") from None
    except (ValueError, RecursionError) as error:
        raise Damaged(path, error, remedy) from error
    if not isinstance(facts, dict):
        raise Damaged(path, "it is no JSON object", remedy)
    if SEAL not in facts:
        raise Damaged(path, "it has no seal: an older genreflow wrote it, or it was edited", remedy)
    if facts[SEAL] != seal(facts):
        raise Damaged(path, "its seal is broken: it is not as it was written", remedy)
    for name in files:
        check_bound(path.with_name(name), facts, remedy=remedy)
    return facts


def check_bound(path: Path, facts: Mapping[str, Any], *, content: bytes | None = None, remedy: str = "") -> None:
    """Raise Damaged if a file has another SHA-256 than sealed facts beside it hold.

    Parameters
    ----------
    path
        The file.
    facts
        The result of `read_sealed`.
    content
        Its content, if already read.
    remedy
        As in `read_sealed`.

    Raises
    ------
    UserError
        When there is no such file.
    """
    try:
        sha256 = file_sha256(path) if content is None else hashlib.sha256(content).hexdigest()
    except FileNotFoundError:
        raise UserError(f"{path} is missing. `genreflow run` remakes it.") from None
    if sha256 != facts.get(FILES, {}).get(path.name):
        raise Damaged(path, "it is not the file that was written with the facts beside it", remedy)
