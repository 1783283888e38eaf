from pathlib import Path

from genreflow.datasets import index
from genreflow.job import job

with job(snakemake.log[0]):
    table = index.build(
        Path(snakemake.input.catalog),
        snakemake.params.shards,
        snakemake.input.audio,
        snakemake.input.slices,
        Path(snakemake.input.duplicates),
        across_classes=snakemake.params.across_classes,
    )
    index.write(
        snakemake.output[0],
        table,
        catalog=snakemake.input.catalog,
        slices=snakemake.input.slices,
        key=snakemake.params.key,
    )
