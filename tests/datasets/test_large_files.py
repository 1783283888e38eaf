import os

from genreflow.datasets.file_facts import LARGEST_HASHED
from genreflow.datasets.layouts.folders import Folders
from genreflow.datasets.scan import refresh


def test_a_sparse_file_of_a_terabyte_is_cataloged_at_once(tmp_path):
    for name in ("a/one.wav", "b/two.wav"):
        (tmp_path / "music" / name).parent.mkdir(parents=True)
        (tmp_path / "music" / name).write_bytes(b"x")
    os.truncate(tmp_path / "music/b/two.wav", 10**12)
    settings = Folders(layout="folders", path=str(tmp_path / "music"))
    table = refresh(settings, tmp_path / "catalog.parquet", raw=tmp_path).to_pylist()
    sizes = {row["path"]: (row["bytes"] > LARGEST_HASHED, row["sha256"].startswith("unread-")) for row in table}
    assert sizes == {b"a/one.wav": (False, False), b"b/two.wav": (True, True)}
