"""`genreflow predict`: classify audio files with a trained model."""

import argparse
from pathlib import Path

from genreflow.cli import answers
from genreflow.cli import options as shared
from genreflow.cli.console import end_progress, print_json, print_result, progress, quoted
from genreflow.cli.exits import Exit
from genreflow.cli.path_checks import check_existence, check_folder, check_model, check_output, with_model
from genreflow.errors import Gathering, UserError

_OUTPUT = "predictions.csv"
_SNIPPETS = "snippets.csv"
_DESCRIPTION = """\
Classify audio files with a trained model. The label is `unknown` where the model abstains: by its record on held-out
tracks the answer is more likely wrong than right (W_UNSURE), or the track is unlike its training tracks (W_FOREIGN).
With --snippets and --models, several models stand side by side, of genre and of mood for example:
genreflow predict song.mp3 --snippets 100 --models GENRE_MODEL MOOD_MODEL --png pictures
"""


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = _DESCRIPTION
    shared.model(parser)
    parser.add_argument("files", nargs="*", type=shared.path, help="audio files, folders and playlists (.m3u, .m3u8)")
    parser.add_argument(
        "--snippets",
        type=shared.count,
        metavar="N",
        help="predict N random snippets of each song instead of its slices, and count the answers; --histogram and "
        "--png show them",
    )
    parser.add_argument(
        "--models",
        nargs="+",
        type=shared.path,
        default=[],
        metavar="MODEL",
        help="with --snippets: several models; then no model stands before the files",
    )
    parser.add_argument(
        "--output",
        "--csv",
        dest="csv",
        metavar="FILE",
        help="write a row per slice here, as CSV or, if its name ends in .parquet, as Parquet "
        f"(default: {_OUTPUT}, unless answers go into tags, playlists or collections)",
    )
    parser.add_argument(
        "--tracks-output", "--tracks-csv", dest="tracks_csv", metavar="FILE", help="write a row per track here"
    )
    shared.force(parser)
    shared.json(parser)
    parser.add_argument("--histogram", action="store_true", help="print the number of slices by class of each track")
    parser.add_argument("--png", metavar="FOLDER", help="draw it, a picture per track, into this folder")
    shared.device(parser)
    shared.cores(parser)
    answers.declare(parser)


def run(options: argparse.Namespace) -> int:
    """Classify, print and write; return 0, or 2 if no file could be used.

    Raises
    ------
    UserError
        When the model cannot be used, or a path does not exist.
    """
    if options.snippets or options.models:
        return _run_snippets(options)
    if not options.files:
        raise UserError("Name the files to classify after the model.")
    options.model = check_model(options.model)
    missing = Gathering()
    for file in options.files:
        with missing.step():
            check_existence(Path(file))
    missing.raise_any()
    csv = options.csv or (None if answers.are_asked_for(options) else _OUTPUT)
    csv = None if options.json else csv
    for path in (options.tracks_csv, csv):
        check_output(path, force=options.force)
    if options.png:
        check_folder(Path(options.png))
    answers.check_options(options)
    # Imported here, so that mistakes are reported before torch is loaded.
    from genreflow.export.libraries import Answer
    from genreflow.inference.tables import as_json, as_text, histogram
    from genreflow.inference.tracks import Predictor, slices_table, tracks_table
    from genreflow.store.rows import write_rows

    predictor = with_model(options.model, lambda model: Predictor(model, device=options.device, cores=options.cores))
    predictions = predictor.predict_tracks(
        options.files, on_track=lambda done, total: progress(f"{done} of {total} files")
    )
    end_progress()
    usable = [track for track in predictions if track.is_usable]
    if options.json:
        print_json("predict", as_json(predictor, predictions), seconds="s", start_s="s")
    else:
        print(as_text(predictor, predictions))
    if not usable:  # tables of earlier predictions stay as they are
        print_result(f"No file could be used, of {len(predictions):,}; nothing was written.")
        return Exit.INPUT
    if csv:
        write_rows(csv, slices_table(predictions, predictor.bundle.classes))
    if options.histogram and not options.json:
        print(*("\n" + histogram(track) for track in usable), sep="\n")
    if options.tracks_csv:
        write_rows(options.tracks_csv, tracks_table(predictions))
    if options.png:
        from genreflow.inference.histograms import draw

        draw(options.png, predictor, predictions)
    given = [Answer(track.path, track.labels, track.seconds) for track in usable if track.labels]
    more = answers.write(options, given)
    written = ", ".join(quoted(path) for path in (csv, options.tracks_csv, options.png, *more) if path)
    done = f"{len(usable):,} of {len(predictions):,} files could be used{written and f': {written}'}."
    print_result(done, following=f"genreflow explain {quoted(options.model)} {quoted(usable[0].file)}")
    return Exit.OK


def _run_snippets(options: argparse.Namespace) -> int:
    """Predict random snippets of songs with one model or several."""
    if not options.snippets:
        raise UserError("--models is for random snippets of songs: say how many, as in --snippets 100.")
    if answers.are_asked_for(options) or options.tracks_csv:
        raise UserError("--snippets counts answers of parts of a song; tags, playlists and --tracks-output need one.")
    models, songs = (options.models, [options.model, *options.files]) if options.models else ([options.model], [])
    songs = songs or options.files
    if not songs:
        raise UserError("Name the songs.")
    missing = Gathering()
    found = {}
    for given in models:
        with missing.step():
            found[given] = check_model(given)
    for song in songs:
        with missing.step():
            check_existence(Path(song))
    missing.raise_any()
    csv = None if options.json else options.csv or _SNIPPETS
    check_output(csv, force=options.force)
    if options.png:
        check_folder(Path(options.png))
    # Imported here, so that mistakes are reported before torch is loaded.
    from genreflow.inference.song_snippets import draw, predict_snippets_of
    from genreflow.inference.tables import snippet_histogram
    from genreflow.inference.tracks import Predictor
    from genreflow.store.rows import write_rows

    predictors = {
        given: with_model(path, lambda model: Predictor(model, device=options.device, cores=options.cores))
        for given, path in found.items()
    }
    table = predict_snippets_of(
        predictors, songs, options.snippets, on_song=lambda done, total: progress(f"{done} of {total} songs")
    )
    end_progress()
    usable = table[table["class"].notna()]
    if options.json:
        print_json("predict snippets", {"snippets": table.to_dict("records")}, snippet_s="s")
    else:
        print(*(snippet_histogram(rows) for _, rows in table.groupby("file", sort=False)), sep="\n\n")
    if usable.empty:
        print_result(f"No song could be used, of {table['file'].nunique():,}; nothing was written.")
        return Exit.INPUT
    if csv:
        write_rows(csv, table)
    if options.png:
        draw(options.png, table)
    written = ", ".join(quoted(path) for path in (csv, options.png) if path)
    print_result(f"{usable['file'].nunique():,} of {table['file'].nunique():,} songs could be used: {written}.")
    return Exit.OK
