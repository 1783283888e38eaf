rule audio:
    input:
        shard_files("results/{dataset}/audio/{shard}.parquet"),


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
        mem_mb=2000,
        runtime=60,
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
    threads: 1
    resources:
        mem_mb=2000,
        runtime=240,
        gpu=0,
    params:
        key=lambda wildcards: PLAN.datasets[wildcards.dataset].audio_keys[
            wildcards.shard
        ],
        stage_key=PLAN.ogg_key,
        settings=PLAN.settings.audio.model_dump(),
        timeout=PLAN.settings.limits.track_timeout,
    script:
        "../scripts/normalise_audio.py"
