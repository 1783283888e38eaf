"""`genreflow demo`: music made from scratch, in class folders."""

import argparse
from pathlib import Path
from typing import get_args

from genreflow.cli import options as shared
from genreflow.cli.console import print_result, progress, quoted
from genreflow.cli.path_checks import check_folder
from genreflow.config.datasets import Synthetic
from genreflow.config.load import settings_from
from genreflow.errors import MachineError


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    defaults = {name: field.default for name, field in Synthetic.model_fields.items()}
    corpora = get_args(Synthetic.model_fields["corpus"].annotation)
    parser.description = Synthetic.model_fields["corpus"].description
    parser.add_argument("folder", type=shared.path, help="where the class folders go")
    parser.add_argument("--corpus", choices=corpora, default=defaults["corpus"], help="default: %(default)s")
    parser.add_argument(
        "--tracks-per-class", type=shared.count, metavar="N", default=16, help="of tags, in each of ten families"
    )
    parser.add_argument("--seconds", type=float, metavar="S", default=defaults["seconds"], help="length of a track")
    parser.add_argument("--seed", type=int, metavar="N", default=defaults["seed"], help="another seed, another corpus")


def run(options: argparse.Namespace) -> int:
    """Write the corpus; return 0.

    Raises
    ------
    UserError
        When there can be no such corpus.
    """
    names = ("corpus", "tracks_per_class", "seconds", "seed")
    wanted = {name: getattr(options, name) for name in names}
    settings_from(Synthetic, {"layout": "synthetic", **wanted}, "demo")
    check_folder(Path(options.folder))
    # Here, so that a mistake is told before the synthesiser has been loaded.
    import soundfile

    from genreflow.synthetic.corpus import plan, write

    tracks = plan(**wanted)
    for number, track in enumerate(tracks, 1):
        try:
            write(track, options.folder)
        except soundfile.LibsndfileError as error:
            raise MachineError(f"{options.folder}: a track cannot be written ({error}). Is the disk full?") from None
        progress(f"{number} of {len(tracks)} tracks")
    folder = quoted(options.folder)
    if options.corpus == "tags":
        print_result(f"{len(tracks)} tracks: {folder}. Their tags are in `layout: synthetic, corpus: tags` alone.")
    else:
        print_result(f"{len(tracks)} tracks in class folders: {folder}.", following=f"genreflow check {folder}")
    return 0
