import json

import pandas as pd
import pytest

from genreflow.cli import main
from genreflow.cli.path_checks import check_model
from genreflow.errors import UserError


def test_a_table_and_two_files(little, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = ["predict", str(little / "model"), str(little / "music/low-00.flac"), "--device", "cpu", "--cores", "1"]
    assert main([*options, "--tracks-csv", "tracks.csv", "--histogram"]) == 0
    out, err = capsys.readouterr()
    assert "low-00.flac" in out and "W_SEEN" in out and "trained on this track" in out and "█" in out
    track = little / "music/low-00.flac"
    assert "1 of 1 files" in err
    assert err.splitlines()[-1] == (
        f"1 of 1 files could be used: predictions.csv, tracks.csv. Next: genreflow explain {little / 'model'} {track}"
    )
    slices, tracks = pd.read_csv("predictions.csv"), pd.read_csv("tracks.csv")
    assert (slices["label"] == "low").all() and len(slices) == 6
    assert tracks["label"].tolist() == ["low"]


def test_tables_are_parquet_if_they_are_named_so(little, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    track = str(little / "music/low-00.flac")
    assert main(["predict", str(little / "model"), track, "--output", "a.parquet", "--tracks-output", "b.parquet"]) == 0
    assert main(["predict", str(little / "model"), track, "--output", "a.csv", "--tracks-output", "b.csv"]) == 0
    for name in "ab":
        exact, rounded = pd.read_parquet(f"{name}.parquet"), pd.read_csv(f"{name}.csv", keep_default_na=False)
        assert list(exact.columns) == list(rounded.columns) and len(exact) == len(rounded) > 0
    assert pd.read_parquet("a.parquet")["low"].dtype == "float32"


def test_json_on_standard_output_is_nothing_but_json(little, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["predict", str(little / "model"), str(little / "music"), "--json", "--cores", "1"]) == 0
    out, err = capsys.readouterr()
    message = json.loads(out)
    assert len(message["tracks"]) == 22 and "22 of 22 files" in err
    assert {track["label"] for track in message["tracks"]} <= {"low", "high", "unknown"}
    assert list(tmp_path.iterdir()) == []


def test_pictures(little, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["predict", str(little / "model"), str(little / "music/low-01.flac"), "--png", "pictures"]) == 0
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == ["001-low-01.png"]


def test_if_no_file_can_be_used_that_is_no_success(little, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.m3u8").write_text("#EXTM3U\nnowhere.mp3\n")
    (tmp_path / "predictions.csv").write_text("of an hour ago")
    assert main(["predict", str(little / "model"), "list.m3u8", "--force"]) == 2
    out, err = capsys.readouterr()
    assert "Line 2 of list.m3u8: there is no such file. (Q_MISSING)" in out and "held-out" not in out
    assert "No file could be used, of 1; nothing was written." in err
    assert (tmp_path / "predictions.csv").read_text() == "of an hour ago"


def test_a_table_that_is_there_is_replaced_only_by_force(little, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = ["predict", str(little / "model"), str(little / "music/low-00.flac"), "--cores", "1"]
    (tmp_path / "predictions.csv").write_text("of an hour ago")
    assert main(command) == 2
    out, err = capsys.readouterr()
    assert out == "" and "predictions.csv is there already. Name another file, or replace it with --force." in err
    assert (tmp_path / "predictions.csv").read_text() == "of an hour ago"
    assert main([*command, "--force"]) == 0
    assert len(pd.read_csv("predictions.csv")) == 6
    assert "\r" not in "".join(capsys.readouterr()), "no line of progress where there is no terminal"


@pytest.mark.parametrize(
    ("model", "file", "message"),
    [
        ("nowhere", "music", "nowhere does not exist"),
        ("music/low-00.flac", "music", "is not a trained model"),
        ("model", "nothing.mp3", "nothing.mp3 does not exist"),
    ],
)
def test_mistakes_are_told_in_a_sentence(little, capsys, monkeypatch, model, file, message):
    monkeypatch.chdir(little)
    assert main(["predict", model, file]) == 2
    assert message in capsys.readouterr().err


def test_public_weights_are_named_and_a_typing_error_of_their_name_is_met_with_it(tmp_path, monkeypatch):
    monkeypatch.setenv("GENREFLOW_WEIGHTS", str(tmp_path))
    (tmp_path / "MSD_musicnn").mkdir()
    for name in ("model.safetensors", "model.json"):
        (tmp_path / "MSD_musicnn" / name).touch()
    check_model("MSD_musicnn")
    with pytest.raises(UserError, match="Did you mean 'MSD_musicnn'"):
        check_model("MSD_musicn")


def test_random_snippets_of_a_song_by_two_models_stand_side_by_side(little, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model, song = str(little / "model"), str(little / "music/low-00.flac")
    (tmp_path / "other").symlink_to(little / "model")
    options = ["--snippets", "20", "--models", model, "other", "--png", "pictures", "--cores", "1"]
    assert main(["predict", song, *options]) == 0
    out, err = capsys.readouterr()
    assert f"by {model}" in out and "by other" in out and "█ 20" in out.replace("█" * 30, "█")
    assert err.splitlines()[-1] == "1 of 1 songs could be used: snippets.csv, pictures."
    table = pd.read_csv("snippets.csv")
    assert table.groupby("model", sort=False)["snippets"].sum().to_dict() == {model: 20, "other": 20}
    assert table.loc[table["class"] == "low", "share"].tolist() == [1.0, 1.0]
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == ["001-low-00.png"]


def test_a_song_is_cut_at_the_same_random_places_again(little, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = ["predict", str(little / "model"), str(little / "music"), "--snippets", "5", "--cores", "1", "--output"]
    assert main([*command, "a.csv"]) == main([*command, "b.csv"]) == 0
    assert (tmp_path / "a.csv").read_text() == (tmp_path / "b.csv").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["song.flac", "--models", "a", "b"], "say how many"),
        (["a"], "Name the files"),
        (["a", "--snippets", "3"], "Name the songs"),
        (["a", "song.flac", "--snippets", "3", "--tracks-output", "t.csv"], "need one"),
    ],
)
def test_snippets_that_cannot_be_asked_for(options, message, capsys):
    assert main(["predict", *options]) != 0
    assert message in capsys.readouterr().err
