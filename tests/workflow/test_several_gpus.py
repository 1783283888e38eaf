"""Trainings by real Snakemake on several pretended GPUs: each on one of its own, and all in use."""

from itertools import pairwise

import pytest

from genreflow.store.costs import attempts

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]


def test_trainings_side_by_side_are_on_different_gpus(fresh, tmp_path):
    project = fresh(tracks_per_class=6)
    project.edit("my.yaml", "device: cpu", "device: auto")
    also = {"CUDA_VISIBLE_DEVICES": "GPU-a,GPU-b", "XDG_RUNTIME_DIR": str(tmp_path)}
    code, printed = project.run("--cores", "4", "--resources", "gpu=2", "--until", "train", also=also)
    assert code == 0, printed
    logs = sorted(project.work.glob("logs/tiny/train_run/*/*/fold-*.log"))
    assert len(logs) == 5
    taken = {}
    for log in logs:
        [line] = [line for line in log.read_text().splitlines() if line.startswith("GPU: ")]
        [job] = attempts(log)
        taken.setdefault(line, []).append((job["ended"] - job["seconds"], job["ended"]))
    assert set(taken) == {"GPU: GPU-a", "GPU: GPU-b"}
    for times in taken.values():
        times.sort()
        assert all(before[1] <= after[0] for before, after in pairwise(times))
