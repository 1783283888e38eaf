"""Several runs in one process: the same products, the slices read once, and nothing lost when it is killed."""

import pytest

from genreflow.store.atomic import waiting_place
from genreflow.store.digest import file_sha256
from genreflow.training import data, multi_fold
from genreflow.training.multi_fold import train_folds

FILES = ("model.safetensors", "history.parquet", "predictions.parquet", "run.json")


@pytest.fixture
def shared(study, run_tiny):
    """Return what all runs have in common; `run_tiny` has registered the small network."""
    arguments = study.arguments("tiny", "unused")
    return {name: value for name, value in arguments.items() if name not in ("fold", "folder")}


def folders_of(study, place):
    return [study.folder / place / name for name in ("fold-1", "fold-1r2", "fold-2", "fold-2r2")]


def hashes(folders):
    names = FILES[:3:2]  # the others depend on times
    return [file_sha256(folder / name) for folder in folders for name in names]


@pytest.fixture
def trained(monkeypatch):
    """Return a list that receives the fold of each call of `run_fold`."""
    folds = []
    monkeypatch.setattr(multi_fold, "run_fold", lambda *a, **k: folds.append(k["fold"]) or run_fold(*a, **k))
    return folds


def test_runs_of_one_process_are_those_of_as_many_and_read_their_slices_once(study, shared, monkeypatch):
    apart, together = folders_of(study, "apart"), folders_of(study, "together")
    for folder in apart:
        list(train_folds(folders=[folder], **shared))
    reads = []
    monkeypatch.setattr(data, "load_slices", lambda *a, **k: reads.append(1) or load(*a, **k))
    results = list(train_folds(folders=together, **shared))
    assert len(reads) == 1
    assert [facts["fold"] for _, facts in results] == ["1", "1", "2", "2"]
    assert [facts["training"]["seed"] for _, facts in results] == [0, 1, 0, 1]
    assert [name for name, _ in results][1] == "small tiny base fold 1r2"
    assert hashes(together) == hashes(apart) and len(set(hashes(apart))) == 8
    assert all(sorted(path.name for path in folder.iterdir()) == sorted(FILES) for folder in together)
    assert not any(waiting_place(folder).exists() for folder in together)


def test_what_is_finished_is_not_trained_again_after_a_kill(study, shared, trained):
    folders = folders_of(study, "killed")
    runs = train_folds(folders=folders, **shared)
    next(runs)
    next(runs)
    runs.close()  # a kill after the second run
    assert not any(folder.exists() for folder in folders)
    trained.clear()
    list(train_folds(folders=folders, **shared))
    assert trained == ["2", "2"]
    assert all((folder / "run.json").exists() for folder in folders)


def test_what_waits_under_another_key_or_is_damaged_is_trained_again(study, shared, trained):
    folders = folders_of(study, "stale")
    runs = train_folds(folders=folders, **shared)
    next(runs)
    next(runs)
    runs.close()
    weights = waiting_place(folders[0]) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    trained.clear()
    list(train_folds(folders=folders[:2], **shared | {"key": "another"}))
    assert len(trained) == 2
    next(train_folds(folders=folders, **shared))
    assert len(trained) == 3


load, run_fold = data.load_slices, multi_fold.run_fold
