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
        unpack(lambda wildcards: study_files.predictor_files(study_of(wildcards))),
        index=lambda wildcards: cross_input_of(wildcards).index,
        shards=lambda wildcards: map(
            cross_input_of(wildcards).shard, cross_input_of(wildcards).dataset.shards
        ),
        audio=audio_shards,
        own_audio=lambda wildcards: study_files.final_audio(study_of(wildcards)),
    output:
        tracks=ensure(layout.CROSS_TRACKS, non_empty=True),
        predictions=ensure(layout.CROSS_PREDICTIONS, non_empty=True),
    log:
        LOG["judge_cross_dataset"],
    conda:
        "../../envs/train.yaml"
    threads: PLAN.settings.limits.train_threads
    resources:
        mem_mb=memory(
            lambda wildcards: job_resources.judging_mb(
                study_of(wildcards), wildcards.dataset
            )
        ),
        runtime=minutes(110),
        gpu=0,
    params:
        key=lambda wildcards: study_of(wildcards).keys.cross_dataset(wildcards.dataset),
        search=PLAN.settings.duplicates.search,
    script:
        "../scripts/judge_cross_dataset.py"


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
        cross_datasets=lambda wildcards: study_files.cross_dataset_files(
            study_of(wildcards), layout.CROSS_TRACKS
        ),
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
