"""librosa, whose compiled functions jobs that run at the same time can share.

numba keeps the compiled variants of a function in numbered files. Two processes that compile at the same time may
choose one number; later ones then load the code of another variant, and compute nonsense or crash (numba 0.68). Here
each file has a name of its own, in a folder of genreflow's own, because others may hold mixed files already.

Import librosa from here, inside the functions that need it: it takes about a second.
"""

import os
import uuid

from platformdirs import user_cache_path

_FOLDER = "NUMBA_CACHE_DIR"  # read when numba is imported
os.environ.setdefault(_FOLDER, str(user_cache_path("genreflow", appauthor=False) / "numba"))

from numba.core.caching import IndexDataCacheFile  # noqa: E402 (reads the variable)


def _unique_name(file: IndexDataCacheFile, number: int) -> str:
    """Return a name for the file of a compiled variant that no other process chooses."""
    return file._data_name_pattern.format(number=number).removesuffix(".nbc") + f".{uuid.uuid4().hex}.nbc"


IndexDataCacheFile._data_name = _unique_name  # type: ignore[method-assign]

import librosa  # noqa: E402 (compiles with it)

__all__ = ["librosa"]
