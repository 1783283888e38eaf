"""A whole study: its runs read, its tables built, its headline written."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from genreflow.evaluation import dataset_tables, headline, score_tables, tables
from genreflow.evaluation.fused_runs import fused_runs
from genreflow.evaluation.label_issues import label_issues_table
from genreflow.evaluation.published import published_metrics, published_table
from genreflow.evaluation.runs import Run
from genreflow.folds.roles import FINAL
from genreflow.store.parquet import read_frame
from genreflow.store.runs import HISTORY, PREDICTIONS, read_run

# Raise it when any table or sentence of the evaluation would change.
STAGE_VERSION = 3

_NO_FOLDS = pd.DataFrame(columns=["track_id", "fold", "role", "label", "group", "protocol"])


def read_runs(folder: Path, study: Mapping[str, Any]) -> list[Run]:
    """Read the runs of a study.

    Parameters
    ----------
    folder
        Of the study's results.
    study
        ``runs``, each ``model, setting, protocol, fold, repeat, path``, the path relative to `folder`, and the ``key``
        that it must have, if that is known; and ``protocols``.

    Raises
    ------
    Damaged
        When a run is not as it was written, or not the one that belongs there.
    """
    return [_read_run(folder / run["path"], run, study["protocols"][run["protocol"]]) for run in study["runs"]]


def read_folds(paths: Sequence[str | Path]) -> pd.DataFrame:
    """Read the fold tables of several protocols, whose names are those of the folders they are in."""
    parts = [read_frame(path, "folds").assign(protocol=Path(path).parent.name) for path in paths]
    return pd.concat(parts, ignore_index=True) if parts else _NO_FOLDS


def read_published(paths: Sequence[str | Path], name: str | None) -> dict[str, pd.DataFrame]:
    """Read published numbers, named by what follows `name` in the names of their files."""
    return {
        Path(path).stem.removeprefix(f"{name}_"): pd.read_csv(path, keep_default_na=False, na_values=[""])
        for path in paths
    }


def study_tables(
    study: Mapping[str, Any],
    runs: Sequence[Run],
    folds: pd.DataFrame,
    index: pd.DataFrame,
    titles: pd.Series,
    ignored: Mapping[str, int],
    published: Mapping[str, pd.DataFrame],
    pairs: pd.DataFrame,
) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
    """Build all tables of a study, and its headline.

    Parameters
    ----------
    study
        What the plan tells of the study: ``experiments, settings, fusions, protocols, headline, seed``.
    runs, folds, index
        The study's runs, what `read_folds` returns, and the index of the input that its headline's setting is fed.
    titles
        Of tracks of all datasets, by track id.
    ignored
        How many files of each class were passed over.
    published
        What `read_published` returns.
    pairs
        The copies in the headline's dataset, see `genreflow.datasets.duplicates.find_pairs`.

    Returns
    -------
    tables, headline
        Data frames by name, and the content of headline.json.
    """
    seed, experiments = study["seed"], study["experiments"]
    judged = [*runs, *fused_runs(runs, study["fusions"])]
    settings = tables.settings_table(judged, folds, seed=seed)
    known = published_table(experiments, study["settings"], published.get("scores"))
    trained, tracks = tables.runs_table(judged), tables.tracks_table(judged, folds, titles)
    holdout = tables.holdout_table(runs, folds, titles)
    classes = next((run["info"]["classes"] for run in runs if run["fold"] == FINAL), [])
    built = {
        "audit": dataset_tables.audit_table(index, ignored),
        "warnings": dataset_tables.warnings_table(index),
        "copies": dataset_tables.copies_table(index),
        "runs": trained,
        "settings": settings,
        "experiments": tables.experiments_table(experiments, settings, known),
        "history": tables.history_table(runs),
        "confusion": _stacked(tables.confusion_table(judged), tables.holdout_confusion(holdout, classes)),
        "classes": tables.classes_table(judged),
        "tracks": tracks,
        "holdout": holdout,
        "scores": score_tables.scores_table(judged, published_metrics(study["settings"], published.get("scores"))),
        "tags": score_tables.tags_table(judged, folds, seed=seed),
        "curves": score_tables.curves_table(judged),
        "calibration": score_tables.calibration_table(judged),
        "comparisons": score_tables.comparisons_table(experiments, study["settings"], trained, tracks, seed=seed),
    }
    built["label_issues"], suspected = label_issues_table(
        study, runs, settings=settings, areas=built["tags"], index=index, pairs=pairs
    )
    for frame in built.values():
        if "protocol" in frame:
            frame["music"] = frame["protocol"].map(_music_of(study))
    told = headline.headline(built["audit"], _headline_row(settings, study["headline"]))
    summary = tables.holdout_summary(holdout, published.get("holdout"), seed=seed)
    told["label_issues"] = suspected
    told["holdout"] = headline.holdout_sentences(summary.iloc[0]) if len(summary) else []
    return built, told


def _read_run(folder: Path, run: Mapping[str, Any], protocol: Mapping[str, Any]) -> Run:
    is_partition = protocol["folds"]["scheme"] == "stratified"
    return Run(
        **{name: run[name] for name in ("model", "setting", "protocol", "fold", "repeat")},
        round=str(run["repeat"]) if is_partition else f"{run['repeat']} {run['fold']}",
        info=read_run(folder, files=(HISTORY, PREDICTIONS), key=run.get("key")),
        history=read_frame(folder / HISTORY, "history"),
        predictions=read_frame(folder / PREDICTIONS, "predictions"),
    )


def _music_of(study: Mapping[str, Any]) -> dict[str, str]:
    """Return the dataset of each protocol, and whether it is a stand-in."""
    return {
        name: f"{protocol['dataset']} (stand-in)" if protocol["standin"] else protocol["dataset"]
        for name, protocol in study["protocols"].items()
    }


def _headline_row(settings: pd.DataFrame, wanted: Mapping[str, str] | None) -> Mapping[str, Any] | None:
    if wanted is None:
        return None
    rows = settings[(settings["model"] == wanted["model"]) & (settings["setting"] == wanted["setting"])]
    return rows.iloc[0] if len(rows) else None


def _stacked(*frames: pd.DataFrame) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else frames[0]
