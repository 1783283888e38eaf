"""`genreflow predict`: what a finished model says of new music."""

import argparse
import json
from pathlib import Path

from genreflow.cli import options as shared
from genreflow.cli.console import print_result, progress, quoted
from genreflow.cli.exits import Exit
from genreflow.cli.path_checks import check_existence, check_folder, check_model, check_output
from genreflow.errors import Gathering

_DESCRIPTION = """\
A label is `unknown` where the model must not say: its answer would more likely be wrong than right by its record on
tracks that it was not trained on (W_UNSURE), or the track sounds unlike all that it was trained on (W_FOREIGN).
"""


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.description = _DESCRIPTION
    shared.model(parser)
    parser.add_argument(
        "files", nargs="+", type=shared.path, help="audio files, folders of them, and playlists (.m3u, .m3u8)"
    )
    parser.add_argument("--csv", default="predictions.csv", help="a row a slice goes here (default: %(default)s)")
    parser.add_argument("--tracks-csv", metavar="CSV", help="a row a track goes here")
    shared.json(parser)
    parser.add_argument("--histogram", action="store_true", help="how many slices say what, for each track")
    parser.add_argument("--png", metavar="FOLDER", help="the same as pictures, one a track")
    shared.device(parser)
    shared.cores(parser)


def run(options: argparse.Namespace) -> int:
    """Predict, tell and write; return 0, or 2 if no track could be used.

    Raises
    ------
    UserError
        When the model cannot be used, or something given is not there.
    """
    check_model(options.model)
    missing = Gathering()
    for file in options.files:
        with missing.step():
            check_existence(Path(file))
    missing.raise_any()
    for path in (options.tracks_csv, None if options.json else options.csv):
        check_output(path)
    if options.png:
        check_folder(Path(options.png))
    # Here, so that a mistake is told before torch has been loaded.
    from genreflow.inference.tables import as_json, as_text, histogram, slices_table, tracks_table
    from genreflow.inference.tracks import predict
    from genreflow.store.csvs import write_csv

    predictor, judged = predict(
        options.model, options.files, device=options.device, cores=options.cores, each=_progress
    )
    written = [path for path in (None if options.json else options.csv, options.tracks_csv) if path]
    if options.json:
        print(json.dumps(as_json(predictor, judged), indent=2, allow_nan=False))
    else:
        write_csv(options.csv, slices_table(judged, predictor.bundle.classes))
        print(as_text(predictor, judged))
        if options.histogram:
            print(*("\n" + histogram(track) for track in judged if track.is_usable), sep="\n")
    if options.tracks_csv:
        write_csv(options.tracks_csv, tracks_table(judged))
    if options.png:
        from genreflow.inference.histograms import draw

        draw(options.png, predictor, judged)
        written.append(options.png)
    usable = [track for track in judged if track.is_usable]
    where = f": {', '.join(map(quoted, written))}" if written else ""
    done = f"{len(usable):,} of {len(judged):,} files could be used{where}."
    if not usable:
        print_result(done)
        return Exit.INPUT
    print_result(done, following=f"genreflow explain {quoted(options.model)} {quoted(usable[0].file)}")
    return Exit.OK


def _progress(done: int, of: int) -> None:
    progress(f"{done} of {of} files")
