rule inspect:
    input:
        [file for study in PLAN.studies for file in inspected_files(study)],
        study_files("inspection/map.parquet"),


rule visualise_filters:
    input:
        unpack(
            lambda wildcards: run_files(
                PLAN.studies[wildcards.study],
                PLAN.studies[wildcards.study].filtered_run,
            )
        ),
    output:
        ensure("results/{study}/inspection/filters.parquet", non_empty=True),
    log:
        "logs/{study}/visualise_filters.log",
    conda:
        "../../envs/train.yaml"
    threads: PLAN.settings.limits.train_threads
    resources:
        mem_mb=memory(
            lambda wildcards: looking_mb(
                wildcards, PLAN.studies[wildcards.study].filtered_run
            )
        ),
        runtime=minutes(110),
        gpu=0,
    params:
        key=lambda wildcards: PLAN.studies[wildcards.study].filters_key,
    script:
        "../scripts/visualise_filters.py"


rule predict_snippets:
    input:
        unpack(
            lambda wildcards: run_files(
                PLAN.studies[wildcards.study],
                PLAN.studies[wildcards.study].snippets_run(wildcards.shown),
            )
        ),
    output:
        csv=ensure("results/{study}/inspection/snippets-{shown}.csv", non_empty=True),
        parquet=ensure(
            "results/{study}/inspection/snippets-{shown}.parquet", non_empty=True
        ),
    log:
        "logs/{study}/predict_snippets/{shown}.log",
    conda:
        "../../envs/train.yaml"
    threads: PLAN.settings.limits.train_threads
    resources:
        mem_mb=memory(
            lambda wildcards: looking_mb(
                wildcards, PLAN.studies[wildcards.study].snippets_run(wildcards.shown)
            )
        ),
        runtime=minutes(50),
        gpu=0,
    params:
        key=lambda wildcards: PLAN.studies[wildcards.study].snippets_key(
            wildcards.shown
        ),
        audio_folder=lambda wildcards, input: str(
            Path(input.index).parents[2] / "audio"
        ),
    script:
        "../scripts/predict_snippets.py"


rule describe_dataset:
    input:
        indexes=lambda wildcards: [
            PLAN.studies[wildcards.study].inputs[name].index
            for name in PLAN.studies[wildcards.study].settings.analysis
        ],
        published=lambda wildcards: list(PLAN.studies[wildcards.study].published_tags),
    output:
        csv=[f"results/{{study}}/analysis/{table}.csv" for table in ANALYSES],
        parquet=[f"results/{{study}}/analysis/{table}.parquet" for table in ANALYSES],
    log:
        "logs/{study}/describe_dataset.log",
    conda:
        "../../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=memory(
            lambda wildcards: job_resources.describing_mb(
                PLAN.studies[wildcards.study]
            )
        ),
        runtime=minutes(230),
        gpu=0,
    params:
        key=lambda wildcards: PLAN.studies[wildcards.study].analysis_key,
        inputs=lambda wildcards: PLAN.studies[wildcards.study].settings.analysis,
    script:
        "../scripts/describe_dataset.py"


rule map_library:
    input:
        index=lambda wildcards: PLAN.studies[wildcards.study].main_index,
    output:
        ensure("results/{study}/inspection/map.parquet", non_empty=True),
    log:
        "logs/{study}/map_library.log",
    conda:
        "../../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=memory(
            lambda wildcards: job_resources.mapping_mb(
                PLAN.studies[wildcards.study].main_input
            )
        ),
        runtime=minutes(50),
        gpu=0,
    params:
        key=lambda wildcards: PLAN.studies[wildcards.study].map_key,
    script:
        "../scripts/map_library.py"
