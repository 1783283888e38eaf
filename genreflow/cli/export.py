"""`genreflow export`: a model as a folder to give away."""

import argparse
from pathlib import Path

from genreflow.cli import options as shared
from genreflow.cli.console import print_result, quoted
from genreflow.cli.path_checks import check_existence, check_folder, check_model

_DESCRIPTION = """\
The folder holds model.safetensors (weights), model.json (classes, front-end, loudness, calibration, digests of the
training tracks, versions), MODEL_CARD.md (data, protocol, metrics with intervals, limits) and, where the packages onnx,
onnxscript and onnxruntime are installed and the network has such a form, model.onnx: samples in, probabilities out.
"""


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.description = _DESCRIPTION
    shared.model(parser)
    parser.add_argument("folder", type=shared.path, help="a new or empty folder, or an older export, which is replaced")
    parser.add_argument(
        "--track",
        metavar="FILE",
        type=shared.path,
        help="audio file that the ONNX file is checked by (default: a synthetic one)",
    )


def run(options: argparse.Namespace) -> int:
    """Export and tell; return 0.

    Raises
    ------
    UserError
        When the model cannot be used, or the folder holds something else.
    """
    check_model(options.model)
    if options.track is not None:
        check_existence(Path(options.track))
    check_folder(Path(options.folder))
    # Here, so that a mistake is told before torch has been loaded.
    from genreflow.export.folder import export

    done = export(options.model, options.folder, track=options.track)
    facts = done.onnx.facts
    if not facts:
        print(f"There is no model.onnx: {done.onnx.why_not}.")
    else:
        print(
            f"model.onnx gives what the pipeline gives, to {facts['largest_difference']:.1e} in a probability, on"
            f" {facts['compared_segments']} segments of music."
        )
        if done.onnx.why_not:
            print(f"It is without its front-end: {done.onnx.why_not}.")
    if not done.has_metrics:
        print("The tables of its study were not found, so MODEL_CARD.md does not say how good it is.")
    print_result(f"Exported: {quoted(done.folder)}.", following=f"genreflow predict {quoted(done.folder)} song.mp3")
    return 0
