"""Free Music Archive: a table under two lines of names, subsets that hold each other, and ids that keep their zeros."""

import csv
from collections import Counter

import pytest

from genreflow.config.datasets import Labels
from genreflow.datasets.catalog import MISSING, ignored_of, notices_of
from genreflow.datasets.layouts.fma import Fma
from genreflow.datasets.scan import list_dataset as find
from genreflow.datasets.scan import refresh
from genreflow.errors import Problems, UserError

ROOMS = ["", "album", "artist", "artist", "set", "set", "track", "track", "track"]
NAMES = ["", "information", "id", "name", "split", "subset", "genre_top", "genres", "title"]
# track_id, artist.id, artist.name, set.split, set.subset, track.genre_top
TRACKS = [
    ("2", "1", "AWOL", "training", "small", "Hip-Hop"),
    ("5", "1", "AWOL", "training", "medium", "Hip-Hop"),
    ("10", "6", "Kurt Vile", "validation", "small", "Pop"),
    ("20", "4", "Nicky Cook", "training", "large", ""),
    ("140", "54", "Alec K. Redfearn\n& the Eyesores", "test", "small", "Folk"),
    ("98565", "7", "None", "test", "small", "Pop"),
    ("155320", "8", "Spowder", "test", "large", "Rock"),
]


def make_fma(folder, tracks=TRACKS, *, with_files=True):
    (folder / "fma_metadata").mkdir(parents=True, exist_ok=True)
    (folder / "audio").mkdir(exist_ok=True)
    with open(folder / "fma_metadata/tracks.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows([ROOMS, NAMES, ["track_id", *[""] * (len(ROOMS) - 1)]])
        for track, artist, name, split, subset, genre in tracks:
            writer.writerow([track, "<p>long,\n" + 150_000 * "x", artist, name, split, subset, genre, "[21]", "Food"])
            path = folder / "audio" / f"{int(track):06}"[:3] / f"{int(track):06}.mp3"
            if with_files:
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(track.encode())
    return folder


def settings(folder, **changes):
    audio, metadata = str(folder / "audio"), str(folder / "fma_metadata")
    return Fma(**{"layout": "fma", "path": audio, "metadata": metadata} | changes)


def test_tracks_have_their_genre_artist_and_split(tmp_path):
    result = find(settings(make_fma(tmp_path)))
    rows = {track.path.decode(): (track.label, track.artist, track.group, track.split) for track in result.tracks}
    assert rows == {
        "000/000002.mp3": ("Hip-Hop", "AWOL", "artist:1", "train"),
        "000/000010.mp3": ("Pop", "Kurt Vile", "artist:6", "valid"),
        "000/000140.mp3": ("Folk", "Alec K. Redfearn\n& the Eyesores", "artist:54", "test"),
        "098/098565.mp3": ("Pop", "None", "artist:7", "test"),
    }


@pytest.mark.parametrize(("subset", "tracks"), [("small", 4), ("medium", 5), ("large", 6), ("full", 6)])
def test_a_subset_holds_the_smaller_ones(tmp_path, subset, tracks):
    assert len(find(settings(make_fma(tmp_path), subset=subset)).tracks) == tracks


def test_tracks_without_a_top_genre_are_left_out_and_counted(tmp_path):
    path = tmp_path / "catalog.parquet"
    table = refresh(settings(make_fma(tmp_path), subset="large"), path, raw=tmp_path)
    assert table.num_rows == 6
    assert ignored_of(path) == {"": 1}
    assert "1 track without a top genre left out" in notices_of(path)


def test_the_table_may_be_named_itself_and_the_archive_lie_below(tmp_path):
    make_fma(tmp_path)
    (tmp_path / "audio").rename(tmp_path / "fma_small")
    given = settings(tmp_path, path=str(tmp_path), metadata=str(tmp_path / "fma_metadata/tracks.csv"), split="none")
    result = find(given)
    assert result.root == bytes(tmp_path / "fma_small")
    assert {track.split for track in result.tracks} == {None}


def test_genres_become_classes_as_the_settings_say(tmp_path):
    labels = Labels(aliases={"Hip-Hop": "hiphop"}, drop=["Folk"])
    result = find(settings(make_fma(tmp_path), labels=labels))
    assert Counter(track.label for track in result.tracks) == {"hiphop": 1, "Pop": 2}
    assert result.ignored == {"": 3, "Folk": 1}


def test_a_track_that_is_not_there_is_kept_as_missing(tmp_path):
    make_fma(tmp_path)
    (tmp_path / "audio/000/000010.mp3").unlink()
    table = refresh(settings(tmp_path), tmp_path / "catalog.parquet", raw=tmp_path)
    hashes = {row["path"]: row["sha256"] for row in table.to_pylist()}
    assert [path for path, sha256 in hashes.items() if sha256 == MISSING] == [b"000/000010.mp3"]
    assert "1 track not in the folder: 000/000010.mp3" in notices_of(tmp_path / "catalog.parquet")


def test_the_defects_of_clips_are_not_those_of_whole_tracks(tmp_path):
    make_fma(tmp_path)
    reasons = {track.path: track.reason for track in find(settings(tmp_path)).tracks}
    assert reasons.pop(b"098/098565.mp3") == "W_KNOWN_ISSUE"
    assert set(reasons.values()) == {""}
    assert {track.reason for track in find(settings(tmp_path, subset="full")).tracks} == {""}


def test_all_faulty_rows_are_named_at_once(tmp_path):
    good = TRACKS[0]
    make_fma(tmp_path, [good, good, ("7", "1", "a", "train", "small", "Pop"), ("8", "1", "a", "test", "tiny", "Pop")])
    with pytest.raises(Problems) as error:
        find(settings(tmp_path))
    assert [problem.split(": ", 1)[1] for problem in error.value.problems] == [
        "track 2 comes a second time",
        "the split 'train' is none of training, validation, test",
        "the subset 'tiny' is none of small, medium, large, full",
    ]


def test_columns_that_are_not_there_are_named(tmp_path):
    (tmp_path / "audio").mkdir()
    (tmp_path / "tracks.csv").write_text(",set,track\n,subset,genre_top\ntrack_id,,\n2,small,Rock\n")
    with pytest.raises(Problems) as error:
        find(settings(tmp_path, metadata=str(tmp_path)))
    assert [problem.split("'")[1] for problem in error.value.problems] == ["set.split", "artist.id", "artist.name"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist"),
        (b"", "is empty"),
        (b",set\n,subset\n", "ends within its header"),
        (b"\xff\xfe,\x00s\x00", "not UTF-8"),
    ],
)
def test_an_unreadable_table_is_a_sentence(tmp_path, content, message):
    (tmp_path / "audio").mkdir()
    if content is not None:
        (tmp_path / "tracks.csv").write_bytes(content)
    with pytest.raises(UserError, match=message):
        find(settings(tmp_path, metadata=str(tmp_path / "tracks.csv")))


def test_a_folder_without_any_of_the_tracks_is_an_error(tmp_path):
    make_fma(tmp_path, with_files=False)
    (tmp_path / "audio/Rock").mkdir()
    with pytest.raises(Problems, match=r"none of the tracks is there, such as 000/000002.mp3[\s\S]*found: Rock"):
        find(settings(tmp_path))
