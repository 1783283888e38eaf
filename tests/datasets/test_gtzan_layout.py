"""GTZAN: both namings, what is missing is named, and the published fault-filtered split, number for number."""

from collections import Counter

import pytest

from genreflow.config.folds import FoldSettings
from genreflow.datasets.catalog import notices_of, read
from genreflow.datasets.layouts.gtzan import CLIPS, GENRES, Gtzan, fault_filtered_split
from genreflow.datasets.scan import list_dataset as find
from genreflow.datasets.scan import refresh
from genreflow.errors import Problems, UserError
from genreflow.folds.assign import assign

# Numbers of clips by genre, as published by Kereliuk, Sturm and Larsen (2015), and what follows from them.
PUBLISHED = {
    "train": """
        blues 29-49,73-97 | classical 30-33,43-48,50-67,80-99 | country 19-26,28-29,65-99
        | disco 5,15-20,22-37,39-45,47,49,53-54,56-57,59,61,70,73-74,89
        | hiphop 2-25,28-29,31-38,41-42,55-61,77-80 | jazz 0-1,11-24,41,47-72
        | metal 2-3,5,21,24,35,46-57,59-66,69,71-72,79-80,84,86,89-99
        | pop 2-9,11-12,16-20,23-29,31-36,38-42,44,46,49-50,80,97-99
        | reggae 0-2,4,6,9,11-12,14-32,42-45,49-51,54-60,63,69 | rock 0-9,16-26,57-70,91-99""",
    "valid": """
        blues 0-11,50-60 | classical 0-10,68-76 | country 0-7,9-18,27,41-42,45,49
        | disco 0,2-4,6-14,46,48,52,67-68,72,75,90,95 | hiphop 81-98 | jazz 2-10,25-32
        | metal 0-1,6-11,16-20,36-37,68,76-77,81-82 | pop 10,53,55,58-62,81,83-86
        | reggae 61-62,70,72,74,76-78,85,92-99 | rock 38,49-56,71-85""",
    "test": """
        blues 12-28,61-72,98-99 | classical 11-29,34-41,49,77-79 | country 30-40,43-44,46-48,50-51,53-64
        | disco 1,21,58,62-66,69,76-88,91-94,96-97,99 | hiphop 0,26-27,30,40,43-45,51-54,62-75,99
        | jazz 73-99 | metal 12-15,22-23,25-33,38-39,67,70,73-75,78,83,85,87-88
        | pop 0-1,13-14,43,63-66,69-79,82,88-96 | reggae 34-40,46-48,52-53,64-68,71,79,82-84,87-90
        | rock 10-15,27-37,39-48,86-90""",
    "excluded": """
        classical 42 | country 8,52 | disco 38,50,51,55,60,71,98 | hiphop 1,39,46-50,76 | jazz 33-40,42-46
        | metal 4,34,40-45,58 | pop 15,21,22,30,37,45,47,48,51,52,54,56,57,67,68,87
        | reggae 3,5,7,8,10,13,33,41,73,75,80,81,86,91""",
}
SIZES = {
    "train": (46, 48, 45, 42, 47, 43, 44, 41, 43, 44),
    "valid": (23, 20, 23, 22, 18, 17, 20, 13, 17, 24),
    "test": (31, 31, 30, 29, 27, 27, 27, 30, 26, 32),
}


def spelled_out(ranges):
    for part in ranges.split("|"):
        genre, numbers = part.split()
        for ends in numbers.split(","):
            first, _, last = ends.partition("-")
            yield from (f"{genre}.{number:05}" for number in range(int(first), int(last or first) + 1))


def make_gtzan(folder, suffix="au", without=()):
    for clip, genre in CLIPS.items():
        if clip not in without:
            path = folder / genre / f"{clip}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(clip.encode())
    return folder


@pytest.fixture(scope="module")
def gtzan(tmp_path_factory):
    return make_gtzan(tmp_path_factory.mktemp("gtzan") / "genres")


def settings(path, **changes):
    return Gtzan(layout="gtzan", path=str(path), **changes)


@pytest.mark.parametrize("split", PUBLISHED)
def test_the_fault_filtered_split_is_the_published_one(split):
    listed = [clip for clip, part in fault_filtered_split().items() if part == split]
    assert sorted(listed) == sorted(spelled_out(PUBLISHED[split]))
    assert len(listed) == {"train": 443, "valid": 197, "test": 290, "excluded": 70}[split]
    if split != "excluded":
        assert tuple(Counter(CLIPS[clip] for clip in listed)[genre] for genre in GENRES) == SIZES[split]


def test_the_split_says_what_becomes_of_every_clip_once():
    assert sorted(fault_filtered_split()) == sorted(CLIPS)
    assert len(CLIPS) == 1_000


@pytest.mark.parametrize(
    ("below", "given", "suffix"),
    [
        ("genres", "genres", "au"),
        ("genres", ".", "au"),
        ("genres_original", ".", "wav"),
        ("Data/genres_original", ".", "wav"),
    ],
)
def test_it_is_found_however_its_archive_was_unpacked(tmp_path, below, given, suffix):
    make_gtzan(tmp_path / below, suffix)
    (tmp_path / "Data/images_original/blues").mkdir(parents=True)
    result = find(settings(tmp_path / given))
    assert result.root.decode() == str(tmp_path / below)
    assert Counter(track.label for track in result.tracks) == dict.fromkeys(GENRES, 100)
    assert result.tracks[0].path == f"blues/blues.00000.{suffix}".encode()
    assert result.notices[0] == "expected 1,000 clips, found 1,000"


def test_a_missing_clip_is_named(tmp_path):
    result = find(settings(make_gtzan(tmp_path, "wav", without=["jazz.00054"])))
    assert result.notices[0] == "expected 1,000 clips, found 999: jazz.00054 is missing"


def test_other_files_are_counted_and_the_odd_ones_named(tmp_path):
    make_gtzan(tmp_path, "wav")
    for name in ["._blues.00000.wav", ".DS_Store", "blues.mf.txt", "blues.00100.wav", "rock.00001.wav"]:
        (tmp_path / "blues" / name).write_bytes(b"x")
    (tmp_path / "pop/pop.00000.au").write_bytes(b"x")
    result = find(settings(tmp_path))
    assert len(result.tracks) == 1_000
    assert result.ignored == {"blues": 5, "pop": 1}
    assert result.notices[1] == "side files skipped: 3"
    assert result.notices[2].endswith("blues/blues.00100.wav, blues/rock.00001.wav, pop/pop.00000.wav")


def test_the_catalog_of_the_fault_filtered_split(gtzan, tmp_path):
    path = tmp_path / "catalog.parquet"
    table = refresh(settings(gtzan), path, raw=tmp_path)
    assert table.equals(read(path))
    assert Counter(table["split"].to_pylist()) == {"train": 443, "valid": 197, "test": 290, None: 70}
    folds = assign(table.to_pandas()[["track_id", "label", "group", "split"]], FoldSettings(scheme="given"))
    roles = folds.loc[folds["fold"] == "1", "role"].value_counts()
    assert roles.to_dict() == {"train": 443, "validation": 197, "test": 290}
    notice = notices_of(path)[-1]
    assert "70 clips" in notice
    assert all(clip in notice for clip in spelled_out(PUBLISHED["excluded"]))


def test_known_defects_are_told_of(gtzan):
    marked = {track.path: track for track in find(settings(gtzan)).tracks if track.reason}
    assert marked.keys() == {b"jazz/jazz.00054.au", b"reggae/reggae.00086.au"}
    assert marked[b"jazz/jazz.00054.au"].reason == "W_KNOWN_ISSUE"
    assert marked[b"reggae/reggae.00086.au"].reason == "Q_KNOWN_BAD"
    assert "noise" in marked[b"reggae/reggae.00086.au"].message


def test_a_wrong_folder_is_told_what_was_looked_for_and_what_is_there(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        find(settings(tmp_path / "nowhere"))
    (tmp_path / "goa").mkdir()
    with pytest.raises(Problems) as error:
        find(settings(tmp_path))
    assert error.value.problems == [*(f"no folder named {genre}" for genre in GENRES), "found: goa"]


def test_folders_without_clips_are_an_error(tmp_path):
    for genre in GENRES:
        (tmp_path / genre).mkdir()
    (tmp_path / "blues/blues00000.png").write_bytes(b"x")
    with pytest.raises(Problems, match=r"no clip such as blues/blues.00000.au\n.*found: blues00000.png"):
        find(settings(tmp_path))


def test_clips_known_to_be_bad_are_kept_where_published_results_kept_them(gtzan):
    marked = {track.path: track for track in find(settings(gtzan, known_bad="keep")).tracks if track.reason}
    assert marked[b"reggae/reggae.00086.au"].reason == "W_KNOWN_ISSUE"
    assert "noise" in marked[b"reggae/reggae.00086.au"].message
