from pathlib import Path

from genreflow.figures.gallery import draw
from genreflow.figures.sources import read_sources
from genreflow.figures.style import save
from genreflow.job import job

with job(snakemake.log[0]):
    sources = read_sources(
        snakemake.params.study,
        tables=snakemake.input.tables,
        inspected=snakemake.input.get("inspected", []),
        published=snakemake.input.get("published", []),
        index=snakemake.input.index,
        folder=Path("results", snakemake.wildcards.study),
    )
    save(draw(snakemake.params.figure, sources), snakemake.output.png, snakemake.output.svg)
