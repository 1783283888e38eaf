"""`genreflow explain`: the seconds and bands of a track that decided its prediction."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from genreflow.cli import options as shared
from genreflow.cli.console import print_result, quoted
from genreflow.cli.path_checks import check_existence, check_model, check_output, with_model
from genreflow.store.text import plain_name

if TYPE_CHECKING:
    from genreflow.inference.explain import Explanation

_LISTED = 5


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = (
        "Draw the seconds and bands of a track that decided its prediction. Occlusion hides each patch of time and "
        "band in turn: a patch without which the model is less sure supports the class."
    )
    shared.model(parser)
    parser.add_argument("file", type=shared.path, help="an audio file")
    parser.add_argument("--of", metavar="CLASS", help="class or tag to explain (default: the predicted one)")
    parser.add_argument("--png", help="write the picture here (default: NAME-explained.png)")
    parser.add_argument("--csv", help="write a row per patch here (default: NAME-explained.csv)")
    shared.force(parser)
    parser.add_argument(
        "--method",
        choices=["occlusion", "integrated_gradients", "saliency"],
        default="occlusion",
        help="blank patches, or follow gradients (default: %(default)s)",
    )
    parser.add_argument(
        "--bands", type=shared.count, metavar="N", default=8, help="patches over frequency (default: %(default)s)"
    )
    shared.device(parser)
    shared.cores(parser)


def run(options: argparse.Namespace) -> int:
    """Explain, print, draw and write; return 0.

    Raises
    ------
    UserError
        When the model or the file cannot be used.
    """
    options.model = check_model(options.model)
    check_existence(Path(options.file))
    stem = f"{plain_name(options.file)}-explained"
    png, csv = options.png or f"{stem}.png", options.csv or f"{stem}.csv"
    check_output(png, force=True)
    check_output(csv, force=options.force)
    # Imported here, so that mistakes are reported before torch and matplotlib are loaded.
    from genreflow.figures.explained import explanation
    from genreflow.figures.save import save_png
    from genreflow.inference.explain import explain
    from genreflow.inference.tracks import Predictor
    from genreflow.store.csvs import write_csv

    predictor = with_model(options.model, lambda model: Predictor(model, device=options.device, cores=options.cores))
    result = explain(predictor, options.file, of=options.of, method=options.method, bands=options.bands)
    prediction = result.prediction
    write_csv(csv, result.effects.assign(file=prediction.file, of=result.of, method=result.method))
    title = f"{Path(prediction.file).name}: {prediction.label}"
    figure = explanation(
        result.effects, prediction.slices, result.levels, of=result.of, title=title, begin_s=result.begin_s,
        column_s=result.column_s, seconds=result.seconds, frequencies=result.frequencies,
    )  # fmt: skip
    save_png(figure, Path(png))
    print(_text(result))
    print_result(f"Explained {result.of}: {quoted(png)}, {quoted(csv)}.")
    return 0


def _text(result: "Explanation") -> str:
    prediction = result.prediction
    other = "" if prediction.label == result.of else f"; {result.of}"
    lines = [
        f"{prediction.file}: {prediction.label}{other} with a probability of {prediction.probabilities[result.of]:.2f}"
    ]
    if prediction.note:
        lines.append(prediction.note)
    ranked = result.effects.sort_values("effect", ascending=False)
    for heading, rows in (("for", ranked[ranked["effect"] > 0]), ("against", ranked[ranked["effect"] < 0][::-1])):
        if len(rows):
            lines += ["", f"Evidence {heading} {result.of} (change of its log-odds)"]
        for row in rows.head(_LISTED).itertuples():
            lines.append(f"  {row.start_s:8.2f} to {row.end_s:.2f} s   {row.band:<18} {row.effect:+.2f}")
    return "\n".join(lines)
