"""Options that several commands share, each declared once."""

from argparse import ArgumentParser, ArgumentTypeError


def model(parser: ArgumentParser) -> None:
    """Add the model that is asked."""
    parser.add_argument("model", type=path, help="a run's folder, an exported one, or the model.safetensors in either")


def device(parser: ArgumentParser) -> None:
    """Add where the network runs."""
    parser.add_argument(
        "--device", choices=["auto", "cpu", "cuda"], default="auto", help="auto: the GPU where there is one"
    )


def cores(parser: ArgumentParser) -> None:
    """Add how many CPUs may be used."""
    parser.add_argument("--cores", type=count, metavar="N", help="CPUs to use (default: all)")


def json(parser: ArgumentParser) -> None:
    """Add that a program reads the answer."""
    parser.add_argument("--json", action="store_true", help="on standard output, for programs")


def configfile(parser: ArgumentParser) -> None:
    """Add the files that change config.yaml."""
    parser.add_argument(
        "--configfile",
        nargs="+",
        type=path,
        default=[],
        metavar="FILE",
        help="what changes config.yaml, as for snakemake",
    )


def config(parser: ArgumentParser) -> None:
    """Add single values that change config.yaml."""
    parser.add_argument(
        "--config", "-C", nargs="+", default=[], metavar="KEY=VALUE", help="single values of it, as for snakemake"
    )


def path(text: str) -> str:
    """Return a path as it is given; an empty one is a variable of the shell that was not set."""
    if not text:
        raise ArgumentTypeError("it is empty")
    return text


def count(text: str) -> int:
    """Return a whole number from 1 up."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a whole number from 1 up")
    return int(text)
