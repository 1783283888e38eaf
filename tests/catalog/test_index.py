import pandas as pd
import pytest

from genreflow.catalog import index
from genreflow.catalog.scan import refresh
from genreflow.config.datasets import Folders
from genreflow.errors import UserError
from genreflow.store.parquet import Header, write_table

COLUMNS = ["source_rate", "lufs", "gain_db", "peak_limited", "ogg", "seconds", "sha256"]
AUDIO = {"a": ("accept", "", ""), "b": ("warn", "W_LONG", "Long."), "c": ("quarantine", "Q_EMPTY", "Empty.")}
CUT = {"a": (0, "quarantine", "Q_TOO_SHORT", "Short."), "b": (2, "warn", "W_FEWER_SLICES", "Few.")}


@pytest.fixture
def files(tmp_path):
    for name in AUDIO:
        (tmp_path / "music" / "goa").mkdir(parents=True, exist_ok=True)
        (tmp_path / "music" / "goa" / name).write_text(name)
    settings = Folders(layout="folders", path=str(tmp_path / "music"))
    catalogue = refresh(settings, tmp_path / "catalog.parquet", raw=tmp_path).to_pylist()
    return tmp_path, {row["path"].decode().split("/")[1]: row["track_id"] for row in catalogue}


def write_shard(folder, ids, names):
    audio = pd.DataFrame(
        [(ids[name], *AUDIO[name]) for name in names], columns=["track_id", "verdict", "reason", "message"]
    )
    write_table(folder / "audio.parquet", audio.assign(**dict.fromkeys(COLUMNS, 1)), Header("audio"))
    fates = [
        dict(zip(["track_id", "slices", "verdict", "reason", "message"], (ids[name], *CUT[name]), strict=True))
        for name in names
        if name in CUT
    ]
    write_table(folder / "slices.parquet", pd.DataFrame({"track_id": []}), Header("slices", facts={"tracks": fates}))
    return folder / "catalog.parquet", ["s"], [folder / "audio.parquet"], [folder / "slices.parquet"]


def test_both_stages_have_their_say(files):
    folder, ids = files
    told = index.build(*write_shard(folder, ids, "abc")).set_index("title")
    assert told.loc["goa/a", ["verdict", "reason", "message"]].tolist() == ["quarantine", "Q_TOO_SHORT", "Short."]
    assert told.loc["goa/b", ["verdict", "reason", "message"]].tolist() == [
        "warn", "W_LONG W_FEWER_SLICES", "Long. Few.",
    ]  # fmt: skip
    assert told.loc["goa/c", ["verdict", "reason", "message"]].tolist() == ["quarantine", "Q_EMPTY", "Empty."]
    assert told["slices"].to_dict() == {"goa/a": 0, "goa/b": 2, "goa/c": 0}


def test_a_lost_track_is_an_error_not_a_smaller_dataset(files):
    folder, ids = files
    with pytest.raises(UserError, match="1 lost"):
        index.build(*write_shard(folder, ids, "ab"))
