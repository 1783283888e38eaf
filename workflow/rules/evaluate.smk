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


rule judge_cross_dataset:
    input:
        unpack(using(study_files.predictor_files, study_of)),
        index=of(cross_input_of, "index"),
        shards=of(cross_input_of, "shard_files"),
        audio=audio_shards,
        own_audio=using(study_files.final_audio, study_of),
    output:
        tracks=ensure(layout.CROSS_TRACKS, non_empty=True),
        predictions=ensure(layout.CROSS_PREDICTIONS, non_empty=True),
    log:
        LOG["judge_cross_dataset"],
    conda:
        "../../envs/train.yaml"
    threads: PLAN.settings.limits.train_threads
    resources:
        mem_mb=memory(using(job_resources.judging_mb, study_of, wildcard("dataset"))),
        runtime=minutes(110),
        gpu=0,
    params:
        key=of(study_of, "keys.cross_dataset", "dataset"),
        search=PLAN.settings.duplicates.search,
    script:
        "../scripts/judge_cross_dataset.py"


rule evaluate_study:
    input:
        using(study_files.evaluated_files, study_of),
        folds=using(study_files.protocol_files, study_of, layout.FOLDS),
        index=of(study_of, "main_input.index"),
        indexes=of(study_of, "indexes"),
        duplicates=of(study_of, "main_input.dataset.duplicates_file"),
        leakage=using(study_files.headline_audit, study_of),
        published=using(list, of(study_of, "published")),
        cross_datasets=using(
            study_files.cross_dataset_files, study_of, layout.CROSS_TRACKS
        ),
        trials=using(study_files.search_files, study_of, layout.TRIALS),
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
        mem_mb=memory(using(job_resources.evaluating_mb, study_of)),
        runtime=minutes(50),
        gpu=0,
    params:
        key=of(study_of, "keys.tables"),
        study=using(Unmarked, of(study_of, "facts")),
    script:
        "../scripts/evaluate_study.py"
