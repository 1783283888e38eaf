#!/bin/sh
# Install genreflow of this checkout, with the locked packages, into the Python that is there; Dockerfile and genreflow.def
# run it as the image is built. The argument is an index with other builds of PyTorch, such as those for the CPU.
set -eu
cd "$(dirname "$0")/.."
pip="python3 -m pip --disable-pip-version-check --no-cache-dir"
$pip install --require-hashes --no-deps -r envs/requirements.lock
$pip install ${1:+--index-url "$1"} -r envs/torch.lock
$pip install --no-deps --no-build-isolation .
genreflow --version
