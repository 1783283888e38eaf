from pathlib import Path

from genreflow.job import job
from genreflow.report.page import render
from genreflow.report.study import study_page
from genreflow.store.atomic import write_text

with job(snakemake.log[0]):
    page = study_page(
        snakemake.params.study,
        figures=snakemake.params.figures,
        table_paths=snakemake.input.tables,
        headline=snakemake.input.headline,
        indexes=snakemake.input.indexes,
        quarantine=snakemake.input.quarantine,
        leakage=snakemake.input.get("leakage", []),
        bandwidth=snakemake.input.get("bandwidth", []),
        folder=Path("results", snakemake.wildcards.study),
        key=snakemake.params.key,
    )
    write_text(snakemake.output[0], render(page))
