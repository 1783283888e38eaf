import sys
from pathlib import Path

import psutil

from genreflow.datasets.index import shard_files
from genreflow.gpus import gpu_slot
from genreflow.job import job
from genreflow.project.specs import TrainingSpec
from genreflow.store.text import count
from genreflow.training.multi_fold import train_folds
from genreflow.training.trials import found_setting

with job(snakemake.log[0]) as info, gpu_slot(snakemake.resources.gpu):
    spec = TrainingSpec.from_json(snakemake.params.spec)
    if best := snakemake.input.get("best"):  # found by a search
        spec = found_setting(spec, best, snakemake.params.key)
    runs = train_folds(
        spec,
        [Path(path).parent for path in snakemake.output if path.endswith("run.json")],
        key=snakemake.params.key,
        shards=shard_files(snakemake.input.index),
        index=snakemake.input.index,
        folds=snakemake.input.folds,
        device=snakemake.params.device,
        threads=snakemake.threads,
        memory_gb=snakemake.resources.slices_mb / 1000,
        since=psutil.Process().create_time(),
        logs=Path(snakemake.log[0]).parent,
        terminal=sys.__stderr__,
        tracking=snakemake.resources.tracking,
    )
    for name, facts in runs:
        info(
            f"{name}: {facts['status']} after {count(facts['epochs'], 'epoch')} "
            f"in {facts['seconds']['total']:.0f} s on {facts['device']}"
        )
