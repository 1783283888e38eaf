"""What is proposed to a collection depends on its size, and on the weights on this machine."""

import shlex
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from genreflow.cli import main
from genreflow.config.load import read_yaml
from genreflow.plan import advice as module
from genreflow.plan.advice import advice


@pytest.mark.parametrize("are_absent", [True, False])
def test_small_collections_begin_with_a_small_model(monkeypatch, are_absent):
    monkeypatch.setattr(module, "is_absent", lambda _: are_absent)
    (sentence,) = advice({"goa": 10, "techno": 14})
    assert "some 12 tracks a class" in sentence and "`genreflow init`" in sentence
    assert ("genreflow weights get musicnn" in sentence) == are_absent


def test_large_ones_train_a_network_as_well():
    assert "network" in advice({"goa": 500, "techno": 400})[-1]


def test_classes_of_one_track_are_named():
    assert advice({"goa": 20, "lost": 1, "techno": 20})[-1].endswith("leave out: lost.")


def test_the_network_is_that_of_the_first_look(pytestconfig):
    study = read_yaml(pytestconfig.rootpath / "studies/quick.yaml")
    assert study["inputs"]["heard"]["front_end"]["model"] == module.NETWORK


def test_the_command_that_check_prints_makes_a_project_of_that_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for number in range(6):
        path = tmp_path / "my 'old' music" / "ab"[number % 2] / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, rng.normal(0, 0.1, 4 * 22_050), 22_050)
    assert main(["check", "my 'old' music"]) == 0
    program, *command = shlex.split(capsys.readouterr().err.strip().splitlines()[-1].partition("Next: ")[2])
    assert program == "genreflow" and command == ["init", "my 'old' music"]
    assert main(command) == 0
    assert "study genres on music" in capsys.readouterr().out
    datasets = yaml.safe_load(Path("genreflow.yaml").read_text())["datasets"]
    assert datasets == {"music": {"layout": "folders", "path": "my 'old' music"}}
