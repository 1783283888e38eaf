rule folds:
    input:
        [
            file
            for study in PLAN.studies.values()
            for file in study_files.protocol_files(
                study,
                layout.FOLDS,
                f"{layout.LEAKAGE}.parquet",
                f"{layout.LEAKAGE}.csv",
            )
        ],


rule assign_folds:
    input:
        indexes=lambda wildcards: [
            plan.index
            for plan in study_of(wildcards).fed_inputs_of(wildcards.protocol)
        ],
    output:
        ensure(layout.FOLDS, non_empty=True),
    log:
        LOG["assign_folds"],
    localrule: True
    conda:
        "../../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=memory(
            lambda wildcards: job_resources.tracks_mb(protocol_of(wildcards).dataset)
        ),
        runtime=minutes(20),
        gpu=0,
    params:
        key=lambda wildcards: study_of(wildcards).keys.folds(wildcards.protocol),
        spec=lambda wildcards: protocol_of(wildcards).spec.to_json(),
        max_quarantine=PLAN.settings.limits.max_quarantine,
        max_class_loss=PLAN.settings.limits.max_class_loss,
    script:
        "../scripts/assign_folds.py"


rule audit_leakage:
    input:
        folds=layout.FOLDS,
        index=lambda wildcards: study_of(wildcards)
        .fed_inputs_of(wildcards.protocol)[0]
        .index,
        duplicates=lambda wildcards: layout.DUPLICATES.format(
            dataset=protocol_of(wildcards).dataset.name
        ),
    output:
        csv=report(
            f"{layout.LEAKAGE}.csv",
            caption="../report/leakage.rst",
            category="{study}",
            subcategory="Leakage audit",
            labels={"result": "Every check in every fold, {protocol}"},
        ),
        parquet=ensure(f"{layout.LEAKAGE}.parquet", non_empty=True),
        bandwidth=layout.BANDWIDTH,
    log:
        LOG["audit_leakage"],
    localrule: True
    conda:
        "../../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=memory(
            lambda wildcards: job_resources.tracks_mb(protocol_of(wildcards).dataset)
        ),
        runtime=minutes(20),
        gpu=0,
    params:
        key=lambda wildcards: study_of(wildcards).keys.leakage(wildcards.protocol),
        pretrained=lambda wildcards: [
            str(source.weights)
            for source in study_of(wildcards).pretrained_of(wildcards.protocol)
        ],
        embeddings=lambda wildcards: list(
            map(str, study_of(wildcards).embedding_networks(wildcards.protocol))
        ),
    script:
        "../scripts/audit_leakage.py"
