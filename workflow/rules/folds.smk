rule folds:
    input:
        protocol_files("folds.parquet", "leakage.parquet", "leakage.csv"),


rule assign_folds:
    input:
        indexes=lambda wildcards: [
            plan.index
            for plan in PLAN.studies[wildcards.study].fed_inputs_of(wildcards.protocol)
        ],
    output:
        ensure(
            "results/{study}/protocols/{protocol}/folds.parquet",
            non_empty=True,
        ),
    log:
        "logs/{study}/assign_folds/{protocol}.log",
    localrule: True
    conda:
        "../../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=memory(protocol_mb),
        runtime=minutes(20),
        gpu=0,
    params:
        key=lambda wildcards: PLAN.studies[wildcards.study].folds_key(
            wildcards.protocol
        ),
        protocol=lambda wildcards: PLAN.studies[wildcards.study]
        .protocols[wildcards.protocol]
        .told(),
        max_quarantine=PLAN.settings.limits.max_quarantine,
        max_class_loss=PLAN.settings.limits.max_class_loss,
    script:
        "../scripts/assign_folds.py"


rule audit_leakage:
    input:
        folds="results/{study}/protocols/{protocol}/folds.parquet",
        index=lambda wildcards: PLAN.studies[wildcards.study]
        .fed_inputs_of(wildcards.protocol)[0]
        .index,
        duplicates=lambda wildcards: "results/{}/duplicates.parquet".format(
            PLAN.studies[wildcards.study].protocols[wildcards.protocol].dataset.name
        ),
    output:
        csv=report(
            "results/{study}/protocols/{protocol}/leakage.csv",
            caption="../report/leakage.rst",
            category="{study}",
            subcategory="Leakage audit",
            labels={"result": "Every check in every fold, {protocol}"},
        ),
        parquet=ensure(
            "results/{study}/protocols/{protocol}/leakage.parquet",
            non_empty=True,
        ),
        bandwidth="results/{study}/protocols/{protocol}/bandwidth.parquet",
    log:
        "logs/{study}/audit_leakage/{protocol}.log",
    localrule: True
    conda:
        "../../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=memory(protocol_mb),
        runtime=minutes(20),
        gpu=0,
    params:
        key=lambda wildcards: PLAN.studies[wildcards.study].leakage_key(
            wildcards.protocol
        ),
    script:
        "../scripts/audit_leakage.py"
