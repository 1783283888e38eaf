"""`genreflow demo` makes a folder of its own, says how long it takes, and runs the shipped study there."""

from pathlib import Path

import pytest

from genreflow.cli import demo, main
from genreflow.cli.places import find_place
from genreflow.plan.make import validate_config

HOME = Path(__file__).parents[2]


@pytest.fixture
def calls(monkeypatch, tmp_path):
    """The arguments that Snakemake would get."""
    monkeypatch.chdir(tmp_path)
    made = []
    monkeypatch.setattr(demo, "run_snakemake", lambda words: made.append(words) or 0)
    return made


def test_a_project_is_made_and_run_and_run_on(calls, tmp_path, capsys):
    for _ in range(2):
        assert main(["demo", "--cores", "2"]) == 0
    folder = tmp_path / "genreflow-demo"
    expected = ["--configfile", str(folder / "genreflow.yaml"), "--directory", str(folder), "--cores", "2"]
    assert calls == [expected, expected]
    message = capsys.readouterr().err
    assert f"about {demo.MINUTES} minutes on two cores" in message
    assert "genreflow-demo/results/demo/report/index.html" in message
    place = find_place(directory=str(folder))
    assert place.is_project and place.config()["studies"] == ["demo"]


def test_a_small_one_is_the_small_size_and_a_project_of_its_own(calls, tmp_path, capsys):
    assert main(["demo", "--small"]) == 0
    assert "about 1 minute on two cores" in capsys.readouterr().err
    config = find_place(directory=str(tmp_path / "genreflow-demo")).config()
    plan, _ = validate_config(config, home=HOME, look=True)
    assert list(plan.studies) == ["demo-small"] and plan.studies["demo-small"].n_runs == 3
    assert main(["demo"]) == 2
    assert "Name a new folder" in capsys.readouterr().err
    assert len(calls) == 1


def test_a_folder_in_use_is_left_alone(calls, capsys):
    for name, content in (("used/notes.txt", ""), ("other/genreflow.yaml", "studies: [mine.yaml]\n")):
        Path(name).parent.mkdir()
        Path(name).write_text(content)
        assert main(["demo", Path(name).parent.name]) == 2
        assert "Name a new folder: genreflow demo FOLDER" in capsys.readouterr().err
        assert [path.name for path in Path(name).parent.iterdir()] == [Path(name).name]
    assert calls == []


def test_the_pages_name_the_same_minutes():
    words = f"about {demo.MINUTES} minutes on"
    assert words in (HOME / "README.md").read_text() and words in (HOME / "Makefile").read_text()
