rule report:
    input:
        expand(layout.PAGE, study=PLAN.studies),
        expand(layout.SINGLE_PAGE, study=PLAN.studies),
        layout.OVERVIEW,


rule write_report:
    input:
        tables=[f"{layout.TABLES}/{table}.parquet" for table in TABLES],
        csv=[
            f"{layout.TABLES}/{name}.csv"
            for name, table in TABLES.items()
            if table.title
        ],
        headline=layout.HEADLINE,
        library=layout.MAP,
        indexes=lambda wildcards: study_of(wildcards).indexes,
        quarantine=f"{layout.QUARANTINE}.parquet",
        leakage=lambda wildcards: study_files.protocol_files(
            study_of(wildcards), f"{layout.LEAKAGE}.parquet"
        ),
        bandwidth=lambda wildcards: study_files.protocol_files(
            study_of(wildcards), layout.BANDWIDTH
        ),
        cross_tracks=lambda wildcards: study_files.cross_dataset_files(
            study_of(wildcards), layout.CROSS_TRACKS
        ),
        cross_predictions=lambda wildcards: study_files.cross_dataset_files(
            study_of(wildcards), layout.CROSS_PREDICTIONS
        ),
        figures=lambda wildcards: study_files.figure_files(study_of(wildcards), "png"),
    output:
        page=ensure(layout.PAGE, non_empty=True),
        single=ensure(layout.SINGLE_PAGE, non_empty=True),
    log:
        LOG["write_report"],
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(lambda wildcards: job_resources.reporting_mb(study_of(wildcards))),
        runtime=minutes(20),
        gpu=0,
    params:
        key=lambda wildcards: PLAN.page_key(wildcards.study),
        settings=PLAN.settings.report.model_dump(),
        logs=lambda wildcards: study_files.logs_of(study_of(wildcards)),
        study=lambda wildcards: study_of(wildcards).page_facts,
        state=lambda wildcards: PLAN.page_state(wildcards.study),
        figures=lambda wildcards: study_of(wildcards).figures,
    script:
        "../scripts/write_report.py"


rule write_overview:
    input:
        expand(layout.PAGE, study=PLAN.studies),
    output:
        ensure(layout.OVERVIEW, non_empty=True),
    log:
        LOG["write_overview"],
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(300),
        runtime=minutes(5),
        gpu=0,
    params:
        key=lambda wildcards: PLAN.overview_key,
        others=[str(path) for path in PLAN.foreign_summaries],
    script:
        "../scripts/write_overview.py"
