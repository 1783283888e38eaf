import pyarrow as pa

from genreflow.job import job
from genreflow.store.parquet import Header, array_column, write_table
from genreflow.training.filter_visualization import visualize_filters

with job(snakemake.log[0]):
    rows, arrays, facts = visualize_filters(
        snakemake.input.weights,
        index=snakemake.input.index,
        folds=snakemake.input.folds,
        threads=snakemake.threads,
    )
    table = pa.Table.from_pandas(rows, preserve_index=False).append_column("array", array_column(arrays))
    write_table(snakemake.output[0], table, Header("filters", snakemake.params.key, facts=facts))
