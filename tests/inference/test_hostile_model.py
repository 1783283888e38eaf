"""A model of a stranger, whose classes are named to steer a terminal."""

import unicodedata

import pandas as pd
import pytest
from little_model import write_run

from genreflow.cli import main

CLASSES = ("hi\x1b]0;owned\x07gh", "\u202elow\x9b2J")


@pytest.fixture
def folder(music, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "model/fold-final", classes=CLASSES)
    return tmp_path


def is_harmless(text):
    return not any(unicodedata.category(char)[0] == "C" for char in text if char not in "\r\n")


@pytest.mark.parametrize("arguments", [(), ("--histogram", "--tracks-csv", "tracks.csv", "--png", "png"), ("--json",)])
def test_predict_shows_and_writes_escapes(folder, music, capsys, arguments):
    assert main(["predict", "model/fold-final", str(music / "new"), "--device", "cpu", "--cores", "1", *arguments]) == 0
    out, err = capsys.readouterr()
    assert r"hi\x1b]0;owned\x07gh" in out.replace("\\\\", "\\")
    assert is_harmless(out + err)
    for table in folder.glob("*.csv"):
        assert is_harmless(table.read_text(encoding="utf-8")), table
    assert all(is_harmless(str(path)) for path in folder.rglob("*"))
    if not arguments:
        assert r"\u202elow\x9b2J" in pd.read_csv("predictions.csv").columns


def test_explain_shows_and_writes_escapes(folder, music, capsys):
    song = str(next((music / "new").iterdir()))
    assert main(["explain", "model/fold-final", song, "--device", "cpu"]) == 0
    assert main(["explain", "model/fold-final", song, "--of", "\x1b[1mno such class"]) == 2
    out, err = capsys.readouterr()
    assert is_harmless(out + err)
    [table] = folder.glob("*.csv")
    assert is_harmless(table.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_export_shows_and_writes_escapes(folder, capsys):
    assert main(["export", "model/fold-final", "given"]) == 0
    out, err = capsys.readouterr()
    assert is_harmless(out + err + (folder / "given/README.md").read_text(encoding="utf-8"))
