import sys
from pathlib import Path

import psutil

from genreflow.datasets.index import shard_files
from genreflow.job import job
from genreflow.training.multi_fold import run_all, run_specs

with job(snakemake.log[0]) as say:
    asked = snakemake.params.run
    runs = run_specs(
        asked,
        [Path(path).parent for path in snakemake.output if path.endswith("run.json")],
        Path(snakemake.log[0]).parent,
        terminal=sys.__stderr__,
        has_events=snakemake.resources.tensorboard,
    )
    told = run_all(
        runs,
        shards=shard_files(snakemake.input.index),
        index=snakemake.input.index,
        folds=snakemake.input.folds,
        **{name: asked[name] for name in ("model", "options", "input")},
        audio=snakemake.params.audio,
        key=snakemake.params.key,
        device=snakemake.params.device,
        threads=snakemake.threads,
        memory_gb=snakemake.resources.slices_mb / 1000,
        since=psutil.Process().create_time(),
    )
    for run, facts in zip(runs, told, strict=True):
        say(
            f"{run.watch.name}: {facts['status']} after {facts['epochs']} epochs in {facts['seconds']['total']:.0f} s "
            f"on {facts['device']}"
        )
