"""Find damaged products and set them aside, so that they are remade.

A damaged product is renamed to a hidden name, which keeps its modification time. Remade from the same sources it has
the same content, so the time is restored, and nothing made from it runs again.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from genreflow.errors import Damaged, UserError
from genreflow.project import layout
from genreflow.project.layout import is_earlier
from genreflow.store import hdf5, parquet
from genreflow.store.runs import FOLD_PREFIX, HISTORY, MODEL, PREDICTIONS, RUN, read_run
from genreflow.store.sealed import FILES, check_bound, read_sealed
from genreflow.store.walk import files_below

_SUFFIX = ".damaged"
_CHECKED = (".parquet", ".h5", ".safetensors", ".ogg", ".mp3", ".json")
_AUDIO = (".ogg", ".mp3")  # normalized tracks, and excerpts
_OF_A_RUN = (MODEL, HISTORY, PREDICTIONS)


@dataclass(frozen=True)
class Finding:
    """A missing or damaged product, and the evidence."""

    path: Path
    problem: str


def products(results: Path) -> list[Path]:
    """Return the files with checksums below a results folder, sorted; those of earlier results come last."""
    paths = (path for path in files_below(results) if path.suffix in _CHECKED and not path.name.startswith("."))
    return sorted(paths, key=lambda path: (is_earlier(path.relative_to(results)), path))


def find_damage(files: Sequence[Path]) -> Iterator[Finding | None]:
    """Read every product in full, in order; yield a finding for each, None for an intact one.

    Tables have a checksum per page, shards per chunk, normalized tracks per page; JSON files have a seal, and the files
    of a run are bound by the SHA-256 in ``run.json``. A table that names a missing track counts as damaged.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(_check, files)


def each_once(files: Iterable[Path]) -> dict[Path, list[Path]]:
    """Return the files without further links to the same bytes: the first of them -> the others."""
    first: dict[tuple[int, int], Path] = {}
    links: dict[Path, list[Path]] = {}
    for path in files:
        try:
            status = path.stat()
        except FileNotFoundError:  # a running job has just moved it
            continue
        kept = first.setdefault((status.st_dev, status.st_ino), path)
        links.setdefault(kept, []).extend([] if kept is path else [path])
    return links


def set_aside_damaged(path: Path) -> list[Path]:
    """Rename a damaged product, so that it is remade; return the products that are now missing.

    A normalized track is made by the job of its shard's table, an excerpt by that of its page: these are set aside too.
    """
    gone = [path, *(_made_with(path) if path.suffix in _AUDIO else [])]
    for product in gone:
        with suppress(FileNotFoundError):
            product.rename(_aside(product))
    return gone


def missing_stages(results: Path) -> list[list[Path]]:
    """Return the products that were set aside and not yet remade, by stage, in the order in which they are made.

    Audio files are left out: they are made with their table or page.
    """
    products = map(_product, _set_aside(results))
    missing = sorted(
        (layout.rank(product.relative_to(results)), product)
        for product in products
        if product.suffix not in _AUDIO and not product.exists()
    )
    return [[product for _, product in group] for _, group in groupby(missing, key=itemgetter(0))]


def restore_mtimes(products: Iterable[Path]) -> None:
    """Give remade products the times of the damaged ones, and delete these."""
    for product in products:
        if product.exists():
            stamp = _aside(product).stat()
            os.utime(product, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
            _aside(product).unlink()


def sweep(results: Path) -> None:
    """Delete the set-aside files of products that were remade; keep the others.

    A set-aside audio file was remade with its table or page, or is no longer needed.
    """
    asides = _set_aside(results)
    made = [aside for aside in asides if _product(aside).exists()]
    if all(aside in made or _product(aside).suffix in _AUDIO for aside in asides):
        made = asides
    for aside in made:
        aside.unlink()


def put_back(results: Path) -> None:
    """Rename damaged products that could not be remade back, so that they are reported again."""
    for aside in _set_aside(results):
        if not _product(aside).exists():
            aside.rename(_product(aside))


def _set_aside(results: Path) -> list[Path]:
    return [path for path in files_below(results) if path.name.startswith(".") and path.suffix == _SUFFIX]


def _check(path: Path) -> Finding | None:
    try:
        match path.suffix:
            case ".parquet":
                _check_table(path)
                _check_run_of(path)
            case ".h5":
                hdf5.read_shard(path, hdf5.read_header(path).kind)
            case ".safetensors":
                _check_run_of(path)
            case ".json":
                _check_run(path) if path.name == RUN else read_sealed(path)
            case ".ogg":
                _check_track(path)
            case ".mp3":
                _check_excerpt(path)
    except (UserError, OSError) as error:
        return Finding(path, str(error))
    return None


def _check_table(path: Path) -> None:
    header = parquet.read_header(path)
    table = parquet.read_table(path, header.kind)
    if header.kind == "audio":
        missing = [name for name in filter(None, table["ogg"].to_pylist()) if not (path.parent / name).exists()]
        if missing:
            raise Damaged(path, f"{len(missing)} of the normalized tracks it names are missing, the first {missing[0]}")


def _check_run(path: Path) -> None:
    """Raise Damaged if ``run.json`` is not as it was written, or names a missing file."""
    missing = [name for name in read_run(path.parent)[FILES] if not path.with_name(name).exists()]
    if missing:
        raise Damaged(path, f"{missing[0]}, which belongs to it, is missing")


def _check_run_of(path: Path) -> None:
    """Raise Damaged if a file of a run is not the one that ``run.json`` binds."""
    if path.name in _OF_A_RUN and path.parent.name.startswith(FOLD_PREFIX) and not path.with_name(RUN).exists():
        raise Damaged(path, f"{RUN}, which belongs to it, is missing")
    try:
        facts = read_run(path.parent)
    except UserError as error:  # reported as damage of run.json, if it exists
        if path.name == MODEL:
            raise UserError(f"{path} cannot be checked, as {error}") from error
        return
    if path.name in facts[FILES]:
        check_bound(path, facts)


def _check_track(path: Path) -> None:
    from genreflow.audio.vorbis import check_pages  # not needed for tables and shards

    check_pages(path)


def _check_excerpt(path: Path) -> None:
    from genreflow.report.clips import check_clip

    check_clip(path)


def _made_with(ogg: Path) -> list[Path]:
    """Return the products with whose jobs an audio file is made."""
    if ogg.parent.name == "media":
        return [ogg.parents[1] / "index.html"]
    folder = ogg.parents[2]
    name = str(ogg.relative_to(folder))
    return [table for table in folder.glob("*.parquet") if _names(table, name)]


def _names(table: Path, ogg: str) -> bool:
    try:
        return ogg in parquet.read_table(table, "audio", ["ogg"])["ogg"].to_pylist()
    except UserError:
        return True  # damaged itself


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}{_SUFFIX}")


def _product(aside: Path) -> Path:
    return aside.with_name(aside.name.removeprefix(".").removesuffix(_SUFFIX))
