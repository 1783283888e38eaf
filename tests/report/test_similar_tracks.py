"""A page lists what its tracks with excerpts sound like, and no more."""

import json

import pandas as pd

from genreflow.report.data import Excerpt, page_data

NAMES = ["</script><b>", "tame", "日本語", "\u202eevil"]


def library(n=4):
    ids = [f"{number:02x}" for number in range(n)]
    frame = pd.DataFrame({"track_id": ids, "title": NAMES[:n], "label": "a", "pca_x": range(n), "pca_y": range(n)})
    for rank in (1, 2):
        frame[f"near_{rank}"] = ids[rank:] + ids[:rank]
        frame[f"similarity_{rank}"] = 1.0 - rank / 10
    return frame


def data_of(frame, excerpts):
    text = page_data([], frame, {}, {track: Excerpt("clips/a.ogg", 0.0) for track in excerpts})
    assert "</script>" not in text
    return json.loads(text)


def test_tracks_with_excerpts_list_the_nearest_and_these_have_titles():
    data = data_of(library(), ["00", "03"])
    assert data["near"] == {"00": [["01", 90], ["02", 80]], "03": [["00", 90], ["01", 80]]}
    assert {other for pairs in data["near"].values() for other, _ in pairs} <= set(data["titles"])


def test_a_map_of_an_earlier_release_lists_nothing():
    assert data_of(library().drop(columns=["near_1", "near_2"]), ["00"])["near"] == {"00": []}
    assert data_of(None, ["00"])["near"] == {}
