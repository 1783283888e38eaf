"""Memory follows the data: figures and pages are bounded at any number of classes; jobs ask for what they use."""

import importlib
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from genreflow.analysis import describe
from genreflow.analysis.describe import MOST_CLASSES
from genreflow.analysis.tags import membership
from genreflow.config.load import read_yaml
from genreflow.config.study import Experiment, Protocol
from genreflow.evaluation import tables
from genreflow.figures import (
    confusion,
    curves,
    dataset,
    experiments,
    precision_recall,
    save,
    scores,
    snippets,
    style,
    tagging,
)
from genreflow.figures.registry import caption_of
from genreflow.figures.sources import Tables
from genreflow.plan import job_resources
from genreflow.plan.datasets import DatasetPlan
from genreflow.plan.make import make_plan
from genreflow.report.confusion_browser import MOST_LISTED, Answer, ConfusionBrowser
from genreflow.report.data import MOST_MAPPED, mapped, page_data
from genreflow.store.parquet import Header, write_table

HOME = Path(__file__).parents[2]
NAN = float("nan")
FEW, MANY = 10, 161
MOST_ARTISTS = 1_000  # that are texts, in a figure of many
RNG = np.random.default_rng(0)


def names(number: int) -> list[str]:
    return [f"a genre of many words {place}" for place in range(number)]


def confusion_rows(number: int, *, seed: int = 0, whole: bool = True) -> pd.DataFrame:
    counts = np.random.default_rng(seed).poisson(2, (number, number)) + 20 * np.eye(number, dtype=int)
    shares = counts / counts.sum(axis=1, keepdims=True)
    columns = {"true": np.repeat(names(number), number), "predicted": names(number) * number}
    rows = pd.DataFrame(columns | {"count": counts.ravel(), "share": shares.ravel()})
    return rows if whole else rows[(rows["count"] > 0) | (rows["true"] == rows["predicted"])]


def several_confusions(number: int) -> pd.DataFrame:
    return pd.concat([confusion_rows(number, seed=seed).assign(model=f"model {seed}") for seed in range(3)])


def areas(number: int) -> pd.DataFrame:
    return pd.DataFrame(
        {"model": "m", "tag": names(number), "roc_auc": RNG.uniform(0.5, 1, number), "pr_auc": 0.4, "share": 0.1}
    )


def tag_curves(number: int, x: str, y: str) -> pd.DataFrame:
    line = np.linspace(0, 1, 20)
    return pd.concat([pd.DataFrame({"model": "m", "tag": tag, x: line, y: line**0.5}) for tag in names(number)])


def history(number: int) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "model": "m",
                "setting": name,
                "fold": "1",
                "epoch": epoch,
                "loss": 1.0,
                "validation_loss": 2.0,
                "accuracy": 0.5,
            }
            for name in names(number)
            for epoch in (1, 2)
        ]
    )


def bars(number: int) -> Figure:
    rows = {"value": names(number), "model": "m", "setting": names(number), "slice_accuracy": RNG.random(number)}
    rows = pd.DataFrame(rows | {"slice_low": 0.1, "slice_high": 0.9, "published_mean": NAN, "published_sd": NAN})
    runs = rows[["model", "setting", "slice_accuracy"]].assign(fold="1")
    return experiments.accuracies(rows, history(number), runs, title="t", axis="value")


def scored(number: int, column: str = "name") -> pd.DataFrame:
    values = {column: names(number), "value": RNG.random(number), "low": 0.1, "high": 0.9, "published": NAN}
    return pd.DataFrame(
        values | {"role": "test", "x": 1.0, "metric": "Accuracy", "published_low": NAN, "published_high": NAN}
    )


def pairs(number: int) -> pd.DataFrame:
    columns = {
        "first": names(number),
        "second": "other",
        "difference": RNG.normal(size=number),
        "low": -1.0,
        "high": 1.0,
    }
    return pd.DataFrame(columns | {"verdict": "same"})


def points(number: int) -> pd.DataFrame:
    return pd.DataFrame({"front_end": "stft", "method": "pca", "tag": names(number), "x": RNG.random(number), "y": 1.0})


def spectra(number: int) -> pd.DataFrame:
    columns = {"tag": names(number) * 2, "clips": 5, "frequency_hz": np.repeat([100.0, 1000.0], number)}
    return pd.DataFrame(columns | {"mean": -30.0, "unit": "dB"})


def boxes(number: int) -> pd.DataFrame:
    quantiles = {"p05": 0.01, "q25": 0.02, "median": RNG.uniform(0.03, 0.04, number), "q75": 0.05, "p95": 0.06}
    return pd.DataFrame({"level": "fed", "tag": names(number), "clips": 9, **quantiles})


def counts(number: int) -> pd.DataFrame:
    ranks = np.arange(1, number + 1)
    return pd.DataFrame({"rank": ranks, "tag": names(number), "tracks": 2 * number - ranks, "published_tracks": NAN})


def measured(number: int) -> pd.DataFrame:
    known = {"class": names(number), "precision": RNG.random(number), "recall": RNG.random(number)}
    return pd.DataFrame(known | {"published_precision": NAN, "published_recall": NAN})


def answered(number: int) -> pd.DataFrame:
    songs = [f"song {song}" for song in range(6) for _ in range(number)]
    return pd.DataFrame({"song": songs, "class": names(number) * 6, "count": RNG.integers(0, 9, 6 * number)})


def weights(number: int) -> pd.DataFrame:
    columns = {"tag": np.repeat(names(number), 8), "group": "mfcc", "feature": [f"mfcc_{i}" for i in range(8)] * number}
    return pd.DataFrame(columns | {"coefficient": RNG.normal(size=8 * number)})


FIGURES: dict[str, Callable[[int], Figure]] = {
    "confusion": lambda number: confusion.confusion_matrix(confusion_rows(number), level="track", title="t"),
    "triple": lambda number: confusion.models_in_one(several_confusions(number), level="track", title="t"),
    "difference": lambda number: confusion.difference(
        confusion_rows(number).assign(published=confusion_rows(number, seed=1)["share"]), level="track", title="t"
    ),
    "precision_recall": lambda number: precision_recall.precision_recall(measured(number), level="track", title="t"),
    "roc": lambda number: tagging.roc_curves(
        tag_curves(number, "false_positive_rate", "true_positive_rate"), areas(number), title="t"
    ),
    "pr": lambda number: tagging.pr_curves(tag_curves(number, "recall", "precision"), areas(number), title="t"),
    "areas": lambda number: tagging.tag_areas(areas(number), title="t"),
    "counts": lambda number: dataset.tag_counts(counts(number), title="t"),
    "variance": lambda number: dataset.variance(boxes(number), title="t"),
    "spectra": lambda number: dataset.mean_spectra(spectra(number), title="t"),
    "projections": lambda number: dataset.projections(points(number), title="t"),
    "importances": lambda number: dataset.importances(weights(number), title="t"),
    "bars": bars,
    "ranking": lambda number: scores.ranking(scored(number), title="t"),
    "grouped": lambda number: scores.grouped(scored(number), title="t", score="Accuracy"),
    "sweep": lambda number: scores.sweep(scored(number, "series"), title="t", axis="x", score="Accuracy"),
    "differences": lambda number: scores.differences(pairs(number), title="t", score="Accuracy"),
    "losses": lambda number: curves.losses(history(number), title="t"),
    "training": lambda number: curves.training_curves(history(number), title="t"),
    "snippets": lambda number: snippets.snippets(answered(number), title="t"),
}


@pytest.mark.parametrize("kind", FIGURES)
def test_no_figure_grows_with_the_number_of_classes(kind):
    for number in (FEW, MANY):
        figure = FIGURES[kind](number)
        width, height = figure.get_size_inches()
        assert width * height * save.PNG_DPI**2 <= save.MAX_PIXELS
        if number == MANY:
            written = [text for text in figure.findobj(lambda artist: hasattr(artist, "get_text")) if text.get_text()]
            assert len(written) <= MOST_ARTISTS


def test_a_larger_figure_has_fewer_dots_an_inch(tmp_path):
    """A canvas of 40 x 40 inches, 41 million pixels at 160 an inch."""
    save.save(Figure(figsize=(40, 40)), tmp_path / "a.png", tmp_path / "a.svg")
    width, height = Image.open(tmp_path / "a.png").size
    assert 0.99 * save.MAX_PIXELS < width * height <= save.MAX_PIXELS


@pytest.mark.parametrize("number", [style.MOST_CLASSES, style.MOST_CLASSES + 1])
def test_the_most_classes_whose_matrix_is_written_out(number):
    figure = FIGURES["confusion"](number)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert ("(a) The whole matrix" in titles) == (number > style.MOST_CLASSES)
    cells = sum(len(axes.texts) for axes in figure.axes)
    assert (cells > number) == (number <= style.MOST_CLASSES)


def test_the_most_confused_pairs_are_those_of_the_table():
    rows = confusion_rows(MANY, whole=False)
    rows.loc[rows.index[5], "count"] = 99
    figure = confusion.confusion_matrix(rows, level="track", title="t")
    [axes] = [axes for axes in figure.axes if axes.get_title(loc="left").startswith("(c)")]
    wrong = rows[rows["true"] != rows["predicted"]].nlargest(style.MOST_ROWS, "count")
    assert [bar.get_width() for bar in axes.patches] == sorted(wrong["count"], reverse=True)
    assert axes.patches[0].get_width() == 99
    image = figure.axes[0].get_images()[0].get_array()
    square = rows.pivot(index="true", columns="predicted", values="count").reindex(
        index=names(MANY), columns=names(MANY)
    )
    filled = square.fillna(0).to_numpy()
    np.testing.assert_allclose(image, 100 * filled / filled.sum(axis=1, keepdims=True))


def test_of_a_thousand_classes_a_cell_of_the_image_stands_for_several():
    counts = np.random.default_rng(0).poisson(0.01, (1_000, 1_000)) + 5 * np.eye(1_000, dtype=int)
    true, predicted = np.nonzero(counts)
    labels = np.array(names(1_000), object)
    rows = pd.DataFrame({"true": labels[true], "predicted": labels[predicted], "count": counts[true, predicted]})
    figure = confusion.confusion_matrix(rows.assign(share=0.5), level="track", title="t")
    assert figure.axes[0].get_images()[0].get_array().shape == (200, 200)
    assert "5 × 5 classes" in figure.axes[0].get_title(loc="left")


def test_captions_say_what_is_drawn_of_few_and_of_many():
    def study(classes: int) -> dict:
        setting = {"model": "m", "setting": "base", "values": {"classes": classes}}
        experiment = {"title": "Pooling", "values": [("mean", "m", "base")]}
        return {"headline": setting, "settings": [setting], "experiments": {"pooling": experiment}}

    kinds = [{"kind": "confusion", "level": "track"}]
    kinds += [
        {"kind": "experiment", "experiment": "pooling", "figure": figure}
        for figure in (
            "confusions",
            "training_confusions",
            "published",
            "triple",
            "precision_recall",
            "roc",
            "pr",
            "areas",
        )
    ]
    for shown in kinds:
        few, many = (caption_of(shown, study(number)) for number in (FEW, MANY))
        assert few != many and many.endswith(".")
    assert "pairs" in caption_of(kinds[0], study(MANY)) and "pairs" not in caption_of(kinds[0], study(FEW))


def test_a_confusion_table_of_many_classes_leaves_out_empty_cells():
    few, many = np.eye(FEW, dtype=int), np.eye(MANY, dtype=int)
    many[3, 5], many[9, 9] = 7, 0
    assert len(tables._cells(few, names(FEW))) == FEW**2
    written = tables._cells(many, names(MANY))
    assert len(written) == MANY + 1
    mistake = written[written["true"] != written["predicted"]].iloc[0]
    assert (mistake["count"], mistake["share"]) == (7, 7 / 8)
    assert written["share"].isna().sum() == 1  # of the class without a member


def test_of_many_classes_the_commonest_are_looked_at_closely():
    labels = [f"class {place:03}" for place in range(60) for _ in range(1 + (place >= 60 - MOST_CLASSES))]
    index = pd.DataFrame({"track_id": [f"{n:016x}" for n in range(len(labels))], "label": labels, "slices": 1})
    index["tags"] = None
    chosen = describe._chosen(index, membership(index), None)
    assert sorted(chosen.columns) == [f"class {place:03}" for place in range(60 - MOST_CLASSES, 60)]


def test_a_figure_reads_the_tables_that_it_needs(tmp_path):
    for name in ("runs", "curves"):
        write_table(tmp_path / f"{name}.parquet", pd.DataFrame({"a": [name]}), Header("table", "key"))
    read = Tables([tmp_path / "runs.parquet", tmp_path / "curves.parquet"])
    (tmp_path / "curves.parquet").unlink()
    assert list(read) == ["runs", "curves"] and list(read["runs"]["a"]) == ["runs"]


# ---- The page


def browser_of(classes: int, tracks: int) -> ConfusionBrowser:
    rng = np.random.default_rng(0)
    true, predicted = rng.integers(0, classes, (2, tracks))
    cells: dict[tuple[int, int], list] = {}
    labels, answers = names(classes), {}
    for number, cell in enumerate(zip(true.tolist(), predicted.tolist(), strict=True)):
        cells.setdefault(cell, []).append((f"{number:016x}", 0.5))
        answers[f"{number:016x}"] = Answer(labels[cell[0]], labels[cell[1]], 0.5, ())
    right = frozenset((number, number) for number in range(classes))
    return ConfusionBrowser("Tracks", labels, labels, "True class", "Predicted class", cells, answers, right, labels)


def test_the_page_lists_no_more_tracks_of_many_classes():
    panel = browser_of(MANY, 30_000)
    message = json.loads(page_data([panel], None, {}, {}))
    [shown] = message["panels"]
    assert len(message["tracks"]) == MOST_LISTED
    assert sum(len(cell["tracks"]) for cell in shown["cells"].values()) == MOST_LISTED
    assert sum(shown["totals"]) == 30_000
    largest = max(len(tracks) for cell, tracks in panel.cells.items() if cell not in panel.right)
    assert max(cell["count"] for cell in shown["cells"].values() if "right" not in cell) == largest


def test_the_map_of_a_page_holds_no_more_points_of_many_tracks():
    tracks = MOST_MAPPED + 1_000
    library = pd.DataFrame(
        {"track_id": [f"{n:016x}" for n in range(tracks)], "label": "a", "pca_x": 0.0, "tsne_x": NAN}
    )
    library.loc[library.index[-5:], "tsne_x"] = 1.0
    shown = mapped(library)
    assert len(shown) == MOST_MAPPED and shown["tsne_x"].notna().sum() == 5
    assert shown["track_id"].is_monotonic_increasing


# ---- What jobs ask for

# Run a script of the workflow as its job does, and print the peak of the process, MB.
JOB = """\
import json, runpy, sys
from types import SimpleNamespace
import snakemake.script

class Named(SimpleNamespace):
    def get(self, name, default=None):
        return getattr(self, name, default)

facts = json.load(open(sys.argv[2]))
job = SimpleNamespace(**{name: Named(**value) if isinstance(value, dict) else value for name, value in facts.items()})
runpy.run_path(sys.argv[1], {"snakemake": job})
lines = open("/proc/self/status").read().splitlines()
print(next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024)
"""


def peak_mb(folder: Path, script: str, job: dict) -> float:
    """Return the most memory that the process of a job held."""
    (folder / "job.json").write_text(json.dumps(job | {"log": [str(folder / "job.log")]}))
    path = HOME / "workflow/scripts" / script
    done = subprocess.run(
        [sys.executable, "-c", JOB, path, folder / "job.json"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr + (folder / "job.log").read_text()
    return float(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """A study of many classes, as the plan knows it, in a folder of its own."""
    folder = tmp_path_factory.mktemp("many")
    for number in range(2 * MANY):
        file = folder / "music" / names(MANY)[number % MANY] / f"{number}.mp3"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"track %d" % number)
    (folder / "many.yaml").write_text("dataset: music\nmodels: {psytrance_cnn: {}}\nfolds: {count: 2}\nfinal: null\n")
    config = {"studies": ["many.yaml"], "datasets": {"music": {"layout": "folders", "path": "music"}}}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        plan = make_plan(read_yaml(HOME / "config.yaml") | config, home=HOME, refresh=True)
    return folder, plan.studies["many"]


def test_drawing_a_matrix_of_many_classes_uses_no_more_than_it_asks_for(planned):
    folder, study = planned
    shown = {"kind": "confusion", "level": "track"}
    place = {"model": "psytrance_cnn", "setting": "base", "protocol": "all"}
    rows = confusion_rows(MANY, whole=False).assign(level="track", **place)
    write_table(folder / "confusion.parquet", rows, Header("table", "key"))
    message = {"headline": place, "protocols": {"all": {"standin": False}}, "published": None}
    job = {
        "input": {"tables": [str(folder / "confusion.parquet")], "index": ""},
        "output": {"png": str(folder / "a.png"), "svg": str(folder / "a.svg")},
        "params": {"study": message, "figure": shown, "key": "key"},
        "wildcards": {"study": "many"},
        "rule": "draw_figure",
    }
    used, requested = peak_mb(folder, "draw_figure.py", job), job_resources.drawing_mb(study, shown)
    assert used <= requested <= 4 * used
    width, height = Image.open(folder / "a.png").size
    assert width * height <= save.MAX_PIXELS


def test_jobs_ask_for_more_where_there_are_more_classes_tracks_and_settings(planned):
    _, study = planned
    few = replace(study, settings=study.settings.model_copy(update={"protocols": {"few": FEW_CLASSES}}))
    assert job_resources.evaluating_mb(few) < job_resources.evaluating_mb(study)
    assert job_resources.reporting_mb(few) < job_resources.reporting_mb(study)
    varied = {"dropout": Experiment(vary={"dropout": [0.1, 0.2, 0.3, 0.4]})}
    several = replace(study, settings=study.settings.model_copy(update={"experiments": varied}))
    assert job_resources.evaluating_mb(several) > job_resources.evaluating_mb(study)
    assert job_resources.duplicates_mb(study.dataset) > job_resources.duplicates_mb(head_of(study.dataset, 20))
    assert job_resources.tracks_mb(study.dataset) > job_resources.tracks_mb(head_of(study.dataset, 20))


FEW_CLASSES = Protocol(classes=names(FEW))


def head_of(dataset: DatasetPlan, tracks: int) -> DatasetPlan:
    return replace(dataset, listed=dataset.listed.slice(0, tracks), inputs={})


@pytest.mark.slow
def test_no_job_of_a_small_project_uses_more_than_it_asks_for(monkeypatch):
    """Every rule, each in its own process (`benchmarks/memory.py` does so for up to 1,000 classes)."""
    monkeypatch.syspath_prepend(HOME / "benchmarks")
    measured_jobs = importlib.import_module("memory").measured(FEW)
    assert len(measured_jobs["rule"].unique()) >= 15
    assert measured_jobs[measured_jobs["used"] > measured_jobs["requested"]].empty
