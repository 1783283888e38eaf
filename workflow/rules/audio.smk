rule audio:
    input:
        shard_files("results/{dataset}/audio/{shard}.parquet"),
        expand("results/{dataset}/duplicates.parquet", dataset=PLAN.datasets),


rule synthesise_tracks:
    input:
        catalog=ancient("results/{dataset}/catalog.parquet"),
    output:
        ensure("results/{dataset}/raw/{shard}.parquet", non_empty=True),
    log:
        "logs/{dataset}/synthesise_tracks/{shard}.log",
    conda:
        "../../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=memory(500),
        runtime=minutes(50),
        gpu=0,
    params:
        key=lambda wildcards: PLAN.datasets[wildcards.dataset].raw_keys[wildcards.shard],
        settings=lambda wildcards: PLAN.datasets[
            wildcards.dataset
        ].settings.model_dump(),
    script:
        "../scripts/synthesise_tracks.py"


rule normalise_audio:
    input:
        lambda wildcards: (
            [f"results/{wildcards.dataset}/raw/{wildcards.shard}.parquet"]
            if PLAN.datasets[wildcards.dataset].is_synthetic
            else []
        ),
        catalog=ancient("results/{dataset}/catalog.parquet"),
    output:
        ensure("results/{dataset}/audio/{shard}.parquet", non_empty=True),
    log:
        "logs/{dataset}/normalise_audio/{shard}.log",
    conda:
        "../../envs/audio.yaml"
    threads: PLAN.settings.limits.audio_threads
    resources:
        mem_mb=memory(job_resources.normalising_mb(PLAN.settings)),
        runtime=minutes(normalising_minutes),
        gpu=0,
    params:
        key=lambda wildcards: PLAN.datasets[wildcards.dataset].audio_keys[
            wildcards.shard
        ],
        stage_key=lambda wildcards: PLAN.datasets[wildcards.dataset].ogg_key,
        settings=PLAN.settings.audio.model_dump(),
        timeout=PLAN.settings.limits.track_timeout,
        memory_gb=PLAN.settings.limits.track_memory_gb,
    script:
        "../scripts/normalise_audio.py"


rule find_duplicates:
    input:
        audio=lambda wildcards: expand(
            "results/{dataset}/audio/{shard}.parquet",
            dataset=wildcards.dataset,
            shard=PLAN.datasets[wildcards.dataset].shards,
        ),
    output:
        ensure("results/{dataset}/duplicates.parquet", non_empty=True),
    log:
        "logs/{dataset}/find_duplicates.log",
    conda:
        "../../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=memory(
            lambda wildcards: job_resources.duplicates_mb(
                PLAN.datasets[wildcards.dataset]
            )
        ),
        runtime=minutes(20),
        gpu=0,
    params:
        key=lambda wildcards: PLAN.datasets[wildcards.dataset].duplicates_key,
        search=PLAN.settings.duplicates.search,
    script:
        "../scripts/find_duplicates.py"
