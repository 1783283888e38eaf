"""From a folder of music, some of it bad, to a report: what a user gets."""

import csv
import json
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from project import RATE, Project, tone

from genreflow.cli.check import config_of
from genreflow.datasets.index import read_index
from genreflow.evaluation.cost import cost_table
from genreflow.plan.make import make_plan
from genreflow.plan.study_files import logs_of
from genreflow.store.parquet import column_arrays, read_frame, read_header, read_table

pytestmark = pytest.mark.end_to_end

BAD = {
    "empty.mp3": (b"", "Q_EMPTY"),
    "text.mp3": (b"this is no music\n" * 100, "Q_NOT_AUDIO"),
    "page.ogg": (b"<!DOCTYPE html><html>404</html>" * 20, "Q_NOT_AUDIO"),
    "noise.flac": (np.random.default_rng(0).bytes(20_000), "Q_NOT_AUDIO"),
    "playlist.wav": (b"ffconcat version 1.0\nfile 0.wav\n", "Q_NOT_AUDIO"),
}
ODD = ["caf\xe9 {x} <gt>.wav".encode("latin-1"), b"new\nline '\"`$HOME;#.wav", "日本語.wav".encode(), b"-rf *.wav"]


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """A project with bad files, a short, a silent and a stereo track, and odd names, run up to its tables.

    Its study is the as-coded reading of the psytrance study: slices of 1.49 s, kernels along frequency.
    """
    project = Project.make(tmp_path_factory.mktemp("odd"))
    as_coded = "{hop: 512, fmax: 12000.0, decibels: double_log, scale: frame_minmax}"
    project.edit("tiny.yaml", "  slices:\n", f"  slices:\n    front_end: {as_coded}\n")
    project.edit("tiny.yaml", "{pool: mean}", "{pool: mean, orient: mel}")
    low, high = (os.fsencode(project.work / "music" / label) for label in ("low", "high"))
    for name, (content, _) in BAD.items():
        Path(os.fsdecode(low), name).write_bytes(content)
    for number, name in enumerate(ODD):
        with open(os.path.join(high, name), "wb") as file:
            soundfile.write(file, tone(50 + number), RATE, format="WAV", subtype="PCM_16")
    soundfile.write(project.work / "music/low/short.wav", tone(60, seconds=1.2), RATE)
    soundfile.write(project.work / "music/low/one-slice.wav", tone(61, seconds=2), RATE)
    soundfile.write(project.work / "music/low/silent.wav", np.zeros(5 * RATE), RATE)
    soundfile.write(project.work / "music/low/stereo.ogg", np.stack([tone(62), tone(63)], 1), RATE)
    (project.work / "music/low/gone.mp3").symlink_to("nowhere")
    (project.work / "music/low/cover.jpg").write_bytes(b"no track")
    project.edit("my.yaml", "limits: {", "limits: {max_quarantine: 0.5, max_class_loss: 0.7, ")
    project.build("tables")
    return project


def index_of(project):
    [path] = project.work.glob("results/tiny/slices/*/index.parquet")
    return read_index(path).set_index("title")


def test_every_file_is_accounted_for(odd):
    index = index_of(odd)
    files = [path for path in (odd.work / "music").rglob("*") if path.suffix != ".jpg" and not path.is_dir()]
    assert len(index) == len(files)
    assert set(index["verdict"]) <= {"accept", "warn", "quarantine"}
    assert (index["verdict"].eq("quarantine") == index["slices"].eq(0)).all()


def test_bad_files_are_named_with_their_reason(odd):
    with open(odd.work / "results/quarantine.csv", newline="", encoding="utf-8") as file:
        message = {row["title"]: row for row in csv.DictReader(file)}
    expected = {f"low/{name}": reason for name, (_, reason) in BAD.items()}
    expected |= {"low/short.wav": "Q_TOO_SHORT", "low/silent.wav": "Q_SILENT", "low/gone.mp3": "Q_NOT_FILE"}
    assert {title: row["reason"] for title, row in message.items()} == expected
    assert all(row["message"].endswith(".") for row in message.values())


def test_odd_names_are_music_like_any_other(odd):
    index = index_of(odd)
    high = index[index["label"] == "high"]
    assert len(high) == 4 + len(ODD)
    assert (high["verdict"] != "quarantine").all()


def test_a_short_track_is_used_with_what_it_has_and_marked(odd):
    row = index_of(odd).loc["low/one-slice.wav"]
    assert row["slices"] == 1
    assert "W_FEWER_SLICES" in row["reason"]


def test_no_track_and_so_no_slice_is_on_both_sides(odd):
    folds = read_frame(odd.work / "results/tiny/protocols/standard/folds.parquet", "folds")
    for fold, rows in folds.groupby("fold"):
        assert rows["track_id"].is_unique, fold
    for path in odd.work.glob("results/tiny/runs/*/*/fold-[0-9]/predictions.parquet"):
        fold = path.parent.name.removeprefix("fold-")
        roles = folds[folds["fold"] == fold].set_index("track_id")["role"]
        assert set(roles.loc[read_frame(path, "predictions")["track_id"].unique()]) == {"test"}


def test_every_accuracy_counts_every_usable_track_once(odd):
    usable = (index_of(odd)["slices"] > 0).sum()
    settings = pd.read_csv(odd.work / "results/tiny/tables/settings.csv")
    assert (settings["tracks"] == usable).all()
    tracks = pd.read_csv(odd.work / "results/tiny/tables/tracks.csv")
    assert tracks.groupby("setting")["track_id"].nunique().eq(usable).all()
    assert not tracks.duplicated(["setting", "track_id"]).any()


def test_normalized_tracks_reach_the_loudness_or_are_marked(built):
    index = index_of(built)
    level = index["lufs"] + index["gain_db"]
    assert ((level - -23).abs().lt(0.01) | index["peak_limited"]).all()
    for ogg in index["ogg"]:
        info = soundfile.info(built.work / "results/tiny/audio" / ogg)
        assert (info.format, info.subtype, info.samplerate, info.channels) == ("OGG", "VORBIS", 44_100, 1)


def test_products_say_which_key_made_them(built):
    for path in built.work.glob("results/tiny/**/*.parquet"):
        if path.name not in ("catalog.parquet", "placement.parquet"):  # which are no products of a job
            assert len(read_header(path).key) == 16, path


def test_the_map_shows_every_usable_track(built):
    points = read_frame(built.work / "results/tiny/inspection/map.parquet", "map")
    index = index_of(built)
    assert dict(zip(points["title"], points["label"], strict=True)) == index["label"].to_dict()
    assert points[["pca_x", "pca_y", "tsne_x", "tsne_y"]].notna().all(axis=None)


def test_what_every_stage_took_is_on_record(built, monkeypatch):
    monkeypatch.chdir(built.work)
    study = make_plan(config_of(["my.yaml"]), home=built.home, refresh=False).studies["tiny"]
    table = cost_table(logs_of(study), read_frame("results/tiny/tables/runs.parquet", "table"))
    assert len(table) == 11 and (table["recorded"] == table["jobs"]).all()
    assert (table["seconds"] > 0).all() and (table["gpu_seconds"] == 0).all()


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.links, self.images = [], 0

    def handle_starttag(self, tag, attributes):
        self.images += tag == "img"
        self.links += [value for name, value in attributes if name in ("src", "href")]


def test_the_report_stands_alone(built):
    page = Page()
    page.feed((built.work / "results/tiny/report/index.html").read_text(encoding="utf-8"))
    figures = [path for path in (built.work / "results/tiny/figures").glob("*.svg") if "confusion" not in path.name]
    assert page.images == len(figures)  # the matrix is on the page already, with its tracks
    folder = built.work / "results/tiny/report"
    assert all(link.startswith("#") or (folder / link).is_file() for link in page.links)


def test_the_last_lines_name_the_report_and_the_next_command(built, tmp_path):
    project = built.copy(tmp_path / "project")
    (project.work / "results/tiny/report/index.html").unlink()
    printed = project.build()
    assert "report: results/tiny/report/index.html" in printed
    assert "genreflow predict 'results/tiny/runs/psytrance_cnn/pool=mean/fold-final'" in printed


def genreflow(project, *arguments):
    command = [str(Path(sys.executable).with_name("genreflow")), *arguments]
    return subprocess.run(command, cwd=project.work, capture_output=True, text=True, check=False)


def test_predict_gives_a_track_what_the_pipeline_gave_it(project):
    [run] = project.work.glob("results/tiny/runs/*/pool=mean/fold-1")
    predictions = read_frame(run / "predictions.parquet", "predictions")
    index = index_of(project).reset_index().set_index("track_id")
    classes = json.loads((run / "run.json").read_text())["classes"]
    titles = [f"music/{index.loc[track_id, 'title']}" for track_id in predictions["track_id"].unique()]
    done = genreflow(project, "predict", str(run), *titles, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    message = pd.read_csv(project.work / "predictions.csv")
    assert message["file"].unique().tolist() == titles
    assert np.allclose(message[classes], predictions[[f"p{k}" for k in range(len(classes))]], atol=1e-4)
    assert all(title in done.stdout for title in titles)


def test_predict_names_files_it_cannot_use_and_goes_on(project):
    (project.work / "bad.mp3").write_bytes(b"no music" * 100)
    run = "results/tiny/runs/psytrance_cnn/pool=mean/fold-final"
    done = genreflow(project, "predict", run, "bad.mp3", "music/low/0.wav", "--csv", "predicted.csv")
    assert done.returncode == 0, done.stderr
    assert "not classified" in done.stdout and "(Q_NOT_AUDIO)" in done.stdout
    assert set(pd.read_csv(project.work / "predicted.csv")["file"]) == {"music/low/0.wav"}


@pytest.mark.parametrize(
    ("model", "file", "message"),
    [
        ("nowhere", "music/low/0.wav", "nowhere"),
        ("music/low/0.wav", "music/low/0.wav", "is not a trained model"),
        ("results/tiny/runs/psytrance_cnn/pool=mean/fold-final", "nothing.mp3", "nothing.mp3 does not exist"),
    ],
)
def test_predict_tells_mistakes_in_a_sentence(project, model, file, message):
    done = genreflow(project, "predict", model, file)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_snakemake_predicts_what_the_config_names(project):
    with open(project.work / "my.yaml", "a") as file:
        file.write("predict: {study: tiny, files: [music/high]}\n")
    printed = project.build("predict")
    message = pd.read_csv(project.work / "results/predictions.csv")
    assert message["file"].nunique() == 4
    assert "music/high/0.wav" in printed
    assert project.jobs("predict") == {}
    gone = project.work / "music/high/0.wav"
    gone.rename(gone.with_name("9.wav"))  # the same bytes, size and time under another name
    project.build("predict")
    message = pd.read_csv(project.work / "results/predictions.csv")
    assert set(message["file"]) == {f"music/high/{number}.wav" for number in (1, 2, 3, 9)}


def test_slices_are_those_of_the_front_end(built):
    [path] = built.work.glob("results/tiny/slices/*/index.parquet")
    row = read_index(path).iloc[0]
    table = read_table(path.with_name(f"{row['shard']}.parquet"), "slices")
    own = [place for place, track_id in enumerate(table["track_id"].to_pylist()) if track_id == row["track_id"]]
    assert column_arrays(table["array"], (128, 128), "float16")[own].shape == (2, 128, 128)


def test_diverged_runs_are_told_and_counted_and_the_report_is_made(project):
    project.edit("tiny.yaml", "epochs: 1, steps_per_epoch: 1", "epochs: 2, steps_per_epoch: 12, learning_rate: 100.0")
    project.edit("tiny.yaml", "batch: 6", "optimizer: sgd, batch: 6")
    printed = project.build()
    assert "diverged" in printed
    settings = pd.read_csv(project.work / "results/tiny/tables/settings.csv")
    assert (settings["diverged"] > 0).any()
    assert settings.loc[settings["diverged"] == settings["folds"], "slice_accuracy"].isna().all()
    assert (project.work / "results/tiny/report/index.html").exists()


@pytest.mark.slow
def test_models_fitted_to_descriptors_go_the_same_way_to_the_report(project):
    study = """\
title: Fitted
dataset: tiny
inputs:
  numbers:
    front_end: {kind: descriptors}
    segments: {kind: split, seconds: 2.0, count: 2}
    standardize: element
folds: {count: 2}
models: {random_forest: {options: {trees: 5}}, svm: {}, ann: {}}
training: {batch: 6, epochs: 2, steps_per_epoch: 2, precision: float32}
final: {model: svm}
"""
    (project.work / "fitted.yaml").write_text(study)
    project.edit("my.yaml", "[tiny.yaml]", "[tiny.yaml, fitted.yaml]")
    project.build()
    assert project.jobs() == {}
    page = (project.work / "results/fitted/report/index.html").read_text()
    assert "25 descriptors each" in page and "fitted to all training slices at once" in page
    settings = pd.read_csv(project.work / "results/fitted/tables/settings.csv")
    assert settings["model"].tolist() == ["random_forest", "svm", "ann"]
