"""A nested search by real Snakemake: killed twice and resumed, it ends with the same trials, values and runs."""

import os
import signal
import time

import pytest

from genreflow.store.parquet import read_frame
from genreflow.store.sealed import read_sealed

pytestmark = pytest.mark.end_to_end

SEARCH = """
search:
  trials: 10
  folds: 2
  parallel: 2
  space:
    learning_rate: {low: 1e-4, high: 1e-1, log: true}
    dropout: [0.1, 0.2, 0.5]
"""
GENREFLOW = ("genreflow", "run")  # which takes over the lock of a run that died
BEST = "results/tiny/search/psytrance_cnn/fold-{}/best.json"


def make(fresh):
    project = fresh(tracks_per_class=6)
    text = (project.work / "tiny.yaml").read_text()
    text = text[: text.index("experiments:")] + "final: null\n" + SEARCH
    (project.work / "tiny.yaml").write_text(text)
    return project


def results(project):
    trials = sorted(project.work.glob("results/tiny/search/*/*/trials/*.json"))
    times = ("seconds", "seal")
    kept = {
        str(path.relative_to(project.work)): {k: v for k, v in read_sealed(path).items() if k not in times}
        for path in trials
    }
    best = [read_sealed(project.work / BEST.format(fold)) for fold in (1, 2)]
    runs = sorted(project.work.glob("results/tiny/runs/psytrance_cnn/search/*/predictions.parquet"))
    return kept, best, [read_frame(path, "predictions").to_csv() for path in runs]


@pytest.mark.slow
def test_a_search_that_is_killed_twice_ends_with_the_same_best_trial(fresh, tmp_path):
    project = make(fresh)
    for least in (3, 9):
        process = project.start("--cores", "2", front=GENREFLOW)
        while len(list(project.work.glob("results/tiny/search/*/*/trials/*.json"))) < least:
            assert process.poll() is None
            time.sleep(0.2)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    code, printed = project.run("--cores", "2", front=GENREFLOW)
    assert code == 0, printed
    killed = results(project)
    for name in ("results/tiny/search", "results/tiny/runs"):
        for path in sorted((project.work / name).rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
    project.build()
    assert results(project) == killed
    trials, best, runs = killed
    assert (len(trials), len(best), len(runs)) == (20, 2, 2)
    table = read_frame(project.work / "results/tiny/tables/search.parquet", "table")
    assert table["fold"].tolist() == ["1", "2"] and table["outer"].notna().all()
    folds = read_frame(project.work / "results/tiny/protocols/standard/folds.parquet", "folds")
    for fold in ("1", "2"):
        inner = read_frame(project.work / BEST.format(fold).replace("best.json", "folds.parquet"), "folds")
        tested = folds.loc[(folds["fold"].astype(str) == fold) & (folds["role"] == "test"), "track_id"]
        assert set(inner["track_id"]).isdisjoint(tested)
    assert (
        "The settings of psytrance_cnn were searched for"
        in (project.work / "results/tiny/report/index.html").read_text()
    )
