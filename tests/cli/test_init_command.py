"""`genreflow init` looks at a folder and writes a project that a run takes as it is."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from genreflow.cli import init, main
from genreflow.cli.init import MUSIC_FOLDER
from genreflow.config.load import parse
from genreflow.plan.check import Outlook


def write_music(folder, classes=("goa", "dark"), tracks=4, album="", seconds=4, rate=8_000):
    for label in classes:
        for number in range(tracks):
            path = folder / label / album / f"{number}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, np.random.default_rng([number, len(label)]).normal(0, 0.1, seconds * rate), rate)


@pytest.fixture
def here(tmp_path, monkeypatch):
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def undecoded(monkeypatch):
    """No file is decoded: all are good."""
    monkeypatch.setattr(init, "check", lambda *_, **__: Outlook([], [], 0.0, 1))


def settings():
    return yaml.safe_load(Path("genreflow.yaml").read_text())


def test_a_project_of_class_folders(here, capsys):
    write_music(here / MUSIC_FOLDER)
    assert main(["init"]) == 0  # standard input is no terminal, so nothing is asked
    printed = capsys.readouterr()
    assert "music: layout folders, 8 tracks in 2 classes: dark 4, goa 4." in printed.err
    assert "Model: svm, support vector machines on descriptors of 1 segment of 3 s." in printed.out
    assert "genreflow weights get musicnn, then genreflow init --force." in printed.out
    assert printed.err.splitlines()[-1] == "A run can begin. Next: genreflow run"
    assert settings()["datasets"] == {"music": {"layout": "folders", "path": "music"}}
    assert list(settings()["studies"]) == ["genres"] and list(settings()["studies"]["genres"]["models"]) == ["svm"]
    assert parse(Path("genreflow.yaml").read_text()).error("genreflow.yaml") is None
    assert sorted(path.name for path in here.iterdir()) == ["genreflow.yaml", "music"]
    assert main(["check"]) == 0 and main(["status"]) == 0


def test_a_project_that_is_there_is_kept(here, capsys):
    write_music(here / MUSIC_FOLDER)
    Path("genreflow.yaml").write_text("studies: [mine.yaml]\n")
    assert main(["init"]) == 2
    assert "genreflow.yaml is there already. --force replaces it." in capsys.readouterr().err
    assert settings() == {"studies": ["mine.yaml"]}


def test_music_elsewhere_a_project_elsewhere_and_what_no_fold_can_use(here, tmp_path, capsys):
    music = tmp_path / "much music"
    write_music(music, album="only album")
    write_music(music, classes=["lone"], tracks=1)
    assert main(["init", str(music), "--project", "of/mine", "--study", "mine", "--network"]) == 0
    printed = capsys.readouterr()
    assert printed.err.splitlines()[-1].endswith("Next: cd of/mine && genreflow run")
    for sentence in ("Left out: lone, it has a single track.", "Albums are ignored", "Also psytrance_cnn"):
        assert sentence in printed.out
    values = yaml.safe_load(Path("of/mine/genreflow.yaml").read_text())
    dataset, study = values["datasets"]["music"], values["studies"]["mine"]
    assert dataset == {"layout": "folders", "path": str(music), "labels": {"drop": ["lone"]}}
    assert study["folds"]["group"] is False and list(study["models"]) == ["svm", "psytrance_cnn"]


def test_a_manifest_of_tags(here, undecoded):
    write_music(here / "songs")
    rows = [f"{path},{'calm; slow' if n % 2 else 'calm; loud'}" for n, path in enumerate(sorted(Path().rglob("*.wav")))]
    Path("list.csv").write_text("\n".join(["path,tags", *rows]) + "\n")
    assert main(["init", "list.csv", "--yes"]) == 0
    assert settings()["datasets"]["music"] == {"layout": "manifest", "path": "list.csv", "multilabel": True}
    assert list(settings()["studies"]["tags"]["models"]) == ["probe"]


def test_clips_of_two_seconds(here, capsys):
    write_music(here / MUSIC_FOLDER, seconds=2)
    assert main(["init"]) == 0
    assert "2 segments of 1 s" in capsys.readouterr().out  # that is all that fits
    segments = settings()["studies"]["genres"]["inputs"]["descriptors"]["segments"]
    assert (segments["seconds"], segments["count"]) == (1.0, 2)


@pytest.mark.parametrize(("rate", "expected"), [(8_000, 22_050), (44_100, 44_100)])
def test_the_spectrograms_of_a_network_end_where_the_music_does(here, rate, expected):
    write_music(here / MUSIC_FOLDER, rate=rate)
    assert main(["init", "--network"]) == 0
    front_end = settings()["studies"]["genres"]["inputs"]["slices"].get("front_end", {})
    assert front_end.get("sample_rate", 44_100) == expected


class Terminal(io.StringIO):
    def isatty(self):
        return True


def answering(monkeypatch, *answers):
    monkeypatch.setattr(sys, "stdin", Terminal("".join(f"{answer}\n" for answer in answers)))
    monkeypatch.setattr(sys, "stderr", screen := Terminal())
    return screen


def test_questions_on_a_terminal(here, monkeypatch, undecoded):
    write_music(here / "songs")
    screen = answering(monkeypatch, "songs", "", "y", "")
    assert main(["init"]) == 0
    asked = screen.getvalue()
    assert "Folder of the music, with a folder for each class [music]: " in asked
    assert "Train a network as well? [y/N] " in asked and "Write genreflow.yaml? [Y/n] " in asked
    assert settings()["datasets"]["music"]["path"] == "songs"
    assert list(settings()["studies"]["genres"]["models"]) == ["svm", "psytrance_cnn"]


@pytest.mark.parametrize("answers", [["", "n"], [""]], ids=["no", "end of input"])
def test_who_says_no_gets_no_file(here, monkeypatch, undecoded, answers):
    write_music(here / MUSIC_FOLDER)
    screen = answering(monkeypatch, *answers)
    assert main(["init"]) == 2
    assert "Nothing was written." in screen.getvalue()
    assert not Path("genreflow.yaml").exists()


def test_yes_asks_nothing_on_a_terminal(here, monkeypatch):
    screen = answering(monkeypatch)
    assert main(["init", "--yes"]) == 2
    assert f"There is no folder {MUSIC_FOLDER} in" in screen.getvalue()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("nothing", "nothing does not exist."),
        ("goa", "goa' holds no tracks in class folders."),
        (".", "would hold the project, and its results would be taken for music."),
        ("music --study my/study", "--study my/study: names are letters"),
        ("music --study music", "--study music: the dataset has this name."),
        ("one", "there is only one class, 'goa' (3 tracks)."),
        ("lone", "fewer than two classes of two tracks or more (dark 1, goa 1)"),
    ],
)
def test_what_no_project_can_be_made_of(here, capsys, undecoded, arguments, message):
    write_music(here / MUSIC_FOLDER)
    write_music(here / "one", classes=["goa"], tracks=3)
    write_music(here / "lone", tracks=1)
    (here / "goa").mkdir()
    assert main(["init", *arguments.split()]) == 2
    assert message in capsys.readouterr().err
    assert not Path("genreflow.yaml").exists()
