import pytest

from genreflow.cli import main


@pytest.mark.end_to_end
def test_a_folder_that_predict_takes(little, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    track = str(little / "music/low-00.flac")
    assert main(["export", str(little / "model"), "away", "--track", track]) == 0
    out, err = capsys.readouterr()
    assert "model.onnx" in out and "README.md has no metrics" in out
    assert err.splitlines()[-1] == "Exported: away. Next: genreflow predict away song.mp3"
    assert main(["predict", "away", track]) == 0
    assert "W_SEEN" in capsys.readouterr().out


def test_what_is_in_the_way_is_told(little, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.txt").write_text("x")
    assert main(["export", str(little / "model"), "."]) == 2
    assert "holds other files" in capsys.readouterr().err
