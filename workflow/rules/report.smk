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
        indexes=of(study_of, "indexes"),
        quarantine=f"{layout.QUARANTINE}.parquet",
        leakage=using(study_files.protocol_files, study_of, f"{layout.LEAKAGE}.parquet"),
        bandwidth=using(study_files.protocol_files, study_of, layout.BANDWIDTH),
        cross_tracks=using(
            study_files.cross_dataset_files, study_of, layout.CROSS_TRACKS
        ),
        cross_predictions=using(
            study_files.cross_dataset_files, study_of, layout.CROSS_PREDICTIONS
        ),
        figures=using(study_files.figure_files, study_of, "png"),
        published=using(list, of(study_of, "published")),
    output:
        page=ensure(layout.PAGE, non_empty=True),
        single=ensure(layout.SINGLE_PAGE, non_empty=True),
    log:
        LOG["write_report"],
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(using(job_resources.reporting_mb, study_of)),
        runtime=minutes(20),
        gpu=0,
    params:
        key=using(PLAN.page_key, wildcard("study")),
        settings=PLAN.settings.report.model_dump(),
        logs=using(study_files.logs_of, study_of),
        study=of(study_of, "page_facts"),
        state=using(PLAN.page_state, wildcard("study")),
        figures=of(study_of, "figures"),
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
