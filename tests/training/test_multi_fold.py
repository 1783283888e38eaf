"""Several runs in one process: the same products, the slices read once, and nothing lost when it is killed."""

import pytest
from small_study import TRAINING

from genreflow.store.atomic import waiting_place
from genreflow.store.digest import file_sha256
from genreflow.training import data, multi_fold
from genreflow.training.multi_fold import RunSpec, run_all

FILES = ("model.safetensors", "history.parquet", "predictions.parquet", "run.json")


@pytest.fixture
def shared(study, run_tiny):
    """Return what all runs have in common; `run_tiny` has made the small network known."""
    arguments = study.arguments("tiny", "unused")
    return {name: value for name, value in arguments.items() if name not in ("fold", "training", "folder")}


def wanted(study, place):
    return [
        RunSpec(fold, TRAINING.model_copy(update={"seed": seed}), study.folder / place / f"fold-{fold}r{seed}")
        for fold in ("1", "2")
        for seed in (0, 1)
    ]


def hashes(runs):
    names = FILES[:3:2]  # the others tell of times
    return [file_sha256(run.folder / name) for run in runs for name in names]


def test_runs_of_one_process_are_those_of_as_many_and_read_their_slices_once(study, shared, monkeypatch):
    apart, together = wanted(study, "apart"), wanted(study, "together")
    for run in apart:
        run.folder.mkdir(parents=True)
        list(run_all([run], **shared))
    reads = []
    monkeypatch.setattr(data, "load_slices", lambda *a, **k: reads.append(1) or load(*a, **k))
    told = list(run_all(together, **shared))
    assert len(reads) == 1
    assert [facts["fold"] for facts in told] == ["1", "1", "2", "2"]
    assert hashes(together) == hashes(apart) and len(set(hashes(apart))) == 8
    assert all(sorted(path.name for path in run.folder.iterdir()) == sorted(FILES) for run in together)
    assert not any(waiting_place(run.folder).exists() for run in together)


def test_what_is_finished_is_not_trained_again_after_a_kill(study, shared, monkeypatch):
    runs = wanted(study, "killed")
    told = run_all(runs, **shared)
    next(told)
    next(told)
    told.close()  # a kill after the second run
    assert not any(run.folder.exists() for run in runs)
    trained = []
    monkeypatch.setattr(multi_fold, "run_fold", lambda **how: trained.append(how["fold"]) or run_fold(**how))
    list(run_all(runs, **shared))
    assert trained == ["2", "2"]
    assert all((run.folder / "run.json").exists() for run in runs)


def test_what_waits_under_another_key_or_is_damaged_is_trained_again(study, shared, monkeypatch):
    runs = wanted(study, "stale")
    told = run_all(runs, **shared)
    next(told)
    next(told)
    told.close()
    weights = waiting_place(runs[0].folder) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    trained = []
    monkeypatch.setattr(multi_fold, "run_fold", lambda **how: trained.append(how["folder"]) or run_fold(**how))
    list(run_all(runs[:2], **shared | {"key": "another"}))
    assert len(trained) == 2
    told = run_all(runs, **shared)
    next(told)
    assert len(trained) == 3


load, run_fold = data.load_slices, multi_fold.run_fold
