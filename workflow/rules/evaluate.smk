rule tables:
    input:
        f"{layout.QUARANTINE}.csv",
        expand(
            f"{layout.TABLES}/{{table}}.{{format}}",
            study=PLAN.studies,
            table=TABLES,
            format=["csv", "parquet"],
        ),
        expand(layout.HEADLINE, study=PLAN.studies),


rule evaluate_study:
    input:
        lambda wildcards: study_files.evaluated_files(study_of(wildcards)),
        folds=lambda wildcards: study_files.protocol_files(
            study_of(wildcards), layout.FOLDS
        ),
        index=lambda wildcards: study_of(wildcards).main_input.index,
        indexes=lambda wildcards: study_of(wildcards).indexes,
        duplicates=lambda wildcards: layout.DUPLICATES.format(
            dataset=study_of(wildcards).main_input.dataset.name
        ),
        leakage=lambda wildcards: study_files.headline_audit(study_of(wildcards)),
        published=lambda wildcards: list(study_of(wildcards).published),
        trials=lambda wildcards: study_files.search_files(
            study_of(wildcards), layout.TRIALS
        ),
    output:
        csv=[in_report(table) for table in TABLES.values()],
        parquet=[f"{layout.TABLES}/{table}.parquet" for table in TABLES],
        headline=layout.HEADLINE,
    log:
        LOG["evaluate_study"],
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(
            lambda wildcards: job_resources.evaluating_mb(study_of(wildcards))
        ),
        runtime=minutes(50),
        gpu=0,
    params:
        key=lambda wildcards: study_of(wildcards).keys.tables,
        study=lambda wildcards: Unmarked(study_of(wildcards).facts),
    script:
        "../scripts/evaluate_study.py"
