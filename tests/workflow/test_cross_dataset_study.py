"""A study that is tested on another collection: what it makes, what it leaves alone, and what its report says first."""

import json
import shutil

import pandas as pd
import pytest

from genreflow.store.parquet import read_frame

pytestmark = pytest.mark.end_to_end


@pytest.fixture
def tested(project):
    """A finished project, now to be tested on other tracks: one of them is known, one is of an unknown class."""
    music = project.work / "music"
    for number in range(3):
        project.add_track(f"../away/low/{number}.wav", 30 + number)
        project.add_track(f"../away/treble/{number}.wav", 40 + number)
    project.add_track("../away/polka/0.wav", 50)
    shutil.copy(music / "low/0.wav", project.work / "away/low/known.wav")
    settings = project.work / "my.yaml"
    settings.write_text(
        settings.read_text().replace(
            "datasets:\n",
            "datasets:\n  away: {layout: folders, path: away, labels: {aliases: {treble: high}}}\n",
        )
    )
    study = project.work / "tiny.yaml"
    study.write_text(study.read_text() + "tested_on: [away]\n")
    return project


def test_another_collection_is_judged_once_and_nothing_is_trained_again(tested):
    jobs = tested.jobs()
    assert jobs["judge_cross_dataset"] == 1 and "train_run" not in jobs and "assign_folds" not in jobs
    tested.build()
    results = tested.work / "results/tiny"
    [row] = pd.read_csv(results / "tables/cross_dataset.csv").to_dict("records")
    assert (row["dataset"], row["tracks"], row["known"], row["other_class"]) == ("away", 6, 1, 1)
    assert row["only_there"] == "polka"
    headline = json.loads((results / "tables/headline.json").read_text())
    assert headline["sentences"][0].startswith("On «away», a collection that the model was not trained on")
    assert headline["elsewhere"][0]["tracks"] == 6
    page = (results / "report/index.html").read_text()
    assert "Another collection" in page and "Accuracy on away" in page and "away/low/0.wav" not in page
    tracks = pd.read_csv(results / "tables/cross_dataset_tracks.csv")
    listed = tracks[tracks["fate"] == "judged"]
    data = json.loads(page.split('id="page-data">')[1].split("</script>")[0])
    assert {f"away/{track}" for track in listed["track_id"]} <= set(data["clips"])
    assert tested.jobs() == {}


def test_more_tracks_of_the_other_collection_are_judged_and_nothing_else_is_made(tested):
    tested.build()
    tested.add_track("../away/low/9.wav", 60)
    jobs = tested.jobs()
    assert jobs["judge_cross_dataset"] == 1
    assert not {"train_run", "assign_folds", "audit_leakage", "map_library"} & set(jobs)


@pytest.mark.slow
def test_each_collection_is_tested_by_models_trained_on_the_others(tested):
    settings, study = tested.work / "my.yaml", tested.work / "tiny.yaml"
    joined = "datasets:\n  both: {layout: collections, of: [tiny, away]}\n"
    settings.write_text(settings.read_text().replace("datasets:\n", joined, 1))
    left_out = "dataset: both\nfolds: {scheme: leave_one_collection_out}\n"
    text = study.read_text().replace("tested_on: [away]\n", "").replace("folds: {count: 2}\n", "")
    study.write_text(text.replace("dataset: tiny\n", left_out))
    tested.build()
    results = tested.work / "results/tiny"
    folds = read_frame(results / "protocols/standard/folds.parquet", "folds")
    assert set(folds["label"]) == {"low", "high"}, "polka is in one collection only"
    table = pd.read_csv(results / "tables/collections.csv").query("setting == 'pool=mean'")
    # The copied track and its original are in both, so neither is tested.
    assert dict(zip(table["collection"], table["tracks"], strict=True)) == {"away": 6, "tiny": 7}
    page = (results / "report/index.html").read_text()
    assert "Accuracy on each collection, by models trained on the others" in page
    assert "Each of 2 collections was tested by models trained on the others" in page
    assert tested.jobs() == {}
