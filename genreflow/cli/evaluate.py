"""`genreflow evaluate`: test a trained model on labeled music of another collection."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from genreflow.cli import options as shared
from genreflow.cli.console import end_progress, plain, print_json, print_result, progress, quoted
from genreflow.cli.exits import Exit
from genreflow.cli.music import dataset_of
from genreflow.cli.path_checks import check_model, check_output, with_model
from genreflow.config.datasets import Labels
from genreflow.errors import Gathering, Problems
from genreflow.store.text import count

_DESCRIPTION = """\
Test a trained model on labeled music of another collection: accuracy with its interval, by class, and beside
cross-validation, which flatters a model because its tracks are of one source. Files that the model was trained on are
refused.
"""
_NAMED = 10


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = _DESCRIPTION
    shared.model(parser)
    parser.add_argument(
        "music", type=shared.path, help="class folders, or a manifest (CSV with the columns path, label)"
    )
    parser.add_argument(
        "--alias",
        nargs="+",
        default=[],
        type=_alias,
        metavar="THEIRS=OURS",
        help="their name of a class of the model",
    )
    parser.add_argument(
        "--leave-out", action="store_true", help="leave files out that the model was trained on, and judge the others"
    )
    parser.add_argument("--csv", help="write a row per track here")
    shared.force(parser)
    shared.json(parser)
    shared.device(parser)
    shared.cores(parser)


def run(options: argparse.Namespace) -> int:
    """Judge and print; return 0, or 2 if no track could be judged.

    Raises
    ------
    UserError
        When the model or the music cannot be used, or the model was trained on some of it.
    """
    problems = Gathering()
    with problems.step():
        options.model = check_model(options.model)
    with problems.step():
        dataset = dataset_of(options.music)
    with problems.step():
        check_output(options.csv, force=options.force)
    problems.raise_any()
    # Imported here, so that mistakes are reported before torch is loaded.
    from genreflow.evaluation.cross_dataset import by_class, sentences, summary
    from genreflow.inference.cross_dataset import cross_validated, judge, listed_tracks
    from genreflow.inference.tracks import Predictor
    from genreflow.store.csvs import write_csv

    predictor = with_model(options.model, lambda model: Predictor(model, device=options.device, cores=options.cores))
    aliases = Labels(aliases=dict(options.alias))
    tracks = listed_tracks(predictor, dataset.model_copy(update={"labels": aliases}))
    if not options.leave_out:
        _refuse_known(tracks.trained_on())
    judged, _ = judge(predictor, tracks, on_track=lambda done: progress(f"{done} of {len(tracks)} files"))
    end_progress()
    name, classes, inside = Path(options.music).resolve().name, predictor.bundle.classes, cross_validated(predictor)
    row = summary(judged, classes, inside, dataset=name)
    rows = by_class(judged, classes, inside, dataset=name)
    if options.json:
        message = plain(row) | {"classes": [plain(each) for each in rows], "sentences": sentences(row)}
        print_json("evaluate", message)
    else:
        print(*sentences(row), sep="\n")
        print(*_table(rows), sep="\n")
    if options.csv:
        write_csv(options.csv, judged.drop(columns="ogg"))
    written = f": {quoted(options.csv)}" if options.csv else ""
    print_result(f"{count(row['tracks'], 'track')} of {count(len(judged), 'file')} judged{written}.")
    return Exit.OK if row["tracks"] else Exit.INPUT


def _alias(text: str) -> tuple[str, str]:
    theirs, is_there, ours = text.partition("=")
    if not (theirs and is_there and ours):
        raise argparse.ArgumentTypeError(f"{text!r} is not THEIRS=OURS")
    return theirs, ours


def _refuse_known(titles: Sequence[str]) -> None:
    if titles:
        more = [f"and {len(titles) - _NAMED:,} more"] if len(titles) > _NAMED else []
        raise Problems(
            f"The model was trained on {len(titles):,} of these files, so the accuracy would show nothing. Take them "
            "out of the music, or leave them out with --leave-out:",
            [*titles[:_NAMED], *more],
        )


def _table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    if not rows:
        return []
    width = max(len(row["class"]) for row in rows)
    lines = ["", f"{'class':<{width}}  tracks  right  95 % interval"]
    for row in rows:
        ends = "-" if pd.isna(row["accuracy_low"]) else f"{row['accuracy_low']:.2f} to {row['accuracy_high']:.2f}"
        lines.append(f"{row['class']:<{width}}  {row['tracks']:>6}  {row['accuracy']:>5.2f}  {ends}")
    return [*lines, ""]
