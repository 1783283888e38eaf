rule folds:
    input:
        [
            f"results/{study.name}/folds.parquet"
            for study in PLAN.studies.values()
            if study.runs
        ],
        [
            f"results/{study.name}/leakage.{kind}"
            for study in PLAN.studies.values()
            if study.runs
            for kind in ["csv", "parquet"]
        ],


rule assign_folds:
    input:
        indexes=lambda wildcards: PLAN.studies[wildcards.study].fed_indexes,
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
        max_quarantine=PLAN.settings.limits.max_quarantine,
        max_class_loss=PLAN.settings.limits.max_class_loss,
    script:
        "../scripts/assign_folds.py"


rule audit_leakage:
    input:
        folds="results/{study}/folds.parquet",
        index=lambda wildcards: PLAN.studies[wildcards.study].main_index,
        duplicates=lambda wildcards: f"results/{PLAN.studies[wildcards.study].dataset.name}/duplicates.parquet",
    output:
        csv="results/{study}/leakage.csv",
        parquet=ensure("results/{study}/leakage.parquet", non_empty=True),
        bandwidth="results/{study}/bandwidth.parquet",
    log:
        "logs/{study}/audit_leakage.log",
    localrule: True
    conda:
        "../../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
        gpu=0,
    params:
        key=lambda wildcards: PLAN.studies[wildcards.study].leakage_key,
    script:
        "../scripts/audit_leakage.py"
