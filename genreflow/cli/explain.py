"""`genreflow explain`: which seconds and bands of a track decided what a model says of it."""

import argparse
from pathlib import Path

from genreflow.cli import options as shared
from genreflow.cli.console import print_result, quoted
from genreflow.cli.path_checks import check_existence, check_model, check_output

_NAMED = 5


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.description = (
        "By occlusion every patch of time and band is hidden in turn: what the model is then less sure of spoke for "
        "its answer."
    )
    shared.model(parser)
    parser.add_argument("file", type=shared.path, help="an audio file")
    parser.add_argument("--of", metavar="CLASS", help="the class or tag to explain (default: what the model says)")
    parser.add_argument("--png", help="the picture (default: NAME-explained.png here)")
    parser.add_argument("--csv", help="a row a patch (default: NAME-explained.csv here)")
    parser.add_argument("--method", choices=["occlusion", "integrated_gradients", "saliency"], default="occlusion")
    parser.add_argument(
        "--bands", type=shared.count, metavar="N", default=8, help="patches over frequency (default: %(default)s)"
    )
    shared.device(parser)
    shared.cores(parser)


def run(options: argparse.Namespace) -> int:
    """Explain, tell, draw and write; return 0.

    Raises
    ------
    UserError
        When the model or the file cannot be used.
    """
    check_model(options.model)
    check_existence(Path(options.file))
    for path in (options.png or ".png", options.csv or ".csv"):
        check_output(path)
    # Here, so that a mistake is told before torch and matplotlib have been loaded.
    from genreflow.figures.explained import explanation
    from genreflow.inference.explain import explain
    from genreflow.inference.histograms import plain_name, save
    from genreflow.inference.tracks import Predictor
    from genreflow.store.csvs import write_csv

    predictor = Predictor(options.model, device=options.device, cores=options.cores)
    found = explain(predictor, options.file, of=options.of, method=options.method, bands=options.bands)
    stem = f"{plain_name(found.judged.file)}-explained"
    png, csv = Path(options.png or f"{stem}.png"), Path(options.csv or f"{stem}.csv")
    write_csv(csv, found.effects.assign(file=found.judged.file, of=found.of, method=found.method))
    title = f"{Path(found.judged.file).name}: {found.judged.label}"
    figure = explanation(
        found.effects, found.judged.slices, found.levels, of=found.of, title=title, begin_s=found.begin_s,
        column_s=found.column_s, seconds=found.seconds, frequencies=found.frequencies,
    )  # fmt: skip
    save(figure, png)
    print(_told(found))
    print_result(f"{found.of} explained: {quoted(png)}, {quoted(csv)}.")
    return 0


def _told(found) -> str:
    judged = found.judged
    asked = "" if judged.label == found.of else f"; {found.of}"
    lines = [f"{judged.file}: {judged.label}{asked} with a probability of {judged.probabilities[found.of]:.2f}"]
    if judged.note:
        lines.append(judged.note)
    ranked = found.effects.sort_values("effect", ascending=False)
    for heading, rows in (("for", ranked[ranked["effect"] > 0]), ("against", ranked[ranked["effect"] < 0][::-1])):
        if len(rows):
            lines += ["", f"what spoke {heading} {found.of} (change of its log-odds)"]
        for row in rows.head(_NAMED).itertuples():
            lines.append(f"  {row.start_s:8.2f} to {row.end_s:.2f} s   {row.band:<18} {row.effect:+.2f}")
    return "\n".join(lines)
