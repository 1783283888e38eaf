"""A folder of 60 files in six formats, as people have them: `check` and `init` say what its tags hold."""

from pathlib import Path

import pytest
import yaml
from tagged_files import write_library

from genreflow.cli import main

pytestmark = pytest.mark.end_to_end


@pytest.fixture
def music(tmp_path, monkeypatch):
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    write_library(tmp_path / "music", seconds=4)
    return tmp_path / "music"


def test_check_and_init_report_what_the_tags_say(music, capsys):
    main(["check", str(music)])
    out = capsys.readouterr().out
    for words in (
        "54 tracks", "Drum & Bass 30", "Goa 24", "6 of 60 files without a genre, left out",
        "6 tracks with several values of genre", "count as 'Goa'", "12 artists by the tags; 0 tracks without one",
    ):  # fmt: skip
        assert words in out
    assert main(["init", str(music)]) == 0
    printed = capsys.readouterr()
    assert "layout library, 54 tracks in 2 classes: Drum & Bass 30, Goa 24." in printed.err
    assert "The tracks of an artist are kept together, by the tags of the files." in printed.out
    settings = yaml.safe_load(Path("genreflow.yaml").read_text())
    assert settings["datasets"]["music"] == {"layout": "library", "path": str(music)}
    assert settings["studies"]["genres"]["folds"]["group"] == "auto"
    assert main(["check"]) == 0
