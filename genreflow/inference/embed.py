"""Embeddings of audio files: a table with a vector for each segment, or for each track."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from os import PathLike
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import torch

from genreflow.config.audio import AudioSettings
from genreflow.config.inputs import Embedding, InputSettings, Layer, Sliding
from genreflow.embeddings.sources import resolved_input
from genreflow.errors import UserError
from genreflow.features.front_end import FrontEnd
from genreflow.inference.files import find
from genreflow.inference.prepare import prepare_tracks
from genreflow.store.parquet import Header, write_table
from genreflow.training.device import choose_device, choose_threads

KIND = "embeddings"
SECONDS = 3.0  # of a segment, unless the network needs more
_MOST_SEGMENTS = 10_000


@dataclass
class Embeddings:
    """Vectors of files.

    Attributes
    ----------
    rows
        A row per vector: ``file, sha256, segment, start_s, seconds``. Of a track there is no ``segment``; `start_s`
        is the start of the first segment, and ``segments`` their number.
    vectors
        float32 [n, d].
    refused
        File -> code and sentence, of files that cannot be used.
    input
        The settings that they were computed with.
    """

    input: InputSettings
    rows: list[dict[str, Any]] = field(default_factory=list)
    vectors: list[np.ndarray] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def facts(self) -> dict[str, Any]:
        """Facts of the file's header: the network, its weights and layer, and how the music was cut."""
        front_end = self.input.front_end
        assert isinstance(front_end, Embedding)
        network, segments = front_end.resolved, self.input.segments
        return {
            "model": front_end.model,
            "title": network.title,
            "sha256": network.sha256,
            "layer": front_end.layer,
            "columns": list(network.columns),
            "width": network.width,
            "sample_rate": network.sample_rate,
            "segment_s": getattr(segments, "seconds", None),
            "hop_s": getattr(segments, "hop", None),
        }

    def write(self, path: str | PathLike) -> None:
        """Write a Parquet file: the columns of `rows`, and ``embedding``, a list of `width` numbers."""
        width = self.facts["width"]
        vectors = np.concatenate(self.vectors) if self.vectors else np.empty((0, width), np.float32)
        table = pa.Table.from_pylist(self.rows)
        values = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel(), pa.float32()), width)
        write_table(path, table.append_column("embedding", values), Header(KIND, facts=self.facts))


def input_of(
    model: str, *, layer: Layer = "penultimate", seconds: float | None = None, hop: float | None = None
) -> InputSettings:
    """Return the input of an embedding whose segments go through whole tracks.

    Parameters
    ----------
    model, layer
        As in study files.
    seconds, hop
        Length of a segment, by default 3 s or what the network needs, and the step from one to the next, by default
        its length.

    Raises
    ------
    UserError
        When there is no such model, or segments are too short for it.
    """
    front_end = FrontEnd.of(Embedding(model=model, layer=layer))
    patch = front_end.settings.resolved.seconds
    seconds = seconds or max(SECONDS, patch)
    hop = hop or seconds
    if hop > seconds:
        raise UserError(f"The step from one segment to the next, {hop:g} s, is longer than a segment of {seconds:g} s.")
    segments = Sliding(seconds=seconds, hop=hop, count=_MOST_SEGMENTS)
    given = InputSettings.model_construct(
        front_end=front_end.settings, segments=segments, peak=False, standardize="none"
    )
    return resolved_input(given)


def embed_files(
    paths: Sequence[str],
    settings: InputSettings,
    *,
    per: Literal["segment", "track"] = "segment",
    device: str = "auto",
    cores: int | None = None,
    on_track: Callable[[int, int], None] | None = None,
) -> Embeddings:
    """Compute the embeddings of files, of the files in folders, and of those that playlists list.

    Parameters
    ----------
    paths
        Files, folders and playlists.
    settings
        The result of `input_of`.
    per
        A row for each segment, or one for each track with the mean of its segments.
    device, cores
        ``auto``, ``cpu``, ``cuda`` or ``mps``; CPUs to use, all by default.
    on_track
        Called after each file with the number of files done, and of all.

    Raises
    ------
    UserError
        When one of the paths does not exist.
    """
    items, threads = find(list(paths)), choose_threads(cores)
    torch.set_num_threads(threads)
    front_end = FrontEnd.of(settings.front_end).on(choose_device(device).type)
    result, segment_s = Embeddings(settings), getattr(settings.segments, "seconds", 0.0)
    workers = min(threads, len(items))
    with closing(prepare_tracks(items, AudioSettings(), settings, workers=workers, front_end=front_end)) as stream:
        for done, track in enumerate(stream, 1):
            if track.stored is None or track.start_s is None:
                result.refused[track.item.title] = f"{track.message} ({track.reason})"
            elif per == "track":
                row = {"file": track.item.title, "sha256": track.sha256, "segments": len(track.stored)}
                end = float(track.start_s[-1]) + segment_s
                start = float(track.start_s[0])
                result.rows.append(row | {"start_s": start, "seconds": end - start})
                result.vectors.append(track.stored.mean(axis=0, keepdims=True))
            else:
                result.rows += [
                    {"file": track.item.title, "sha256": track.sha256, "segment": number}
                    | {"start_s": float(start), "seconds": segment_s}
                    for number, start in enumerate(track.start_s)
                ]
                result.vectors.append(track.stored)
            if on_track:
                on_track(done, len(items))
    return result
