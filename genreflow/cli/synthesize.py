"""`genreflow synthesize`: write synthetic music into class folders."""

import argparse
from pathlib import Path
from typing import get_args

from genreflow.cli import options as shared
from genreflow.cli.console import print_result, progress, quoted
from genreflow.cli.path_checks import check_folder
from genreflow.config.load import settings_from
from genreflow.datasets.layouts.synthetic import Synthetic
from genreflow.errors import MachineError


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    defaults = {name: field.default for name, field in Synthetic.model_fields.items()}
    corpora = get_args(Synthetic.model_fields["corpus"].annotation)
    parser.description = f"Write synthetic music. Corpora: {Synthetic.model_fields['corpus'].description}"
    parser.add_argument("folder", type=shared.path, help="folder for the class folders")
    parser.add_argument("--corpus", choices=corpora, default=defaults["corpus"], help="default: %(default)s")
    parser.add_argument(
        "--tracks-per-class",
        type=shared.count,
        metavar="N",
        default=16,
        help="of the corpus tags: tracks per family (default: %(default)s)",
    )
    for name, kind, text in (("seconds", float, "length of a track"), ("seed", int, "another seed, another corpus")):
        default = defaults[name]
        parser.add_argument(f"--{name}", type=kind, metavar="N", default=default, help=f"{text} (default: {default})")


def run(options: argparse.Namespace) -> int:
    """Write the corpus; return 0.

    Raises
    ------
    UserError
        When there can be no such corpus.
    """
    names = ("corpus", "tracks_per_class", "seconds", "seed")
    values = {name: getattr(options, name) for name in names}
    settings_from(Synthetic, {"layout": "synthetic", **values}, "synthesize")
    check_folder(Path(options.folder))
    # Imported here, so that mistakes are reported before the synthesizer is loaded.
    import soundfile

    from genreflow.synthetic.corpus import plan, write

    tracks = plan(**values)
    for number, track in enumerate(tracks, 1):
        try:
            write(track, options.folder)
        except soundfile.LibsndfileError as error:
            raise MachineError(f"{options.folder}: a track cannot be written ({error}). Is the disk full?") from None
        progress(f"{number} of {len(tracks)} tracks")
    folder = quoted(options.folder)
    if options.corpus == "tags":
        print_result(f"{len(tracks)} tracks: {folder}. Their tags are known to `layout: synthetic, corpus: tags` only.")
    else:
        print_result(f"{len(tracks)} tracks in class folders: {folder}.", following=f"genreflow check {folder}")
    return 0
