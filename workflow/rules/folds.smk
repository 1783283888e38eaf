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
        indexes=of(study_of, "indexes_of", "protocol"),
        catalog=ancient(using(present, of(protocol_of, "group_catalogs"))),
    output:
        ensure(layout.FOLDS, non_empty=True),
    log:
        LOG["assign_folds"],
    localrule: True
    conda:
        "../../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=memory(using(job_resources.tracks_mb, of(protocol_of, "dataset"))),
        runtime=minutes(20),
        gpu=0,
    params:
        key=of(study_of, "keys.folds", "protocol"),
        spec=of(protocol_of, "spec.to_json"),
        max_quarantine=PLAN.settings.limits.max_quarantine,
        max_class_loss=PLAN.settings.limits.max_class_loss,
    script:
        "../scripts/assign_folds.py"


rule audit_leakage:
    input:
        folds=layout.FOLDS,
        index=using(first, of(study_of, "indexes_of", "protocol")),
        duplicates=of(protocol_of, "dataset.duplicates_file"),
        catalog=ancient(using(present, of(protocol_of, "artist_catalogs"))),
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
        mem_mb=memory(using(job_resources.tracks_mb, of(protocol_of, "dataset"))),
        runtime=minutes(20),
        gpu=0,
    params:
        key=of(study_of, "keys.leakage", "protocol"),
        pretrained=of(study_of, "weights_of", "protocol"),
        embeddings=using(strings, of(study_of, "embedding_networks", "protocol")),
    script:
        "../scripts/audit_leakage.py"
