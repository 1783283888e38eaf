"""4Q: quadrants are folders or come from the annotations; artists come from the metadata."""

import csv
from collections import Counter

import pytest

from genreflow.datasets.catalog import MISSING, ignored_of, notices_of
from genreflow.datasets.layouts.emotion4q import QUADRANTS, Emotion4Q
from genreflow.datasets.scan import list_dataset as find
from genreflow.datasets.scan import refresh
from genreflow.errors import Problems

SONGS = {"MT0000004637": "Q3", "MT0000011357": "Q2", "MT0000011975": "Q2", "MT0000040632": "Q1", "MT0000044741": "Q4"}
ARTISTS = {"MT0000004637": "Charlie Poole", "MT0000011357": "A, B & C", "MT0000011975": "A, B & C"}


def write_csv(path, header, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([header, *rows])


def make_4q(folder, *, flat=False, songs=SONGS):
    folder.mkdir(parents=True, exist_ok=True)
    for song, quadrant in songs.items():
        path = folder / f"{song}.mp3" if flat else folder / quadrant / f"{song}.mp3"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(song.encode())
    write_csv(folder / "panda_dataset_taffc_annotations.csv", ["Song", "Quadrant"], songs.items())
    rows = [[song, ARTISTS.get(song, ""), "Title", quadrant, "0.8"] for song, quadrant in songs.items()]
    header = ["Song", "Artist", "Title", "Quadrant", "PQuad"]
    write_csv(folder / "panda_dataset_taffc_metadata.csv", header, rows)
    return folder


def settings(path):
    return Emotion4Q(layout="emotion4q", path=str(path))


@pytest.mark.parametrize("flat", [False, True])
def test_it_is_recognized_by_the_names_of_its_clips_and_not_by_folders_of_that_name_alone(tmp_path, flat):
    assert Emotion4Q.recognize(make_4q(tmp_path / "4q", flat=flat)) is not None
    for quadrant in QUADRANTS:
        (tmp_path / "quarters" / quadrant).mkdir(parents=True)
        (tmp_path / "quarters" / quadrant / "my song.mp3").write_bytes(b"x")
    assert Emotion4Q.recognize(tmp_path / "quarters") is None


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("below", [".", "MER_audio_taffc_dataset"])
def test_quadrants_and_artists_are_found_in_either_layout(tmp_path, flat, below):
    make_4q(tmp_path / below, flat=flat)
    tracks = find(settings(tmp_path)).tracks
    assert {track.path.decode()[-16:-4]: track.label for track in tracks} == SONGS
    assert {track.path.decode()[-16:-4]: track.artist for track in tracks if track.artist} == ARTISTS
    assert all(track.group is None for track in tracks)
    assert {track.path.count(b"/") for track in tracks} == ({0} if flat else {1})


def test_the_catalog_says_how_many_were_expected(tmp_path):
    make_4q(tmp_path / "4q")
    (tmp_path / "4q/Q1/._MT0000040632.mp3").write_bytes(b"x")
    path = tmp_path / "catalog.parquet"
    table = refresh(settings(tmp_path / "4q"), path, raw=tmp_path)
    assert Counter(table["label"].to_pylist()) == {"Q1": 1, "Q2": 2, "Q3": 1, "Q4": 1}
    assert ignored_of(path) == {"Q1": 1}
    assert notices_of(path) == [
        "expected 900 clips, 225 in each quadrant, found 5: Q1 1, Q2 2, Q3 1, Q4 1",
        "side files skipped: 1",
        "2 clips without an artist: panda_dataset_taffc_metadata.csv has none, or is not there",
    ]


def test_an_annotated_song_without_a_file_is_missing(tmp_path):
    make_4q(tmp_path / "4q", flat=True)
    (tmp_path / "4q/MT0000040632.mp3").unlink()
    (tmp_path / "4q/MT0000044741.mp3").rename(tmp_path / "4q/MT0000044741.wav")
    table = refresh(settings(tmp_path / "4q"), tmp_path / "catalog.parquet", raw=tmp_path)
    hashes = {row["path"].decode(): row["sha256"] for row in table.to_pylist()}
    assert len(hashes) == 5
    assert [path for path, sha256 in hashes.items() if sha256 == MISSING] == ["MT0000040632.mp3"]
    assert "MT0000044741.wav" in hashes
    assert "annotated clips are not in the folder: MT0000040632.mp3" in notices_of(tmp_path / "catalog.parquet")


def test_a_dataset_without_metadata_has_no_artists(tmp_path):
    make_4q(tmp_path)
    (tmp_path / "panda_dataset_taffc_metadata.csv").unlink()
    assert {track.artist for track in find(settings(tmp_path)).tracks} == {None}


def test_a_song_in_two_quadrants_is_an_error(tmp_path):
    make_4q(tmp_path)
    (tmp_path / "Q4/MT0000011357.mp3").write_bytes(b"x")
    with pytest.raises(Problems, match="MT0000011357 is in Q2 and in Q4"):
        find(settings(tmp_path))


def test_all_faulty_annotations_are_named_at_once(tmp_path):
    rows = [["MT1", "Q1"], ["MT1", "Q2"], ["MT2", "Q5"], ["../MT3", "Q1"], ["MT4"]]
    write_csv(tmp_path / "panda_dataset_taffc_annotations.csv", ["Song", "Quadrant"], rows)
    with pytest.raises(Problems) as error:
        find(settings(tmp_path))
    assert sorted(problem.split(":")[0] for problem in error.value.problems) == ["line 3", "line 4", "line 5", "line 6"]


def test_a_wrong_folder_is_told_what_was_looked_for_and_what_is_there(tmp_path):
    (tmp_path / "angry").mkdir()
    with pytest.raises(Problems) as error:
        find(settings(tmp_path))
    assert error.value.problems == [
        *(f"no folder named {quadrant}" for quadrant in ("Q1", "Q2", "Q3", "Q4")),
        "found: angry",
    ]
