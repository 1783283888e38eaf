from pathlib import Path

from genreflow.figures.printed import save_printed
from genreflow.figures.registry import draw
from genreflow.figures.save import save
from genreflow.figures.sources import read_sources
from genreflow.job import job
from genreflow.project.layout import STUDY

with job(snakemake.log[0]):
    sources = read_sources(
        snakemake.params.study,
        tables=snakemake.input.tables,
        inspected=snakemake.input.get("inspected", []),
        published=snakemake.input.get("published", []),
        index=snakemake.input.index,
        folder=Path(STUDY.format(study=snakemake.wildcards.study)),
    )
    figure = draw(snakemake.params.figure, sources)
    if snakemake.rule == "print_figure":
        save_printed(figure, snakemake.output, width_mm=snakemake.params.width_mm, key=snakemake.params.key)
    else:
        save(figure, snakemake.output.png, snakemake.output.svg, key=snakemake.params.key)
