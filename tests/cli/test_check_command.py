"""`genreflow check` looks and tells; it writes nothing."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from genreflow.cli import main

CONFIG = "studies: [mine.yaml]\ndatasets:\n  mine: {layout: folders, path: music}\n"
STUDY = (
    "dataset: mine\nfolds: {count: 2}\nmodels: {psytrance_cnn: {}}\nexperiments: {a: {vary: {dropout: [0.2, 0.5]}}}\n"
)


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in range(6):
        path = tmp_path / "music" / "ab"[number % 2] / f"{number}.flac"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.1 * np.random.default_rng(number).normal(size=(30 * 8_000)), 8_000)
    (tmp_path / "music" / "a" / "cover.jpg").write_bytes(b"\xff\xd8\xff")
    (tmp_path / "my.yaml").write_text(CONFIG)
    (tmp_path / "mine.yaml").write_text(STUDY)
    return tmp_path


def tree(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_a_sound_setup_is_estimated(work, capsys):
    before = tree(work)
    assert main(["check", "--configfile", "my.yaml"]) == 0
    message, closing = capsys.readouterr()
    assert closing == "A run can begin. Next: genreflow run --configfile my.yaml\n"
    assert "dataset mine: 6 tracks, about 3.0 min of audio, 1 other files skipped" in message
    assert "a 3, b 3" in message and "0 of 6 files looked at (all decoded) will be refused." in message
    assert "study mine on mine: 2 settings under 1 protocol: 5 runs, up to 180 slices" in message
    assert "disk: about 0.2 GB" in message
    assert tree(work) == before


def test_bad_files_of_a_folder_are_named(work, capsys):
    (work / "music" / "b" / "page.mp3").write_text("<html>")
    (work / "music" / "b" / "nothing.wav").write_bytes(b"")
    assert main(["check", "music"]) == 2
    message = capsys.readouterr().out
    assert "2 of 8 files looked at (6 of them decoded) will be refused:" in message
    assert "b/page.mp3  Q_NOT_AUDIO" in message and "b/nothing.wav  Q_EMPTY" in message


def test_a_manifest_is_checked_as_well_and_for_programs(work, capsys):
    Path("list.csv").write_text(
        "path,label\n" + "".join(f"music/{'ab'[n % 2]}/{n}.flac,{'xy'[n % 2]}\n" for n in range(6))
    )
    assert main(["check", "list.csv", "--json"]) == 0
    message = json.loads(capsys.readouterr().out)
    assert (message["tracks"], message["classes"], message["refused"]) == (6, {"x": 3, "y": 3}, [])
    assert message["hours"] == pytest.approx(6 * 30 / 3600)


def test_all_that_is_wrong_is_told_at_once(work, capsys):
    Path("mine.yaml").write_text("dataset: mine\nfolds: {count: 1}\nmodells: {}\n")
    Path("my.yaml").write_text(CONFIG + "limits: {shard_sise: 3}\n")
    assert main(["check", "--configfile", "my.yaml"]) == 2
    message = capsys.readouterr().err
    for expected in ("count: stratified folds are two or more", "Did you mean 'models'?", "Did you mean 'shard_size'?"):
        assert expected in message


def test_a_key_that_is_given_twice(work, capsys):
    Path("my.yaml").write_text(CONFIG + "datasets: {}\n")
    assert main(["check", "--configfile", "my.yaml"]) == 2
    assert "the key 'datasets' is given twice" in capsys.readouterr().err


def test_settings_say_how_many_files_may_be_refused(work, capsys):
    for number in range(3):
        (work / "music" / "b" / f"page-{number}.mp3").write_text("<html>")
    assert main(["check", "--configfile", "my.yaml"]) == 4
    assert "More files will be refused than the limits allow" in capsys.readouterr().err
    Path("my.yaml").write_text(CONFIG + "limits: {max_quarantine: 0.5, max_class_loss: 0.5}\n")
    assert main(["check", "--configfile", "my.yaml"]) == 0


def test_a_disk_that_is_too_small_is_a_matter_of_the_machine(work, capsys, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 10**6))
    assert main(["check", "--configfile", "my.yaml"]) == 5
    out, err = capsys.readouterr()
    assert "TOO SMALL" in out and "Make room" in err
