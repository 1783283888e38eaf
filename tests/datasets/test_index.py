import pandas as pd
import pytest

from genreflow.datasets import index
from genreflow.datasets.duplicates import COLUMNS as PAIR
from genreflow.datasets.duplicates import PAIRS
from genreflow.datasets.layouts.folders import Folders
from genreflow.datasets.scan import refresh
from genreflow.errors import Problems, UserError
from genreflow.store.parquet import Header, write_table

COLUMNS = [
    "source_rate", "lufs", "gain_db", "peak_limited", "ogg", "seconds", "sha256", "container", "codec", "channels",
    "bandwidth_hz",
]  # fmt: skip
FOLDERS = {"a": "goa", "b": "goa", "c": "dark"}
AUDIO = {"a": ("accept", "", ""), "b": ("accept", "W_LONG", "Long."), "c": ("quarantine", "Q_EMPTY", "Empty.")}
CUT = {"a": (0, "quarantine", "Q_TOO_SHORT", "Short."), "b": (2, "accept", "W_FEWER_SLICES", "Few.")}


@pytest.fixture
def files(tmp_path):
    for name, folder in FOLDERS.items():
        (tmp_path / "music" / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / "music" / folder / name).write_text(name)
    settings = Folders(layout="folders", path=str(tmp_path / "music"))
    catalog = refresh(settings, tmp_path / "catalog.parquet", raw=tmp_path).to_pylist()
    return tmp_path, {row["path"].decode().split("/")[1]: row["track_id"] for row in catalog}


def write_shard(folder, ids, names, pairs=()):
    audio = pd.DataFrame(
        [(ids[name], *AUDIO[name]) for name in names], columns=["track_id", "verdict", "reason", "message"]
    )
    write_table(folder / "audio.parquet", audio.assign(**dict.fromkeys(COLUMNS, 1)), Header("audio"))
    fates = [
        {
            "padded_s": 0.02,
            **dict(zip(["track_id", "slices", "verdict", "reason", "message"], (ids[name], *CUT[name]), strict=True)),
        }
        for name in names
        if name in CUT
    ]
    write_table(folder / "slices.parquet", pd.DataFrame({"track_id": []}), Header("slices", facts={"tracks": fates}))
    result = pd.DataFrame([(*sorted(ids[name] for name in pair), "bytes", 1.0, 0.0) for pair in pairs], columns=PAIR)
    write_table(folder / "duplicates.parquet", result, Header(PAIRS))
    return (
        folder / "catalog.parquet", ["s"], [folder / "audio.parquet"], [folder / "slices.parquet"],
        folder / "duplicates.parquet",
    )  # fmt: skip


def build(folder, ids, names, pairs=(), across_classes="quarantine"):
    return index.build(*write_shard(folder, ids, names, pairs), across_classes=across_classes)


def test_both_stages_have_their_say(files):
    folder, ids = files
    message = build(folder, ids, "abc").set_index("title")
    assert message.loc["goa/a", ["verdict", "reason", "message"]].tolist() == ["quarantine", "Q_TOO_SHORT", "Short."]
    assert message.loc["goa/b", ["verdict", "reason", "message"]].tolist() == [
        "accept", "W_LONG W_FEWER_SLICES", "Long. Few.",
    ]  # fmt: skip
    assert message.loc["dark/c", ["verdict", "reason", "message"]].tolist() == ["quarantine", "Q_EMPTY", "Empty."]
    assert message["slices"].to_dict() == {"goa/a": 0, "goa/b": 2, "dark/c": 0}
    assert message["padded_s"].to_dict() == {"goa/a": 0, "goa/b": 0.02, "dark/c": 0}
    assert index.padded(message) == {"tracks": 1, "longest": 0.02}


def test_a_lost_track_is_an_error_not_a_smaller_dataset(files):
    folder, ids = files
    with pytest.raises(UserError, match="1 lost"):
        build(folder, ids, "ab")


def test_copies_are_one_group_and_a_conflict_of_labels_costs_both(files, monkeypatch):
    folder, ids = files
    monkeypatch.setitem(AUDIO, "c", ("accept", "", ""))
    monkeypatch.setitem(CUT, "a", (4, "accept", "", ""))
    monkeypatch.setitem(CUT, "c", (4, "accept", "", ""))
    within = build(folder, ids, "abc", ["ab"]).set_index("title")
    assert within.loc["goa/a", "group"] == within.loc["goa/b", "group"] is not None
    assert within["recording"].notna().to_dict() == {"goa/a": True, "goa/b": True, "dark/c": False}
    assert within["reason"].to_dict() == {
        "goa/a": "W_DUPLICATE", "goa/b": "W_LONG W_DUPLICATE W_FEWER_SLICES", "dark/c": "",
    }  # fmt: skip
    across = build(folder, ids, "abc", ["ac"]).set_index("title")
    assert across["verdict"].to_dict() == {"goa/a": "quarantine", "goa/b": "accept", "dark/c": "quarantine"}
    assert across["slices"].to_dict() == {"goa/a": 0, "goa/b": 2, "dark/c": 0}
    kept = build(folder, ids, "abc", ["ac"], across_classes="keep_first").set_index("title")
    assert kept["verdict"].to_dict() == {"goa/a": "quarantine", "goa/b": "accept", "dark/c": "accept"}


def losses(refused, tracks=100, label="goa"):
    verdicts = ["quarantine"] * refused + ["accept"] * (tracks - refused)
    return pd.DataFrame({"label": label, "verdict": verdicts, "reason": "Q_EMPTY"})


def test_too_many_lost_tracks_stop_and_a_few_do_not():
    index.check_losses(losses(5), most=0.05, most_of_a_class=0.2)
    index.check_losses(losses(2, tracks=4), most=0.05, most_of_a_class=0.2)
    with pytest.raises(Problems, match=r"6 of 100 tracks \(6%\) were quarantined \(Q_EMPTY 6\); limits.max_quar"):
        index.check_losses(losses(6), most=0.05, most_of_a_class=0.2)
    both = pd.concat([losses(0, tracks=200), losses(3, tracks=10, label="dark")], ignore_index=True)
    with pytest.raises(Problems, match="class 'dark': 3 of 10"):
        index.check_losses(both, most=0.05, most_of_a_class=0.2)
