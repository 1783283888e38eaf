import sys

from genreflow.datasets.index import shard_files
from genreflow.gpus import gpu_slot
from genreflow.job import job
from genreflow.project.specs import SearchSpec
from genreflow.training.callbacks import ProgressTargets
from genreflow.training.search import run_trial

with job(snakemake.log[0]) as info, gpu_slot(snakemake.resources.gpu):
    names, spec = snakemake.wildcards, SearchSpec.from_json(snakemake.params.spec)
    name = f"{names.study} {names.model} fold {names.fold} trial {int(names.trial)}"
    trial = run_trial(
        spec,
        int(names.trial),
        fold=names.fold,
        key=snakemake.params.key,
        path=snakemake.output[0],
        shards=shard_files(snakemake.input.index),
        index=snakemake.input.index,
        folds=snakemake.input.folds,
        device=snakemake.params.device,
        threads=snakemake.threads,
        memory_gb=snakemake.resources.slices_mb / 1000,
        progress=ProgressTargets(name=name, terminal=sys.__stderr__),
    )
    score = "" if trial["score"] is None else f", {spec.metric} {trial['score']:.4f}"
    info(f"{name}: {trial['status']}{score} in {trial['seconds']:.0f} s with {trial['values']}")
