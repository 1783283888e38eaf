"""The figures of a study by kind: which table, which slice, which words go into each."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from genreflow.config.inputs import FRONT_ENDS, Descriptors, FrontEnd, LogMel, MusicMaps, Stft, Waveform
from genreflow.datasets.index import facts_of, read_index
from genreflow.errors import UserError
from genreflow.features.descriptor_sets import names
from genreflow.features.maps import units
from genreflow.features.mel import band_centres
from genreflow.figures.architecture import Layer, architecture
from genreflow.figures.calibration import reliability
from genreflow.figures.compared import draw_experiment
from genreflow.figures.confusion import confusion_matrix
from genreflow.figures.curves import training
from genreflow.figures.described import draw_analysis, draw_diagram
from genreflow.figures.examples import descriptors, waveform
from genreflow.figures.filters import filters
from genreflow.figures.maps import music_maps
from genreflow.figures.snippets import snippets
from genreflow.figures.sources import Sources, folds_only, rows_of
from genreflow.figures.spectrogram import mel_example, right_and_wrong
from genreflow.figures.style import notice
from genreflow.store import parquet
from genreflow.store.parquet import read_frame
from genreflow.store.runs import PREDICTIONS, read_run
from genreflow.store.shards import as_fed, read_arrays, read_header, read_rows

# Raise it when any figure would look different.
STAGE_VERSION = 2


def draw(wanted: Mapping[str, str], sources: Sources) -> Figure:
    """Draw one figure of a study.

    Parameters
    ----------
    wanted
        ``kind`` and what that kind needs to know: ``experiment``, ``level``, ``model``, ``figure``.

    Raises
    ------
    UserError
        When there is no such kind.
    """
    kinds = {
        "input": _input,
        "architecture": _architecture,
        "experiment": draw_experiment,
        "analysis": draw_analysis,
        "diagram": draw_diagram,
        "training": _training,
        "confusion": _confusion,
        "reliability": _reliability,
        "filters": _filters,
        "snippets": _snippets,
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
    title = sources.titled(f"Input «{input}», {track['label']}: {track['title']}".replace(", :", ":"))
    match _front_end(path, track):
        case LogMel() as mel:
            return mel_example(array, title=title, **_axes(mel))
        case Stft() as stft:
            levels = 20 * np.log10(np.maximum(array if stft.magnitude == "linear" else np.expm1(array), 1e-5))
            bins = np.arange(len(array)) * stft.sample_rate / stft.n_fft
            hop_s, axis = stft.hop / stft.sample_rate, "Frequency (Hz)"
            return mel_example(levels, title=title, hop_s=hop_s, frequencies=bins, axis=axis)
        case MusicMaps() as maps:
            return music_maps(array, units=units(maps), title=title, hop_s=maps.hop / maps.sample_rate, start_s=start_s)
        case Waveform() as wave:
            return waveform(array, rate=wave.sample_rate, title=title, start_s=start_s)
        case Descriptors() as given:
            return descriptors(array, names(given), title=title)


def _architecture(sources: Sources, model: str) -> Figure:
    run = next(run for run in sources.study["runs"] if run["model"] == model)
    facts = read_run(sources.folder / run["path"], key=run.get("key"))
    return architecture([Layer(**layer) for layer in facts["layers"]], title=model, input_shape=facts["input_shape"])


def _training(sources: Sources) -> Figure:
    return training(folds_only(sources.tables["history"]), title=sources.titled("Training"))


def _confusion(sources: Sources, level: str) -> Figure:
    rows = rows_of(sources.tables["confusion"], level=level)
    if level != "holdout":  # which is of the final model, the only one there
        rows = rows_of(rows, **sources.headline)
    titles = {
        "slice": "Slices of all test folds",
        "track": "Tracks of all test folds, majority vote",
        "holdout": "Holdout tracks, majority vote of the final model",
    }
    title = sources.titled(titles[level], sources.headline["protocol"])
    if rows.empty:
        return notice(f"{title}: nothing was predicted")
    return confusion_matrix(rows, level="slice" if level == "slice" else "track", title=title)


def _reliability(sources: Sources) -> Figure:
    bins = rows_of(sources.tables["calibration"], **sources.headline)
    title = sources.titled("Are probabilities right?", sources.headline["protocol"])
    if bins.empty:
        return notice(f"{title} Nothing was predicted")
    states = bins.drop_duplicates("state").set_index("state")
    names = {"before": "as trained"}
    if "after" in states.index:
        names["after"] = f"temperature {states.loc['after', 'temperature']:.2f}"
    errors = {names[state]: float(row["error"]) for state, row in states.iterrows()}
    return reliability(bins.assign(state=bins["state"].map(names)), errors, title=title, level="slice")


def _filters(sources: Sources) -> Figure:
    """Draw how inputs deviate from real slices: as levels they would show little but the mean spectrum."""
    path = sources.folder / "inspection/filters.parquet"
    table, facts = parquet.read_table(path, "filters"), parquet.read_header(path, "filters").facts
    rows = table.drop(["array"]).to_pandas()
    average, deviation = (np.array(facts[name])[:, np.newaxis] for name in ("average", "deviation"))
    arrays = parquet.column_arrays(table["array"], tuple(facts["shape"]), facts["dtype"])
    front_end = FRONT_ENDS[facts["front_end"]["kind"]].model_validate(facts["front_end"])
    if isinstance(front_end, Stft):
        frequencies = np.arange(arrays.shape[1]) * front_end.sample_rate / front_end.n_fft
        axes = {"frequencies": frequencies, "hop_s": front_end.hop / front_end.sample_rate}
    else:
        axes = _axes(front_end)
    axes["unit"] = "deviations from the average of real slices"
    return filters(rows, (arrays - average) / deviation, title="What makes filters answer most", **axes)


def _snippets(sources: Sources, name: str) -> Figure:
    path = sources.folder / f"inspection/snippets-{name}.parquet"
    facts = parquet.read_header(path, "snippets").facts
    title = sources.titled(f"What the model says of 100 random snippets, {name}")
    decisions = read_frame(path, "snippets")
    return snippets(decisions, title=title, seconds=facts["seconds"], labels=facts["labels"])


def _right_and_wrong(sources: Sources) -> Figure:
    pair = _most_telling_pair(_headline_slices(sources))
    if pair is None:
        return notice("No class has both a right and a wrong slice")
    index = read_index(sources.index).set_index("track_id", drop=False)
    tracks = [index.loc[row["track_id"]] for row in pair]
    return right_and_wrong(
        [_segment(sources.index, track, int(row["slice"]))[0] for track, row in zip(tracks, pair, strict=True)],
        [f"{words(row)}\n{track['title']}" for words, track, row in zip((_right, _wrong), tracks, pair, strict=True)],
        title=sources.titled(f"Two slices of {pair[0]['label']}: one right, one wrong", sources.headline["protocol"]),
        **_axes(_front_end(sources.index, tracks[0])),
    )


def _right(row: pd.Series) -> str:
    return f"recognised, probability {row['probability']:.2f}"


def _wrong(row: pd.Series) -> str:
    return f"taken for {row['predicted']}, probability {row['probability']:.2f}"


def _headline_slices(sources: Sources) -> pd.DataFrame:
    """Return every test slice of the headline's finished runs: ``track_id, slice, label, predicted, probability``."""
    runs = rows_of(sources.tables["runs"], **sources.headline)
    diverged = set(runs.loc[runs["status"] == "diverged", ["fold", "repeat"]].itertuples(index=False, name=None))
    parts = []
    for run in sources.study["runs"]:
        is_headline = all(run[name] == value for name, value in sources.headline.items())
        if not is_headline or run["fold"] == "final" or (run["fold"], run["repeat"]) in diverged:
            continue
        path = sources.folder / run["path"] / PREDICTIONS
        read_run(path.parent, files=[PREDICTIONS], key=run.get("key"))
        classes = np.array(parquet.read_header(path, "predictions").facts["classes"], dtype=object)
        frame = read_frame(path, "predictions").query("role == 'test'")
        proba = frame[[f"p{number}" for number in range(len(classes))]].to_numpy(np.float32)
        parts.append(
            frame[["track_id", "slice", "label"]].assign(
                predicted=classes[proba.argmax(axis=1)], probability=proba.max(axis=1)
            )
        )
    columns = ["track_id", "slice", "label", "predicted", "probability"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


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
    return as_fed(stored), float(rows["start_s"][row])


def _front_end(index: Path, track: pd.Series) -> FrontEnd:
    given = read_header(_shard(index, track)).facts["front_end"]
    return FRONT_ENDS[given["kind"]].model_validate(given)


def _shard(index: Path, track: pd.Series) -> Path:
    return index.with_name(f"{track['shard']}{facts_of(index)['suffix']}")


def _axes(mel: LogMel) -> dict[str, Any]:
    unit = "0 to 1, scaled by frame" if mel.scale == "frame_minmax" else "dB"
    return {"hop_s": mel.hop / mel.sample_rate, "frequencies": band_centres(mel), "unit": unit}
