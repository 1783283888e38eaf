rule report:
    input:
        study_files("report/index.html"),


rule write_report:
    input:
        tables=[f"results/{{study}}/tables/{table}.parquet" for table in TABLES],
        headline="results/{study}/tables/headline.json",
        indexes=lambda wildcards: PLAN.studies[wildcards.study].indexes,
        quarantine="results/quarantine.csv",
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
        ensure("results/{study}/report/index.html", non_empty=True),
    log:
        "logs/{study}/write_report.log",
    localrule: True
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
        gpu=0,
    params:
        key=lambda wildcards: PLAN.studies[wildcards.study].report_key,
        study=lambda wildcards: PLAN.studies[wildcards.study].evaluation,
        figures=lambda wildcards: PLAN.studies[wildcards.study].figures,
    script:
        "../scripts/write_report.py"
