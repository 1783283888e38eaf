"""A folder in any shape is a dataset by the tags of its files."""

import json

import pytest
from tagged_files import write_file, write_library, write_tags

from genreflow.config.datasets import recognized
from genreflow.datasets import scan
from genreflow.datasets.artists import groups_by_artist, tagged_artists
from genreflow.datasets.layouts.folders import Folders
from genreflow.datasets.layouts.library import Library
from genreflow.datasets.scan import list_dataset
from genreflow.errors import Problems


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("library")
    return folder, write_library(folder)


def test_a_mixed_folder_is_recognized_and_reported(library):
    folder, tags = library
    assert recognized(folder) == {"layout": "library", "path": str(folder)}
    found = list_dataset(Library(layout="library", path=str(folder), minimum=10))
    assert {track.path.decode() for track in found.tracks} == {
        path for path, values in tags.items() if "genre" in values
    }
    assert {track.label for track in found.tracks} == {
        "Drum & Bass", "Goa",
    }  # fmt: skip
    assert found.ignored == {"": 6}
    report = "\n".join(found.notices)
    assert "6 of 60 files without a genre, left out: " in report
    assert "6 tracks with several values of genre: the first is the label; `multilabel: true` takes all" in report
    assert "12 artists by the tags; 0 tracks without one" in report
    assert "'GOA' (" in report and "count as 'Goa'" in report
    assert all(track.group is None and track.artist for track in found.tracks)


def test_all_values_are_tags_where_several_are_wanted_and_rare_ones_are_left_out(library):
    folder, _ = library
    found = list_dataset(Library(layout="library", path=str(folder), multilabel=True, minimum=6))
    assert {tag for track in found.tracks for tag in track.tags} == {"Drum & Bass", "Goa", "Ambient"}
    found = list_dataset(Library(layout="library", path=str(folder), multilabel=True, minimum=7))
    assert {tag for track in found.tracks for tag in track.tags} == {"Drum & Bass", "Goa"}
    assert "1 class of fewer than 7 tracks left out: 'Ambient' 6" in found.notices


def test_any_field_can_be_the_label(tmp_path):
    for number in range(4):
        path = write_file(tmp_path / f"{number}.flac", seed=1, seconds=0.2)
        write_tags(path, mood=["calm|slow", "wild"][number % 2], genre="x", artist=str(number))
    settings = {"layout": "library", "path": str(tmp_path), "minimum": 2}
    labels = {track.label for track in list_dataset(Library(**settings, field="mood", separators=["|"])).tracks}
    assert labels == {"calm", "wild"}
    with pytest.raises(Problems, match=r"none of 4 files has a tag 'key'. Tags that there are: artist \(4\), genre"):
        list_dataset(Library(**settings, field="key"))
    with pytest.raises(Problems, match="only one class"):
        list_dataset(Library(**settings))
    with pytest.raises(
        Problems, match=r"only 0 classes of 3 tracks or more; others are 'calm\|slow' 2, 'wild' 2. Lower"
    ):
        list_dataset(Library(**settings | {"minimum": 3}, field="mood"))


def test_words_for_no_genre_are_none(tmp_path):
    words = ["Unknown", "Other", "none", "<undefined>", "N/A", " "]
    for number, genre in enumerate(["Goa", "Dub", "Goa", "Dub", *words]):
        write_tags(write_file(tmp_path / f"{number}.flac", seed=1, seconds=0.2), genre=genre)
    found = list_dataset(Library(layout="library", path=str(tmp_path), minimum=2))
    assert {track.label for track in found.tracks} == {"Goa", "Dub"} and len(found.tracks) == 4


def test_class_folders_with_genre_tags_stay_class_folders(tmp_path):
    for number in range(8):
        path = write_file(tmp_path / ["goa", "dark"][number % 2] / f"{number}.flac", seed=1, seconds=0.2)
        write_tags(path, genre=["Psytrance", "Trance"][number % 2], artist=f"Artist {number}")
    assert recognized(tmp_path)["layout"] == "folders"
    write_tags(tmp_path / "goa/0.flac", artist="goa")
    assert recognized(tmp_path)["layout"] == "folders"


def test_a_flat_folder_without_genres_is_no_library(tmp_path):
    for number in range(4):
        write_file(tmp_path / f"{number}.flac", seed=1, seconds=0.2)
    assert recognized(tmp_path) is None


def test_a_cataloged_library_is_not_read_again(library, tmp_path, monkeypatch):
    folder, _ = library
    settings, catalog = Library(layout="library", path=str(folder), minimum=10), tmp_path / "catalog.parquet"
    scan.record(scan.list_tracks(settings, raw=tmp_path, catalog=catalog, reads_tags=True), catalog)
    from genreflow.datasets import file_facts

    monkeypatch.setattr(file_facts, "_READ", {})
    monkeypatch.setattr(file_facts, "_tags", None)  # would fail
    listing = scan.list_tracks(settings, raw=tmp_path, catalog=catalog, reads_tags=True)
    assert len(listing.tracks) == 54 and listing.tracks["embedded"].null_count == 0
    assert scan.look_up(listing, catalog).equals(scan.known(catalog))


def test_an_edit_of_tags_keeps_the_digest_of_a_track_and_other_audio_does_not(tmp_path):
    music, catalog = tmp_path / "music", tmp_path / "catalog.parquet"
    paths = [write_file(music / f"{'ab'[number % 2]}/{number}.mp3", seed=number) for number in range(4)]
    settings = Folders(layout="folders", path=str(music))

    def rows():
        return {row["path"].decode(): row for row in scan.refresh(settings, catalog, raw=tmp_path).to_pylist()}

    before = rows()
    assert all(row["embedded"] == "{}" and len(row["packets"]) == 64 for row in before.values())
    write_tags(paths[0], title="new", artist="A")
    looked_up = scan.look_up(scan.list_tracks(settings, raw=tmp_path, catalog=catalog), catalog).to_pylist()
    assert sum(row["sha256"] == scan.NOT_HASHED for row in looked_up) == 1  # a dry run reads no file
    write_file(paths[1], seed=9)
    after = rows()
    assert after["a/0.mp3"]["sha256"] == before["a/0.mp3"]["sha256"]
    assert json.loads(after["a/0.mp3"]["embedded"]) == {"artist": ["A"], "title": ["new"]}
    assert after["b/1.mp3"]["sha256"] != before["b/1.mp3"]["sha256"]
    paths[0].rename(music / "a/moved.mp3")
    write_tags(music / "a/moved.mp3", title="moved and edited at once")
    assert rows()["a/moved.mp3"]["sha256"] == before["a/0.mp3"]["sha256"]


def test_a_catalog_of_an_earlier_version_keeps_its_digests(tmp_path, monkeypatch):
    from genreflow.datasets.catalog import KIND, SCHEMA
    from genreflow.store.parquet import Header, write_table

    music, catalog = tmp_path / "music", tmp_path / "catalog.parquet"
    path = write_file(music / "a/0.mp3")
    write_file(music / "b/1.mp3", seed=1)
    settings = Folders(layout="folders", path=str(music))
    listing = scan.list_tracks(settings, raw=tmp_path)
    table = scan.record(listing, catalog)
    old = table.drop(["packets", "embedded", "artist_group"])
    marked = [f"{n}" * 64 for n in range(2)]  # no digest of today's
    old = old.set_column(old.schema.get_field_index("sha256"), SCHEMA.field("sha256"), [marked])
    write_table(catalog, old, Header(KIND, version=2, facts=listing.facts))
    assert scan.look_up(listing, catalog)["sha256"].to_pylist() == marked
    assert scan.record(listing, catalog)["sha256"].to_pylist() == marked
    write_tags(path, title="edited after that")
    assert scan.refresh(settings, catalog, raw=tmp_path)["sha256"].to_pylist() == marked


def test_artists_of_tags():
    tags = {
        "1": {"artist": ["Foo feat. Bar"], "musicbrainz_artistid": ["i"]},
        "2": {"artist": ["The Foo"], "musicbrainz_artistid": ["i"]},
        "3": {"artist": ["Various Artists"], "album_artist": ["Foo"]},
        "4": {"artist": ["Various Artists"]},
        "5": {"title": ["x"]},
        "6": {"artist": ["A", "B"], "musicbrainz_artistid": ["j"]},
        "7": {"artist": ["Ä"], "musicbrainz_artistid": ["j"]},
    }
    assert tagged_artists(tags) == {"1": "Foo", "2": "Foo", "3": "Foo", "6": "A", "7": "A"}


def test_groups_by_artist():
    import pandas as pd

    tracks = pd.DataFrame(
        [
            ("goa/x", "A"), ("goa/x", None), ("goa/y", "A"), ("goa/y", "B"), ("goa/y", None), ("goa/z", None),
            ("session 1", "A"), (None, "C"), (None, None),
        ],
        columns=["group", "artist"],
    )  # fmt: skip
    groups = groups_by_artist(tracks, lambda group: group.startswith("goa"))
    assert groups == ["artist:a", "artist:a", "artist:a", "artist:b", "goa/y", "goa/z", "session 1", "artist:c", None]
