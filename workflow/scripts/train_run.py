import sys
from pathlib import Path

from genreflow.catalog.index import shard_files
from genreflow.config.training import TrainingSettings
from genreflow.job import job
from genreflow.training.run import Watch, run_fold

log = Path(snakemake.log[0])

with job(log) as say:
    run = snakemake.params.run
    facts = run_fold(
        shards=shard_files(snakemake.input.index),
        index=snakemake.input.index,
        folds=snakemake.input.folds,
        fold=snakemake.wildcards.fold,
        model=run["model"],
        options=run["options"],
        training=TrainingSettings(**run["training"]),
        input=run["input"],
        audio=snakemake.params.audio,
        key=snakemake.params.key,
        folder=Path(snakemake.output.info).parent,
        device=snakemake.params.device,
        threads=snakemake.threads,
        memory_gb=snakemake.resources.slices_mb / 1000,
        watch=Watch(
            name=f"{run['study']} {run['model']} {run['setting']} fold {snakemake.wildcards.fold}",
            file=log.with_suffix(".progress.json"),
            terminal=sys.__stderr__,
            events=log.with_suffix("") if snakemake.resources.tensorboard else None,
        ),
    )
    say(
        f"{run['study']}: {run['model']} {run['setting']} fold {snakemake.wildcards.fold} {facts['status']} after "
        f"{facts['epochs']} epochs in {facts['seconds']['total']:.0f} s on {facts['device']}"
    )
