"""Proposed projects are settings as they are, and follow the size and the weights on this machine."""

import pytest

from genreflow.config.load import parse, settings_from
from genreflow.config.pipeline import PipelineSettings
from genreflow.config.study import StudySettings
from genreflow.plan import proposal
from genreflow.plan.proposal import Proposal


def study_of(proposed):
    read = parse(proposed.text())
    assert read.error("genreflow.yaml") is None
    values = settings_from(PipelineSettings, read.values, "genreflow.yaml")
    return settings_from(StudySettings, values.studies["mine"], "mine"), values.datasets["music"]


@pytest.mark.parametrize("has_tags", [False, True])
@pytest.mark.parametrize("has_weights", [False, True])
@pytest.mark.parametrize("with_network", [False, True])
def test_every_proposal_is_a_file_of_settings(monkeypatch, has_tags, has_weights, with_network):
    monkeypatch.setattr(proposal, "is_absent", lambda _: not has_weights)
    proposed = Proposal({"layout": "folders", "path": "music"}, "mine", {"goa": 9, "dark": 8}, has_tags, with_network)
    study, _ = study_of(proposed)
    first = "probe" if has_tags or has_weights else "svm"
    assert list(study.models) == [first, "psytrance_cnn"][: 1 + with_network]
    assert study.models[first].input == ("heard+descriptors" if has_weights else "descriptors")
    assert "genreflow weights get" in " ".join(proposed.reasons()) or has_weights
    assert ("models" in study.experiments) == with_network


@pytest.mark.parametrize(
    "name", ["a b", " a", "no", "010", "a: b", "#a", "'a'", "*a", "C:\\music", "Gruß", "-", "~/music", "a,b", "[a", "y"]
)
def test_names_are_kept_as_they_are(name):
    proposed = Proposal(
        {"layout": "folders", "path": name}, "mine", {"a": 3, "b": 3, name: 1}, drop={name: "it has a single track"}
    )
    _, dataset = study_of(proposed)
    assert dataset.path == name and dataset.labels.drop == [name]


def test_albums_that_cannot_be_kept_together():
    proposed = Proposal({"layout": "folders", "path": "music"}, "mine", {"a": 3, "b": 300}, together="nobody")
    study, _ = study_of(proposed)
    assert study.folds.group is False and "Albums are ignored" in " ".join(proposed.reasons())


def test_clips_shorter_than_the_public_network_needs(monkeypatch):
    monkeypatch.setattr(proposal, "is_absent", lambda _: False)
    proposed = Proposal({"layout": "folders", "path": "music"}, "mine", {"a": 3, "b": 3}, seconds=1.0)
    study, _ = study_of(proposed)
    assert list(study.inputs) == ["descriptors"] and study.inputs["descriptors"].segments.seconds == 1.0
    assert "10 segments of 1 s" in " ".join(proposed.reasons())
