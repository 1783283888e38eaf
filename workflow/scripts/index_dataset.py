from pathlib import Path

from genreflow.catalog import index
from genreflow.job import job

with job(snakemake.log[0]):
    table = index.build(
        Path(snakemake.input.catalog), snakemake.params.shards, snakemake.input.audio, snakemake.input.slices
    )
    index.write(snakemake.output[0], table, key=snakemake.params.key)
