import sys
from pathlib import Path

import psutil

from genreflow.datasets.index import shard_files
from genreflow.job import job
from genreflow.project.specs import TrainingSpec
from genreflow.training.multi_fold import run_all, run_specs

with job(snakemake.log[0]) as say:
    spec = TrainingSpec.from_json(snakemake.params.spec)
    runs = run_specs(
        spec,
        [Path(path).parent for path in snakemake.output if path.endswith("run.json")],
        Path(snakemake.log[0]).parent,
        terminal=sys.__stderr__,
        has_events=bool(snakemake.resources.tensorboard),
    )
    results = run_all(
        runs,
        shards=shard_files(snakemake.input.index),
        index=snakemake.input.index,
        folds=snakemake.input.folds,
        model=spec.network,
        options=spec.options,
        input=spec.input.model_dump(),
        audio=spec.audio.model_dump(),
        key=snakemake.params.key,
        device=snakemake.params.device,
        threads=snakemake.threads,
        memory_gb=snakemake.resources.slices_mb / 1000,
        since=psutil.Process().create_time(),
    )
    for run, facts in zip(runs, results, strict=True):
        say(
            f"{run.progress.name}: {facts['status']} after {facts['epochs']} epochs "
            f"in {facts['seconds']['total']:.0f} s on {facts['device']}"
        )
