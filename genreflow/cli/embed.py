"""`genreflow embed`: embeddings of audio files as a Parquet table."""

import argparse
from pathlib import Path

from genreflow.cli import options as shared
from genreflow.cli.console import info, print_result, progress, quoted
from genreflow.cli.exits import Exit
from genreflow.cli.path_checks import check_existence, check_output, usable
from genreflow.errors import Gathering
from genreflow.store.text import count

_DESCRIPTION = """\
Compute the embeddings of audio files and write them to a Parquet table: file, sha256 (of the file), segment, start_s,
seconds, and embedding, a list of numbers. The header of the table holds the model, the SHA-256 of its weights and the
layer. With --per track a track has one row, the mean of its segments.
"""
_REFUSED = 5  # files that are listed


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = _DESCRIPTION
    parser.add_argument("files", nargs="+", type=shared.path, help="audio files, folders and playlists (.m3u, .m3u8)")
    shared.embedding(parser)
    parser.add_argument(
        "--out", default="embeddings.parquet", metavar="PARQUET", help="write the table here (default: %(default)s)"
    )
    shared.force(parser)
    parser.add_argument(
        "--per",
        choices=["segment", "track"],
        default="segment",
        help="a row a segment or a track (default: %(default)s)",
    )
    parser.add_argument(
        "--seconds", type=shared.positive, metavar="S", help="length of a segment (default: 3, or what the model needs)"
    )
    parser.add_argument(
        "--hop", type=shared.positive, metavar="S", help="from one segment to the next (default: its length)"
    )
    shared.device(parser)
    shared.cores(parser)


def run(options: argparse.Namespace) -> int:
    """Compute and write; return 0, or 2 if no file could be used.

    Raises
    ------
    UserError
        When the model cannot be used, or a path does not exist.
    """
    problems = Gathering()
    for file in options.files:
        with problems.step():
            check_existence(Path(file))
    with problems.step():
        check_output(options.out, force=options.force)
    with problems.step():
        options.model = str(usable(options.model))
    problems.raise_any()
    # Imported here, so that mistakes are reported before torch is loaded.
    from genreflow.embeddings.sources import facts_of

    facts_of(options.model, options.layer)
    from genreflow.inference.embed import embed_files, input_of

    settings = input_of(options.model, layer=options.layer, seconds=options.seconds, hop=options.hop)
    result = embed_files(
        options.files,
        settings,
        per=options.per,
        device=options.device,
        cores=options.cores,
        on_track=lambda done, total: progress(f"{done} of {total} files"),
    )
    for file, why in list(result.refused.items())[:_REFUSED]:
        info(f"{file} cannot be used: {why}")
    if len(result.refused) > _REFUSED:
        info(f"… and {len(result.refused) - _REFUSED:,} more files.")
    if not result.rows:
        print_result("No file could be used; nothing was written.")
        return Exit.INPUT
    result.write(options.out)
    facts = result.facts
    print_result(
        f"{count(len(result.rows), options.per)}, {facts['width']:,} values each, {facts['layer']} of "
        f"{facts['title']}: {quoted(options.out)}."
    )
    return Exit.OK
