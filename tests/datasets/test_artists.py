"""Names of artists: spellings that are one, names that are nobody's."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genreflow.datasets.artists import artist_key, group_of, merged_spellings


@pytest.mark.parametrize(
    "spellings",
    [
        ["The Beatles", "Beatles, The", "beatles", "  THE  BEATLES ", "Beatles"],
        ["Björk", "Bjork", "BJÖRK", "Bjo\u0308rk"],
        ["Sigur Rós", "sigur ros", "Sigur  Ros."],
        ["AC/DC", "AC-DC", "ac dc"],
        ["Guns N' Roses", "Guns N’ Roses", "guns n roses"],
        ["Simon & Garfunkel", "Simon and Garfunkel"],
        ["Die Ärzte", "die arzte"],
        ["Ｐｅｒｆｕｍｅ", "Perfume"],
        ["Weiß", "WEISS"],
    ],
)
def test_one_artist(spellings):
    assert len({artist_key(name) for name in spellings}) == 1
    assert artist_key(spellings[0]) is not None


@pytest.mark.parametrize(
    ("one", "other"),
    [("Prince", "Princess"), ("The The", "Them"), ("が", "か"), ("!!!", "+/-"), ("Theatre", "Atre"), ("X", "X X")],
)
def test_two_artists(one, other):
    assert artist_key(one) != artist_key(other)
    assert None not in (artist_key(one), artist_key(other))


@pytest.mark.parametrize(
    "name",
    [None, "", "  ", float("nan"), "Various Artists", "The Various Artists", "V.A.", "<Unknown>", "n/a", "-", "?"],
)
def test_nobody(name):
    assert artist_key(name) is None


@given(st.text())
def test_a_key_is_its_own_key_or_nobodys(name):
    """Only one `the` is taken off."""
    key = artist_key(name)
    if key is not None and not key.startswith("the ") and not key.endswith(" the"):
        assert artist_key(key) == key


def test_merged_spellings_list_what_was_taken_for_one():
    names = ["The Knife", "Knife, The", "Björk", "Bjork", "bjork", "Prince", "Prince", None, "Unknown", "unknown"]
    assert merged_spellings(names) == {"bjork": ["Bjork", "Björk", "bjork"], "knife": ["Knife, The", "The Knife"]}


def test_the_group_is_the_given_one_else_the_artist():
    tracks = pd.DataFrame(
        {
            "group": ["album", "", None, None, float("nan")],
            "artist": ["Björk", "Björk", "The Knife", "Various Artists", None],
        }
    )
    assert group_of(tracks).tolist() == ["album", "artist:bjork", "artist:knife", None, None]
