"""`genreflow predict`: what a finished model says of new music."""

import argparse
import json
import sys

EXAMPLES = """\
examples:
  genreflow predict results/my_study/runs/psytrance_cnn/base/fold-final new/*.mp3
  genreflow predict exported_model 'new music' list.m3u8 --csv slices.csv --tracks-csv tracks.csv
  genreflow predict exported_model mix.flac --histogram --png pictures
  genreflow predict exported_model 'new music' --json > told.json

A label is `unknown` where the model must not say: its answer would more likely be wrong than right by its record on
tracks that it was not trained on (W_UNSURE), or the track sounds unlike all that it was trained on (W_FOREIGN).
"""


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.epilog, parser.formatter_class = EXAMPLES, argparse.RawDescriptionHelpFormatter
    parser.add_argument("model", help="a run's folder, an exported one, or the model.safetensors in either")
    parser.add_argument("files", nargs="+", help="audio files, folders of them, and playlists (.m3u, .m3u8)")
    parser.add_argument("--csv", default="predictions.csv", help="a row a slice goes here (default: %(default)s)")
    parser.add_argument("--tracks-csv", metavar="CSV", help="a row a track goes here")
    parser.add_argument("--json", action="store_true", help="all of it on standard output, for programs; no CSV")
    parser.add_argument("--histogram", action="store_true", help="how many slices say what, for each track")
    parser.add_argument("--png", metavar="FOLDER", help="the same as pictures, one a track")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--cores", type=int, help="CPUs to use (default: all)")


def run(options: argparse.Namespace) -> int:
    """Predict, tell and write; return 0, or 2 if no track could be used.

    Raises
    ------
    UserError
        When the model cannot be used, or something given is not there.
    """
    # Here, so that no other command waits for torch.
    from genreflow.predict.tables import as_json, as_text, histogram, slices_table, tracks_table
    from genreflow.predict.tracks import predict
    from genreflow.store.csvs import write_csv

    predictor, judged = predict(
        options.model, options.files, device=options.device, cores=options.cores, each=_progress
    )
    print(file=sys.stderr)
    if options.json:
        print(json.dumps(as_json(predictor, judged), indent=2, allow_nan=False))
    else:
        slices = slices_table(judged, predictor.bundle.classes)
        write_csv(options.csv, slices)
        print(as_text(predictor, judged))
        if options.histogram:
            print(*("\n" + histogram(track) for track in judged if track.is_usable), sep="\n")
        print(f"\n{len(slices)} slices of {len(judged)} tracks: {options.csv}", file=sys.stderr)
    if options.tracks_csv:
        write_csv(options.tracks_csv, tracks_table(judged))
    if options.png:
        from genreflow.predict.pictures import draw

        drawn = draw(options.png, predictor, judged)
        print(f"{len(drawn)} pictures: {options.png}", file=sys.stderr)
    return 0 if any(track.is_usable for track in judged) else 2


def _progress(done: int, of: int) -> None:
    print(f"\r{done} of {of} files", end="", file=sys.stderr, flush=True)
