"""MagnaTagATune: the commonest tags over all rows, the canonical split by folders, albums and artists by file names."""

import csv
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genreflow.datasets.catalog import ignored_of, notices_of
from genreflow.datasets.layouts.magnatagatune import SPLITS, MagnaTagATune, origin, top_tags
from genreflow.datasets.scan import list_dataset as find
from genreflow.datasets.scan import refresh
from genreflow.errors import Problems, UserError

TAGS = ["no voice", "guitar", "slow", "techno", "strings", *(f"tag {n}" for n in range(183))]


def make_magnatagatune(folder, clips, tags=TAGS, name="annotations_final.csv"):
    """Write annotations as published (tabs, every cell in quotation marks) and the clips: path -> tags."""
    folder.mkdir(exist_ok=True, parents=True)
    with open(folder / name, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter="\t", quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow(["clip_id", *tags, "mp3_path"])
        for number, (path, own) in enumerate(clips.items(), 2):
            writer.writerow([number, *(int(tag in own) for tag in tags), path])
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_bytes(path.encode())
    return folder


CLIPS = {
    "f/bach-cantatas-01-aria-0-29.mp3": ["slow", "strings"],
    "f/bach-cantatas-01-aria-29-58.mp3": ["strings"],
    "c/bach-suites-02-gigue__ii-0-29.mp3": ["guitar", "slow"],
    "0/kiya-deep-11-x-y-0-29.mp3": ["guitar", "techno"],
    "b/kiya-deep-12-z-0-29.mp3": ["tag 7"],
    "d/none-at_all-01-a-0-29.mp3": [],
}


def settings(path, **changes):
    return MagnaTagATune(layout="magnatagatune", path=str(path), **changes)


def test_clips_have_their_tags_and_split_and_origin(tmp_path):
    result = find(settings(make_magnatagatune(tmp_path, CLIPS), top=4))
    tracks = {track.path.decode(): track for track in result.tracks}
    assert tracks.keys() == CLIPS.keys() - {"b/kiya-deep-12-z-0-29.mp3", "d/none-at_all-01-a-0-29.mp3"}
    assert {path: track.split for path, track in tracks.items()} == {path: SPLITS[path[0]] for path in tracks}
    assert {path: set(track.tags) for path, track in tracks.items()} == {path: set(CLIPS[path]) for path in tracks}
    assert {track.label for track in result.tracks} == {""}
    first, second, third, fourth = result.tracks
    assert first.group == second.group == "bach-cantatas" != third.group
    assert first.artist == third.artist == "bach" != fourth.artist == "kiya"


def test_what_is_left_out_is_counted(tmp_path):
    path = tmp_path / "catalog.parquet"
    table = refresh(settings(make_magnatagatune(tmp_path / "mtat", CLIPS), top=4), path, raw=tmp_path)
    assert table.num_rows == 4
    assert ignored_of(path) == {"": 2}
    assert notices_of(path) == [
        "expected 25,863 clips and 188 tags, found 6 and 188",
        "2 clips without any of the 4 tags left out; `untagged: true` keeps them",
    ]


def test_clips_without_tags_can_be_kept_and_the_split_left_out(tmp_path):
    result = find(settings(make_magnatagatune(tmp_path, CLIPS), top=4, untagged=True, split="none"))
    assert len(result.tracks) == 6
    assert [track.tags for track in result.tracks[-2:]] == [(), ()]
    assert {track.split for track in result.tracks} == {None}


def test_equally_common_tags_come_in_the_order_of_their_columns():
    clips = {"a": ["y", "z"], "b": ["y", "x"], "c": ["z", "x", "w"]}
    assert top_tags(clips, ["w", "x", "y", "z"], 3) == ["x", "y", "z"]
    assert top_tags(clips, ["z", "y", "x", "w"], 2) == ["z", "y"]


@given(st.lists(st.tuples(st.sampled_from("0123456789abcdef"), st.sets(st.sampled_from(TAGS[:8]))), min_size=1))
def test_top_tags_are_those_of_an_incidence_matrix(rows):
    clips = {f"{folder}/{number}.mp3": sorted(tags) for number, (folder, tags) in enumerate(rows)}
    matrix = np.array([[tag in own for tag in TAGS] for own in clips.values()])
    order = np.argsort(-matrix.sum(axis=0), kind="stable")
    assert top_tags(clips, TAGS, 5) == [TAGS[place] for place in order[:5]]


def test_the_rule_of_folder_and_tag_gives_the_sizes_of_each_folder(tmp_path):
    """As in the canonical split: in every folder, the clips that have one of the tags at least."""
    rng = np.random.default_rng(0)
    matrix = rng.random((600, len(TAGS))) < np.linspace(0.02, 0.001, len(TAGS))
    folders = rng.choice(list("0123456789abcdef"), 600)
    clips = {
        f"{folder}/artist-album-01-title {number}-0-29.mp3": [tag for tag, own in zip(TAGS, row, strict=True) if own]
        for number, (folder, row) in enumerate(zip(folders, matrix, strict=True))
    }
    result = find(settings(make_magnatagatune(tmp_path, clips), top=50))
    top = np.argsort(-matrix.sum(axis=0), kind="stable")[:50]
    tagged = matrix[:, top].any(axis=1)
    sizes = Counter(track.path.decode()[0] for track in result.tracks)
    assert sizes == Counter(folders[tagged])
    splits = Counter(track.split for track in result.tracks)
    assert splits["valid"] == sizes["c"]
    assert splits["test"] == sum(sizes[folder] for folder in "def")
    assert splits.total() == tagged.sum()


@pytest.mark.parametrize(
    ("clip", "expected"),
    [
        ("6/norine_braun-now_and_zen-08-gently-117-146.mp3", ("norine_braun", "now_and_zen")),
        (
            "f/american_bach_soloists-j_s__bach_solo_cantatas-01-bwv54__i_aria-30-59.mp3",
            ("american_bach_soloists", "j_s__bach_solo_cantatas"),
        ),
        ("0/a-b-c-12-d-04-e-0-29.mp3", ("a", "b-c")),
        ("0/strange.mp3", None),
    ],
)
def test_a_file_name_tells_artist_and_album(clip, expected):
    assert origin(clip) == expected


def test_a_clip_that_is_not_there_is_kept_as_missing(tmp_path):
    make_magnatagatune(tmp_path, CLIPS)
    (tmp_path / "c/bach-suites-02-gigue__ii-0-29.mp3").unlink()
    result = find(settings(tmp_path, top=4))
    assert len(result.tracks) == 4
    assert "1 annotated clip not in the folder: c/bach-suites-02-gigue__ii-0-29.mp3" in result.notices


def test_annotations_may_lie_elsewhere(tmp_path):
    make_magnatagatune(tmp_path / "clips", CLIPS)
    moved = (tmp_path / "clips/annotations_final.csv").rename(tmp_path / "annotations.csv")
    assert len(find(settings(tmp_path / "clips", annotations=str(moved))).tracks) == 5
    with pytest.raises(UserError, match=r"annotations_final\.csv' does not exist"):
        find(settings(tmp_path / "clips"))


def test_all_faulty_rows_are_named_at_once(tmp_path):
    rows = ["clip_id\tguitar\tmp3_path", "2\t1\t0/a.mp3", "3\t1\t0/a.mp3", "4\tyes\t0/b.mp3", "5\t1\tg/c.mp3", "6\t1"]
    (tmp_path / "annotations_final.csv").write_text("\n".join(rows) + "\n")
    with pytest.raises(Problems) as error:
        find(settings(tmp_path))
    assert [problem.split(":")[0] for problem in error.value.problems] == ["line 3", "line 4", "line 5", "line 6"]


def test_a_table_with_commas_is_not_the_published_one(tmp_path):
    (tmp_path / "annotations_final.csv").write_text("clip_id,guitar,mp3_path\n2,1,0/a.mp3\n")
    with pytest.raises(Problems, match="separated by tabs"):
        find(settings(tmp_path))


def test_a_folder_without_any_of_the_clips_is_an_error(tmp_path):
    make_magnatagatune(tmp_path / "mtat", CLIPS)
    (tmp_path / "other/mp3").mkdir(parents=True)
    with pytest.raises(Problems, match=r"none of the clips is there, such as f/bach[\s\S]*found: mp3"):
        find(settings(tmp_path / "other", annotations=str(tmp_path / "mtat/annotations_final.csv"), top=4))
