"""Whatever is wrong with settings, paths and datasets is told at once, and nothing has been written then."""

from pathlib import Path

import pytest
import soundfile

from genreflow.errors import UserError
from genreflow.plan.make import make_plan

HOME = Path(__file__).parents[2]


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for label in ("goa", "dark"):
        for number in range(5):
            path = tmp_path / "music" / label / f"{number}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, [0.1 * number] * 100, 8000)
    return tmp_path


def study(work, name, text):
    (work / f"{name}.yaml").write_text(text)
    return f"{name}.yaml"


def problems(config):
    with pytest.raises(UserError) as caught:
        make_plan(config, home=HOME, refresh=True)
    assert not Path("results").exists(), "something was written"
    return str(caught.value)


MUSIC = {"layout": "folders", "path": "music"}


def test_of_several_files_and_datasets(work):
    message = problems(
        {
            "studies": [
                study(work, "one", "dataset: gone\nfolds: {count: '5'}\nmodells: {}\n"),
                study(work, "two", "dataset: musci\nmodels: {psytrance_cn: {}}\n"),
                study(work, "three", "dataset: nowhere\n"),
                "four.yaml",
            ],
            "datasets": {"music": MUSIC, "nowhere": {"layout": "folders", "path": "no/such/folder"}},
        }
    )
    assert "folds.count" in message and "'5'" in message
    assert "modells: this key is not known. Did you mean 'models'?" in message
    assert "there is no file four.yaml" in message
    assert "'musci' is not under `datasets`. Did you mean 'music'?" in message
    assert "Did you mean 'psytrance_cnn'?" in message
    assert "'no/such/folder' does not exist" in message


def test_of_several_studies_of_one_dataset(work):
    message = problems(
        {
            "studies": [
                study(work, "folds", "dataset: music\nfolds: {count: 9}\nmodels: {psytrance_cnn: {}}\n"),
                study(work, "axis", "dataset: music\nmodels: {psytrance_cnn: {}}\n"
                      "experiments: {a: {vary: {droput: [0.1]}}}\n"),
            ],
            "datasets": {"music": MUSIC},
        }
    )  # fmt: skip
    assert "9 folds" in message
    assert "Did you mean 'dropout'?" in message


@pytest.mark.parametrize("path", ["results/music", "results"])
def test_music_within_the_results(work, path):
    name = study(work, "own", "dataset: music\n")
    assert "where the pipeline writes" in problems(
        {"studies": [name], "datasets": {"music": {"layout": "folders", "path": path}}}
    )


def test_results_within_the_class_folders(work):
    name = study(work, "own", "dataset: music\n")
    message = problems({"studies": [name], "datasets": {"music": {"layout": "folders", "path": "."}}})
    assert "holds the results folder" in message


def test_a_wrong_config_still_tells_of_the_studies(work):
    message = problems({"studies": [study(work, "own", "datset: music\n")], "limits": {"shard_size": 0}})
    assert "limits.shard_size" in message
    assert "datset: this key is not known" in message


def test_without_problems_the_catalog_is_written(work):
    name = study(work, "own", "dataset: music\nfolds: {count: 2}\nmodels: {psytrance_cnn: {}}\n")
    plan = make_plan({"studies": [name], "datasets": {"music": MUSIC}}, home=HOME, refresh=True)
    assert Path("results/music/catalog.parquet").exists()
    again = make_plan({"studies": [name], "datasets": {"music": MUSIC}}, home=HOME, refresh=False)
    assert plan.datasets["music"].audio_keys == again.datasets["music"].audio_keys
