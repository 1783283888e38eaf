"""The inputs of a network: segments as a model receives them, filters, and a right and a wrong answer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from genreflow.config.inputs import read_front_end
from genreflow.features.front_end import Display, FrontEnd, SpectralFrontEnd
from genreflow.figures import mpl, style
from genreflow.figures.registry import study_figure
from genreflow.figures.sources import Sources, rows_of

SECTION = "Inputs of models"
_TICKS_HZ = (16_000, 8_000, 4_000, 2_000, 1_000, 500, 250, 125, 63, 31)
_MAP_POINTS = 500  # of a curve: about one per pixel; of more frames, each point stands for several
_WAVE_POINTS = 1_000  # about two per pixel
_NAMED = 40  # descriptors that have room for their names
_FILTER_COLUMNS = 8
_FILTER_TICKS_HZ = (100, 1_000, 10_000)
_DEVIATIONS = "standard deviations"


@style.styled
def mel_example(
    array: np.ndarray,
    *,
    title: str,
    hop_s: float,
    frequencies: np.ndarray,
    unit: str = "dB",
    axis: str = "Mel band, center frequency (Hz)",
    start_s: float = 0,
) -> mpl.Figure:
    """Draw one slice: time (s) to the right, bands upwards with their frequencies (Hz), level as color.

    Parameters
    ----------
    array
        Levels [bands, frames].
    hop_s
        Step between frames, s.
    frequencies
        Center frequencies of the bands [bands], Hz, rising.
    unit
        Unit of the levels: dB, or "0 to 1" for an input scaled per frame.
    axis
        The label of the bands.
    start_s
        Time of the first frame in the track, s.
    """
    figure = mpl.Figure(figsize=(6.2, 4.2))
    axes = figure.subplots()
    limits = (np.nanmin(array), np.nanmax(array))
    image = _draw_levels(axes, array, hop_s=hop_s, frequencies=frequencies, limits=limits, start_s=start_s)
    if start_s:
        axes.set_xlabel("Time in the track (s)")
    axes.set_ylabel(axis)
    figure.colorbar(image, ax=axes, label=f"Level ({unit})", pad=0.02)
    style.title(figure, title)
    return figure


@style.styled
def right_and_wrong(
    arrays: Sequence[np.ndarray],
    captions: Sequence[str],
    *,
    title: str,
    hop_s: float,
    frequencies: np.ndarray,
    unit: str = "dB",
    axis: str = "Mel band, center frequency (Hz)",
) -> mpl.Figure:
    """Draw two slices of one class side by side on one level scale: one classified correctly, one not.

    `captions` hold true class, predicted class and probability, in one line or more; arrays and axes are as in
    `mel_example` (psytrance study, Figure 6).
    """
    figure = mpl.Figure(figsize=(9.0, 4.5))
    panels = figure.subplots(1, len(arrays), sharey=True, squeeze=False)[0]
    limits = (min(map(np.nanmin, arrays)), max(map(np.nanmax, arrays)))
    for letter, axes, array, caption in zip("abcdefgh", panels, arrays, captions, strict=False):
        image = _draw_levels(axes, array, hop_s=hop_s, frequencies=frequencies, limits=limits)
        lines = [style.label(line, width=50, lines=2) for line in f"({letter}) {caption}".split("\n")]
        axes.set_title("\n".join(lines), loc="left")
    panels[0].set_ylabel(axis)
    figure.colorbar(image, ax=panels, label=f"Level ({unit})", pad=0.02)
    style.title(figure, title)
    return figure


def _draw_levels(
    axes: mpl.Axes,
    array: np.ndarray,
    *,
    hop_s: float,
    frequencies: np.ndarray,
    limits: tuple[float, float],
    start_s: float = 0,
) -> mpl.AxesImage:
    bands, frames = array.shape
    image = axes.imshow(
        np.asarray(array, np.float32),
        origin="lower",
        aspect="auto",
        cmap="magma",
        vmin=limits[0],
        vmax=limits[1],
        extent=(start_s, start_s + frames * hop_s, -0.5, bands - 0.5),
    )
    name_octaves(axes, frequencies)
    axes.set_xlabel("Time (s)")
    return image


def name_octaves(axes: mpl.Axes, frequencies: np.ndarray, *, apart: float = 0.045) -> None:
    """Name the octaves in view at their places between the bands, leaving out crowded low ones.

    Parameters
    ----------
    frequencies
        Center frequencies of the rows of an image [bands], Hz, rising.
    apart
        Least distance between two names, as a share of all bands.
    """
    places: dict[int, float] = {}
    for hz in _TICKS_HZ:
        place = float(np.interp(hz, frequencies, np.arange(len(frequencies)), left=-1, right=-1))
        if place >= 0 and min(places.values(), default=np.inf) - place >= apart * len(frequencies):
            places[hz] = place
    axes.set_yticks(list(places.values()), [f"{hz:,}" for hz in places])


@style.styled
def music_maps(
    array: np.ndarray,
    *,
    units: Mapping[str, str],
    title: str,
    hop_s: float,
    start_s: float = 0,
    remarks: Mapping[str, str] | None = None,
) -> mpl.Figure:
    """Draw the maps of one slice or track below each other over time (s), each with its name, unit and scale.

    A point of a long track's curves is the median of several frames; a band shows their range.

    Parameters
    ----------
    array
        Values [maps, frames].
    units
        Name of each map, in order, to its unit.
    hop_s
        Step between frames, s.
    start_s
        Time of the first frame, s.
    remarks
        Sentence to write into the panel of a map, by its name; a map that is zero all over has one in any case.
    """
    maps, frames = array.shape
    figure = mpl.Figure(figsize=(7.6, 0.9 + 0.9 * maps))
    panels = figure.subplots(maps, 1, sharex=True, squeeze=False)[:, 0]
    step = max(1, frames // _MAP_POINTS)
    for axes, values, (name, unit) in zip(panels, np.asarray(array, np.float64), units.items(), strict=True):
        _draw_map(axes, values, step=step, hop_s=hop_s, start_s=start_s)
        if remark := (remarks or {}).get(name, "" if values.any() else "0 throughout"):
            middle: dict[str, Any] = {"transform": axes.transAxes, "ha": "center", "va": "center"}
            axes.text(0.5, 0.5, remark, **middle, fontsize=8, color=style.QUIET)
        name, unit = (style.label(text, width=22) for text in (name[:1].upper() + name[1:], unit))
        axes.set_ylabel(f"{name}\n({unit})", rotation=0, ha="right", va="center")
        axes.tick_params(bottom=axes is panels[-1])
    reading = f"; line: median of every {step * hop_s:.2g} s, band: their range" if step > 1 else ""
    panels[-1].set_xlabel(f"Time (s){reading}")
    panels[-1].set_xlim(start_s, start_s + frames * hop_s)
    figure.align_ylabels(panels)
    style.title(figure, title)
    return figure


def _draw_map(axes: mpl.Axes, values: np.ndarray, *, step: int, hop_s: float, start_s: float) -> None:
    starts = np.arange(0, len(values), step)
    times = start_s + (starts + (step - 1) / 2) * hop_s
    low, high = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
    middle = [np.median(values[start : start + step]) for start in starts]
    if step > 1:
        axes.fill_between(times, low, high, color=style.PALETTE[0], alpha=0.3, linewidth=0)
    axes.plot(times, middle, color=style.PALETTE[0], linewidth=1)
    # From zero, so that heights compare; a map that is zero all over lies on the axis.
    bottom, top = min(low.min(), 0), max(high.max(), 0)
    axes.set_ylim(bottom, top + 0.06 * (top - bottom) if top > bottom else 1)
    axes.yaxis.set_major_locator(mpl.MaxNLocator(4, steps=[1, 2, 2.5, 4, 5, 10]))
    axes.yaxis.set_major_formatter(mpl.StrMethodFormatter("{x:,g}"))
    axes.grid()


@style.styled
def waveform(samples: np.ndarray, *, rate: int, title: str, start_s: float = 0) -> mpl.Figure:
    """Draw samples [n] over time (s) as the range within each pixel; full scale is 1."""
    figure = mpl.Figure(figsize=(7.6, 2.4))
    axes = figure.subplots()
    step = max(1, len(samples) // _WAVE_POINTS)
    starts = np.arange(0, len(samples), step)
    low, high = np.minimum.reduceat(samples, starts), np.maximum.reduceat(samples, starts)
    times = start_s + (starts + step / 2) / rate
    axes.fill_between(times, low, high, color=style.PALETTE[0], linewidth=0.4, edgecolor=style.PALETTE[0])
    limit = max(1.0, float(np.abs(samples).max(initial=0)))
    axes.set(ylim=(-limit, limit), xlim=(start_s, start_s + len(samples) / rate))
    axes.set(xlabel="Time (s)", ylabel="Amplitude (full scale 1)")
    axes.grid()
    style.title(figure, title)
    return figure


@style.styled
def descriptors(values: np.ndarray, names: Sequence[str], *, title: str, unit: str = "") -> mpl.Figure:
    """Draw descriptors [d] as points, by name if they are few.

    With a common unit the scale is linear; else it is linear below 1, then logarithmic.
    """
    places = np.arange(len(values))
    number = mpl.StrMethodFormatter("{x:,g}")
    if len(values) <= _NAMED:
        figure = mpl.Figure(figsize=(6.2, 0.6 + 0.19 * len(values)))
        axes = figure.subplots()
        axes.hlines(places, 0, values, color=style.PALETTE[0], linewidth=1)
        axes.plot(values, places, "o", color=style.PALETTE[0], markersize=4)
        axes.set_yticks(places, [style.label(name.replace("_", " "), width=40) for name in names])
        axes.set_ylim(len(values) - 0.5, -0.5)
        if not unit:
            axes.set_xscale("symlog", linthresh=1)
        axes.xaxis.set_major_formatter(number)
        axes.set_xlabel(f"Value ({unit or 'in the unit of each; linear below 1, logarithmic above'})")
    else:
        figure = mpl.Figure(figsize=(7.6, 3.6))
        axes = figure.subplots()
        axes.plot(places, values, ".", color=style.PALETTE[0], markersize=3)
        if not unit:
            axes.set_yscale("symlog", linthresh=1)
        axes.yaxis.set_major_formatter(number)
        axes.set(xlabel=f"Descriptor, {names[0]} to {names[-1]}", ylabel=f"Value ({unit})" if unit else "Value")
    axes.grid()
    style.title(figure, title)
    return figure


@style.styled
def filters(
    rows: pd.DataFrame, arrays: np.ndarray, *, title: str, hop_s: float, frequencies: np.ndarray, unit: str = "dB"
) -> mpl.Figure:
    """Draw the inputs to which channels respond most as small spectrograms, layer below layer.

    They are found by gradient ascent (psytrance study, filters). Each has its own scale of colors, from its lowest
    to its highest level, because only the pattern has a meaning.

    Parameters
    ----------
    rows
        An input per row: ``layer, channel``; layers in the order of the network.
    arrays
        Levels [rows, bands, frames].
    hop_s
        Step between frames, s.
    frequencies
        Center frequencies of the bands [bands], Hz, rising.
    unit
        Of the levels.
    """
    if rows.empty:
        return style.notice(f"{title}: there are no filters")
    layers = [(layer, np.flatnonzero(rows["layer"] == layer)) for layer in dict.fromkeys(rows["layer"])]
    columns = min(_FILTER_COLUMNS, max(len(places) for _, places in layers))
    heights = [math.ceil(len(places) / columns) for _, places in layers]
    side = 1.1 if columns > 4 else 2.0
    figure = mpl.Figure(figsize=(max(4.6, 1.2 + side * columns), 1.2 + (side + 0.25) * sum(heights)))
    panels = figure.subplots(sum(heights), columns, squeeze=False)
    for axes in panels.flat:
        axes.set_axis_off()
    line = 0
    for (layer, places), height in zip(layers, heights, strict=True):
        for axes, place in zip(panels[line : line + height].flat, places, strict=False):
            axes.set_axis_on()
            _draw_filter(axes, arrays[place], hop_s=hop_s, frequencies=frequencies)
            axes.set_title(style.label(f"channel {rows['channel'].iloc[place]}", width=14), loc="left", fontsize=7.5)
            axes.tick_params(left=False, labelleft=False, bottom=False, labelbottom=False)
        panels[line, 0].set_ylabel(style.label(layer, width=14, lines=2) + "\nband (Hz)", fontsize=8)
        line += height
    for axes in panels[:, 0]:
        axes.tick_params(left=True, labelleft=True)
    panels[-1, 0].tick_params(bottom=True, labelbottom=True)
    panels[-1, 0].set_xlabel("Time (s)", fontsize=8)
    figure.supxlabel(f"Lowest to highest value of each ({unit}): dark to bright", fontsize=8, x=0.01, ha="left")
    style.title(figure, title)
    return figure


def _draw_filter(axes: mpl.Axes, array: np.ndarray, *, hop_s: float, frequencies: np.ndarray) -> None:
    bands, frames = array.shape
    extent = (0, frames * hop_s, -0.5, bands - 0.5)
    axes.imshow(np.asarray(array, np.float32), origin="lower", aspect="auto", cmap="magma", extent=extent)
    visible = [hz for hz in _FILTER_TICKS_HZ if frequencies[0] <= hz <= frequencies[-1]]
    axes.set_yticks(np.interp(visible, frequencies, np.arange(bands)), [f"{hz:,}" for hz in visible], fontsize=7)
    axes.set_xticks([0, frames * hop_s], ["0", f"{frames * hop_s:.3g}"])
    axes.tick_params(labelsize=7)


# ---- from the products of a study -----------------------------------------------------------------------------------


@study_figure(
    "input",
    section=SECTION,
    title="Input {input}",
    caption=(
        "One segment of one track as models are fed it, the same track and place for every input. Where the input is "
        "standardized, values are standard deviations from the mean of the training slices of the first fold."
    ),
    options=lambda study: ({"input": name} for name in study.inputs),
    reads=("slices",),
)
def draw_input(sources: Sources, *, input: str) -> mpl.Figure:
    """Draw the segment nearest to the middle of a track that every input of its dataset has, as a model is fed it."""
    path = Path(sources.study["indexes"][input])
    track = _shown_track(sources, path)
    if track is None:
        return style.notice("No track is long enough for one slice")
    front_end = _front_end(path, track)
    array, start_s = _segment(path, track, _shown_slice(sources, path, track))
    label = sources.name_of(track["label"]) if track["label"] else ""
    title = sources.titled(f"Input «{sources.name_of(input)}», {label}: {track['title']}".replace(", :", ":"))
    view = front_end.display(array)
    statistics = _standardization(sources, input, array.shape)
    unit = "" if statistics is None else _DEVIATIONS
    if statistics is not None:
        mean, deviation = statistics
        view = replace(view, values=(array - mean) / deviation, unit=unit, units=dict.fromkeys(view.units, unit))
    match front_end.settings.axes:
        case ("band", "time"):
            axes = _band_axes(front_end, view) | {"start_s": start_s}
            return mel_example(view.values, title=title, axis=view.axis, **axes)
        case ("quantity", "time"):
            times = {"hop_s": view.hop_s, "start_s": start_s}
            return music_maps(view.values, units=view.units, title=title, remarks=_remarks(front_end), **times)
        case ("time",):
            return waveform(view.values, rate=front_end.sample_rate, title=title, start_s=start_s)
        case _:
            return descriptors(view.values, front_end.rows(), title=title, unit=unit)


def _shown_track(sources: Sources, path: Path) -> pd.Series | None:
    """Return the first track that all inputs of a dataset have slices of, or else that this one has."""
    from genreflow.datasets.index import read_index

    indexes = {each: read_index(each) for each in map(Path, sources.study["indexes"].values())}
    own = indexes[path][indexes[path]["slices"] > 0]
    if own.empty:
        return None
    common = set(own["track_id"])
    for index in indexes.values():
        usable = set(index.loc[index["slices"] > 0, "track_id"])
        common &= usable or common if set(index["track_id"]) & set(own["track_id"]) else common
    return own[own["track_id"].isin(common)].iloc[0] if common else own.iloc[0]


def _shown_slice(sources: Sources, path: Path, track: pd.Series) -> int:
    """Return the number of a track's slice at the place that all inputs show, or nearest to it.

    It is the middle of a slice to which the slices of all inputs are nearest in sum; of several, that in mid-track.
    """
    middles = {path: _middles(path, track)}
    for each in map(Path, sources.study["indexes"].values()):
        other = _row_of(each, track["track_id"])
        if each != path and other is not None:
            middles[each] = _middles(each, other)
    candidates = np.concatenate([own.to_numpy() for own in middles.values()])
    apart = sum(np.abs(candidates[:, None] - own.to_numpy()).min(axis=1) for own in middles.values())
    order = np.lexsort([np.abs(candidates - track["seconds"] / 2), np.round(apart, 3)])
    return int((middles[path] - candidates[order[0]]).abs().idxmin())


def _row_of(path: Path, track_id: str) -> pd.Series | None:
    """Return a track in the index of an input; None where it has no slices."""
    from genreflow.datasets.index import read_index

    index = read_index(path)
    rows = index[(index["track_id"] == track_id) & (index["slices"] > 0)]
    return None if rows.empty else rows.iloc[0]


def _middles(path: Path, track: pd.Series) -> pd.Series:
    """Return the middle of each slice of a track, s, by the number of the slice."""
    from genreflow.store.shards import read_rows

    rows, front_end = read_rows(_shard(path, track)), _front_end(path, track)
    own = np.asarray(rows["track_id"] == track["track_id"])
    starts = pd.Series(np.asarray(rows["start_s"])[own], np.asarray(rows["slice"])[own], dtype=float)
    array, _ = _segment(path, track, int(starts.index[0]))
    is_samples = front_end.settings.axes == ("time",)
    hop_s = 1 / front_end.sample_rate if is_samples else front_end.display(array).hop_s
    return starts + array.shape[-1] * hop_s / 2


def _standardization(sources: Sources, input: str, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray] | None:
    """Return mean and deviation by which the first model standardizes an input; None where none does."""
    from safetensors.numpy import load_file

    from genreflow.store.runs import MODEL

    fed = {(each["model"], each["setting"]) for each in sources.study["settings"] if each["values"]["input"] == input}
    for run in sources.study["runs"]:
        path = sources.folder / run["path"] / MODEL
        if (run["model"], run["setting"]) in fed and path.exists():
            arrays = load_file(path)
            if {"mean", "deviation"} <= set(arrays) and arrays["mean"].ndim == len(shape):
                return arrays["mean"], arrays["deviation"]
    return None


def _remarks(front_end: FrontEnd) -> dict[str, str]:
    """Return why a map is empty, by its name."""
    cutoff = getattr(front_end.settings, "brightness_hz", 0.0)
    if cutoff < front_end.sample_rate / 2:
        return {}
    return {
        "brightness": f"0 throughout: it counts what is above {cutoff:,.0f} Hz, and there is nothing above "
        f"{front_end.sample_rate / 2:,.0f} Hz"
    }


@study_figure(
    "right_and_wrong",
    section=SECTION,
    title="A right and a wrong slice",
    caption=(
        "Two slices of the class that is confused most often: the right and the wrong answer with the highest "
        "probabilities, on one color scale."
    ),
    options=lambda study: [{}] if study.classifies and study.headline_axes == ("band", "time") else [],
    reads=("runs", "predictions", "slices"),
    of_headline=True,
)
def draw_right_and_wrong(sources: Sources) -> mpl.Figure:
    """Draw the most telling pair of slices of the headline's test tracks."""
    from genreflow.datasets.index import read_index

    pair = _most_telling_pair(_headline_slices(sources))
    if pair is None:
        return style.notice("No class has both a right and a wrong slice")
    index = read_index(sources.index).set_index("track_id", drop=False)
    tracks = [index.loc[row["track_id"]] for row in pair]
    right, wrong = pair
    answers = [
        f"recognized, probability {right['probability']:.2f}",
        f"taken for {sources.name_of(wrong['predicted'])}, probability {wrong['probability']:.2f}",
    ]
    front_end = _front_end(sources.index, tracks[0])
    slices = [_segment(sources.index, track, int(row["slice"]))[0] for track, row in zip(tracks, pair, strict=True)]
    views = [front_end.display(array) for array in slices]
    return right_and_wrong(
        [view.values for view in views],
        [f"{answer}\n{track['title']}" for answer, track in zip(answers, tracks, strict=True)],
        title=sources.titled(
            f"Two slices of {sources.name_of(right['label'])}: one right, one wrong", sources.headline["protocol"]
        ),
        axis=views[0].axis,
        **_band_axes(front_end, views[0]),
    )


@study_figure(
    "filters",
    section=SECTION,
    title="What filters respond to",
    caption=(
        "For each convolution, the inputs to which some of its channels respond most, found by gradient ascent. Shown "
        "is how each differs from the average of real slices, in standard deviations of its band: bright is more, dark "
        "is less. Each has its own color scale."
    ),
    options=lambda study: [{}] if study.filters else [],
    reads=("filters",),
)
def draw_filters(sources: Sources) -> mpl.Figure:
    """Draw how inputs deviate from real slices: as levels they would show little but the mean spectrum."""
    from genreflow.store import parquet

    path = sources.folder / "inspection/filters.parquet"
    table, facts = parquet.read_table(path, "filters"), parquet.read_header(path, "filters").facts
    average, deviation = (np.array(facts[name])[:, np.newaxis] for name in ("average", "deviation"))
    arrays = parquet.column_arrays(table["array"], tuple(facts["shape"]), facts["dtype"])
    front_end = FrontEnd.of(read_front_end(facts["front_end"]))
    axes = _band_axes(front_end, front_end.display(arrays[0])) | {"unit": "deviations from the average of real slices"}
    rows = table.drop(["array"]).to_pandas()
    title = "Inputs to which filters respond most, minus the average of real slices"
    return filters(rows, (arrays - average) / deviation, title=title, **axes)


def _headline_slices(sources: Sources) -> pd.DataFrame:
    """Return every test slice of the headline's finished runs: ``track_id, slice, label, predicted, probability``."""
    from genreflow.store import parquet
    from genreflow.store.runs import PREDICTIONS, read_run

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
        frame = parquet.read_frame(path, "predictions").query("role == 'test'")
        proba = frame[[f"p{number}" for number in range(len(classes))]].to_numpy(np.float32)
        answers = {"predicted": classes[proba.argmax(axis=1)], "probability": proba.max(axis=1)}
        parts.append(frame[["track_id", "slice", "label"]].assign(**answers))
    columns = ["track_id", "slice", "label", "predicted", "probability"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def _most_telling_pair(slices: pd.DataFrame) -> tuple[pd.Series, pd.Series] | None:
    """Return the surest right and the surest wrong slice of the class that is confused most often."""
    is_right = (slices["predicted"] == slices["label"]).astype(bool)
    for label in slices.loc[~is_right, "label"].value_counts().index:
        own = slices[slices["label"] == label].sort_values(["probability", "track_id", "slice"], ascending=False)
        right, wrong = own[own["predicted"] == label], own[own["predicted"] != label]
        if len(right):
            return right.iloc[0], wrong.iloc[0]
    return None


def _segment(index: Path, track: pd.Series, number: int) -> tuple[np.ndarray, float]:
    """Return one segment of a track as a model is fed it, float32, and its start, s."""
    from genreflow.store.shards import as_fed, read_arrays, read_rows

    path = _shard(index, track)
    rows = read_rows(path)
    [row] = np.flatnonzero((rows["track_id"] == track["track_id"]) & (rows["slice"] == number))
    stored = read_arrays(path, np.array([row]))[0]
    return as_fed(stored), float(rows["start_s"][row])


def _front_end(index: Path, track: pd.Series) -> FrontEnd:
    return FrontEnd.of(read_front_end(_facts(index, track)["front_end"]))


def _facts(index: Path, track: pd.Series) -> dict[str, Any]:
    from genreflow.store.shards import read_header

    return dict(read_header(_shard(index, track)).facts)


def _shard(index: Path, track: pd.Series) -> Path:
    from genreflow.datasets.index import facts_of

    return index.with_name(f"{track['shard']}{facts_of(index)['suffix']}")


def _band_axes(front_end: FrontEnd, view: Display) -> dict[str, Any]:
    """Return the axes of a spectrogram: the step between frames, the frequencies of the bands, the unit."""
    return {
        "hop_s": view.hop_s,
        "frequencies": SpectralFrontEnd.of(front_end.settings).frequencies(),
        "unit": view.unit,
    }
