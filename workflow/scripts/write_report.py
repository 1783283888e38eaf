from pathlib import Path

from genreflow.config.pipeline import ReportSettings
from genreflow.job import job
from genreflow.project.layout import STUDY
from genreflow.report.folder import write_report
from genreflow.report.study import excerpts, page_state, study_page

with job(snakemake.log[0]):
    settings = ReportSettings(**snakemake.params.settings)
    page = study_page(
        snakemake.params.study,
        figures=snakemake.params.figures,
        table_paths=snakemake.input.tables,
        headline=snakemake.input.headline,
        indexes=snakemake.input.indexes,
        quarantine=snakemake.input.quarantine,
        leakage=snakemake.input.get("leakage", []),
        bandwidth=snakemake.input.get("bandwidth", []),
        library=snakemake.input.library,
        published=snakemake.input.get("published", []),
        cross_datasets=snakemake.input.get("cross_predictions", []),
        logs=snakemake.params.logs,
        folder=Path(STUDY.format(study=snakemake.wildcards.study)),
        key=snakemake.params.key,
        state=snakemake.params.state,
    )
    write_report(
        page,
        Path(snakemake.output.page),
        Path(snakemake.output.single),
        clips=excerpts(page, snakemake.params.study, settings, snakemake.input.get("cross_tracks", [])),
        tables=[Path(path) for path in snakemake.input.csv],
        within=settings.excerpts_within,
        state=page_state(snakemake.params.study, snakemake.params.state),
    )
