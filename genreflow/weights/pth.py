"""Reading of PyTorch's own files in a process of its own: they are pickles, and a pickle can hold code.

``python -m genreflow.weights.pth FILE OUT`` reads tensors alone (``weights_only``), and writes them as safetensors.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import safetensors.torch
import torch

from genreflow.errors import UserError
from genreflow.store.memory import limit_memory
from genreflow.store.regular import read_regular
from genreflow.store.writable import temporary_folder

_MOST = 4 * 2**30  # bytes of a file
_MEMORY = 16 * 2**30  # bytes of address space
_TIMEOUT = 300  # s


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a ``.pth`` file by name, in the order in which they were stored.

    Raises
    ------
    UserError
        When the file is missing, or holds anything but tensors with names.
    """
    try:
        content = read_regular(path, most=_MOST, expected="weights that PyTorch has saved")
    except FileNotFoundError:
        raise UserError(f"{path} does not exist.") from None
    with tempfile.TemporaryDirectory(prefix="genreflow-", dir=temporary_folder()) as folder:
        copy, out = Path(folder, "weights.pth"), Path(folder, "weights.safetensors")
        copy.write_bytes(content)
        command = [sys.executable, "-m", __name__, str(copy), str(out)]
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_TIMEOUT)
        except subprocess.TimeoutExpired:
            raise UserError(f"{path} could not be read within {_TIMEOUT} s.") from None
        if done.returncode:
            reason = (done.stdout.strip() or done.stderr.strip() or "it ended without a reason").splitlines()[-1]
            raise UserError(f"{path} holds no tensors with names that can be read without running its code ({reason}).")
        tensors = safetensors.torch.load_file(out)
        order = Path(folder, "order").read_text(encoding="utf-8").split("\0")
    return {name: tensors[name] for name in order}


def _convert(path: str, out: str) -> None:
    limit_memory(_MEMORY)
    stored = torch.load(path, map_location="cpu", weights_only=True)
    if isinstance(stored, dict) and isinstance(stored.get("state_dict"), dict):
        stored = stored["state_dict"]
    if not isinstance(stored, dict) or not stored:
        raise ValueError("it is no mapping of names to tensors")
    if wrong := [name for name, value in stored.items() if not (isinstance(name, str) and torch.is_tensor(value))]:
        raise ValueError(f"{wrong[0]!r} is no tensor")
    safetensors.torch.save_file({name: tensor.contiguous().clone() for name, tensor in stored.items()}, out)
    Path(out).with_name("order").write_text("\0".join(stored), encoding="utf-8")


if __name__ == "__main__":
    try:
        _convert(*sys.argv[1:])
    except Exception as error:
        print(f"{type(error).__name__}: {error}".splitlines()[0])
        sys.exit(1)
