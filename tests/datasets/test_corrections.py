"""Labels that a listener has corrected in a report."""

import re

import pytest

from genreflow.config.load import settings_from
from genreflow.datasets.layouts.folders import Folders
from genreflow.datasets.scan import list_dataset
from genreflow.errors import UserError


@pytest.fixture
def listed(tmp_path):
    """List class folders of small files with a file of corrections."""
    for name in ("goa/a.mp3", "goa/b.mp3", "dark/a.mp3", "dark/=sum.mp3"):
        path = tmp_path / "music" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")

    def run(text):
        (tmp_path / "corrections.csv").write_text(text, encoding="utf-8")
        given = {"layout": "folders", "path": str(tmp_path / "music"), "corrections": str(tmp_path / "corrections.csv")}
        listing = list_dataset(settings_from(Folders, given, "music"))
        return {track.path.decode(): track.label for track in listing.tracks}, " ".join(listing.notices)

    return run


def test_a_corrected_label_is_the_class_and_the_audit_names_the_track(listed):
    labels, notices = listed(
        "path,label,corrected,track_id\r\ngoa/a.mp3,goa,dark,0\r\ngoa/b.mp3,goa,goa,1\r\ngone.mp3,goa,dark,2\r\n"
    )
    assert labels == {"goa/a.mp3": "dark", "goa/b.mp3": "goa", "dark/a.mp3": "dark", "dark/=sum.mp3": "dark"}
    assert "1 label corrected by" in notices and "goa/a.mp3 is dark, not goa." in notices
    assert "1 label confirmed by" in notices
    assert "1 correction in" in notices and "of tracks that are not there: gone.mp3." in notices


def test_a_path_may_begin_with_the_folder_of_the_dataset(listed):
    assert listed("path,corrected\nmusic/goa/a.mp3,dark\n")[0]["goa/a.mp3"] == "dark"


def test_a_name_that_a_spreadsheet_would_take_for_a_formula(listed):
    assert listed("path,corrected\ndark/=sum.mp3,techno\n")[0]["dark/=sum.mp3"] == "techno"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label\ngoa/a.mp3,dark\n", "the column 'corrected' is missing."),
        ("path,corrected\ngoa/a.mp3,\n,dark\n", "row 2: corrected is empty."),
        ("path,corrected\ngoa/a.mp3,gao\n", "there is no class 'gao'. Did you mean 'goa'?"),
        (
            "path,corrected\nelsewhere/a.mp3,dark\n",
            "it names no track. Paths are below the folder of the dataset, as in ",
        ),
        ("path,corrected\ngoa/a.mp3,dark\ngoa/a.mp3,techno\n", "row 3: goa/a.mp3 is 'dark' in another row."),
    ],
)
def test_mistakes_are_named_by_row(listed, text, message):
    with pytest.raises(UserError, match=re.escape(message)):
        listed(text)
