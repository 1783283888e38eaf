from genreflow.job import job
from genreflow.project.specs import SearchSpec
from genreflow.store.parquet import Header, write_table
from genreflow.training.search import inner_folds

with job(snakemake.log[0]):
    spec = SearchSpec.from_json(snakemake.params.spec)
    table, facts = inner_folds(snakemake.input.folds, snakemake.input.index, snakemake.wildcards.fold, spec)
    write_table(snakemake.output[0], table, Header("folds", snakemake.params.key, facts=facts))
