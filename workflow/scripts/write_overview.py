from pathlib import Path

from genreflow.job import job
from genreflow.report.overview import overview
from genreflow.store.atomic import write_text

with job(snakemake.log[0]):
    page = Path(snakemake.output[0])
    reports = [Path(path).parent / "data/summary.json" for path in snakemake.input]
    others = [Path(path) for path in snakemake.params.others]
    write_text(page, overview([*reports, *others], page.parent))
