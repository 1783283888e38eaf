from collections import Counter

import pytest

from genreflow.cli import main


@pytest.mark.end_to_end
def test_a_synthetic_corpus_is_a_dataset_of_class_and_album_folders(tmp_path, capsys):
    assert main(["synthesize", str(tmp_path / "music"), "--tracks-per-class", "2", "--seconds", "4"]) == 0
    tracks = [path.relative_to(tmp_path / "music") for path in (tmp_path / "music").rglob("*") if path.is_file()]
    assert Counter(track.parts[0] for track in tracks) == dict.fromkeys(
        ["dark", "downtempo", "fullon", "goa", "techno"], 2
    )
    assert {len(track.parts) for track in tracks} == {3}
    music = tmp_path / "music"
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"10 tracks in class folders: {music}. Next: genreflow check {music}"
    )
    assert main(["check", str(music)]) == 0
    assert f"{music} can be used: name it as `path` of a dataset." in capsys.readouterr().err
