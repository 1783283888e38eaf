rule folds:
    input:
        [
            f"results/{study.name}/folds.parquet"
            for study in PLAN.studies.values()
            if study.runs
        ],


rule assign_folds:
    input:
        indexes=lambda wildcards: PLAN.studies[wildcards.study].indexes,
    output:
        ensure("results/{study}/folds.parquet", non_empty=True),
    log:
        "logs/{study}/assign_folds.log",
    localrule: True
    conda:
        "../../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
        gpu=0,
    params:
        key=lambda wildcards: PLAN.studies[wildcards.study].folds_key,
        settings=lambda wildcards: PLAN.studies[
            wildcards.study
        ].settings.folds.model_dump(),
    script:
        "../scripts/assign_folds.py"
