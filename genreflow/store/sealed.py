"""JSON files with a seal: a digest of all else in the file, which shows any change, and digests of files beside it.

A seal is no signature: whoever wants to forge one can work it out anew. It shows damage, edits by hand, and files that
do not belong together.
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
_MOST = 64 * 2**20  # bytes; more would only fill the memory


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
        What JSON can hold.
    files
        Names of files beside it, which have been written before. ``files`` of the facts is then their SHA-256.
    """
    path = Path(path)
    bound = {name: file_sha256(path.with_name(name)) for name in files}
    bare = json.loads(json.dumps({**facts, FILES: bound} if bound else dict(facts)))
    whole = bare | {SEAL: seal(bare)}
    text = json.dumps(whole, indent=2, ensure_ascii=False) + "\n"
    # Titles of strangers may hold halves of surrogate pairs, which UTF-8 has not and JSON can escape.
    write_text(path, text.encode("utf-8", "backslashreplace").decode())
    return whole


def read_sealed(path: str | os.PathLike, *, files: Iterable[str] = (), remedy: str = "") -> dict[str, Any]:
    """Read facts, verifying their seal and the named files beside them.

    Parameters
    ----------
    path, files
        As in `write_sealed`; only the files named here are read.
    remedy
        What to do about damage, if the pipeline does not make the file again.

    Raises
    ------
    Damaged
        When it is no JSON object, its seal is missing or broken, or a file is not the one that it was written with.
    UserError
        When there is no such file.
    """
    path = Path(path)
    try:
        facts = json.loads(read_regular(path, most=_MOST, wanted="a file of facts"))
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
    """Raise Damaged if a file is not the one that sealed facts beside it were written with.

    Parameters
    ----------
    path
        The file.
    facts
        What `read_sealed` returns.
    content
        Of the file, if it has been read.
    remedy
        As in `read_sealed`.

    Raises
    ------
    UserError
        When there is no such file.
    """
    try:
        found = file_sha256(path) if content is None else hashlib.sha256(content).hexdigest()
    except FileNotFoundError:
        raise UserError(f"{path} is missing. `genreflow run` makes it again.") from None
    if found != facts.get(FILES, {}).get(path.name):
        raise Damaged(path, "it is not the file that was written with the facts beside it", remedy)
