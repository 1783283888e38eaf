from pathlib import Path

from genreflow.datasets.quarantine import quarantine_table
from genreflow.job import job
from genreflow.store.csvs import write_csv
from genreflow.store.parquet import Header, write_table

with job(snakemake.log[0]) as info:
    table = quarantine_table(
        [Path(path) for path in snakemake.input.catalogs], snakemake.input.indexes, snakemake.params.datasets
    )
    write_csv(snakemake.output.csv, table)
    named = table.drop(columns="folder")  # the path of which need not be text
    write_table(snakemake.output.parquet, named, Header("quarantine", snakemake.params.key))
    reasons = table["reason"].value_counts().head(3)
    if len(table):
        listed = ", ".join(f"{reason} {count}" for reason, count in reasons.items())
        info(f"{len(table)} tracks quarantined ({listed}): {snakemake.output.csv}")
