rule inspect:
    input:
        [
            file
            for study in PLAN.studies.values()
            for file in study_files.inspected_files(study)
        ],
        expand(layout.MAP, study=PLAN.studies),


rule visualize_filters:
    input:
        unpack(using(study_files.trained_run, study_of, of(study_of, "filtered_run"))),
    output:
        ensure(layout.FILTERS, non_empty=True),
    log:
        LOG["visualize_filters"],
    conda:
        "../../envs/train.yaml"
    threads: PLAN.settings.limits.train_threads
    resources:
        mem_mb=memory(using(inference_mb, study_of, of(study_of, "filtered_run"))),
        runtime=minutes(110),
        gpu=0,
    params:
        key=of(study_of, "keys.filters"),
    script:
        "../scripts/visualize_filters.py"


rule predict_snippets:
    input:
        unpack(
            using(
                study_files.trained_run,
                study_of,
                of(study_of, "snippets_run", "snippets"),
            )
        ),
    output:
        csv=ensure(f"{layout.SNIPPETS}.csv", non_empty=True),
        parquet=ensure(f"{layout.SNIPPETS}.parquet", non_empty=True),
    log:
        LOG["predict_snippets"],
    conda:
        "../../envs/train.yaml"
    threads: PLAN.settings.limits.train_threads
    resources:
        mem_mb=memory(
            using(inference_mb, study_of, of(study_of, "snippets_run", "snippets"))
        ),
        runtime=minutes(50),
        gpu=0,
    params:
        key=of(study_of, "keys.snippets", "snippets"),
        audio_folder=lambda wildcards, input: str(
            Path(input.index).parents[2] / "audio"
        ),
    script:
        "../scripts/predict_snippets.py"


rule describe_dataset:
    input:
        indexes=of(study_of, "analyzed_indexes"),
        published=using(list, of(study_of, "keys.published_tags")),
    output:
        csv=[f"{layout.ANALYSIS}/{table}.csv" for table in layout.ANALYSIS_TABLES],
        parquet=[
            f"{layout.ANALYSIS}/{table}.parquet" for table in layout.ANALYSIS_TABLES
        ],
    log:
        LOG["describe_dataset"],
    conda:
        "../../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=memory(using(job_resources.describing_mb, study_of)),
        runtime=minutes(230),
        gpu=0,
    params:
        key=of(study_of, "keys.analysis"),
        inputs=of(study_of, "settings.analysis"),
    script:
        "../scripts/describe_dataset.py"


rule map_library:
    input:
        index=of(study_of, "library_input.index"),
    output:
        ensure(layout.MAP, non_empty=True),
    log:
        LOG["map_library"],
    conda:
        "../../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=memory(using(job_resources.mapping_mb, of(study_of, "library_input"))),
        runtime=minutes(50),
        gpu=0,
    params:
        key=of(study_of, "keys.map"),
    script:
        "../scripts/map_library.py"
