"""What holds for all layouts: they are found by their modules, and `labels` works alike for each."""

from pathlib import Path

import pytest

from genreflow.config.datasets import Labels, find_layouts
from genreflow.config.pipeline import PipelineSettings
from genreflow.datasets import layouts
from genreflow.datasets.layouts.synthetic import Synthetic
from genreflow.datasets.scan import list_dataset
from genreflow.errors import Problems

MODULES = sorted(path.stem for path in Path(layouts.__file__).parent.glob("*.py") if path.stem != "__init__")


def test_each_module_is_a_layout_of_its_name():
    assert sorted(find_layouts()) == MODULES


@pytest.mark.parametrize("kind", find_layouts().values(), ids=find_layouts())
def test_each_layout_takes_labels(kind):
    assert kind.model_fields["labels"].annotation is Labels and kind.__doc__
    given = {"path": "somewhere", "metadata": "somewhere", "of": ["one", "two"], "name": "ballroom"}
    path = {name: value for name, value in given.items() if name in kind.model_fields}
    layout = kind.__module__.rpartition(".")[2]
    dataset = {"layout": layout, "labels": {"drop": ["noise"]}, **path}
    assert PipelineSettings(datasets={"mine": dataset}).datasets["mine"].labels.drop == ["noise"]


def test_labels_of_a_layout_that_knows_its_classes():
    corpus = {"layout": "synthetic", "corpus": "moods", "tracks_per_class": 2}
    listing = list_dataset(Synthetic(**corpus, labels=Labels(aliases={"Q1": "happy"}, drop=["Q4"])))
    assert {track.label for track in listing.tracks} == {"happy", "Q2", "Q3"}
    assert listing.ignored == {"Q4": 2} and listing.has_classes
    with pytest.raises(Problems, match=r"'Q3' \(2 tracks\) is not in labels.classes"):
        list_dataset(Synthetic(**corpus, labels=Labels(classes=["Q1", "Q2", "Q4"])))


def test_labels_of_tags():
    corpus = {"layout": "synthetic", "corpus": "tags", "tracks_per_class": 2}
    tags = {tag for track in list_dataset(Synthetic(**corpus)).tracks for tag in track.tags}
    dropped = min(tags)
    listing = list_dataset(Synthetic(**corpus, labels=Labels(drop=[dropped])))
    assert {tag for track in listing.tracks for tag in track.tags} == tags - {dropped}
