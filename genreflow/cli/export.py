"""`genreflow export`: a model as a folder to give away."""

import argparse

EXAMPLES = """\
examples:
  genreflow export results/my_study/runs/psytrance_cnn/base/fold-final my_model
  genreflow export results/my_study/runs/psytrance_cnn/base/fold-final my_model --track song.flac
  genreflow predict my_model new/*.mp3

The folder holds model.safetensors (weights), model.json (classes, front-end, loudness, calibration, digests of the
training tracks, versions), MODEL_CARD.md (data, protocol, metrics with intervals, limits) and, where the packages onnx,
onnxscript and onnxruntime are installed and the network has such a form, model.onnx: samples in, probabilities out.
"""


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.epilog, parser.formatter_class = EXAMPLES, argparse.RawDescriptionHelpFormatter
    parser.add_argument("model", metavar="RUN", help="a run's folder, or its model.safetensors")
    parser.add_argument("folder", help="a new or empty folder, or an older export, which is replaced")
    parser.add_argument("--track", help="audio file that the ONNX file is checked by (default: a synthetic one)")


def run(options: argparse.Namespace) -> int:
    """Export and tell; return 0.

    Raises
    ------
    UserError
        When the model cannot be used, or the folder holds something else.
    """
    # Here, so that no other command waits for torch.
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
    print(f"{done.folder}: genreflow predict {str(done.folder)!r} song.mp3")
    return 0
