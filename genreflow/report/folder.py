"""The report of a study on disk: a folder, and the same page as a single file."""

import base64
import dataclasses
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from genreflow.config.load import as_yaml
from genreflow.project.layout import STUDY_FILE
from genreflow.report.blocks import Picture
from genreflow.report.clips import Clip, write_clips
from genreflow.report.data import Excerpt
from genreflow.report.page import Media, Study, render
from genreflow.store.atomic import atomic_write, write_bytes, write_text
from genreflow.store.sealed import write_sealed

# Characters that a URL in an attribute may contain unescaped.
_PLAIN = " =/:;,.()+-*!?@[]{}|~$_"
MEDIA, DATA, SUMMARY = "media", "data", "summary.json"


def write_report(
    study: Study,
    page: Path,
    single: Path,
    *,
    clips: Mapping[str, Clip],
    tables: Sequence[Path],
    within: int,
    state: Mapping[str, Any] | None = None,
) -> None:
    """Write the page with its media beside it, and again as a single file.

    Parameters
    ----------
    study
        Content of the page.
    page
        Path of the page; ``media/`` and ``data/`` are written beside it, and unused files of an earlier report removed.
    single
        Path of the single file, which embeds everything except the tables.
    clips
        Excerpts by track id, the most informative first.
    tables
        CSV files to copy beside the page.
    within
        Number of excerpts in the single file.
    state
        What the summary records besides the headline: ``tables, page`` (keys), ``folds, runs`` (keys by protocol and by
        folder), ``setting``, and ``settings``, which are written as a study file. By default the results cannot be
        kept.
    """
    folder = page.parent
    pictures = study.pictures
    named = dict(zip(clips, write_clips(clips.values(), folder / MEDIA), strict=True))
    for picture in pictures:
        write_bytes(folder / MEDIA / f"{picture.name}.svg", picture.svg)
    _keep_only(folder / MEDIA, "*.svg", (f"{picture.name}.svg" for picture in pictures))
    for table in tables:
        with atomic_write(folder / DATA / table.name) as temporary:
            shutil.copyfile(table, temporary)
    _keep_only(folder / DATA, "*.csv", (table.name for table in tables))
    beside = Media(
        pictures={picture.name: f"{MEDIA}/{picture.name}.svg" for picture in pictures},
        excerpts={track: Excerpt(f"{MEDIA}/{name}", clips[track].begin_s) for track, name in named.items()},
        tables={table.stem: f"{DATA}/{table.name}" for table in tables},
        index="../../index.html",
    )
    inside = Media(
        pictures={picture.name: _embedded(picture) for picture in pictures},
        excerpts={
            track: Excerpt(_data_url("audio/mpeg", (folder / MEDIA / named[track]).read_bytes()), clip.begin_s)
            for track, clip in list(clips.items())[:within]
        },
        index="../index.html",
    )
    summary = {"title": study.title, "standin": study.standin, **dataclasses.asdict(study.headline)}
    if state is not None:
        write_text(folder / DATA / Path(STUDY_FILE).name, as_yaml(state["settings"]))
        summary |= {name: state[name] for name in ("tables", "page", "folds", "runs", "setting")}
    write_sealed(folder / DATA / SUMMARY, summary)  # before the page, by which the results count as complete
    write_text(single, render(study, inside))
    write_text(page, render(study, beside))


def _keep_only(folder: Path, pattern: str, names: Iterable[str]) -> None:
    for path in set(folder.glob(pattern)) - {folder / name for name in names}:
        path.unlink()


def _embedded(picture: Picture) -> str:
    """Return a picture as a data URL, as text or in base 64, whichever is shorter."""
    text = "data:image/svg+xml," + quote(picture.svg, safe=_PLAIN)
    return min(text, _data_url("image/svg+xml", picture.svg), key=len)


def _data_url(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
