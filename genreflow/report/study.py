"""From the files of a study to its page: which words, numbers and pictures go where."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from genreflow.catalog.index import facts_of, read_index
from genreflow.report import tables
from genreflow.report.methods import methods
from genreflow.report.page import Headline, Holdout, Picture, Study
from genreflow.store.parquet import read_frame

_CAPTIONS = {
    "input": "What a model is fed of one track: one segment of it, as it is stored.",
    "architecture": "Each block is a layer's output, the time axis vertical; an arc is a skip connection.",
    "bars": (
        "Left: mean slice accuracy over folds (bar), its 95 % interval over tracks (black), each fold (dot), the "
        "published mean with its standard deviation over test files (diamond, grey) where there is one, and the "
        "majority baseline (dashed). Right: training accuracy an epoch, its range over folds, and published values "
        "(dotted markers) where there are any."
    ),
    "ranking": (
        "A dot a value with its 95 % interval, the best on top; an open diamond is a published number, the dashed line "
        "what needs no model."
    ),
    "sweep": (
        "Solid: tested slices with 95 % intervals over tracks; dashed: training slices; an open diamond is a published "
        "number."
    ),
    "losses": (
        "Training loss (solid) and, where tracks were watched, validation loss (dashed) an epoch: mean over runs and "
        "range."
    ),
    "differences": (
        "Difference of track accuracies of each pair on the tracks that both judged, with its 95 % interval; told "
        "apart where chance explains it in less than 5 %, corrected for the number of pairs (Holm)."
    ),
    "grouped": (
        "Accuracy of training slices in the last epoch, of validation and of tested slices (with their 95 % interval "
        "over tracks); an open diamond is a published number."
    ),
    "confusions": "Rows are true classes, columns predicted ones. A cell holds a count and its share of the row.",
    "training_confusions": (
        "What the model says of the slices that it was trained on, dropout off: how much it knows by heart."
    ),
    "published": "Percentage points of the row more (blue) or less (orange) than printed; below, both shares.",
    "triple": (
        "Rows are true classes, columns predicted ones. Each stripe of a cell is the share of the row (%) that one of "
        "the models puts there."
    ),
    "precision_recall": "A dot a class; an open diamond is a published number.",
    "roc": "A line a tag, the mean of all thick; the dotted diagonal is chance. Tracks, by the mean of their segments.",
    "pr": "A line a tag, the mean of all thick. Tracks, by the mean of their segments.",
    "areas": "Bars begin at chance: 0.5, or the share of tracks that have the tag (black mark).",
    "reliability": (
        "How often slices are right that are given a probability: on the dotted diagonal it is what it says. ECE is "
        "the mean distance from it. A temperature is fitted to validation slices, where there are any."
    ),
    "filters": (
        "Inputs found by gradient ascent from noise: what the first channels of each convolution answer most to. Each "
        "has its own scale of colours."
    ),
    "snippets": (
        "Of how many of 100 random snippets of a song each class is the answer, the song's own class being marked; the "
        "model was not trained on these songs."
    ),
    "analysis": "Of all tracks of the dataset, or of a fair draw of them.",
    "diagram": "A drawing, not a result.",
    "training": "Training loss and training slice accuracy an epoch: mean over folds and range.",
    "confusion": "Rows are true classes, columns predicted ones. A cell holds a count and its share of the row.",
    "right_and_wrong": (
        "The surest right and the surest wrong slice of the class that is mistaken most often, on one colour scale."
    ),
}


def study_page(
    study: Mapping[str, Any],
    *,
    figures: Mapping[str, Mapping[str, str]],
    table_paths: Sequence[str],
    headline: str,
    indexes: Sequence[str],
    quarantine: str,
    leakage: Sequence[str],
    bandwidth: Sequence[str],
    folder: Path,
    key: str,
) -> Study:
    """Gather what a page is made of.

    Parameters
    ----------
    study
        What the plan tells of the study.
    figures
        Name of each figure and what it shows; its files are ``<folder>/figures/<name>.svg``.
    table_paths, headline, indexes, quarantine
        The study's tables (Parquet), its headline, the index of each input, and the list of refused files.
    leakage, bandwidth
        The audits of the folds of each protocol, which their folders are named after.
    folder
        The study's results.
    key
        Key of the page, shown on it.
    """
    frames = {Path(path).stem: read_frame(path, "table") for path in table_paths}
    told = json.loads(Path(headline).read_text(encoding="utf-8"))
    holdout = told.pop("holdout")
    pictures = {name: _picture(name, shown, frames, study, folder) for name, shown in figures.items()}
    refused = pd.read_csv(quarantine, dtype=str, keep_default_na=False)
    facts = _run_facts(study, folder)
    main = {name: _of_headline(frames[name], study) for name in ("classes", "tracks")}
    return Study(
        title=study["title"],
        standin=study["standin"],
        headline=Headline(**told),
        audit=frames["audit"],
        quarantine=refused[refused["dataset"] == study["dataset"]],
        warnings=frames["warnings"],
        warned=_warned(indexes),
        copies=frames["copies"],
        notices=facts_of(indexes[0])["notices"],
        gates={name.replace("_", " "): value for name, value in study["gates"].items()},
        leakage=_by_protocol(leakage, "leakage", study),
        bandwidth=_by_protocol(bandwidth, "bandwidth", study),
        settings=frames["settings"],
        runs=frames["runs"],
        training=_of_kind(pictures, figures, "training"),
        experiments=frames["experiments"],
        experiment_pictures={
            experiment: [pictures[name] for name, shown in figures.items() if shown.get("experiment") == experiment]
            for experiment in study["experiments"]
        },
        analysis=_of_kind(pictures, figures, "analysis"),
        calibration=_of_kind(pictures, figures, "reliability"),
        diagrams=_of_kind(pictures, figures, "diagram"),
        comparisons=frames["comparisons"],
        scores=_of_headline(frames["scores"], study),
        tags=_of_headline(frames["tags"], study),
        confusion=[pictures[name] for name, shown in figures.items() if shown.get("level") in ("slice", "track")],
        classes=main["classes"],
        tracks=main["tracks"],
        holdout=Holdout(
            holdout,
            [pictures[name] for name, shown in figures.items() if shown.get("level") == "holdout"],
            frames["holdout"],
        )
        if holdout
        else None,
        slices=[
            picture
            for kind in ("input", "right_and_wrong", "snippets", "filters")
            for picture in _of_kind(pictures, figures, kind)
        ],
        architecture=_of_kind(pictures, figures, "architecture"),
        methods=methods(study, facts),
        identity=_identity(facts, key),
        citation=[study["citation"]] if study["citation"] else [],
    )


def _picture(
    name: str, shown: Mapping[str, str], frames: Mapping[str, pd.DataFrame], study: Mapping[str, Any], folder: Path
) -> Picture:
    kind = shown.get("figure", "") if shown["kind"] == "experiment" else shown["kind"]
    title, caption = _title(shown, study), _CAPTIONS[kind]
    table = None
    if shown["kind"] == "confusion":
        rows = frames["confusion"]
        rows = rows[rows["level"] == shown["level"]]
        if shown["level"] != "holdout":  # which is of the final model, the only one there
            rows = _of_headline(rows, study)
        table = tables.matrix(rows) if len(rows) else None
    svg = (folder / "figures" / f"{name}.svg").read_bytes()
    return Picture(title=title, caption=caption, alt=f"{title}. {caption}", svg=svg, table=table)


def _title(shown: Mapping[str, str], study: Mapping[str, Any]) -> str:
    match shown["kind"]:
        case "experiment":
            experiment = study["experiments"][shown["experiment"]]
            value = f", {experiment['values'][int(shown['number'])][0]}" if "number" in shown else ""
            return f"{experiment['title']}{value}: {shown['figure'].replace('_', ' and ')}"
        case "analysis":
            what = shown["figure"].replace("_", " ").capitalize()
            return f"{what}, input {shown['input']}" if shown["input"] else what
    return {
        "input": f"Input {shown.get('input')}",
        "architecture": f"Architecture of {shown.get('model')}",
        "training": "Training curves",
        "confusion": f"Confusion at {shown.get('level')} level",
        "reliability": "Are probabilities right?",
        "diagram": shown.get("figure", "").capitalize(),
        "filters": "What filters respond to",
        "snippets": f"Random snippets of songs, {shown.get('name')}",
        "right_and_wrong": "A right and a wrong slice",
    }[shown["kind"]]


def _of_kind(pictures: Mapping[str, Picture], figures: Mapping[str, Mapping[str, str]], kind: str) -> list[Picture]:
    return [pictures[name] for name, shown in figures.items() if shown["kind"] == kind]


def _of_headline(frame: pd.DataFrame, study: Mapping[str, Any]) -> pd.DataFrame:
    """Return the rows of the setting that the page is about."""
    chosen = study["headline"]
    if chosen is None:
        return frame
    return frame[(frame[list(chosen)] == pd.Series(chosen)).all(axis=1)]


def _by_protocol(paths: Sequence[str], kind: str, study: Mapping[str, Any]) -> pd.DataFrame | None:
    """Return tables of all protocols, each row with the title of its own."""
    parts = [
        read_frame(path, kind).assign(protocol=study["protocols"][Path(path).parent.name]["title"]) for path in paths
    ]
    return pd.concat(parts, ignore_index=True) if parts else None


def _warned(indexes: Sequence[str]) -> pd.DataFrame:
    """Return every track that is used with a warning in one of the inputs."""
    index = pd.concat([read_index(path) for path in indexes], ignore_index=True)
    warned = index.loc[index["verdict"] == "warn", ["title", "reason", "message"]]
    return warned.drop_duplicates().sort_values("title", ignore_index=True)


def _run_facts(study: Mapping[str, Any], folder: Path) -> dict[str, Any] | None:
    """Return run.json of the headline's first run."""
    chosen = study["headline"]
    if chosen is None:
        return None
    run = next(r for r in study["runs"] if (r["model"], r["setting"]) == (chosen["model"], chosen["setting"]))
    return json.loads((folder / run["path"] / "run.json").read_text(encoding="utf-8"))


def _identity(facts: Mapping[str, Any] | None, key: str) -> dict[str, str]:
    identity = {"Key of this page": key}
    if facts is not None:
        identity |= {
            "Key of the main setting's runs": facts["key"],
            "Digest of its training tracks": facts["dataset"]["training_tracks"],
            "Seed": str(facts["training"]["seed"]),
            "Versions": ", ".join(f"{name} {version}" for name, version in facts["versions"].items()),
        }
    return identity
