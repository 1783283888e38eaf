"""Drawing as many tracks of each class, and checking labels by a second source, before any track is read."""

from collections import Counter

import pytest

from genreflow.config.load import settings_from
from genreflow.datasets.drawing import drawn
from genreflow.datasets.layouts.folders import Folders
from genreflow.datasets.listing import ListedTrack, TrackListing
from genreflow.datasets.scan import list_dataset, list_tracks
from genreflow.errors import UserError


def listing(sizes):
    tracks = [ListedTrack(b"%s/%d.mp3" % (name.encode(), n), name) for name, size in sizes.items() for n in range(size)]
    return TrackListing(b"/music", tracks, has_classes=True)


def paths(result):
    return {track.path for track in result.tracks}


def test_30_000_tracks_become_800_of_each_class_and_the_others_are_counted():
    sizes = {"classical": 2_000, "country": 1_000, "rock": 26_200, "rnb": 800}
    result = drawn(listing(sizes), 800)
    assert set(Counter(track.label for track in result.tracks).values()) == {800}
    assert result.ignored == {"classical": 1_200, "country": 200, "rock": 25_400}
    assert result.notices == ["26,800 tracks not drawn: `per_class` keeps 800 of each class."]


def test_a_draw_does_not_depend_on_order_and_its_seed_draws_others():
    tracks = listing({"rock": 300})
    backwards = TrackListing(tracks.root, tracks.tracks[::-1], has_classes=True)
    assert paths(drawn(tracks, 100)) == paths(drawn(backwards, 100)) != paths(drawn(tracks, 100, seed=1))


def test_growth_moves_at_most_as_many_tracks_as_are_new():
    before, after = (paths(drawn(listing({"rock": size}), 100)) for size in (300, 330))
    assert 0 < len(before - after) == len(after - before) <= 30
    assert not {path for path in after - before if int(path[5:-4]) < 300}


def test_a_class_with_too_few_tracks_is_named():
    result = drawn(listing({"rock": 300, "rnb": 7}), 100)
    assert result.notices[1] == "`per_class` asks for 100 tracks of each class; there are fewer of rnb 7."


def test_tracks_with_tags_cannot_be_drawn_by_class():
    with pytest.raises(UserError, match="tags instead of one class"):
        drawn(TrackListing(b"/", [ListedTrack(b"a.mp3", "", tags=("rock",))]), 5)


@pytest.fixture
def folder(tmp_path):
    for label in ("jazz", "rock"):
        for number in range(6):
            path = tmp_path / "music" / label / f"{number}.mp3"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")

    def settings(**more):
        return settings_from(Folders, {"layout": "folders", "path": str(tmp_path / "music"), **more}, "music")

    return settings


def test_only_drawn_tracks_are_in_the_catalog_of_which_jobs_are_made(folder, tmp_path):
    tracks = list_tracks(folder(per_class=2), raw=tmp_path).tracks
    assert Counter(tracks["label"].to_pylist()) == {"jazz": 2, "rock": 2}


@pytest.fixture
def second(tmp_path):
    path = tmp_path / "second.csv"
    path.write_text("path,label\njazz/0.mp3,Rock music\njazz/1.mp3,jazz\nmusic/rock/0.mp3,jazz\ngone.mp3,jazz\n")
    return {"path": str(path), "aliases": {"Rock music": "rock"}}


def test_labels_that_disagree_are_marked_and_listed(folder, second, tmp_path):
    listing = list_tracks(folder(second_labels=second), raw=tmp_path)
    assert listing.facts["disagreements"] == [
        ["jazz/0.mp3", "jazz", "rock", "kept"],
        ["rock/0.mp3", "rock", "jazz", "kept"],
    ]
    marked = {row["path"]: row["message"] for row in listing.tracks.to_pylist() if row["reason"] == "W_OTHER_LABEL"}
    assert marked == {
        b"jazz/0.mp3": "A second source says rock, not jazz.",
        b"rock/0.mp3": "A second source says jazz, not rock.",
    }
    assert f"3 labels of 12 checked by {second['path']}: 2 disagree." in listing.facts["notices"]
    assert any("of tracks that are not there: gone.mp3" in notice for notice in listing.facts["notices"])


def test_tracks_in_dispute_are_left_out_where_asked_before_the_draw(folder, second):
    listing = list_dataset(folder(second_labels={**second, "disagreements": "drop"}, per_class=5))
    assert Counter(track.label for track in listing.tracks) == {"jazz": 5, "rock": 5}
    assert not {b"jazz/0.mp3", b"rock/0.mp3"} & {track.path for track in listing.tracks}
    assert [each[-1] for each in listing.disagreements] == ["left out", "left out"]


@pytest.mark.parametrize(
    ("text", "message"),
    [("path,label\nnone.mp3,jazz\n", "names no track"), ("path,genre\na,b\n", "the column 'label' is missing")],
)
def test_a_second_source_that_fits_nothing_is_refused(folder, tmp_path, text, message):
    path = tmp_path / "wrong.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        list_dataset(folder(second_labels={"path": str(path)}))
