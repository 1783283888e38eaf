"""The tracks of a library that sound most like a track, which is one of them or a new file."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from genreflow.analysis.similarity import Library, features
from genreflow.config.audio import AudioSettings
from genreflow.embeddings.sources import resolved_input
from genreflow.errors import Problems, UserError, did_you_mean
from genreflow.features.front_end import FrontEnd
from genreflow.inference.files import find
from genreflow.inference.prepare import prepare_tracks
from genreflow.project import layout
from genreflow.store.parquet import read_header
from genreflow.store.shards import as_fed
from genreflow.store.text import listing

_NAMED = 8  # tracks, or inputs, that a message lists


@dataclass(frozen=True)
class Similar:
    """The tracks nearest to a track.

    Attributes
    ----------
    title
        The track: its title in the library, or the path of a new file.
    input
        The index of the input that tracks were compared by.
    words
        What was compared.
    tracks
        ``track_id, title, label, seconds, similarity``, the nearest first.
    """

    title: str
    input: Path
    words: str
    tracks: pd.DataFrame


def find_similar(track: str, index_path: Path, *, most: int) -> Similar:
    """Return the tracks of a library that sound most like a track.

    Parameters
    ----------
    track
        Title of a track of the library or the end of one, such as its file name; else an audio file.
    index_path
        Index of the input by which tracks are compared; see `choose_input`.
    most
        Number of tracks.

    Raises
    ------
    UserError
        When there is no such track and no such file, several tracks are meant, or the file cannot be used.
    """
    library = Library.read(index_path)
    words = FrontEnd.of(library.input.front_end).describe()
    row = _row_of(track, library.tracks["title"])
    if row is not None:
        return Similar(library.tracks["title"].iloc[row], index_path, words, library.nearest_to_row(row, most))
    if not Path(track).is_file():
        titles = [Path(title).name for title in library.tracks["title"]]
        raise UserError(
            f"{track!r} is neither a track of {index_path.parents[2]} nor a file.{did_you_mean(track, titles)}"
        )
    settings = resolved_input(library.input)
    with closing(prepare_tracks(find([track]), _audio_settings(index_path), settings)) as stream:
        prepared = next(stream)
        if prepared.stored is None:
            raise UserError(f"{track} cannot be used: {prepared.message} ({prepared.reason})")
    vector = features(as_fed(prepared.stored), FrontEnd.of(settings.front_end))
    return Similar(prepared.item.title, index_path, words, library.nearest_to(vector, most))


def _audio_settings(index_path: Path) -> AudioSettings:
    """Return the settings that the tracks of a library were normalized with; the defaults where nothing holds them."""
    dataset = index_path.parents[2].name
    for path in sorted(Path(layout.AUDIO_FOLDER.format(dataset=dataset)).glob("s*.parquet")):
        facts = read_header(path, "audio").facts
        return AudioSettings.model_validate(facts.get("settings", {}))
    return AudioSettings()


def choose_input(*, study: str | None = None, name: str | None = None) -> Path:
    """Return the index of the input by which tracks are compared.

    It is the named one, that of the study's map, or the one input below ``results``; of several, the one embedding.

    Raises
    ------
    UserError
        When there is none, or several are left; the message lists them.
    """
    known = sorted(Path(layout.RESULTS).glob("*/*/*/index.parquet"))
    if not known:
        raise UserError(
            "There is no library here: no input has been cut yet. Run `genreflow run` in this folder first."
        )
    if name is not None:
        chosen = [path for path in known if name in (path.parent.name, str(path), str(path.parent))]
        if not chosen:
            names = [path.parent.name for path in known]
            raise UserError(f"There is no input {name!r}.{did_you_mean(name, names)} Inputs: {listing(names, _NAMED)}.")
        return _only(chosen, "Inputs of that name:")
    if study is not None:
        path = Path(layout.MAP.format(study=study))
        if not path.exists():
            studies = [each.parts[1] for each in Path(layout.RESULTS).glob("*/inspection/map.parquet")]
            raise UserError(f"There is no map of a study {study!r} in results.{did_you_mean(study, studies)}")
        own = read_header(path, "map").facts["input"]
        return _only([path for path in known if path.parent.name == own], f"Inputs of the study {study}:")
    embeddings = [path for path in known if path.parts[-3] == "embeddings"]
    return _only(embeddings or known, "Several inputs could be compared; name one with --input:")


def _only(paths: Sequence[Path], title: str) -> Path:
    if len(paths) != 1:
        raise Problems(title, [str(path.parent) for path in paths])
    return paths[0]


def _row_of(track: str, titles: pd.Series) -> int | None:
    """Return the row of a track by its title, or by the end of its path; None if there is none."""
    wanted = track.removeprefix("./")
    for matches in (
        titles == wanted,
        titles.map(lambda title: title.endswith(f"/{wanted}") or wanted.endswith(f"/{title}")),
        titles.map(lambda title: Path(title).stem == wanted),
    ):
        rows = [row for row, found in enumerate(matches) if found]
        if len(rows) > 1:
            raise Problems(f"{track!r} may be any of these tracks:", titles.iloc[rows], limit=_NAMED)
        if rows:
            return rows[0]
    return None
