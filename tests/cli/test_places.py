"""A project is a folder: every command finds it from below, and none makes up what to work on."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from genreflow.cli import main
from genreflow.cli.places import NoProject, find_place
from genreflow.cli.run import in_project

HOME = Path(__file__).parents[2]
PROJECT = """\
datasets:
  music: {layout: folders, path: music}
studies:
  mine:
    dataset: music
    inputs:
      numbers:
        front_end: {kind: descriptors, set: means36}
        segments: {kind: split, seconds: 1.0, count: 2}
        standardize: element
    folds: {count: 2}
    models: {svm: {}}
"""


@pytest.fixture(scope="module")
def music(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    for label in ("goa", "dark"):
        for number in range(4):
            path = folder / "music" / label / f"{number}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, np.random.default_rng([number, len(label)]).normal(0, 0.1, 24_000), 8_000)
    return folder / "music"


@pytest.fixture
def project(music, tmp_path, monkeypatch):
    folder = tmp_path / "project"
    (folder / "notes/old").mkdir(parents=True)
    (folder / "music").symlink_to(music)
    (folder / "genreflow.yaml").write_text(PROJECT)
    monkeypatch.chdir(folder)
    return folder


def test_a_study_in_the_file_of_the_project_is_checked_like_one_of_its_own(project, capsys):
    assert main(["check", "--json"]) == 0
    inline = json.loads(capsys.readouterr().out)["studies"]
    text = PROJECT.split("  mine:\n")[1].replace("\n    ", "\n").removeprefix("    ")
    Path("mine.yaml").write_text(text)
    Path("genreflow.yaml").write_text(PROJECT.split("studies:")[0] + "studies: [mine.yaml]\n")
    assert main(["check", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["studies"] == inline


def test_faults_of_studies_in_the_file_are_named_by_file_and_key(project, capsys):
    (project / "genreflow.yaml").write_text(
        PROJECT.replace("svm", "smv").replace("{count: 2}\n", "{count: two}\n")
        + "  other: {datset: music}\n  none: 3\n"
    )
    assert main(["check"]) == 2
    lines = capsys.readouterr().err
    for line in (
        "genreflow.yaml:",
        "  - studies.mine.models.smv: there is no model 'smv'. Did you mean 'svm'?",
        "  - studies.mine.folds.count: ",
        "  - studies.other.dataset: this key is missing.",
        "  - studies.other.datset: this key is not known. Did you mean 'dataset'?",
        "  - studies.none: this must be `key: value` pairs; found 3.",
    ):
        assert line in lines


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "genreflow.yaml is empty. `genreflow init` writes the settings of a project."),
        ("# nothing yet\n", "genreflow.yaml is empty."),
        ("datasets:\n  music: {layout: folders, path: music}\n", "studies: this key is missing."),
    ],
)
@pytest.mark.parametrize("command", [["check"], ["run", "-n"], ["status"]])
def test_a_project_that_names_no_study_does_not_plan_the_demo(project, capsys, text, message, command):
    (project / "genreflow.yaml").write_text(text)
    assert main(command) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_a_name_that_no_folder_can_have_is_refused(project, capsys):
    (project / "genreflow.yaml").write_text(PROJECT.replace("mine:", "my study:"))
    assert main(["check"]) == 2
    assert "genreflow.yaml:\n  - studies.my study: names are letters" in capsys.readouterr().err


def test_neither_a_list_nor_a_mapping_of_studies(project, capsys):
    (project / "genreflow.yaml").write_text("studies: mine\n")
    assert main(["check"]) == 2
    assert "studies: this must be a list, as in [a, b]; found 'mine'." in capsys.readouterr().err


def test_the_small_size_of_a_study_in_the_file(project, capsys):
    assert main(["check", "--config", "size=small"]) == 2
    assert "genreflow.yaml, size small: studies.mine: it has no small size." in capsys.readouterr().err
    (project / "genreflow.yaml").write_text(PROJECT + "    small: {folds: {count: 3}}\n")
    assert main(["check", "--json", "--config", "size=small"]) == 0
    (study,) = json.loads(capsys.readouterr().out)["studies"]
    assert (study["name"], study["runs"]) == ("mine-small", 4)


def test_a_command_finds_the_project_from_below(project, monkeypatch, capsys):
    assert main(["status", "--json"]) == 0
    expected = capsys.readouterr()
    monkeypatch.chdir(project / "notes/old")
    assert main(["status", "--json"]) == 0
    printed = capsys.readouterr()
    assert printed.out == expected.out and "mine" in printed.out
    assert f"genreflow: working in {project}." in printed.err and "working in" not in expected.err
    assert Path.cwd() == project / "notes/old"
    assert not list((project / "notes/old").iterdir())


def test_snakemake_gets_folder_and_file_of_the_project_and_the_users_files_after_it(project, monkeypatch):
    (project / "notes/gpu.yaml").write_text("limits: {device: cuda}\n")
    monkeypatch.chdir(project / "notes")
    own, gpu = str(project / "genreflow.yaml"), str(project / "notes/gpu.yaml")
    assert in_project(["report", "-n"]) == ["--configfile", own, "--directory", str(project), "report", "-n"]
    assert in_project(["-n", "--configfile", "gpu.yaml", "--", "report"]) == [
        "--configfile", own, gpu, "--directory", str(project), "-n", "--", "report"
    ]  # fmt: skip
    assert in_project(["--configfile", "../genreflow.yaml"])[:2] == ["--configfile", own]
    assert in_project(["--help"]) == ["--help"]
    place = find_place(["gpu.yaml"], ["size=small"])
    assert place.config()["limits"]["device"] == "cuda" and list(place.config()["studies"]) == ["mine"]


def test_an_explicit_folder_goes_before_the_project(project, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(NoProject):
        find_place(directory=str(tmp_path / "elsewhere"))
    assert find_place(directory=str(project / "notes"), entries=["studies=[demo]"]).folder == project / "notes"
    assert find_place(directory="../project").is_project


@pytest.mark.parametrize(
    "arguments",
    ["check", "status", "tidy", "run -n", "run --cores 1", "verify", "verify --repair", "status --config size=small"],
)
def test_without_a_project_a_command_says_so_and_what_to_do(tmp_path, monkeypatch, capsys, arguments):
    monkeypatch.chdir(tmp_path)
    assert main(arguments.split()) == 2
    message = capsys.readouterr().err
    assert f"There is no genreflow.yaml in {tmp_path} or above" in message
    assert "`genreflow init`" in message and "`genreflow demo`" in message
    assert list(tmp_path.iterdir()) == []


def test_explicit_settings_need_no_project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("my.yaml").write_text("studies: [demo]\n")
    for words in (["--configfile", "my.yaml"], ["--config", "studies=[demo]"]):
        assert main(["status", *words]) == 0
        assert in_project(words) == words


def test_in_the_code_itself_the_shipped_settings_hold(monkeypatch):
    monkeypatch.chdir(HOME)
    assert find_place().configfiles == []
    assert in_project(["--cores", "8"]) == ["--cores", "8"]


@pytest.mark.parametrize(
    "command", ["check", "status", "verify", "verify --repair", "verify --deep", "tidy", "tidy --delete", "run -n"]
)
def test_a_file_of_settings_that_is_not_there_is_an_error(project, capsys, command):
    results = project / "results"
    results.mkdir()
    (results / "quarantine.csv").write_text("")
    assert main([*command.split(), "--configfile", "nofile"]) == 2
    message = capsys.readouterr().err
    assert "nofile does not exist." in message and "sound" not in message


def test_results_without_a_product_are_not_sound(project, capsys):
    assert main(["verify"]) == 2
    assert "results does not exist: nothing has run there yet." in capsys.readouterr().err
    (project / "results").mkdir()
    assert main(["verify"]) == 2
    assert "results holds no products" in capsys.readouterr().err


@pytest.mark.end_to_end
def test_plain_snakemake_takes_the_project_in_its_folder(project):
    done = subprocess.run(
        [HOME / ".venv/bin/snakemake", "--snakefile", HOME / "Snakefile", "-n", "folds"],
        cwd=project, env={**os.environ, "PYTHONPATH": str(HOME)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "results/mine/protocols" in done.stdout + done.stderr or "assign_folds" in done.stdout + done.stderr
