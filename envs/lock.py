"""Write requirements.lock and site.lock, every package with the hashes of its files; `make lock` runs it.

The packages are those of pyproject.toml with its extras, but for mirdata, mlflow, umap and wandb, which the tests do
without.

Torch stands apart in torch.lock, without hashes: there are builds of it for the CPU and for each version of CUDA, under
one version. For another version of it, change that file and run this.
"""

import re
import sys
from pathlib import Path

from piptools.repositories.pypi import PyPIRepository
from piptools.scripts.compile import cli

HOME = Path(__file__).parent
EXTRAS = ("captum", "dev", "onnx", "search", "slurm", "tags", "tensorboard")
OPTIONS = [
    "--quiet", "--generate-hashes", "--strip-extras", "--allow-unsafe", "--no-header", "--no-annotate",
    "--no-emit-index-url", "--no-emit-find-links", "--no-emit-trusted-host",
]  # fmt: skip
TORCH = re.compile(r"^(torch==[0-9.]+)\S*(?: \\\n    --hash=\S+)*\n", re.MULTILINE)

downloaded = PyPIRepository._get_file_hash


def named_by_the_index(repository, link):
    """Return the hash of a file as the index names it; pip-tools would download the file, for every system there is."""
    return f"sha256:{link.hash}" if link.hash_name == "sha256" else downloaded(repository, link)


def main() -> None:
    """Compile the lists; what is locked stays as it is unless they ask for something else."""
    PyPIRepository._get_file_hash = named_by_the_index
    site = ["--output-file", str(HOME / "site.lock"), str(HOME / "site.in")]
    cli([*OPTIONS, *site, *sys.argv[1:]], standalone_mode=False)
    lock = HOME / "requirements.lock"
    extras = [word for name in EXTRAS for word in ("--extra", name)]
    files = ["--constraint", str(HOME / "torch.lock"), "--output-file", str(lock), str(HOME.parent / "pyproject.toml")]
    cli([*OPTIONS, *extras, *files, *sys.argv[1:]], standalone_mode=False)
    text = re.sub(r"^(#.*)?\n", "", lock.read_text(encoding="utf-8"), flags=re.MULTILINE)
    lock.write_text(TORCH.sub("", text), encoding="utf-8")


if __name__ == "__main__":
    main()
