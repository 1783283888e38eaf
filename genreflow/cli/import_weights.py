"""`genreflow import`: turn trained weights of another project into a model that predicts."""

import argparse
from pathlib import Path

from genreflow.cli import options as shared
from genreflow.cli.console import print_result, quoted


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = "Turn trained weights of another project into a model that predicts its tags at once."
    parser.add_argument("project", choices=["sota"], help="sota: sota-music-tagging-models (Won et al. 2020)")
    parser.add_argument(
        "--model", required=True, help="fcn, musicnn, crnn, sample, se, short, short_res, attention, hcnn"
    )
    parser.add_argument("--weights", required=True, type=shared.path, metavar="FILE", help="the .pth file")
    parser.add_argument(
        "--tags",
        required=True,
        metavar="TAGS",
        help="mtat, jamendo, or a file with a tag on each line, as the outputs are",
    )
    parser.add_argument("folder", type=shared.path, help="folder to write, which predict takes")


def run(options: argparse.Namespace) -> int:
    """Read the weights and write the model."""
    # Imported here, so that mistakes on the command line are reported before torch is loaded.
    from genreflow.weights.sota import import_weights

    import_weights(Path(options.weights), Path(options.folder), model=options.model, tags=options.tags)
    print_result(f"Wrote {options.folder}.", following=f"genreflow predict {quoted(options.folder)} song.mp3")
    return 0
