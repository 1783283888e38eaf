rule report:
    input:
        study_files("report/index.html", "report.html"),
        "results/index.html",


rule write_report:
    input:
        tables=[f"results/{{study}}/tables/{table}.parquet" for table in TABLES],
        csv=[f"results/{{study}}/tables/{table}.csv" for table in CAPTIONED],
        headline="results/{study}/tables/headline.json",
        library="results/{study}/inspection/map.parquet",
        indexes=lambda wildcards: PLAN.studies[wildcards.study].indexes,
        quarantine="results/quarantine.parquet",
        leakage=lambda wildcards: protocol_files(
            "leakage.parquet", study=wildcards.study
        ),
        bandwidth=lambda wildcards: protocol_files(
            "bandwidth.parquet", study=wildcards.study
        ),
        figures=lambda wildcards: [
            f"results/{wildcards.study}/figures/{figure}.png"
            for figure in PLAN.studies[wildcards.study].figures
        ],
    output:
        page=ensure("results/{study}/report/index.html", non_empty=True),
        single=ensure("results/{study}/report.html", non_empty=True),
    log:
        "logs/{study}/write_report.log",
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(
            lambda wildcards: job_resources.reporting_mb(PLAN.studies[wildcards.study])
        ),
        runtime=minutes(20),
        gpu=0,
    params:
        key=lambda wildcards: PLAN.report_key(wildcards.study),
        settings=PLAN.settings.report.model_dump(),
        logs=lambda wildcards: PLAN.studies[wildcards.study].logs,
        study=lambda wildcards: PLAN.studies[wildcards.study].page,
        figures=lambda wildcards: PLAN.studies[wildcards.study].figures,
    script:
        "../scripts/write_report.py"


rule write_overview:
    input:
        study_files("report/index.html"),
    output:
        ensure("results/index.html", non_empty=True),
    log:
        "logs/write_overview.log",
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(300),
        runtime=minutes(5),
        gpu=0,
    params:
        key=PLAN.overview_key,
        others=[str(path) for path in PLAN.summaries],
    script:
        "../scripts/write_overview.py"
