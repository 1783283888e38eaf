"""Complete results of a made-up study: runs, tables and pages that belong together."""

import atexit
import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from finished_runs import FOLDS, TRACKS, label, track, write_folds, write_setting
from resealing import reseal

from genreflow.config.load import as_yaml
from genreflow.evaluation import study, tables
from genreflow.evaluation.headline import write_headline
from genreflow.project import layout
from genreflow.store.parquet import Header, write_table
from genreflow.store.runs import MODEL
from genreflow.store.sealed import write_sealed

SETTING = {"model": "cnn", "setting": "base", "protocol": "standard"}
RUNS = [f"runs/cnn/base/fold-{fold}" for fold in (*FOLDS, "final")]


def finish(results, key, *, wrong=(), group=1, batch=6, page=""):
    """Write the results of a study as a run with these keys would; some answers are wrong. Return its folder.

    Products are made anew, as those of jobs are: what links to earlier ones keeps them.
    """
    results, made = Path(results), _made(key, tuple(wrong), group, batch, page)
    for path in (path for path in made.rglob("*") if path.is_file()):
        target = results / path.relative_to(made)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        shutil.copy(path, target)
    return results


@cache
def _made(key, wrong, group, batch, page):
    """Return a folder with such results, which is made once."""
    folder = TemporaryDirectory(prefix="genreflow-")
    atexit.register(folder.cleanup)
    results = Path(folder.name)
    folds = write_folds(results, group=group, key=key)
    write_setting(results, folds, wrong=wrong, final=True, key=key)
    for run in RUNS:
        (results / run / MODEL).write_bytes(f"weights of {key}".encode())
        reseal(results / run)
    evaluate(results, key, folds)
    write_page(results, key, batch=batch, page=page)
    return results


def evaluate(results, key, folds):
    """Write the tables of a study, the headline last."""
    runs = [
        {**SETTING, "fold": fold, "repeat": 0, "path": run} for fold, run in zip((*FOLDS, "final"), RUNS, strict=True)
    ]
    read = study.read_runs(results, {"runs": runs, "protocols": {"standard": {"folds": {"scheme": "stratified"}}}})
    titles = pd.Series({track(number): f"{label(number)}/{number}.mp3" for number in range(TRACKS)})
    folds = folds.assign(protocol="standard")
    settings = tables.settings_table(read, folds)
    made = {"tracks": tables.tracks_table(read, folds, titles), "settings": settings}
    for name, table in made.items():
        write_table(results / f"tables/{name}.parquet", table, Header("table", key))
    row = settings.iloc[0]
    ends = {"low": row["track_majority_low"], "high": row["track_majority_high"]}
    facts = {"tracks": TRACKS, "accuracy": row["track_majority"], **{name: float(end) for name, end in ends.items()}}
    write_headline(results / "tables/headline.json", {"sentences": [], **facts}, key=key)


def write_page(results, key, *, batch=6, page=""):
    """Write the report of a study, the page last."""
    settings = {"title": "Made up", "training": {"batch": batch}}
    layout.within(results, layout.STUDY_FILE).parent.mkdir(parents=True, exist_ok=True)
    layout.within(results, layout.STUDY_FILE).unlink(missing_ok=True)
    layout.within(results, layout.STUDY_FILE).write_text(as_yaml(settings))
    state = {"tables": key, "page": f"{key}{page}", "folds": {"standard": key}, "setting": SETTING}
    state["runs"] = dict.fromkeys(RUNS, key)
    write_sealed(layout.within(results, layout.SUMMARY), state)
    for pattern in (layout.SINGLE_PAGE, layout.PAGE):
        layout.within(results, pattern).unlink(missing_ok=True)
        layout.within(results, pattern).write_text(f"page of {key}{page}")
