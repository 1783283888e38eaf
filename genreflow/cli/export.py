"""`genreflow export`: write a trained model as a folder to share."""

import argparse
import re
from pathlib import Path

from genreflow.cli import options as shared
from genreflow.cli.console import print_result, quoted
from genreflow.cli.path_checks import check_existence, check_folder, check_model, with_model

_DESCRIPTION = """\
Write a trained model as a folder to share: model.safetensors (weights), model.json (classes, front-end, loudness,
calibration, digests of the training tracks, versions), README.md (the model card: data, protocol, metrics with
intervals, limits) and model.onnx (samples in, probabilities out), if onnx, onnxscript and onnxruntime are installed and
the network can be converted. The folder can be uploaded to Hugging Face as it is.
"""


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = _DESCRIPTION
    shared.model(parser)
    parser.add_argument("folder", type=shared.path, help="new or empty folder, or an older export, which is replaced")
    parser.add_argument(
        "--track",
        metavar="FILE",
        type=shared.path,
        help="audio file to check the ONNX file with (default: a synthetic one)",
    )
    parser.add_argument(
        "--license",
        metavar="ID",
        type=_license,
        default="unknown",
        help="license that you give the model, for its card: mit, cc-by-4.0, other, … (default: %(default)s)",
    )


def run(options: argparse.Namespace) -> int:
    """Export and print a summary; return 0.

    Raises
    ------
    UserError
        When the model cannot be used, or the folder holds something else.
    """
    options.model = check_model(options.model)
    if options.track is not None:
        check_existence(Path(options.track))
    check_folder(Path(options.folder))
    # Imported here, so that mistakes are reported before torch is loaded.
    from genreflow.export.folder import export

    done = with_model(
        options.model, lambda model: export(model, options.folder, track=options.track, license_id=options.license)
    )
    facts = done.onnx.facts
    if not facts:
        print(f"No model.onnx: {done.onnx.why_not}.")
    else:
        print(
            f"model.onnx agrees with the pipeline within {facts['largest_difference']:.1e} in a probability, on"
            f" {facts['compared_segments']} segments of music."
        )
        if done.onnx.why_not:
            print(f"It does not include the front-end: {done.onnx.why_not}.")
    if not done.has_metrics:
        print("The tables of its study were not found, so README.md has no metrics.")
    print_result(f"Exported: {quoted(done.folder)}.", following=f"genreflow predict {quoted(done.folder)} song.mp3")
    return 0


def _license(text: str) -> str:
    """Return the identifier of a license in small letters."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.+-]{0,50}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no identifier of a license, as mit or cc-by-4.0")
    return text.lower()
