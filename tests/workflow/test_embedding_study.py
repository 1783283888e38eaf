"""A study whose models are fed the embeddings of a network, from music to report."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from project import Project
from tiny_embedding import embedding, write_bundle

from genreflow.store.parquet import read_frame, read_header
from genreflow.store.shards import read_arrays, read_rows

pytestmark = pytest.mark.end_to_end
WIDTH = embedding().resolved.width

STUDY = """\
title: Tiny embeddings
dataset: tiny
inputs:
  vectors:
    front_end: {kind: embedding, model: network}
    segments: {kind: split, seconds: 2.0, count: 2}
    standardize: element
  slices:
    segments: {kind: midpoint, count: 2}
folds: {count: 2}
models:
  logistic_regression: {input: vectors}
  psytrance_cnn: {input: slices}
training: {batch: 6, epochs: 1, steps_per_epoch: 1, precision: float32}
analysis: [vectors]
final: {}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = Project.make(tmp_path_factory.mktemp("embeddings"))
    (project.work / "tiny.yaml").write_text(STUDY)
    write_bundle(project.work / "network")
    project.build()
    return project


def command(project, *arguments):
    code = "import sys; from genreflow.cli import main; sys.exit(main(sys.argv[1:]))"
    call = [sys.executable, "-c", code, *arguments]
    environment = os.environ | {"PYTHONPATH": str(project.home), "OMP_NUM_THREADS": "1"}
    return subprocess.run(call, cwd=project.work, env=environment, capture_output=True, text=True, check=False)


def test_vectors_are_stored_and_models_are_fed_them(project):
    [folder] = (project.work / "results/tiny/embeddings").iterdir()
    shards = sorted(folder.glob("s*.parquet"))
    arrays = np.concatenate([read_arrays(shard, np.arange(len(read_rows(shard)))) for shard in shards])
    assert arrays.shape == (16, WIDTH) and arrays.dtype == np.float32 and np.isfinite(arrays).all()
    run = json.loads((project.work / "results/tiny/runs/logistic_regression/base/fold-final/run.json").read_text())
    assert (
        run["input"]["front_end"]["network"]["sha256"] == read_header(shards[0]).facts["front_end"]["network"]["sha256"]
    )
    assert run["input_shape"] == [WIDTH]


def test_the_report_shows_the_map_by_embeddings_and_what_sounds_alike(project):
    path = project.work / "results/tiny/inspection/map.parquet"
    assert read_header(path).facts["front_end"] == "embedding"
    assert {"near_1", "similarity_5"} <= set(read_frame(path, "map").columns)
    page = (project.work / "results/tiny/report/index.html").read_text()
    assert "Sounds like this" in page and '"near":{"' in page
    assert f"embeddings of {WIDTH} values each, the penultimate layer of tagging_mel_cnn" in page
    assert "does not list its training tracks" in page


def test_commands_work_on_it(project, tmp_path):
    run = "results/tiny/runs/logistic_regression/base/fold-final"
    predicted = command(project, "predict", run, "music/low", "--device", "cpu", "--cores", "1")
    assert predicted.returncode == 0, predicted.stderr
    similar = command(project, "similar", "low/0.wav", "--top", "3", "--json")
    assert similar.returncode == 0, similar.stderr
    assert len(json.loads(similar.stdout)["tracks"]) == 3
    exported = command(project, "export", run, str(tmp_path / "model"))
    assert exported.returncode == 0, exported.stderr
    options = ("--device", "cpu", "--cores", "1", "--csv", "by_the_export.csv")
    away = command(project, "predict", str(tmp_path / "model"), "music/low", *options)
    assert away.returncode == 0 and away.stdout == predicted.stdout
    tables = [(project.work / name).read_bytes() for name in ("predictions.csv", "by_the_export.csv")]
    assert tables[0] == tables[1]


def test_other_weights_embed_anew_and_nothing_else(project, tmp_path):
    copy = project.copy(tmp_path / "copy")
    assert copy.jobs() == {}
    write_bundle(copy.work / "network", seed=1)
    jobs = copy.jobs()
    assert jobs.pop("embed_slices") == len(list((copy.work / "results/tiny/audio").glob("*.parquet")))
    assert not {"normalize_audio", "cut_slices", "find_duplicates"} & set(jobs)


def test_a_network_that_is_gone_stops_a_run_before_it_begins(project, tmp_path):
    copy = project.copy(tmp_path / "copy")
    shutil.rmtree(copy.work / "network")
    code, printed = copy.run("--dry-run")
    assert code == 2
    assert "inputs.vectors.front_end: 'network' is neither the name of public weights nor a path" in printed
