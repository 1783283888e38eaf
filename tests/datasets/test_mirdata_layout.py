"""Datasets that mirdata reads: names, versions, labels, splits and checksums, as a made-up mirdata has them."""

import hashlib
import sys
import types

import pytest

from genreflow.datasets.layouts.mirdata import Mirdata
from genreflow.datasets.scan import list_dataset
from genreflow.errors import Problems, UserError


class Track:
    def __init__(self, name, home):
        number = int(name)
        self.audio_path = None if name == "9" else f"{home}/audio/{name}.wav"
        self.genre = [None, "goa", "dub"][number % 3]
        self.tags = ["dark", "slow"][: number % 3]
        self.artist_id = f"artist_{number // 2}"

    @property
    def artist_name(self):
        raise OSError("an annotation that is not there")


class Dataset:
    track_ids = tuple(map(str, range(10)))

    def __init__(self, home):
        self.home = home
        digests = {name: hashlib.md5(name.encode()).hexdigest() for name in self.track_ids}
        self._index = {"tracks": {name: {"audio": [f"audio/{name}.wav", digests[name]]} for name in self.track_ids}}

    def track(self, name):
        return Track(name, self.home)

    def get_track_splits(self):
        return {"train": ["1", "2", "4"], "validation": ["5"], "test": ["7", "8"], "odd": ["3"]}


@pytest.fixture
def mirdata(tmp_path, monkeypatch):
    module = types.ModuleType("mirdata")
    module.__version__ = "1.0.0"
    module.list_datasets = lambda: ["made_up", "empty"]

    def initialize(name, data_home, version):
        if version not in ("default", "2.0"):
            raise ValueError(f"Invalid version {version}.")
        return Dataset(data_home)

    module.initialize = initialize
    monkeypatch.setitem(sys.modules, "mirdata", module)
    (tmp_path / "audio").mkdir()
    for name in Dataset.track_ids:
        (tmp_path / f"audio/{name}.wav").write_text(name)
    return {"layout": "mirdata", "name": "made_up", "path": str(tmp_path)}


def test_labels_artists_and_the_official_split(mirdata):
    found = list_dataset(Mirdata(**mirdata, version="2.0"))
    assert {track.path.decode(): (track.label, track.artist, track.split) for track in found.tracks} == {
        "audio/1.wav": ("goa", "artist_0", "train"), "audio/2.wav": ("dub", "artist_1", "train"),
        "audio/4.wav": ("goa", "artist_2", "train"), "audio/5.wav": ("dub", "artist_2", "valid"),
        "audio/7.wav": ("goa", "artist_3", "test"), "audio/8.wav": ("dub", "artist_4", "test"),
    }  # fmt: skip
    assert "3 tracks without genre left out" in found.notices
    assert "parts of the official split that are left out: odd" in found.notices
    assert all(track.split is None for track in list_dataset(Mirdata(**mirdata, split="none")).tracks)


def test_a_list_is_tags(mirdata):
    found = list_dataset(Mirdata(**mirdata, label="tags"))
    assert {track.tags for track in found.tracks} == {("dark",), ("dark", "slow")}


def test_checksums_name_files_that_differ(mirdata, tmp_path):
    assert "6 files with the checksums of mirdata" in list_dataset(Mirdata(**mirdata, checksums=True)).notices
    (tmp_path / "audio/4.wav").write_text("other")
    notices = list_dataset(Mirdata(**mirdata, checksums=True)).notices
    assert "1 of 6 files are not as mirdata knows them: audio/4.wav" in notices


def test_mistakes_are_sentences(mirdata, tmp_path, monkeypatch):
    for wrong, message in (
        ({"name": "made_upp"}, r"knows no dataset 'made_upp'\. .*made_up"),
        ({"version": "9"}, "cannot read version '9' of made_up: Invalid version 9"),
        ({"label": "mood"}, "have no attribute 'mood', but .*genre"),
    ):
        with pytest.raises(UserError, match=message):
            list_dataset(Mirdata(**mirdata | wrong))
    for path in (tmp_path / "audio").iterdir():
        path.unlink()
    with pytest.raises(Problems, match="6 of 6 files of made_up are not below"):
        list_dataset(Mirdata(**mirdata))
    monkeypatch.setitem(sys.modules, "mirdata", None)
    with pytest.raises(UserError, match="needs the package mirdata, which is not installed: pip install mirdata"):
        list_dataset(Mirdata(**mirdata))
