"""The figures of a study by kind: which table, which slice, which words go into each."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from genreflow.catalog.index import facts_of, read_index
from genreflow.config.inputs import FRONT_ENDS, Descriptors, FrontEnd, LogMel, MusicMaps, Stft, Waveform
from genreflow.errors import UserError
from genreflow.features.descriptors import names
from genreflow.features.logmel import band_centres
from genreflow.features.maps import UNITS
from genreflow.figures import experiments
from genreflow.figures.architecture import Layer, architecture
from genreflow.figures.confusion import confusion_matrix
from genreflow.figures.curves import training
from genreflow.figures.examples import descriptors, waveform
from genreflow.figures.maps import music_maps
from genreflow.figures.spectrogram import mel_example, right_and_wrong
from genreflow.figures.style import notice
from genreflow.store import parquet
from genreflow.store.parquet import read_frame
from genreflow.store.shards import FULL_SCALE, read_arrays, read_header, read_rows


@dataclass(frozen=True)
class Sources:
    """What figures are drawn from.

    Attributes
    ----------
    study
        What the plan tells of the study: runs, experiments, the setting in the headline.
    tables
        The study's tables by name, without suffix.
    published_curves
        ``experiment, value, epoch, train_accuracy``, or None.
    index
        The index of the input that the headline's model is fed.
    folder
        Folder of the study's results.
    """

    study: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame]
    published_curves: pd.DataFrame | None
    index: Path
    folder: Path


def read_sources(
    study: Mapping[str, Any], *, tables: Sequence[str], published: Sequence[str], index: str, folder: Path
) -> Sources:
    """Read the tables of a study (Parquet) and the published curves, where there are any."""
    frames = {Path(path).stem: read_frame(path, "table") for path in tables}
    curves = [pd.read_csv(path, dtype={"value": str}) for path in published if path.endswith("_curves.csv")]
    return Sources(study, frames, curves[0] if curves else None, Path(index), folder)


def draw(wanted: Mapping[str, str], sources: Sources) -> Figure:
    """Draw one figure of a study.

    Parameters
    ----------
    wanted
        ``kind`` and what that kind needs to know: ``experiment``, ``level`` or ``model``.

    Raises
    ------
    UserError
        When there is no such kind.
    """
    kinds = {
        "input": _input,
        "architecture": _architecture,
        "experiment": _experiment,
        "training": _training,
        "confusion": _confusion,
        "right_and_wrong": _right_and_wrong,
    }
    if wanted["kind"] not in kinds:
        raise UserError(f"There is no figure of the kind {wanted['kind']!r}; there are {', '.join(kinds)}.")
    return kinds[wanted["kind"]](sources, **{key: value for key, value in wanted.items() if key != "kind"})


def _input(sources: Sources, input: str) -> Figure:
    """Draw one segment of the first track that has any, as a model is fed it."""
    path = Path(sources.study["indexes"][input])
    index = read_index(path)
    usable = index[index["slices"] > 0]
    if usable.empty:
        return notice("No track is long enough for one slice")
    track = usable.iloc[0]
    array, start_s = _segment(path, track, int(track["slices"]) // 2)
    title = f"Input «{input}», {track['label']}: {track['title']}".replace(", :", ":")
    match _front_end(path, track):
        case LogMel() as mel:
            return mel_example(array, title=title, **_axes(mel))
        case Stft() as stft:
            levels = 20 * np.log10(np.maximum(array if stft.magnitude == "linear" else np.expm1(array), 1e-5))
            bins = np.arange(len(array)) * stft.sample_rate / stft.n_fft
            hop_s, axis = stft.hop / stft.sample_rate, "Frequency (Hz)"
            return mel_example(levels, title=title, hop_s=hop_s, frequencies=bins, axis=axis)
        case MusicMaps() as maps:
            return music_maps(array, units=UNITS, title=title, hop_s=maps.hop / maps.sample_rate, start_s=start_s)
        case Waveform() as wave:
            return waveform(array, rate=wave.sample_rate, title=title, start_s=start_s)
        case Descriptors() as given:
            return descriptors(array, names(given), title=title)


def _architecture(sources: Sources, model: str) -> Figure:
    run = next(run for run in sources.study["runs"] if run["model"] == model)
    facts = json.loads((sources.folder / run["path"] / "run.json").read_text(encoding="utf-8"))
    return architecture([Layer(**layer) for layer in facts["layers"]], title=model, input_shape=facts["input_shape"])


def _experiment(sources: Sources, experiment: str) -> Figure:
    rows = _rows(sources.tables["experiments"], experiment=experiment)
    curves = sources.published_curves
    baseline = sources.tables["settings"]["baseline"]
    described = sources.study["experiments"][experiment]
    return experiments.experiment(
        rows,
        _folds_only(sources.tables["history"]),
        _folds_only(sources.tables["runs"]),
        None if curves is None else _rows(curves, experiment=experiment),
        title=described["title"],
        axis=described["axis"],
        baseline=baseline.iloc[0] if len(baseline) else None,
    )


def _training(sources: Sources) -> Figure:
    return training(_folds_only(sources.tables["history"]), title="Training")


def _confusion(sources: Sources, level: str) -> Figure:
    rows = _rows(sources.tables["confusion"], level=level)
    if level != "holdout":  # which is of the final model, the only one there
        rows = _rows(rows, **_place(sources))
    titles = {
        "slice": "Slices of all test folds",
        "track": "Tracks of all test folds, majority vote",
        "holdout": "Holdout tracks, majority vote of the final model",
    }
    if rows.empty:
        return notice(f"{titles[level]}: nothing was predicted")
    return confusion_matrix(rows, level="slice" if level == "slice" else "track", title=titles[level])


def _right_and_wrong(sources: Sources) -> Figure:
    pair = _most_telling_pair(_headline_slices(sources))
    if pair is None:
        return notice("No class has both a right and a wrong slice")
    index = read_index(sources.index).set_index("track_id", drop=False)
    tracks = [index.loc[row["track_id"]] for row in pair]
    return right_and_wrong(
        [_segment(sources.index, track, int(row["slice"]))[0] for track, row in zip(tracks, pair, strict=True)],
        [f"{words(row)}\n{track['title']}" for words, track, row in zip((_right, _wrong), tracks, pair, strict=True)],
        title=f"Two slices of {pair[0]['label']}: one right, one wrong",
        **_axes(_front_end(sources.index, tracks[0])),
    )


def _right(row: pd.Series) -> str:
    return f"recognised, probability {row['probability']:.2f}"


def _wrong(row: pd.Series) -> str:
    return f"taken for {row['predicted']}, probability {row['probability']:.2f}"


def _headline_slices(sources: Sources) -> pd.DataFrame:
    """Return every test slice of the headline's finished runs: ``track_id, slice, label, predicted, probability``."""
    runs = _rows(sources.tables["runs"], **_place(sources))
    diverged = set(runs.loc[runs["status"] == "diverged", ["fold", "repeat"]].itertuples(index=False, name=None))
    parts = []
    for run in sources.study["runs"]:
        is_headline = all(run[name] == value for name, value in _place(sources).items())
        if not is_headline or run["fold"] == "final" or (run["fold"], run["repeat"]) in diverged:
            continue
        path = sources.folder / run["path"] / "predictions.parquet"
        classes = np.array(parquet.read_header(path, "predictions").facts["classes"], dtype=object)
        frame = read_frame(path, "predictions").query("role == 'test'")
        proba = frame[[f"p{number}" for number in range(len(classes))]].to_numpy()
        parts.append(
            frame[["track_id", "slice", "label"]].assign(
                predicted=classes[proba.argmax(axis=1)], probability=proba.max(axis=1)
            )
        )
    columns = ["track_id", "slice", "label", "predicted", "probability"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def _place(sources: Sources) -> dict[str, str]:
    """Return model, setting and protocol of the headline."""
    return dict(sources.study["headline"])


def _most_telling_pair(slices: pd.DataFrame) -> tuple[pd.Series, pd.Series] | None:
    """Return the surest right and the surest wrong slice of the class that is mistaken most often."""
    is_right = (slices["predicted"] == slices["label"]).astype(bool)
    for label in slices.loc[~is_right, "label"].value_counts().index:
        mine = slices[slices["label"] == label].sort_values(["probability", "track_id", "slice"], ascending=False)
        right, wrong = mine[mine["predicted"] == label], mine[mine["predicted"] != label]
        if len(right):
            return right.iloc[0], wrong.iloc[0]
    return None


def _segment(index: Path, track: pd.Series, number: int) -> tuple[np.ndarray, float]:
    """Return one segment of a track as a model is fed it, float32, and where it starts, s."""
    path = _shard(index, track)
    rows = read_rows(path)
    [row] = np.flatnonzero((rows["track_id"] == track["track_id"]) & (rows["slice"] == number))
    stored = read_arrays(path, np.array([row]))[0]
    array = stored / np.float32(FULL_SCALE) if stored.dtype == np.int16 else stored.astype(np.float32)
    return array, float(rows["start_s"][row])


def _front_end(index: Path, track: pd.Series) -> FrontEnd:
    given = read_header(_shard(index, track)).facts["front_end"]
    return FRONT_ENDS[given["kind"]].model_validate(given)


def _shard(index: Path, track: pd.Series) -> Path:
    return index.with_name(f"{track['shard']}{facts_of(index)['suffix']}")


def _axes(mel: LogMel) -> dict[str, Any]:
    unit = "0 to 1, scaled by frame" if mel.scale == "frame_minmax" else "dB"
    return {"hop_s": mel.hop / mel.sample_rate, "frequencies": band_centres(mel), "unit": unit}


def _rows(frame: pd.DataFrame, **values: str) -> pd.DataFrame:
    for column, value in values.items():
        frame = frame[frame[column].astype(str) == value]
    return frame


def _folds_only(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["fold"].astype(str) != "final"]
