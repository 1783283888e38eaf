"""Shipped datasets and studies stay out of the way of a user's own."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from genreflow.cli import main
from genreflow.config.layers import load_config
from genreflow.errors import UserError
from genreflow.plan.make import validate_config

HOME = Path(__file__).parents[2]
STUDY = "dataset: {}\nfolds: {{count: 2}}\nmodels: {{psytrance_cnn: {{}}}}\n"


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for label in ("goa", "dark"):
        for number in range(4):
            path = tmp_path / "music" / label / f"{number}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, np.full(100, 0.1 * number), 8000)
    return tmp_path


def plan_of(text, *, entries=(), **studies):
    Path("my.yaml").write_text(text)
    for name, dataset in studies.items():
        Path(f"{name}.yaml").write_text(STUDY.format(dataset))
    return validate_config(load_config(HOME, ["my.yaml"], entries), home=HOME, look=True)[0]


def problems(*given, **studies):
    with pytest.raises(UserError) as caught:
        plan_of(*given, **studies)
    return str(caught.value)


def test_a_dataset_with_a_layout_takes_nothing_from_a_shipped_one_of_its_name(work):
    plan = plan_of("studies: [own.yaml]\ndatasets: {gtzan: {layout: folders, path: music}}\n", own="gtzan")
    assert plan.settings.datasets["gtzan"].model_dump(exclude_unset=True) == {"layout": "folders", "path": "music"}


def test_nor_where_the_layout_is_the_same(work):
    assert load_config(HOME)["datasets"]["gtzan"]["known_bad"] == "keep"
    Path("my.yaml").write_text("datasets: {gtzan: {layout: gtzan, path: here}}\n")
    assert load_config(HOME, ["my.yaml"])["datasets"]["gtzan"] == {"layout": "gtzan", "path": "here"}


def test_without_a_layout_it_changes_the_shipped_one(work):
    Path("my.yaml").write_text("datasets: {gtzan: {path: here}}\n")
    config = load_config(HOME, ["my.yaml"])
    assert config["datasets"]["gtzan"] == {"layout": "gtzan", "path": "here", "known_bad": "keep"}
    assert config["datasets"]["demo"] == load_config(HOME)["datasets"]["demo"]


def test_the_command_line_goes_before_files_and_replaces_in_the_same_way(work):
    Path("my.yaml").write_text("datasets: {gtzan: {layout: folders, path: here}}\nlimits: {max_runs: 5}\n")
    entries = ["datasets={gtzan: {layout: manifest, path: list.csv}}", "limits={device: cpu}"]
    config = load_config(HOME, ["my.yaml"], entries)
    assert config["datasets"]["gtzan"] == {"layout": "manifest", "path": "list.csv"}
    assert config["limits"]["max_runs"] == 5 and config["limits"]["device"] == "cpu"
    assert config["limits"]["shard_size"] == load_config(HOME)["limits"]["shard_size"]


def test_problems_name_the_file_that_has_the_key(work):
    message = problems("studies: [own.yaml]\ndatasets: {gtzan: {layout: folders, pth: music}}\n", own="gtzan")
    assert message.startswith("my.yaml:") and "datasets.gtzan.path: this key is missing" in message
    assert "known_bad" not in message and "config.yaml" not in message


def test_a_study_of_a_shipped_name_is_the_user_s_alone(work):
    plan = plan_of("studies: [genre_mood.yaml]\ndatasets: {m: {layout: folders, path: music}}\n", genre_mood="m")
    study = plan.studies["genre_mood"].settings
    assert list(study.models) == ["psytrance_cnn"] and study.published is None and study.title == ""


@pytest.mark.parametrize("second", ["b/one.yaml", "a/../b/one.yaml", "a/one.yaml"])
def test_two_studies_of_one_name_are_refused_with_both_paths(work, second):
    for folder in ("a", "b"):
        Path(folder).mkdir()
        Path(folder, "one.yaml").write_text(STUDY.format("m"))
    message = problems(f"studies: [a/one.yaml, {second}]\ndatasets: {{m: {{layout: folders, path: music}}}}\n")
    assert "a/one.yaml" in message and second in message and "results/one" in message


def test_a_study_file_and_a_shipped_study_of_one_name_are_refused(work):
    message = problems("studies: [demo, demo.yaml]\ndatasets: {m: {layout: folders, path: music}}\n", demo="m")
    assert str(HOME / "studies/demo.yaml") in message and "both have the name 'demo'" in message


def test_studies_forgotten_beside_datasets_are_asked_for(work, capsys):
    Path("my.yaml").write_text("datasets: {my_music: {layout: folders, path: music}}\n")
    assert main(["check", "--configfile", "my.yaml"]) == 2
    message = capsys.readouterr().err
    assert "my.yaml" in message and "studies: this key is missing" in message
    assert "`studies: [my_study.yaml]`" in message and "dataset: my_music" in message


@pytest.mark.parametrize("text", ["datasets: {demo: {tracks_per_class: 28}}\n", "limits: {device: cpu}\n"])
def test_the_shipped_study_runs_where_its_own_dataset_or_none_is_changed(work, text):
    assert list(plan_of(text).studies) == ["demo"]


def test_studies_may_be_named_on_the_command_line(work):
    plan = plan_of("datasets: {m: {layout: folders, path: music}}\n", entries=["studies=[own.yaml]"], own="m")
    assert list(plan.studies) == ["own"]


def test_the_name_of_a_file_beside_needs_its_ending(work):
    message = problems("studies: [own]\ndatasets: {m: {layout: folders, path: music}}\n", own="m")
    assert "Is own.yaml meant?" in message
