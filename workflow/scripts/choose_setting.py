from genreflow.job import job
from genreflow.project.specs import SearchSpec
from genreflow.training.search import write_best

with job(snakemake.log[0]) as info:
    best = write_best(
        SearchSpec.from_json(snakemake.params.spec),
        snakemake.input.trials,
        fold=snakemake.wildcards.fold,
        trial_key=snakemake.params.trial_key,
        key=snakemake.params.key,
        best=snakemake.output.best,
        table=snakemake.output.table,
        journal=snakemake.output.journal,
    )
    info(f"{snakemake.wildcards.study} fold {best['fold']}: trial {best['number']} with {best['values']}")
