from pathlib import Path

import pandas as pd

from genreflow.analysis.describe import describe
from genreflow.datasets.index import read_index
from genreflow.job import job
from genreflow.store.csvs import write_csv
from genreflow.store.parquet import Header, write_table

with job(snakemake.log[0]):
    indexes, output = snakemake.input.indexes, snakemake.output
    # A tag may be called NA.
    published = {
        Path(path).stem.rpartition("_")[2]: pd.read_csv(path, keep_default_na=False, na_values=[""])
        for path in snakemake.input.get("published", [])
    }
    tables = describe(
        read_index(indexes[0]),
        dict(zip(snakemake.params.inputs, map(Path, indexes), strict=True)),
        published=published,
    )
    for csv, parquet in zip(output.csv, output.parquet, strict=True):
        table = tables[Path(csv).stem]
        write_csv(csv, table)
        write_table(parquet, table, Header("table", snakemake.params.key))
