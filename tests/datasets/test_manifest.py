import csv
import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from genreflow.config.datasets import Labels
from genreflow.datasets import sheet
from genreflow.datasets.labels import tidy
from genreflow.datasets.layouts.manifest import Manifest
from genreflow.datasets.scan import list_dataset as find
from genreflow.errors import Problems, UserError

FILES = ("a.mp3", "b.mp3", "c.mp3", "d.mp3")


@pytest.fixture
def root(tmp_path):
    for name in FILES:
        (tmp_path / name).write_text(name)
    return tmp_path


def found_in(folder, content, **options):
    path = Path(folder) / "tracks.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    labels = Labels(**options.pop("labels", {}))
    return find(Manifest(layout="manifest", path=str(path), labels=labels, **options))


def problems_of(root, content, **options):
    with pytest.raises(Problems) as error:
        found_in(root, content, **options)
    assert str(error.value).startswith(f"{root}/tracks.csv:\n")
    return error.value.problems


def sheet_of(*rows, header="path,label"):
    return "\n".join([header, *rows, ""])


def splits(*marks):
    """A manifest of tracks with label and split."""
    rows = [f"{name},{mark}" for name, mark in zip(FILES, marks, strict=False)]
    return sheet_of(*rows, header="path,label,split")


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_manifests_of_any_spreadsheet_are_read(root, separator, start, end):
    rows = [
        "Path, Label ,group,split",
        "a.mp3, NA,x,holdout",
        "",
        "b.mp3,01,,",
        ",,,",
        "c.mp3,NA,,",
        "d.mp3,01,,holdout",
    ]
    result = found_in(root, start + end.join(row.replace(",", separator) for row in rows))
    assert [(track.path, track.label, track.group, track.split) for track in result.tracks] == [
        (b"a.mp3", "NA", "x", "holdout"),
        (b"b.mp3", "01", None, None),
        (b"c.mp3", "NA", None, None),
        (b"d.mp3", "01", None, "holdout"),
    ]


def test_another_separator_is_said(root):
    rows = [row.replace(",", ";") for row in ("path,label", "a.mp3,x", "b.mp3,y", "c.mp3,x", "d.mp3,y")]
    assert found_in(root, "\n".join(rows)).notices == ["the cells are separated by semicolons"]


def test_cells_in_quotation_marks_may_hold_separators_and_line_breaks(root):
    for name in ("a, b.mp3", "a\nb.mp3", 'the "x".mp3'):
        (root / name).write_text("")
    result = found_in(root, 'path,label\n"a, b.mp3",x\n"a\nb.mp3","y, z"\n"the ""x"".mp3",x\nb.mp3\n'[:-6])
    assert [(track.path, track.label) for track in result.tracks] == [
        (b"a, b.mp3", "x"), (b"a\nb.mp3", "y, z"), (b'the "x".mp3', "x"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n\n,\n", "is empty"),
        ("path,label\na,b\n".encode("utf-16") + b"x", "is not UTF-16. Save the file as UTF-8"),
        (b"PK\x03\x04......xl/workbook.xml", r"is an Excel workbook \(.xlsx\), not CSV. Save it as CSV: in Excel"),
        (b"path,label\ncaf\xe9,b\n", "byte 14, in line 2, is not UTF-8. Save the file as UTF-8"),
        (b"\xef\xbb\xbfpath,label\ncaf\xe9,b\n", "byte 17, in line 2, is not UTF-8"),
        (b'path,label\na.mp3,x\n"b.mp3,x\nc.mp3,y\n', "row 3: unexpected end of data. Put a cell"),
        (b'path,label\n"a" b.mp3,x\n', "row 2: ',' expected after '\"'. Put a cell"),
        (b"path,label\n" + b"x" * 200_000 + b",y\n", r"row 2: field larger than field limit \(100000\)"),
    ],
)
def test_a_file_that_is_no_manifest_is_a_sentence(root, content, message):
    with pytest.raises(UserError, match=message):
        found_in(root, content)


def test_a_file_too_large_to_be_a_manifest_is_not_read(root, monkeypatch):
    monkeypatch.setattr(sheet, "MAX_BYTES", 20)
    with pytest.raises(UserError, match="Is it the right file"):
        found_in(root, sheet_of("a.mp3,x", "b.mp3,y"))


def test_what_is_not_there_is_a_sentence(root):
    with pytest.raises(UserError, match=r"manifest '/nowhere.csv' does not exist"):
        find(Manifest(layout="manifest", path="/nowhere.csv"))
    with pytest.raises(UserError, match="is a folder, but a manifest is needed"):
        find(Manifest(layout="manifest", path=str(root)))
    with pytest.raises(UserError, match="Set `root` to where the files are"):
        found_in(root, sheet_of("a.mp3,x"), root=str(root / "nowhere"))


@pytest.mark.parametrize(
    ("header", "problems"),
    [
        ("path,lable", ["the column 'label' is missing. Did you mean 'lable'?"]),
        ("path,genre", ["the column 'label' is missing. Is it 'genre'? Rename it."]),
        ("file,class", [
            "the column 'path' is missing. Is it 'file'? Rename it.",
            "the column 'label' is missing. Is it 'class'? Rename it.",
        ]),
        ("path,tags", ["the column 'label' is missing. There is a column 'tags': set `multilabel: true` to use it."]),
        ("path,label,label", ["the column 'label' is there twice."]),
        ("path,label,gruop", ["the column 'gruop' is not known. Did you mean 'group'?"]),
        ("path,label,Artists", ["the column 'artists' is not known. Did you mean 'artist'?"]),
    ],
)  # fmt: skip
def test_misspelt_columns_are_named_with_a_hint(root, header, problems):
    lists = [f"columns found: {', '.join(map(repr, header.split(',')))}."] if "missing" in problems[0] else []
    assert problems_of(root, header + "\n") == problems + lists


def test_other_columns_are_passed_over_and_said(root):
    content = sheet_of("a.mp3,x,120,", "b.mp3,y,90,", "c.mp3,x,1,", "d.mp3,y,2,", header="path,label,bpm,")
    assert found_in(root, content).notices == ["columns skipped: 'bpm'"]


def test_all_faults_are_listed_at_once_with_their_rows(root):
    rows = [
        "../a.mp3,x,train",
        "/b.mp3,x,train",
        "c.mp3",
        ",x,train",
        "d.mp3,,train",
        "c.mp3,x,train,",
        '"',
        '",x,train',
    ]
    content = sheet_of(*rows, "gone.mp3,x,train", "d.mp3,gao,trian", header="path,label,split")
    problems = problems_of(root, content, labels={"classes": ["x", "goa"]})
    assert problems[1] == "'gao' (1 track) is not in labels.classes. Did you mean 'goa'?"
    assert problems[0].startswith("1 of 4 files are missing")
    assert [problem.split(":")[0] for problem in problems[2:]] == [f"row {n}" for n in (2, 3, 4, 5, 6, 7, 8, 10, 11)]
    assert problems[4] == "row 4: 1 cell where the header has 3."
    assert problems[7] == "row 7: 4 cells where the header has 3. Put cells that hold a comma into quotation marks."
    assert problems[10].endswith(
        "the split 'trian' (1 row) is none of train, valid, test, holdout. Did you mean 'train'?"
    )


def test_thirty_thousand_faults_are_not_thirty_thousand_lines(root):
    with pytest.raises(Problems) as error:
        found_in(root, sheet_of(*(f"../{n}.mp3,x" for n in range(30_000)), "gone.mp3,y"))
    assert len(error.value.problems) == 30_000
    assert len(str(error.value).splitlines()) == 52


@pytest.mark.parametrize(("content", "problem"), [
    ("path,label\n", "it has a header and no rows."),
    ("path,label\na.mp3,x\nb.mp3,x\n", "there is only one class, 'x' (2 tracks). Add tracks of a second class."),
])  # fmt: skip
def test_a_manifest_of_nothing_to_tell_apart_is_refused(root, content, problem):
    assert problems_of(root, content) == [problem]


def test_labels_are_merged_renamed_and_dropped_as_everywhere(root):
    content = sheet_of("a.mp3,Rock", "b.mp3,hip-hop", "c.mp3,misc", "d.mp3,rock ")
    result = found_in(root, content, labels={"aliases": {"hip-hop": "hiphop"}, "drop": ["misc"]})
    assert [(track.path, track.label) for track in result.tracks] == [
        (b"a.mp3", "Rock"), (b"b.mp3", "hiphop"), (b"d.mp3", "Rock"),
    ]  # fmt: skip
    assert result.ignored == {"misc": 1}
    assert len(result.notices) == 3


def test_a_repeated_row_counts_once_and_is_said(root):
    content = sheet_of("a.mp3,x", "b.mp3,y", "./a.mp3,X", "a/../a.mp3,x", ".//a.mp3, x", "c.mp3,x", "d.mp3,y")
    result = found_in(root, content)
    assert [track.path for track in result.tracks] == [b"a.mp3", b"b.mp3", b"c.mp3", b"d.mp3"]
    assert result.notices[-1] == (
        "3 rows repeating a path, left out: row 4 './a.mp3', row 5 'a/../a.mp3', row 6 './/a.mp3'"
    )


def test_a_path_with_two_labels_stops_the_run_or_is_left_out(root):
    content = sheet_of("a.mp3,x", "b.mp3,y", "./a.mp3,y", "c.mp3,x", "d.mp3,y")
    assert problems_of(root, content) == [
        "row 4: './a.mp3' is 'y' here and 'x' in row 2. Keep one, or set `conflict: drop` to leave the file out."
    ]
    result = found_in(root, content, conflict="drop")
    assert [track.path for track in result.tracks] == [b"b.mp3", b"c.mp3", b"d.mp3"]
    assert result.notices == ["1 file with two labels, left out (conflict: drop): row 2 'a.mp3'"]
    assert result.ignored == {"": 1}


def test_two_labels_that_an_alias_makes_one_are_no_conflict(root):
    content = sheet_of("a.mp3,hip-hop", "a.mp3,hiphop", "b.mp3,y")
    assert len(found_in(root, content, labels={"aliases": {"hip-hop": "hiphop"}}).tracks) == 2


def test_repeated_rows_must_agree_in_all_columns(root):
    content = sheet_of("a.mp3,x,A,train", "a.mp3,x,B,test", "b.mp3,y,C,train", header="path,label,artist,split")
    assert "row 3: 'a.mp3' has the split 'test' here and 'train' in row 2." in problems_of(root, content)
    assert "row 3: 'a.mp3' has the artist 'B' here and 'A' in row 2." in problems_of(root, content)


def test_artists_of_no_name_are_none_and_their_albums_hold_together(root):
    rows = [
        "a.mp3,x,Kraftwerk,Autobahn",
        "b.mp3,y,Various Artists,Best Of",
        "c.mp3,x,,Unknown Album",
        "d.mp3,y,unknown,",
    ]
    result = found_in(root, sheet_of(*rows, header="path,label,artist,album"))
    assert [(track.artist, track.group) for track in result.tracks] == [
        ("Kraftwerk", None), (None, "album:Best Of"), (None, None), (None, None),
    ]  # fmt: skip
    assert result.notices == ["3 tracks without an artist, of which 1 have a group or album"]


def test_a_given_group_comes_before_artist_and_album(root):
    rows = ["a.mp3,x,Kraftwerk,Autobahn,g", "b.mp3,y,,Best Of,g", "c.mp3,x,A,,", "d.mp3,y,B,,"]
    result = found_in(root, sheet_of(*rows, header="path,label,artist,album,group"))
    assert [track.group for track in result.tracks] == ["g", "g", None, None]


def test_few_missing_files_are_said_and_stay_tracks(root):
    content = sheet_of("a.mp3,x", "b.mp3,y", "gone.mp3,x", "c.mp3,x", "d.mp3,y")
    result = found_in(root, content, max_missing=0.2)
    assert {track.path: track.reason for track in result.tracks if track.reason} == {b"gone.mp3": "Q_MISSING"}
    assert result.notices == ["1 file missing: row 4 'gone.mp3'"]


def test_many_missing_files_stop_the_run_with_the_root_and_a_hint(root):
    (root / "Gone.MP3").write_text("")
    problems = problems_of(root, sheet_of("a.mp3,x", "b.mp3,y", "gone.mp3,x", "lost.mp3,x", "c.mp3,x"), max_missing=0.2)
    assert problems == [
        f"2 of 5 files are missing; `max_missing` allows a share of 0.2. Paths are relative to {str(root)!r}: "
        "set `root` if they are elsewhere.",
        "row 4: there is no file 'gone.mp3'. There is 'Gone.MP3'.",
        "row 5: there is no file 'lost.mp3'.",
    ]


def test_audio_without_a_row_is_counted(root, monkeypatch):
    (root / "sub" / ".hidden").mkdir(parents=True)
    for name in ("sub/e.MP3", "sub/cover.jpg", "sub/._e.mp3", "sub/.hidden/f.mp3", "results/own.ogg"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("")
    monkeypatch.chdir(root)
    result = found_in(root, sheet_of("a.mp3,x", "b.mp3,y", "c.mp3,x"))
    assert result.ignored == {"": 2}
    assert result.notices == ["2 audio files below the root without a row: 'd.mp3', 'sub/e.MP3'"]


def test_several_labels_in_a_cell_need_multilabel(root):
    content = sheet_of("a.mp3,rock;pop", "b.mp3,rock", "c.mp3,rock;pop", "d.mp3,pop")
    assert problems_of(root, content) == [
        "row 2: 'rock;pop' (2 rows) looks like several labels. Keep one, or name the column `tags` and set "
        "`multilabel: true`."
    ]
    assert len(found_in(root, content, labels={"aliases": {"rock;pop": "rock"}}).tracks) == 4


def test_tags_are_any_number(root):
    content = sheet_of(
        "a.mp3,Rock; loud;;rock", "b.mp3,", "c.mp3,loud", "d.mp3,rock", "d.mp3,rock;rock", header="path,tags"
    )
    result = found_in(root, content, multilabel=True)
    assert [(track.label, track.tags) for track in result.tracks] == [
        ("", ("rock", "loud")), ("", ()), ("", ("loud",)), ("", ("rock",)),
    ]  # fmt: skip
    assert "1 row repeating a path" in result.notices[-1]
    assert problems_of(root, content.replace("rock;rock", "loud"), multilabel=True)[0].startswith(
        "row 6: 'd.mp3' is 'loud' here and 'rock' in row 5."
    )


@pytest.mark.parametrize(
    ("cells", "separator", "notice"),
    [
        (("blues; happy", "happy"), None, "1 row with several tags, separated by ';'"),
        (("blues, happy", "happy"), ",", "1 row with several tags, separated by ','"),
        (("blues|happy", "happy"), "|", "1 row with several tags, separated by '|'"),
        (("['blues', 'happy']", "['happy']"), None, "1 row with several tags, in lists"),
        (("['blues' 'happy']", "['happy']"), ",", "1 row with several tags, in lists"),
        (('["blues", "happy"]', "[happy]"), None, "1 row with several tags, in lists"),
        (("[blues, happy]", "happy; blues"), None, "2 rows with several tags, separated by ';' or in lists"),
    ],
)
def test_tags_are_read_as_people_write_them(root, cells, separator, notice):
    quoted = ['"{}"'.format(cell.replace('"', '""')) for cell in cells]
    content = sheet_of(f"a.mp3,{quoted[0]}", f"b.mp3,{quoted[1]}", header="path,tags")
    result = found_in(root, content, multilabel=True, separator=separator)
    assert {tag for track in result.tracks for tag in track.tags} == {"blues", "happy"}
    assert set(result.tracks[0].tags) == {"blues", "happy"}
    assert notice in result.notices


def test_a_sign_that_may_separate_tags_must_be_confirmed(root):
    content = sheet_of('a.mp3,"blues, happy"', "b.mp3,happy", 'c.mp3,"drum, bass; happy"', header="path,tags")
    assert problems_of(root, content, multilabel=True) == [
        "2 cells of `tags` with a comma, such as 'blues, happy' in row 2. Set `separator: ','` if it separates tags, "
        "or `separator: ';'` if it is part of a name."
    ]
    result = found_in(root, content, multilabel=True, separator=";")
    assert [track.tags for track in result.tracks] == [("blues, happy",), ("happy",), ("drum, bass", "happy")]
    named = {"aliases": {"blues, happy": "blues", "drum, bass": "dnb"}}
    assert found_in(root, content, multilabel=True, labels=named).tracks[2].tags == ("dnb", "happy")


def test_a_label_that_holds_several_is_shown(root):
    content = sheet_of('a.mp3,"blues, happy"', "b.mp3,rock", "c.mp3,rock|pop", "d.mp3,\"['rock', 'pop']\"")
    problems = problems_of(root, content)
    assert [problem.partition(" looks")[0] for problem in problems] == [
        "row 4: 'rock|pop' (1 row)", "row 5: \"['rock', 'pop']\" (1 row)",
    ]  # fmt: skip
    fine = sheet_of('a.mp3,"blues, happy"', "b.mp3,rock", 'c.mp3,"blues, happy"', "d.mp3,rock")
    assert (
        found_in(root, fine).notices[0].startswith("labels with a comma: 'blues, happy'; if these are several labels")
    )


def test_splits_are_read_with_their_other_names(root):
    result = found_in(root, splits("x,Training", "y,train", "x,test", "y,test"))
    assert [track.split for track in result.tracks] == ["train", "train", "test", "test"]
    assert result.notices == ["the split 'Training' (1 row) is read as 'train'"]


def test_a_word_that_is_no_split_is_named_once(root):
    assert problems_of(root, splits("x,fold 1", "y,fold 1", "x,vaild", "y,test")) == [
        "row 2: the split 'fold 1' (2 rows) is none of train, valid, test, holdout.",
        "row 4: the split 'vaild' (1 row) is none of train, valid, test, holdout. Did you mean 'valid'?",
    ]


@pytest.mark.parametrize(
    ("marks", "problem"),
    [
        (["x,test", "y,test", "x,valid", "y,valid"], "no track is in the split 'train', so there is nothing to learn"),
        (["x,holdout", "y,holdout", "x,holdout", "y,holdout"], "no track is in the split 'train'"),
        (["x,train", "y,train", "x,valid", "y,valid"], "no track is in the split 'test' (or 'holdout')"),
        (["x,train", "y,train", "x,test", "x,test"], "the split 'test' has no track of 'y'; others have."),
        (["x,train", "x,train", "y,test", "x,test"], "the split 'train' has no track of 'y'; others have."),
        (["x,holdout", "y,holdout", "x,", "x,"], "the split '(none)' has no track of 'y'; others have."),
    ],
)
def test_a_split_that_cannot_be_used_is_refused(root, marks, problem):
    (printed,) = problems_of(root, splits(*marks))
    assert printed.startswith(problem)


def test_a_holdout_without_a_class_is_said(root):
    assert found_in(root, splits("x,holdout", "y,", "x,", "y,")).notices == [
        "the split 'holdout' has no track of 'y'; others have."
    ]


def test_a_holdout_alone_and_tracks_without_a_split_are_fine(root):
    assert found_in(root, splits("x,holdout", "y,holdout", "x,", "y,")).notices == []
    (root / "e.mp3").write_text("")
    result = found_in(root, splits("x,train", "y,train", "x,test", "y,test") + "e.mp3,x,\n")
    assert result.notices == ["1 track with a label and without a split"]


@pytest.mark.parametrize(
    ("column", "cells", "name"),
    [("group", ["g", "g", "h", "i"], "group 'g'"), ("artist", ["The Orb", "orb", "A", "B"], "artist 'The Orb'")],
)
def test_a_split_keeps_groups_and_artists_together(root, column, cells, name):
    rows = [f"{file},{label},{split},{cell}" for file, label, split, cell in zip(
        FILES, "xxyy", ["train", "test", "train", "test"], cells, strict=True)]  # fmt: skip
    content = sheet_of(*rows, header=f"path,label,split,{column}")
    assert problems_of(root, content) == [
        f"the {name} is in 'test' (1 track) and 'train' (1 track). Keep its tracks in one split."
    ]
    assert len(found_in(root, content.replace(f"test,{cells[1]}\n", "test,z\n")).tracks) == 4


def test_various_artists_may_be_on_both_sides(root):
    rows = ["a.mp3,x,train,VA", "b.mp3,x,test,VA", "c.mp3,y,train,", "d.mp3,y,test,"]
    assert len(found_in(root, sheet_of(*rows, header="path,label,split,artist")).tracks) == 4


LABEL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0;"), min_size=1, max_size=10).filter(
    str.strip
)


@settings(max_examples=50)
@given(st.lists(LABEL, min_size=4, max_size=4))
def test_any_label_comes_through_a_spreadsheet(labels):
    expected = [tidy(label) for label in labels]
    assume(len(set(expected)) > 1 and all(expected))
    with tempfile.TemporaryDirectory() as root:
        for name in FILES:
            Path(root, name).write_text("")
        written = io.StringIO(newline="")
        csv.writer(written).writerows([("path", "label"), *zip(FILES, labels, strict=True)])
        result = found_in(root, written.getvalue(), labels={"classes": expected})
    assert [track.label for track in result.tracks] == expected
