"""Known defects explain what happens to a file; anything that is not listed stays as loud as ever."""

import hashlib

import pytest

from genreflow.datasets.catalog import tracks_of_shard
from genreflow.datasets.known_bad import known_bad, marked
from genreflow.datasets.layouts.magnatagatune import MagnaTagATune
from genreflow.datasets.listing import ListedTrack
from genreflow.datasets.scan import refresh

EMPTY = "6/norine_braun-now_and_zen-08-gently-117-146.mp3"


@pytest.mark.parametrize(("dataset", "entries"), [("gtzan", 2), ("magnatagatune", 3), ("fma", 21)])
def test_every_entry_says_what_is_wrong_and_who_says_so(dataset, entries):
    defects = known_bad(dataset)
    assert len({defect.file for defect in defects}) == len(defects) == entries
    for defect in defects:
        assert defect.verdict in ("note", "quarantine")
        assert defect.reason
        assert defect.source
        assert not defect.reason.endswith(".")


def test_the_clips_of_fma_small_that_are_shorter_than_30_s():
    """Wiki of github.com/mdeff/fma: six in the small subset, of which three are empty (issue 44)."""
    reasons = {defect.file[4:10]: defect.reason for defect in known_bad("fma")}
    assert {"098565", "098567", "098569", "099134", "108925", "133297"} <= reasons.keys()
    assert all("no audio" in reasons[track] for track in ("099134", "108925", "133297"))


def test_a_note_leaves_the_track_to_be_tried_and_a_quarantine_does_not(tmp_path):
    root = bytes(tmp_path)
    tracks = [ListedTrack(f"{name}.wav".encode(), "x") for name in ("jazz/jazz.00054", "reggae/reggae.00086", "a/b")]
    note, refusal, other = marked(tracks, root, "gtzan")
    assert note.reason == "W_KNOWN_ISSUE"
    assert "Kaggle" in note.message
    assert refusal.reason == "Q_KNOWN_BAD"
    assert "10.1145/2390848.2390851" in refusal.message
    assert other is tracks[2]
    assert note.message.endswith(").") and refusal.message.endswith(").")


def test_a_file_of_another_format_is_the_same_clip_and_of_another_folder_is_not(tmp_path):
    names = (b"jazz/jazz.00054.au", b"jazz/jazz.00054.flac", b"jazz.00054.au", b"blues/jazz.00054.au")
    reasons = [track.reason for track in marked([ListedTrack(name, "x") for name in names], bytes(tmp_path), "gtzan")]
    assert reasons == ["W_KNOWN_ISSUE", "W_KNOWN_ISSUE", "", ""]


def test_where_the_content_is_known_it_decides(tmp_path):
    assert {defect.sha256 for defect in known_bad("magnatagatune")} == {hashlib.sha256().hexdigest()}
    path = tmp_path / EMPTY
    path.parent.mkdir()
    track = ListedTrack(EMPTY.encode(), "")
    assert marked([track], bytes(tmp_path), "magnatagatune") == [track], "a file that is not there is missing, not bad"
    path.write_bytes(b"mended")
    assert marked([track], bytes(tmp_path), "magnatagatune") == [track]
    path.write_bytes(b"")
    assert marked([track], bytes(tmp_path), "magnatagatune")[0].reason == "Q_KNOWN_BAD"


def test_a_new_failure_has_no_excuse(tmp_path):
    """Of two empty files, the one that is known is refused by the catalog; the other is left to fail by itself."""
    other = "6/norine_braun-now_and_zen-01-other-0-29.mp3"
    (tmp_path / "6").mkdir()
    rows = ["clip_id\tguitar\tmp3_path", f"35644\t1\t{EMPTY}", f"1\t1\t{other}"]
    (tmp_path / "annotations_final.csv").write_text("\n".join(rows) + "\n")
    for name in (EMPTY, other):
        (tmp_path / name).write_bytes(b"")
    refresh(MagnaTagATune(layout="magnatagatune", path=str(tmp_path)), tmp_path / "catalog.parquet", raw=tmp_path)
    reasons = {row["path"]: row["reason"] for row in tracks_of_shard(tmp_path / "catalog.parquet", "s")}
    assert reasons == {bytes(tmp_path / EMPTY): "Q_KNOWN_BAD", bytes(tmp_path / other): ""}
