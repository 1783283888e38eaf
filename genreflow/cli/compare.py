"""`genreflow compare`: compare finished runs: parameters, metrics, and whether a difference is significant."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from string import ascii_uppercase
from typing import Any

import numpy as np
import pandas as pd

from genreflow.cli import options as shared
from genreflow.cli.console import plain, print_json, print_result, quoted
from genreflow.cli.path_checks import check_output
from genreflow.cli.saved_runs import ComparedRun, read
from genreflow.config.differences import flat
from genreflow.errors import UserError
from genreflow.evaluation import tables
from genreflow.evaluation.changes import changes
from genreflow.evaluation.comparisons import warnings
from genreflow.evaluation.runs import finished
from genreflow.evaluation.score_tables import comparisons_table
from genreflow.project import history
from genreflow.store.csvs import write_csv
from genreflow.store.text import count, sanitize

# Facts of run.json that describe how a run was made.
_PARAMETERS = (
    "model", "options", "training", "input", "input_shape", "audio", "classes", "tags", "parameters", "precision",
    "threads", "device", "versions", "dataset",
)  # fmt: skip
# Metrics of `tables.settings_table` with an interval, and without.
_WITH_INTERVAL = {
    "slice accuracy": ("slice_accuracy", "slice_low", "slice_high"),
    "track accuracy, majority vote": ("track_majority", "track_majority_low", "track_majority_high"),
    "track accuracy, mean probability": ("track_mean", "track_mean_low", "track_mean_high"),
    "area under ROC curve": ("roc_auc", "roc_auc_low", "roc_auc_high"),
    "area under precision-recall curve": ("pr_auc", "pr_auc_low", "pr_auc_high"),
}
_ALONE = {
    "balanced track accuracy": "balanced",
    "commonest class": "baseline",
    "accuracy of training slices": "train_accuracy",
    "accuracy of validation slices": "validation_accuracy",
}
_COUNTS = {"folds": "folds", "diverged": "diverged", "tracks": "tracks", "groups": "groups", "slices": "slices"}
_LISTS = {"newly_right": "Newly right", "newly_wrong": "Newly wrong", "still_wrong": "Wrong in another way"}
_UNFINISHED = (
    "While an update is not finished, the last complete results stand for the study: `genreflow run` finishes it."
)
_WIDEST = 36  # of a value on the terminal


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = (
        "Compare finished runs. The folder of a setting means its folds, that of a study the setting of its report; "
        "`my_study@2026-11-30-1` means earlier results of a study, and a single study is compared with its newest ones "
        "(`genreflow history`). Only parameters that differ are shown; metrics are compared on the tracks that both "
        "tested."
    )
    parser.add_argument(
        "compared", nargs="+", type=shared.path, metavar="PATH", help="folders of runs, settings or studies, or names"
    )
    parser.add_argument("--all", action="store_true", help="also show equal parameters")
    parser.add_argument("--tracks", action="store_true", help="also list the tracks with different predictions")
    parser.add_argument("--csv", metavar="FILE", help="write parameters, metrics and differences here")
    shared.force(parser)
    shared.json(parser)


def run(options: argparse.Namespace) -> int:
    """Compare, print and write; return 0.

    Raises
    ------
    UserError
        When fewer than two are given, one is no finished run, or one is there twice.
    """
    compared = [*_results_before(options.compared), *options.compared]
    if not 2 <= len(compared) <= len(ascii_uppercase):
        raise UserError(f"compare: expected two to {len(ascii_uppercase)} folders, got {len(compared)}.")
    check_output(options.csv, force=options.force)
    sides = [read(letter, path) for letter, path in zip(ascii_uppercase, compared, strict=False)]
    comparison = compare(sides)
    if options.csv:
        write_csv(options.csv, as_table(comparison))
    if options.json:
        print_json("compare", comparison)
    else:
        print(as_text(comparison, options))
    where = f": {quoted(options.csv)}" if options.csv else ""
    unequal = sum(not _is_equal(values) for values in comparison["parameters"].values())
    following = (
        "" if options.tracks or not comparison["tracks"] else "--tracks lists the tracks with different predictions"
    )
    print_result(f"{len(sides)} compared; they differ in {count(unequal, 'parameter')}{where}.", following=following)
    return 0


def _results_before(compared: Sequence[str]) -> list[str]:
    """Return the results to compare a single study with: those before its newest ones; else nothing.

    Raises
    ------
    UserError
        When there are none.
    """
    if len(compared) != 1:
        return []
    path, entry = history.last_complete(history.located(compared[0]))
    state = entry or history.current(path)
    study = path if entry is None else entry.folder.parents[1]
    before = None if state is None else history.before(study, state.tables)
    if before is None:
        if entry is not None:
            raise UserError(
                f"compare: an update of {compared[0]} is not finished, and there is one earlier result, so there is "
                "nothing to compare yet. `genreflow run` finishes it."
            )
        if (path / "runs").is_dir():
            raise UserError(f"compare: {compared[0]} has no earlier results to be compared with. Name two folders.")
        return []
    return [str(before.folder)]


def compare(sides: Sequence[ComparedRun]) -> dict[str, Any]:
    """Return the comparison as a JSON object; missing numbers are None.

    Returns
    -------
    ``compared`` (letter -> description), ``remarks`` (reasons why the comparison may be unfair), ``parameters`` and
    ``metrics`` (name -> letter -> value), ``pairs`` (rows of `comparisons.PAIRS`), ``tracks`` (those with different
    predictions), and ``changes`` (None unless two points in time of one study are compared).

    Raises
    ------
    UserError
        When a run is there twice.
    """
    for a, b in combinations(sides, 2):
        if a.homes == b.homes:
            is_earlier = "@" in a.study
            raise UserError(
                f"{a.path} and {b.path} are the same runs. {_UNFINISHED if is_earlier else 'Name two that differ.'}"
            )
    runs = [run for side in sides for run in side.runs]
    folds = pd.concat([side.folds for side in sides], ignore_index=True)
    titles = pd.concat([side.titles() for side in sides])
    answers = tables.tracks_table(runs, folds, titles[~titles.index.duplicated()])
    settings = tables.settings_table(runs, folds).set_index("model")
    letters = [side.letter for side in sides]
    pairs = comparisons_table(
        {"compared": {"axis": "model", "values": [(letter, letter, "") for letter in letters]}},
        [{"model": side.letter, "setting": "", "protocol": side.runs[0]["protocol"]} for side in sides],
        tables.runs_table(runs),
        answers,
    )
    if is_in_time := _are_points_in_time(sides):
        # Folds of one name are others at another time.
        pairs[[name for name in pairs if name.startswith("fold_")]] = np.nan
    return {
        "compared": {side.letter: _named(side) for side in sides},
        "remarks": [*_remarks(sides), *warnings(pairs)],
        "parameters": _parameters(sides),
        "metrics": _metrics(settings, sides),
        "pairs": [plain(row) for row in pairs.drop(columns=["experiment", "protocol"]).to_dict("records")],
        "tracks": _different(answers, letters),
        "changes": _changes(sides, answers) if is_in_time else None,
    }


def _are_points_in_time(sides: Sequence[ComparedRun]) -> bool:
    """Return whether two results of one study are compared, of which one at least are earlier ones."""
    studies = [side.study.partition("@") for side in sides]
    return len(sides) == 2 and studies[0][0] == studies[1][0] and studies[0] != studies[1]


def _changes(sides: Sequence[ComparedRun], answers: pd.DataFrame) -> dict[str, Any]:
    """Return the changes from one point in time to another as plain values."""
    before, after = (side.point(answers[answers["model"] == side.letter]) for side in sides)
    changed = changes(before, after)
    listed = {name: getattr(changed, name).to_dict("records") for name in _LISTS}
    counted = {name: list(getattr(changed, name)) for name in ("added", "removed", "new_classes", "lost_classes")}
    return {"sentences": changed.sentences, "judged": plain(changed.judged), **counted, **listed}


def as_table(comparison: Mapping[str, Any]) -> pd.DataFrame:
    """Return parameters, metrics and differences as a table with a column per side and per pair."""
    rows = [
        {"kind": kind, "name": name} | values
        for kind, section in (("parameter", "parameters"), ("metric", "metrics"))
        for name, values in comparison[section].items()
    ]
    for name in ("tracks", "difference", "low", "high", "p", "p_holm", "verdict"):
        values = {f"{pair['a']} - {pair['b']}": pair[name] for pair in comparison["pairs"]}
        rows.append({"kind": "difference", "name": name} | values)
    renamed = {letter: f"{letter}: {side['path']}" for letter, side in comparison["compared"].items()}
    return pd.DataFrame(rows).rename(columns=renamed)


def as_text(comparison: Mapping[str, Any], options: argparse.Namespace) -> str:
    """Return the comparison for a terminal, remarks first."""
    letters = list(comparison["compared"])
    lines = [f"{letter}  {_title(side)}" for letter, side in comparison["compared"].items()]
    if comparison["remarks"]:
        lines += ["", "Before you conclude anything:", *(f"  - {remark}" for remark in comparison["remarks"])]
    parameters = {
        name: values for name, values in comparison["parameters"].items() if options.all or not _is_equal(values)
    }
    lines += ["", *_grid(parameters or {"(no parameter differs)": {}}, letters)]
    lines += ["", *_grid(_with_intervals(comparison["metrics"]), letters), ""]
    if comparison["changes"]:
        lines += comparison["changes"]["sentences"]
        if options.tracks:
            lines += _changed_tracks(comparison["changes"])
        return sanitize("\n".join(lines))
    lines += [pair["verdict"] for pair in comparison["pairs"]]
    if not comparison["pairs"]:
        lines.append(_no_pairs(comparison))
    if options.tracks:
        lines += ["", *_grid({row["title"]: row for row in comparison["tracks"]}, ["true", *letters])]
    return sanitize("\n".join(lines))


def _changed_tracks(changed: Mapping[str, Any]) -> Iterator[str]:
    """Yield the tracks whose answer changed, by what became of it."""
    for name, title in _LISTS.items():
        if rows := changed[name]:
            yield from ("", title)
            yield from _grid({row["title"]: row for row in rows}, ["true", "before", "after"])


def _named(side: ComparedRun) -> dict[str, Any]:
    names = [run["info"]["fold"] for run in side.runs]
    return {
        "path": str(side.path),
        "study": side.study,
        "model": side.model,
        "setting": side.setting,
        "protocol": side.protocol,
        "folds": names,
    }


def _title(side: Mapping[str, Any]) -> str:
    folds = side["folds"]
    runs = f"{len(folds)} runs" if len(folds) > 1 else f"fold {folds[0]}"
    return f"{side['study']}: {side['model']} {side['setting']} ({runs})"


def _remarks(sides: Sequence[ComparedRun]) -> Iterator[str]:
    """Yield reasons why the comparison may be unfair, the worst first."""
    common = frozenset.intersection(*(side.tested for side in sides))
    unequal = (
        ("Some predict classes and some tags, which cannot be compared", lambda side: side.info[0]["tags"]),
        ("Their classes differ, so chance levels differ", lambda side: side.info[0]["classes"]),
        (
            f"They were tested on different tracks, {len(common):,} of them common to all; differences below are of "
            "the tracks that both tested",
            lambda side: sorted(side.tested),
        ),
        ("They were trained on different tracks, or versions of them, which may explain a difference", _training),
        ("Their protocols differ", lambda side: side.protocol),
        ("They were not trained the same number of times", lambda side: len(side.runs)),
        (
            "Their slices differ: compare accuracies of tracks, not of slices",
            lambda side: side.info[0].get("input", {}).get("segments"),
        ),
    )
    for remark, value_of in unequal:
        groups: dict[str, list[str]] = {}
        for side in sides:
            groups.setdefault(repr(value_of(side)), []).append(side.letter)
        if len(groups) > 1:
            yield f"{remark} ({' | '.join(', '.join(letters) for letters in groups.values())})."
    for side in sides:
        lost = sum(not finished(run) for run in side.runs)
        if lost:
            yield f"{lost} of {len(side.runs)} runs of {side.letter} diverged and are left out."
        if not side.protocol:
            yield (
                f"The folds of {side.letter} were not found, so each track counts as a group of its own: intervals may "
                "be too narrow."
            )


def _training(side: ComparedRun) -> list[str]:
    return sorted({str(info["dataset"].get("training_tracks")) for info in side.info})


def _parameters(sides: Sequence[ComparedRun]) -> dict[str, dict[str, Any]]:
    """Return each parameter by side; all of its values if the runs of a side differ."""
    facts = {
        side.letter: [flat({name: info.get(name) for name in _PARAMETERS}) for info in side.info] for side in sides
    }
    names = dict.fromkeys(name for infos in facts.values() for info in infos for name in info)
    values = {
        name: {letter: _one([info.get(name) for info in infos]) for letter, infos in facts.items()} for name in names
    }
    return {"protocol": {side.letter: side.protocol for side in sides}, **values}


def _one(values: Sequence[Any]) -> Any:
    different = [value for number, value in enumerate(values) if value not in values[:number]]
    return different[0] if len(different) == 1 else different


def _is_equal(values: Mapping[str, Any]) -> bool:
    first, *others = values.values()
    return all(value == first for value in others)


def _metrics(settings: pd.DataFrame, sides: Sequence[ComparedRun]) -> dict[str, dict[str, float | None]]:
    columns: dict[str, str] = {}
    for name, ends in _WITH_INTERVAL.items():
        columns |= dict(zip((name, f"{name}, low", f"{name}, high"), ends, strict=True))
    columns |= _ALONE | _COUNTS
    metrics = {
        name: plain({side.letter: settings.at[side.letter, column] for side in sides})
        for name, column in columns.items()
    }
    metrics["training time, s"] = {
        side.letter: float(sum(info["seconds"]["total"] for info in side.info)) for side in sides
    }
    return {name: values for name, values in metrics.items() if any(value is not None for value in values.values())}


def _different(answers: pd.DataFrame, letters: Sequence[str]) -> list[dict[str, str]]:
    """Return the tracks with different predictions: ``title, true``, and the predictions by letter."""
    predicted = answers.groupby(["track_id", "model"])["predicted_majority"].agg(
        lambda names: ", ".join(sorted(set(names)))
    )
    predicted = predicted.unstack().reindex(columns=list(letters))
    predicted = predicted[predicted.nunique(axis=1) > 1]
    known = answers.drop_duplicates("track_id").set_index("track_id")
    rows = predicted.fillna("").assign(title=known["title"].fillna(known.index.to_series()), true=known["true"])
    return rows.sort_values(["true", "title"])[["title", "true", *letters]].to_dict("records")


def _with_intervals(metrics: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Return metrics as text, each with its interval."""
    texts = {}
    for name, values in metrics.items():
        if name.endswith((", low", ", high")):
            continue
        if name in _WITH_INTERVAL:
            lows, highs = metrics.get(f"{name}, low", {}), metrics.get(f"{name}, high", {})
            texts[name] = {
                letter: _interval(value, lows.get(letter), highs.get(letter)) for letter, value in values.items()
            }
        elif name in _ALONE:
            texts[name] = {letter: _interval(value, None, None) for letter, value in values.items()}
        else:
            texts[name] = {letter: "-" if value is None else f"{value:,.0f}" for letter, value in values.items()}
    return texts


def _interval(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" + ("" if low is None or high is None else f" [{low:.3f}, {high:.3f}]")


def _no_pairs(comparison: Mapping[str, Any]) -> str:
    if "area under ROC curve" in comparison["metrics"]:
        return "Significance is tested for classes only; for tags, check whether the intervals above overlap."
    return "No test is possible: no track was tested by two of them."


def _grid(rows: Mapping[str, Mapping[str, Any]], columns: Sequence[str]) -> list[str]:
    """Return rows of text below the names of columns."""
    cells = [
        ["", *columns],
        *([name, *(_short(values.get(column, "")) for column in columns)] for name, values in rows.items()),
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def _short(value: Any) -> str:
    if isinstance(value, list) and len(value) > 3:
        return f"{len(value)} values"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"
