import pandas as pd

from genreflow.cli import main


def test_what_spoke_for_the_answer_is_told_written_and_drawn(little, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = ["explain", str(little / "model"), str(little / "music/low-00.flac"), "--cores", "1"]
    assert main(options) == 0
    out, err = capsys.readouterr()
    assert "low-00.flac: low with a probability of" in out and "Evidence for low" in out
    assert err.splitlines()[-1] == "Explained low: low-00-explained.png, low-00-explained.csv."
    effects = pd.read_csv("low-00-explained.csv")
    assert effects["slice"].nunique() == 6 and (effects["of"] == "low").all()
    assert (tmp_path / "low-00-explained.png").read_bytes().startswith(b"\x89PNG")


def test_files_can_be_named(little, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    options = ["explain", str(little / "model"), str(little / "music/low-00.flac"), "--of", "high"]
    assert main([*options, "--png", "a.png", "--csv", "b.csv", "--bands", "2"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"a.png", "b.csv"}


def test_mistakes_are_told_in_a_sentence(little, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = str(little / "music/low-00.flac")
    assert main(["explain", str(little / "model"), file, "--of", "lower"]) == 2
    assert "Did you mean 'low'?" in capsys.readouterr().err
    assert main(["explain", str(little / "model"), file, "--bands", "0"]) == 2
    assert "argument --bands: '0' is not a whole number from 1 up" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
