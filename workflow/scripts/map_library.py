from genreflow.analysis.library_map import KIND, library_map
from genreflow.job import job
from genreflow.store.parquet import Header, write_table

with job(snakemake.log[0]):
    points, facts = library_map(snakemake.input.index)
    write_table(snakemake.output[0], points, Header(KIND, snakemake.params.key, facts=facts))
