"""A layout recognizes its own datasets, and no other does."""

import csv

import pytest

from genreflow.config.datasets import recognized
from genreflow.config.load import settings_from
from genreflow.config.pipeline import LAYOUTS


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


GENRES = ["blues", "classical", "country", "disco", "hiphop", "jazz", "metal"]
GTZAN = [f"{genre}/{genre}.00000.wav" for genre in GENRES]


@pytest.mark.parametrize(
    ("files", "at", "expected"),
    [
        (["goa/a.mp3", "dark/album/b.flac"], "", {"layout": "folders", "path": ""}),
        (GTZAN, "", {"layout": "gtzan", "path": ""}),
        ([f"Data/genres_original/{name}" for name in GTZAN], "", {"layout": "gtzan", "path": ""}),
        (["blues/mine.wav", "rock/mine.wav", "pop/mine.wav"], "", {"layout": "folders", "path": ""}),
        (["annotations_final.csv", "0/a.mp3", "f/b.mp3"], "", {"layout": "magnatagatune", "path": ""}),
        ([f"Q{n}/MT000000463{n}.mp3" for n in range(1, 5)], "", {"layout": "emotion4q", "path": ""}),
        (["panda_dataset_taffc_annotations.csv", "MT.mp3"], "", {"layout": "emotion4q", "path": ""}),
        (
            ["fma_medium/000/000002.mp3", "fma_metadata/tracks.csv"],
            "fma_medium",
            {"layout": "fma", "path": "fma_medium", "metadata": "fma_metadata", "subset": "medium"},
        ),
        (
            ["fma_large/000/000002.mp3", "fma_metadata/tracks.csv"],
            "",
            {"layout": "fma", "path": "", "metadata": "fma_metadata", "subset": "large"},
        ),
        (["a.mp3", "b.mp3", "covers/front.jpg"], "", None),
        (["only/a.mp3"], "", None),
    ],
)
def test_a_folder(tmp_path, files, at, expected):
    touch(tmp_path, *files)
    if expected is not None:
        places = {key: str(tmp_path / expected[key]) for key in ("path", "metadata") if key in expected}
        expected = expected | places
        settings_from(LAYOUTS[expected["layout"]], expected, "dataset")
    assert recognized(tmp_path / at) == expected


@pytest.mark.parametrize(
    ("header", "expected"), [(["path", "label"], {}), (["path", "tags"], {"multilabel": True}), (["file", "genre"], {})]
)
def test_a_file(tmp_path, header, expected):
    path = tmp_path / "list.csv"
    with open(path, "w", encoding="utf-8") as file:
        csv.writer(file).writerows([header, ["a.mp3", "goa"]])
    assert recognized(path) == {"layout": "manifest", "path": str(path), **expected}
