"""Golden outputs of tables about tracks: corpora, index, folds, audits, evaluation, analysis, figures, predictions."""

import io
import shutil

import numpy as np
import pandas as pd
import study_tables
from golden import golden, of_frame, summary
from golden_learning import waves
from little_model import ENTRY, write_music, write_run
from matplotlib.image import imread
from matplotlib.text import Text
from small_dataset import NUMBERS, STFT, WAVEFORM, index_of, write_input

from genreflow.analysis.describe import describe
from genreflow.analysis.library_map import library_map
from genreflow.config.folds import FoldSettings
from genreflow.datasets import index as dataset_index
from genreflow.datasets.duplicates import COLUMNS as PAIR
from genreflow.datasets.duplicates import PAIRS
from genreflow.datasets.layouts.folders import Folders
from genreflow.datasets.quarantine import quarantine_table
from genreflow.datasets.scan import refresh
from genreflow.evaluation.study import StudyResults
from genreflow.evaluation.study import study_tables as study_tables_of
from genreflow.features.shapes import segment_shape
from genreflow.figures import calibration, confusion, curves, scores, tagging
from genreflow.folds.assign import assign, select
from genreflow.folds.leakage import bandwidth_by_class, leakage
from genreflow.inference.cross_dataset import judge, listed_tracks
from genreflow.inference.tracks import Predictor, slices_table, tracks_table
from genreflow.models.registry import MODELS
from genreflow.store.parquet import Header, write_table
from genreflow.synthetic.corpus import CORPORA, plan, render

CLASSES = ("a", "b", "c")

# ---- synthetic music, whose version is a number of each corpus ------------------------------------------------------


def _corpus(name):
    tracks = plan(tracks_per_class=5, seconds=3.0, seed=0, corpus=name)
    rendered = [render(tracks[place]) for place in (0, len(tracks) // 2)]
    return {
        "paths": summary([sum(track.path.encode()) for track in tracks]),
        "tags": [",".join(track.tags or (track.label,)) for track in tracks][:8],
    } | {f"sound {number}": summary(sound) for number, sound in enumerate(rendered)}


for _name, _corpus_settings in CORPORA.items():
    golden("synthesis", name=f"synthesis-{_name}", version=str(_corpus_settings.synthesis), rtol=5e-3, atol=5e-3)(
        lambda _folder, name=_name: _corpus(name)
    )


# ---- index and quarantine -------------------------------------------------------------------------------------------

FATES = {
    "a": ("goa", "accept", "", (4, "accept", "")),
    "b": ("goa", "warn", "W_LONG", (2, "warn", "W_FEWER_SLICES")),
    "c": ("dark", "quarantine", "Q_EMPTY", None),
    "d": ("dark", "accept", "", (0, "quarantine", "Q_TOO_SHORT")),
    "e": ("dark", "accept", "", (4, "accept", "")),
}
HEARD = {"source_rate": 44_100, "lufs": -14.0, "gain_db": 1.0, "peak_limited": False, "ogg": "x.ogg", "seconds": 9.0,
         "sha256": "0", "container": "wav", "codec": "pcm", "channels": 2, "bandwidth_hz": 16_000.0}  # fmt: skip


def _indexed(folder):
    for name, (label, *_) in FATES.items():
        (folder / "music" / label).mkdir(parents=True, exist_ok=True)
        (folder / "music" / label / name).write_text(name)
    settings = Folders(layout="folders", path=str(folder / "music"))
    catalog = refresh(settings, folder / "catalog.parquet", raw=folder).to_pylist()
    ids = {row["path"].decode().split("/")[1]: row["track_id"] for row in catalog}
    audio = pd.DataFrame(
        [{"track_id": ids[name], "verdict": verdict, "reason": reason, "message": "", **HEARD}
         for name, (_, verdict, reason, _) in FATES.items()]
    )  # fmt: skip
    write_table(folder / "audio.parquet", audio, Header("audio"))
    fates = [{"track_id": ids[name], "slices": cut[0], "verdict": cut[1], "reason": cut[2], "message": ""}
             for name, (*_, cut) in FATES.items() if cut]  # fmt: skip
    write_table(folder / "s.parquet", pd.DataFrame({"track_id": []}), Header("slices", facts={"tracks": fates}))
    pairs = pd.DataFrame([(*sorted((ids["a"], ids["e"])), "recording", 0.9, 1.0)], columns=PAIR)
    write_table(folder / "duplicates.parquet", pairs, Header(PAIRS))
    files = (folder / "catalog.parquet", ["s"], [folder / "audio.parquet"], [folder / "s.parquet"])
    return {
        kind: dataset_index.build(*files, folder / "duplicates.parquet", across_classes=kind)
        for kind in ("quarantine", "keep")
    }


@golden("index")
def of_index(folder):
    return {
        name: values
        for kind, table in _indexed(folder).items()
        for name, values in of_frame(table.drop(columns=["path"], errors="ignore"), kind).items()
    }


@golden("quarantine")
def of_quarantine(folder):
    table = _indexed(folder)["quarantine"]
    write_table(folder / "index.parquet", table, Header("index", facts={}))
    result = quarantine_table([folder / "catalog.parquet"], [folder / "index.parquet"], ["d"])
    return of_frame(result, without=("folder",))


# ---- folds and audits -----------------------------------------------------------------------------------------------


def tracks(n=36):
    frame = pd.DataFrame({"track_id": [f"{7 * i % n:016x}" for i in range(n)]})
    return frame.assign(
        title=[f"{i}.wav" for i in range(n)],
        label=[CLASSES[i % 3] for i in range(n)],
        tags=None,
        group=[f"g{i // 4}" for i in range(n)],
        artist=[f"Artist {i % 9}" for i in range(n)],
        split=[("train", "train", "valid", "test")[i // 4 % 4] for i in range(n)],
        slices=3,
    )


FOLDS = {
    "stratified": FoldSettings(count=3, holdout=6),
    "ungrouped-validation": FoldSettings(count=4, group=False, validation=True, seed=3),
    "random": FoldSettings(scheme="random", count=2, test=0.25, valid=0.2, group=False),
    "segments": FoldSettings(scheme="random", unit="segment", count=1, group=False),
    "given": FoldSettings(scheme="given"),
}


def _divided(settings):
    result = assign(tracks(), settings).sort_values(["fold", "track_id"], kind="stable")
    result = result.assign(role=result["role"].map({"train": "-", "test": "t", "validation": "v", "holdout": "h"}))
    return {f"fold {fold}": ["".join(rows["role"]), str(len(rows))] for fold, rows in result.groupby("fold")}


for _name, _settings in FOLDS.items():
    golden("folds", name=f"folds-{_name}")(lambda _folder, settings=_settings: _divided(settings))


@golden("folds")
def of_folds_selected(folder):
    return {"tracks": sorted(select(tracks(), classes=["a", "b"], most=10)["track_id"])}


@golden("leakage")
def of_leakage(folder):
    index = tracks().assign(verdict="accept", source_rate=44_100, channels=2, container="mp3", lufs=-14.0, seconds=60.0)
    index["gain_db"] = [-9.0 - 2 * (label == "b") for label in index["label"]]
    index["bandwidth_hz"] = [16_000.0 if label == "a" else 20_000.0 for label in index["label"]]
    index["codec"] = ["mp3" if number % 2 else "flac" for number in range(len(index))]
    folds = assign(index, FoldSettings(count=3, group=False))
    pairs = pd.DataFrame([(index["track_id"][0], index["track_id"][9], "recording", 0.95, 0.0)], columns=PAIR)
    return of_frame(leakage(folds, index, pairs)) | of_frame(bandwidth_by_class(index), "bandwidth")


# ---- evaluation -----------------------------------------------------------------------------------------------------


def _tags(frame):
    """Return the tags of each row: its class and, of every second track, another one."""
    odd = [int(track, 16) % 2 for track in frame["track_id"]]
    return [sorted({label, "c"}) if more else [label] for label, more in zip(frame["label"], odd, strict=True)]


def _runs(folds, setting, model, skill, *, is_tagged=False):
    """Return a run of each fold whose probabilities follow from track and slice alone; better with `skill`."""
    runs = []
    for fold in ("1", "2", "3", "final"):
        output = folds[(folds["fold"] == fold) & (folds["role"] != "train")].sort_values("track_id", ignore_index=True)
        watched = folds[(folds["fold"] == fold) & (folds["role"] == "train")].sort_values("track_id").head(9)
        output = pd.concat([output, watched.assign(role="validation")], ignore_index=True)
        frame = output.loc[output.index.repeat(3), ["track_id", "label", "role"]].reset_index(drop=True)
        frame = frame.assign(slice=np.arange(len(frame)) % 3, start_s=2.5 * (np.arange(len(frame)) % 3))
        truth = np.array([[label == name for name in CLASSES] for label in frame["label"]])
        scores_ = np.exp(3 * waves(len(frame), 3) + skill * truth)
        if is_tagged:
            frame = frame.assign(tags=_tags(frame)).drop(columns="label")
            proba = scores_ / (1 + scores_)
        else:
            proba = scores_ / scores_.sum(axis=1, keepdims=True)
        frame[["p0", "p1", "p2"]] = proba
        info = {"status": "finished", "classes": list(CLASSES), "tags": is_tagged, "device": "cpu", "kept_epoch": 2,
                "seconds": {"total": 1.0}, "dataset": {"tracks": {"train": 20}}}  # fmt: skip
        history = pd.DataFrame(
            {"epoch": [1, 2], "steps": 9, "loss": [1.0, 0.5], "accuracy": [0.4, 0.7], "seconds": 1.0}
        )
        runs.append({"model": model, "setting": setting, "protocol": "standard", "fold": fold, "repeat": 0,
                     "round": "0", "info": info, "history": history, "predictions": frame})  # fmt: skip
    return runs


def _evaluated(is_tagged):
    index = tracks().assign(verdict="accept", seconds=60.0, recording=None, reason="", message="", padded_s=0.0)
    if is_tagged:
        index["tags"] = _tags(index)
    folds = assign(tracks(), FoldSettings(count=3, holdout=6)).assign(protocol="standard")
    runs = [run for setting, skill in (("x=1", 4.0), ("x=2", 1.0)) for run in
            _runs(folds, setting, "cnn", skill, is_tagged=is_tagged)]  # fmt: skip
    runs = [run for run in runs if run["fold"] != "final" or run["setting"] == "x=1"]
    places = [("cnn", "x=1"), ("cnn", "x=2")]
    fusions = [
        {"model": rule, "setting": "base", "protocol": "standard", "rule": rule, "members": places}
        for rule in ([] if is_tagged else ["mean", "stacking"])
    ]
    settings = [{"model": model, "setting": setting, "protocol": "standard", "network": model, "original": True,
                 "values": {"x": 1}} for model, setting in places]  # fmt: skip
    study = {
        "seed": 0,
        "checked": [],
        "experiments": {"x": {"title": "X", "axis": "x", "values": [("1", *places[0]), ("2", *places[1])]}},
        "settings": settings,
        "fusions": fusions,
        "protocols": {"standard": {"dataset": "d", "standin": False, "tags": is_tagged,
                                   "folds": FoldSettings(count=3).model_dump()}},
        "headline": {"model": "cnn", "setting": "x=1", "protocol": "standard"},
    }  # fmt: skip
    pairs = pd.DataFrame([(index["track_id"][0], index["track_id"][9], "recording", 0.95, 0.0)], columns=PAIR)
    titles = index.set_index("track_id")["title"]
    built, headline = study_tables_of(StudyResults(study, runs, folds, index, titles, {"a": 1}, {}, pairs))
    numbers = {name: value for name, value in headline.items() if isinstance(value, int | float)}
    return {"headline": list(numbers.values())} | {
        name: values
        for table, frame in built.items()
        for name, values in of_frame(frame, table, without=("seconds", "reason")).items()
    }


@golden("tables", atol=2e-3)
def of_tables_classes(folder):
    return _evaluated(is_tagged=False)


@golden("tables", atol=2e-3)
def of_tables_tags(folder):
    return _evaluated(is_tagged=True)


# ---- analysis and map -----------------------------------------------------------------------------------------------

INPUTS = {"samples": WAVEFORM, "spectra": STFT, "numbers": NUMBERS}


def _dataset(folder, names):
    tracks_ = [f"{number:02x}" for number in range(24)]
    index = index_of({track: ("quiet", "loud", "noisy")[place % 3] for place, track in enumerate(tracks_)})
    index = index.assign(title=tracks_, lufs=-14.0)
    paths = {}
    for number, name in enumerate(names):
        shape = segment_shape(INPUTS[name])
        arrays = {
            track: ((1 + place % 3) * waves(24, 2, *shape, scale=0.3)[place] + 0.01 * number)
            for place, track in enumerate(tracks_)
        }
        paths[name] = write_input(folder / name, index, INPUTS[name], arrays)
    return index, paths


@golden("analysis", rtol=1e-2, atol=5e-3)
def of_analysis(folder):
    """All but where t-SNE puts tracks, which rounding decides."""
    index, paths = _dataset(folder, ["samples", "spectra", "numbers"])
    tables = describe(index, paths)
    chaotic = ("projections", "projection_quality")
    tables |= {name: tables[name][tables[name]["method"] == "pca"] for name in chaotic}
    return {
        name: values
        for table, frame in tables.items()
        for name, values in of_frame(frame.drop(columns=["array"], errors="ignore"), table).items()
    }


@golden("map", rtol=1e-2, atol=1e-2)
def of_map(folder):
    _, paths = _dataset(folder, ["spectra"])
    points, facts = library_map(paths["spectra"])
    names = ("features", "tracks", "drawn", "perplexity")
    plane = points.drop(columns=["tsne_x", "tsne_y", "umap_x", "umap_y"], errors="ignore")
    return of_frame(plane) | {"facts": [*(facts[name] for name in names), *facts["explained"]]}


# ---- figures --------------------------------------------------------------------------------------------------------

FIGURES = {
    "ranking": lambda: scores.ranking(study_tables.ranks(["x", "y"], ["Accuracy"]), title="t"),
    "sweep": lambda: scores.sweep(study_tables.sweeps(["CNN"]), title="t", axis="Epochs", score="Accuracy"),
    "differences": lambda: scores.differences(study_tables.pairs(["x", "y", "z"]), title="t", score="Accuracy"),
    "losses": lambda: curves.losses(study_tables.history(["CNN"]), title="t"),
    "reliability": lambda: calibration.reliability(study_tables.bins(["before"]), {"before": 0.1}, title="t",
                                                   level="slice"),
    "roc": lambda: tagging.roc_curves(*study_tables.tags(["x"], ["one", "two"]), title="t"),
    "confusion": lambda: confusion.confusion_matrix(
        pd.DataFrame([{"true": a, "predicted": b, "count": 3 + (a == b) * 20, "share": 0.1 + 0.7 * (a == b)}
                      for a in CLASSES for b in CLASSES]), level="slice", title="t"),
}  # fmt: skip


def _drawn(figure):
    """Return the words of a figure, and how dark its parts are on a grid of eight by eight."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=50)
    buffer.seek(0)
    pixels = imread(buffer)[..., :3].mean(axis=2)
    grid = [part.mean() for row in np.array_split(pixels, 8) for part in np.array_split(row, 8, axis=1)]
    return {"words": sorted(text.get_text() for text in figure.findobj(Text) if text.get_text()), "darkness": grid}


for _name, _draw in FIGURES.items():
    golden("figures", name=f"figure-{_name}", atol=0.02)(lambda _folder, draw=_draw: _drawn(draw()))


# ---- new music ------------------------------------------------------------------------------------------------------


@golden("predictions", rtol=1e-2, atol=5e-3)
def of_predictions(folder):
    """A model of which all is known, asked about a file of each class and a bare tone."""
    trained_on = write_music(folder / "train", ("low", "high"), 4)
    MODELS["halves"] = ENTRY
    try:
        run = write_run(folder / "runs/halves/base/fold-final", trained_on=trained_on, work=folder / "audio")
        files = write_music(folder / "new", ("low", "high", "sine"), 1, first=50)
        predictor = Predictor(str(run), device="cpu", cores=1)
        judged = predictor.predict_tracks([str(file) for file in files])
    finally:
        del MODELS["halves"]
    return of_frame(tracks_table(judged), without=("file",)) | of_frame(
        slices_table(judged, predictor.bundle.classes), "slices", without=("file",)
    )


@golden("cross_dataset", rtol=1e-2, atol=5e-3)
def of_cross_dataset(folder):
    """The same model, asked about labeled files: one that it knows, one of no class of its own, and two that count."""
    trained_on = write_music(folder / "train", ("low", "high"), 4)
    for label, kinds in (("low", ("low",)), ("high", ("high",)), ("hum", ("sine",))):
        write_music(folder / "new" / label, kinds, 1, first=50)
    shutil.copy(trained_on[0], folder / "new/low/known.flac")
    MODELS["halves"] = ENTRY
    try:
        run = write_run(folder / "runs/halves/base/fold-final", trained_on=trained_on, work=folder / "audio")
        predictor = Predictor(str(run), device="cpu", cores=1)
        dataset = Folders(layout="folders", path=str(folder / "new"))
        tracks, slices = judge(predictor, listed_tracks(predictor, dataset))
    finally:
        del MODELS["halves"]
    return of_frame(tracks, without=("track_id", "title")) | of_frame(slices, "slices", without=("track_id",))
