"""What is said of a file's bytes is kept; what is said of a moment is not."""

import os

import pyarrow as pa
import pytest

from genreflow.datasets import file_facts, scan
from genreflow.datasets.catalog import MISSING, check_lasting
from genreflow.datasets.layouts.folders import Folders
from genreflow.errors import Problems


def table(*reasons):
    return pa.table({"reason": list(reasons), "message": [f"Because of {reason}." for reason in reasons]})


def track(name, sha256="ab" * 32):
    return {"path": name, "sha256": sha256}


@pytest.mark.parametrize("reason", ["Q_CHANGED", "Q_GONE", "Q_PERMISSION", "Q_UNREADABLE"])
def test_a_verdict_on_this_moment_ends_the_job(reason):
    with pytest.raises(Problems, match="Run the same command again") as error:
        check_lasting([track(b"a.wav"), track(b"b\x1b.wav")], table("", reason))
    assert f"b\\x1b.wav: Because of {reason}." in str(error.value)
    assert "a.wav: " not in str(error.value).replace("b\\x1b.wav", "")


def test_a_verdict_on_bytes_is_kept():
    check_lasting([track(b"a.wav"), track(b"b.wav")], table("Q_NOT_AUDIO", "W_EXTENSION"))


def test_so_is_one_on_a_file_that_was_out_of_reach_for_the_catalog_too():
    check_lasting([track(b"a.wav", MISSING), track(b"b.wav", f"{MISSING}-12ab")], table("Q_GONE", "Q_UNREADABLE"))


def test_what_could_not_be_read_for_the_catalog_is_read_again_though_nothing_of_it_has_changed(tmp_path, monkeypatch):
    for name in "ab":
        path = tmp_path / f"music/{name}/x.wav"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"music")
    settings = Folders(layout="folders", path=str(tmp_path / "music"))

    def cataloged():
        return scan.refresh(settings, tmp_path / "catalog.parquet", raw=tmp_path)["sha256"].to_pylist()

    with monkeypatch.context() as patch:
        patch.setattr(file_facts, "file_sha256", lambda _: (_ for _ in ()).throw(OSError(5, os.strerror(5))))
        unread, _ = cataloged()
    read, _ = cataloged()
    assert unread.startswith(MISSING) and len(read) == 64
    monkeypatch.setattr(file_facts, "file_sha256", None)  # would fail
    assert cataloged() == [read, read]
