TABLES = [
    "audit",
    "warnings",
    "copies",
    "runs",
    "settings",
    "experiments",
    "history",
    "confusion",
    "classes",
    "tracks",
    "holdout",
    "scores",
    "tags",
    "curves",
    "calibration",
    "comparisons",
    "label_issues",
]


rule tables:
    input:
        "results/quarantine.csv",
        study_files(
            *[
                f"tables/{table}.{kind}"
                for table in TABLES
                for kind in ["csv", "parquet"]
            ],
            "tables/headline.json",
        ),


rule evaluate_study:
    input:
        lambda wildcards: [
            f"results/{wildcards.study}/{run.path}/{file}"
            for run in PLAN.studies[wildcards.study].runs
            for file in ["run.json", "history.parquet", "predictions.parquet"]
        ],
        folds=lambda wildcards: protocol_files("folds.parquet", study=wildcards.study),
        index=lambda wildcards: PLAN.studies[wildcards.study].main_index,
        indexes=lambda wildcards: PLAN.studies[wildcards.study].indexes,
        duplicates=lambda wildcards: "results/{}/duplicates.parquet".format(
            PLAN.studies[wildcards.study].main_input.dataset.name
        ),
        published=lambda wildcards: list(PLAN.studies[wildcards.study].published),
    output:
        csv=[
            in_report(f"results/{{study}}/tables/{table}.csv", table)
            for table in TABLES
        ],
        parquet=[f"results/{{study}}/tables/{table}.parquet" for table in TABLES],
        headline="results/{study}/tables/headline.json",
    log:
        "logs/{study}/evaluate_study.log",
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(
            lambda wildcards: job_resources.evaluating_mb(
                PLAN.studies[wildcards.study]
            )
        ),
        runtime=minutes(50),
        gpu=0,
    params:
        key=lambda wildcards: PLAN.studies[wildcards.study].tables_key,
        study=lambda wildcards: Unmarked(PLAN.studies[wildcards.study].evaluation),
    script:
        "../scripts/evaluate_study.py"
