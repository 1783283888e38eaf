"""Processes that compile librosa's functions at the same time do not mix up each other's code."""

import os
import subprocess
import sys

from numba.core.caching import IndexDataCacheFile

from genreflow.features import compiled


def cache_of(folder):
    return IndexDataCacheFile(str(folder), "function-1.py311", source_stamp=1)


def test_two_that_save_at_once_keep_their_own_code(tmp_path, monkeypatch):
    """Both read the index before either writes it; numba would give both the file number 1."""
    first, second = cache_of(tmp_path), cache_of(tmp_path)
    monkeypatch.setattr(second, "_load_index", dict)
    first.save("float64", "code of float64")
    second.save("float32", "code of float32")
    reader = cache_of(tmp_path)
    assert reader.load("float32") == "code of float32"
    assert reader.load("float64") in (None, "code of float64")  # None: it is compiled again


def test_what_is_saved_is_found_again(tmp_path):
    cache_of(tmp_path).save("float64", "code")
    assert cache_of(tmp_path).load("float64") == "code"


def test_the_folder_is_our_own_unless_one_is_given():
    program = "import os, genreflow.features.compiled; print(os.environ['NUMBA_CACHE_DIR'])"
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}

    def folder(**given):
        run = subprocess.run(
            [sys.executable, "-c", program], env=environment | given, capture_output=True, text=True, check=True
        )
        return run.stdout.strip()

    assert folder(XDG_CACHE_HOME="/home/x").endswith("/genreflow/numba")
    assert folder(NUMBA_CACHE_DIR="/elsewhere") == "/elsewhere"


def test_librosa_is_imported_through_it_alone(pytestconfig):
    package = pytestconfig.rootpath / "genreflow"
    direct = [
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if any(line.strip().startswith(("import librosa", "from librosa")) for line in path.read_text().splitlines())
    ]
    assert sorted(direct) == ["embeddings/onnx_model.py", "features/compiled.py"]
    assert compiled.librosa.__name__ == "librosa"
