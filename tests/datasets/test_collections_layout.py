"""Several datasets as one: each track keeps its class, its group and the name of its dataset."""

import pytest
import yaml

from genreflow.config.datasets import Labels
from genreflow.config.load import read_yaml
from genreflow.datasets.layouts.collections import Collections, with_parts
from genreflow.datasets.layouts.folders import Folders
from genreflow.datasets.layouts.synthetic import Synthetic
from genreflow.datasets.scan import list_dataset
from genreflow.errors import UserError
from genreflow.plan.make import validate_config


def folders(path, **labels):
    return Folders(layout="folders", path=str(path), labels=Labels(**labels))


@pytest.fixture
def music(tmp_path):
    """Two datasets with an album of one name, the second with another name of a class."""
    for name in ("home/rock/live/1.mp3", "home/pop/2.mp3", "away/Rock'n'Roll/live/1.mp3", "away/pop/2.mp3"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    datasets = {
        "home": folders(tmp_path / "home"),
        "away": folders(tmp_path / "away", aliases={"Rock'n'Roll": "rock"}),
        "both": Collections(layout="collections", of=["home", "away"]),
        "made": Synthetic(layout="synthetic", tracks_per_class=2, seconds=8.0),
    }
    return tmp_path, datasets


def test_tracks_keep_class_and_dataset_and_groups_of_two_datasets_are_two(music):
    folder, datasets = music
    resolved, problems = with_parts(datasets, datasets)
    listing = list_dataset(resolved["both"])
    assert problems == {} and listing.root == str(folder.resolve()).encode()
    rows = {(track.path, track.label, track.group, track.split) for track in listing.tracks}
    assert rows == {
        (b"home/rock/live/1.mp3", "rock", "home/rock/live", "home"),
        (b"home/pop/2.mp3", "pop", None, "home"),
        (b"away/Rock'n'Roll/live/1.mp3", "rock", "away/Rock'n'Roll/live", "away"),
        (b"away/pop/2.mp3", "pop", None, "away"),
    }


def test_one_folder_named_twice_is_refused(music):
    _, datasets = music
    again = {**datasets, "again": datasets["home"], "twice": Collections(layout="collections", of=["home", "again"])}
    with pytest.raises(UserError, match="2 files are in two of the datasets home, again"):
        list_dataset(with_parts(again, again)[0]["twice"])


@pytest.mark.parametrize(
    ("of", "fault"),
    [
        (["home", "hme"], "'hme' is not under `datasets`. Did you mean 'home'?"),
        (["home", "made"], "'made' has no files of its own"),
        (["home", "home"], "'home' is named twice"),
        (["home", "test"], "'test' is the name of a part of a split"),
    ],
)
def test_what_cannot_be_joined_is_refused_with_the_key(music, of, fault):
    _, datasets = music
    datasets |= {"both": Collections(layout="collections", of=of), "test": datasets["home"]}
    assert fault in with_parts(datasets, datasets)[1]["both"]


def test_every_problem_of_a_run_is_told_at_once(music, monkeypatch, pytestconfig):
    folder, _ = music
    monkeypatch.chdir(folder)
    study = {"dataset": "both", "models": {"psytrance_cnn": {}}, "folds": {"count": 2}, "training": {"batch": 0}}
    (folder / "mine.yaml").write_text(yaml.safe_dump(study))
    datasets = {"home": {"layout": "folders", "path": "home"}, "both": {"layout": "collections", "of": ["home", "b"]}}
    values = read_yaml(pytestconfig.rootpath / "config.yaml") | {"studies": ["mine.yaml"], "datasets": datasets}
    with pytest.raises(UserError) as error:
        validate_config(values, home=pytestconfig.rootpath, look=True)
    assert "datasets.both.of: 'b' is not under `datasets`" in str(error.value)
    assert "training.batch" in str(error.value)
