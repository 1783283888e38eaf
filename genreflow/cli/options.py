"""Options shared by several commands."""

from argparse import ArgumentParser, ArgumentTypeError


def model(parser: ArgumentParser) -> None:
    """Add the model."""
    parser.add_argument(
        "model",
        type=path,
        help="folder of a run or of an exported model, its model.safetensors, or public weights by name",
    )


def embedding(parser: ArgumentParser) -> None:
    """Add the network that computes embeddings, and its layer."""
    parser.add_argument(
        "--model",
        type=path,
        default="MSD_musicnn",
        metavar="NAME|PATH",
        help="public weights, or a run, an exported model or an ONNX file (default: %(default)s)",
    )
    parser.add_argument(
        "--layer",
        choices=["penultimate", "output"],
        default="penultimate",
        help="input of the last linear layer, or its output (default: %(default)s)",
    )


def device(parser: ArgumentParser) -> None:
    """Add the device of the network."""
    parser.add_argument(
        "--device", choices=["auto", "cpu", "cuda", "mps"], default="auto", help="auto: the GPU if there is one"
    )


def cores(parser: ArgumentParser) -> None:
    """Add the number of CPUs."""
    parser.add_argument("--cores", type=count, metavar="N", help="CPUs to use (default: all)")


def json(parser: ArgumentParser) -> None:
    """Add output for programs."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def force(parser: ArgumentParser) -> None:
    """Add the permission to replace tables."""
    parser.add_argument("--force", action="store_true", help="replace tables that are there already")


def configfile(parser: ArgumentParser) -> None:
    """Add configuration files."""
    parser.add_argument(
        "--configfile",
        nargs="+",
        type=path,
        default=[],
        metavar="FILE",
        help="files that change config.yaml, as for snakemake",
    )


def config(parser: ArgumentParser) -> None:
    """Add single configuration values."""
    parser.add_argument(
        "--config",
        "-C",
        nargs="+",
        default=[],
        metavar="KEY=VALUE",
        help="values that change config.yaml",
    )


def path(text: str) -> str:
    """Return a path; refuse an empty one, which is mostly an unset variable of the shell."""
    if not text:
        raise ArgumentTypeError("it is empty")
    return text


def count(text: str) -> int:
    """Return a positive whole number."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a whole number from 1 up")
    return int(text)


def positive(text: str) -> float:
    """Return a number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 3_600:
        raise ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return number
