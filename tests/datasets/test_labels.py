import unicodedata
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genreflow.config.datasets import Labels
from genreflow.datasets.labels import name_classes, name_classes_of, tidy
from genreflow.datasets.listing import ListedTrack, TrackListing
from genreflow.errors import Problems
from genreflow.store.text import sanitize_name

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(str.strip)


def caseless(label):
    return unicodedata.normalize("NFC", " ".join(tidy(label).casefold().split()))


def tracks(*labels):
    return TrackListing(b"", [ListedTrack(f"{number}.mp3".encode(), label) for number, label in enumerate(labels)])


def classes_of(labels, **settings):
    return [track.label for track in name_classes_of(tracks(*labels), Labels(**settings), "music").tracks]


def notices_of(labels, **settings):
    return name_classes_of(tracks(*labels), Labels(**settings), "music").notices


def problems_of(labels, **settings):
    with pytest.raises(Problems) as error:
        name_classes_of(tracks(*labels), Labels(**settings), "music")
    assert str(error.value).startswith("music:\n")
    return error.value.problems


@pytest.mark.parametrize("label", ["NA", "None", "null", "nan", "true", "no", "01", "1e5", "-core", "__all__", "=1+1"])
def test_a_label_is_text_whatever_it_looks_like(label):
    assert classes_of([label, "goa"]) == [label, "goa"]
    assert notices_of([label, "goa"]) == []


@given(st.lists(TEXT, min_size=2, max_size=8))
def test_labels_are_unchanged_but_for_blanks_unicode_form_and_merging(labels):
    naming = name_classes(Counter(labels), Labels(), tags=True)
    assert naming.problems == []
    assert naming.classes.keys() == set(labels)
    for label, name in naming.classes.items():
        assert name in {sanitize_name(unicodedata.normalize("NFC", other).strip()) for other in labels}
        assert caseless(name) == caseless(label)
    for one in labels:
        for other in labels:
            if tidy(one) == tidy(other):
                assert naming.classes[one] == naming.classes[other]


@given(st.lists(st.text("abcdefgh01-", min_size=1, max_size=6), min_size=2, max_size=8, unique=True))
def test_labels_that_differ_in_more_than_case_and_blanks_stay_apart(labels):
    assert name_classes(Counter(labels), Labels()).classes == {label: label for label in labels}


def test_blanks_around_a_label_and_its_unicode_form_do_not_count():
    labels = ["  goa ", "cafe\u0301", "caf\u00e9"]
    assert classes_of(labels) == ["goa", "caf\u00e9", "caf\u00e9"]
    assert notices_of(labels) == ["'cafe\\u0301' (1 track), 'café' (1 track) count as 'café'"]


def test_spellings_are_merged_into_the_commonest_and_said():
    labels = ["rock", "rock", "Rock", "ROCK ", "Hip  Hop", "hip hop", "hip hop"]
    assert classes_of(labels) == ["rock"] * 4 + ["hip hop"] * 3
    assert notices_of(labels) == [
        "'Hip  Hop' (1 track), 'hip hop' (2 tracks) count as 'hip hop'",
        "'ROCK ' (1 track), 'Rock' (1 track), 'rock' (2 tracks) count as 'rock'",
    ]


def test_the_commonest_spelling_does_not_depend_on_the_order_of_tracks():
    assert set(classes_of(["b", "Rock", "rock"])) == set(classes_of(["rock", "Rock", "b"])) == {"Rock", "b"}


def test_strict_labels_are_refused_instead_of_merged():
    assert problems_of(["rock", "rock", "Rock", "rock ", "goa"], strict=True) == [
        "'Rock' (1 track), 'rock' (2 tracks), 'rock ' (1 track) differ only in case or blanks. "
        "Make them one, or set labels.strict to false."
    ]


def test_labels_take_the_spelling_of_the_settings():
    assert classes_of(["ROCK", "ROCK", "Goa"], classes=["Rock", "goa"]) == ["Rock", "Rock", "goa"]
    assert problems_of(["ROCK", "goa"], classes=["Rock", "goa"], strict=True) == [
        "'ROCK' (1 track) is not in labels.classes. Did you mean 'Rock'?"
    ]


def test_two_classes_of_the_settings_may_differ_in_case_alone():
    assert classes_of(["Rock", "rock"], classes=["Rock", "rock"]) == ["Rock", "rock"]


def test_aliases_merge_classes_and_are_said():
    labels = ["hip-hop", "Hip-Hop", "hiphop", "goa", "goa trance"]
    aliases = {"Hip-Hop": "hiphop", "goa trance": "goa", "gabba": "hardcore"}
    assert classes_of(labels, aliases=aliases) == ["hiphop"] * 3 + ["goa"] * 2
    assert notices_of(labels, aliases=aliases)[1:] == [
        "labels.aliases: 'Hip-Hop' (2 tracks) is 'hiphop'",
        "labels.aliases: 'goa trance' (1 track) is 'goa'",
        "labels.aliases: no track is labeled 'gabba'",
    ]


def test_aliases_apply_once():
    assert classes_of(["a", "b", "c"], aliases={"a": "b", "b": "c"}) == ["b", "c", "c"]


def test_unknown_labels_are_counted_commonest_first_with_a_hint():
    assert problems_of(["goa", "gao", "gao", "xyz"], classes=["goa", "dark"]) == [
        "'gao' (2 tracks) is not in labels.classes. Did you mean 'goa'?",
        "'xyz' (1 track) is not in labels.classes.",
    ]


def test_classes_without_a_track_are_said():
    assert notices_of(["a", "b"], classes=["a", "b", "c"]) == ["labels.classes: no track is labeled 'c'"]


def test_dropped_classes_leave_with_their_tracks():
    assert classes_of(["a", "b", "misc", "Misc"], drop=["misc", "none"]) == ["a", "b"]
    assert notices_of(["a", "b", "misc"], drop=["misc", "none"]) == [
        "labels.drop: no track is labeled 'none'",
        "labels.drop leaves out 'misc' (1 track)",
    ]


@pytest.mark.parametrize(
    ("labels", "settings", "problem"),
    [
        (["a", "a"], {}, "there is only one class, 'a' (2 tracks). Add tracks of a second class."),
        (["a", "b"], {"drop": ["b"]}, "there is only one class, 'a' (1 track). Add tracks of a second class."),
        ([], {}, "no class is left: there are no tracks, or labels.drop names every class."),
        (["a", "b"], {"drop": ["a", "b"]}, "no class is left: there are no tracks, or labels.drop names every class."),
        (["a", "b", "", " "], {}, "there are empty labels (2 tracks). Give each a class, or take it out."),
    ],
)
def test_what_cannot_be_told_apart_is_refused(labels, settings, problem):
    assert problems_of(labels, **settings) == [problem]


def test_labels_that_look_alike_are_pointed_out_and_left_apart():
    assert classes_of(["hip-hop", "hiphop", "+", "-"]) == ["hip-hop", "hiphop", "+", "-"]
    assert notices_of(["hip-hop", "hiphop", "+", "-"]) == [
        "'hip-hop' (1 track), 'hiphop' (1 track) look alike; labels.aliases can make them one"
    ]


def test_very_uneven_classes_are_said_with_the_share_of_the_largest():
    assert notices_of(["a"] * 999 + ["b"]) == []
    assert notices_of(["a"] * 1000 + ["b"]) == [
        "there are 2 classes of 1 to 1,000 tracks; always saying 'a' is right for 99.9% of the tracks"
    ]


def test_very_many_classes_are_said():
    assert notices_of([f"c{n}" for n in range(1000)]) == []
    assert notices_of([f"c{n}" for n in range(1001)])[0].startswith("there are 1,001 classes of 1 to 1 tracks;")


def test_notices_do_not_run_to_thousands():
    labels = [spelling for n in range(1000) for spelling in (f"c{n}", f"C{n}")]
    assert len(notices_of(labels)) == 21
    assert notices_of(labels)[-1] == "980 more labels were merged likewise"


def test_tags_are_named_like_labels_and_leave_one_by_one():
    tagged = [
        ListedTrack(b"a", "", tags=("Rock", "loud", "misc")),
        ListedTrack(b"b", "", tags=("rock", "rock ", "ROCK")),
    ]
    tagged.append(ListedTrack(b"c", "", tags=("misc",)))
    named = name_classes_of(TrackListing(b"", tagged), Labels(classes=["rock", "loud"], drop=["misc"]), "music").tracks
    assert [track.tags for track in named] == [("rock", "loud"), ("rock",), ()]


def test_a_long_list_of_problems_is_cut_in_print_and_whole_in_the_error():
    labels = [f"{n:05}" for n in range(2000)]
    with pytest.raises(Problems) as error:
        name_classes_of(tracks(*labels), Labels(classes=["goa"]), "music")
    assert len(error.value.problems) == 2000
    assert len(str(error.value).splitlines()) == 52
    assert str(error.value).endswith("… and 1,950 more.")
