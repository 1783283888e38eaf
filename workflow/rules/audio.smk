rule audio:
    input:
        [
            layout.AUDIO.format(dataset=dataset.name, shard=shard)
            for dataset in PLAN.datasets.values()
            for shard in dataset.shards
        ],
        expand(layout.DUPLICATES, dataset=PLAN.datasets),


rule synthesize_tracks:
    input:
        catalog=ancient(catalog_of),
    output:
        ensure(layout.RAW, non_empty=True),
    log:
        LOG["synthesize_tracks"],
    conda:
        "../../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=memory(500),
        runtime=minutes(50),
        gpu=0,
    params:
        key=lambda wildcards: dataset_of(wildcards).raw_keys[wildcards.shard],
        settings=lambda wildcards: dataset_of(wildcards).settings.model_dump(),
    script:
        "../scripts/synthesize_tracks.py"


rule normalize_audio:
    input:
        lambda wildcards: (
            [layout.RAW.format(**wildcards)]
            if dataset_of(wildcards).is_synthetic
            else []
        ),
        catalog=ancient(catalog_of),
    output:
        ensure(layout.AUDIO, non_empty=True),
    log:
        LOG["normalize_audio"],
    # It takes several cores. If jobs of one core came in between, the others would idle meanwhile.
    priority: 1
    conda:
        "../../envs/audio.yaml"
    threads: PLAN.settings.limits.audio_threads
    resources:
        mem_mb=memory(job_resources.normalizing_mb(PLAN.settings)),
        runtime=minutes(
            lambda wildcards: job_resources.normalizing_minutes(
                dataset_of(wildcards), wildcards.shard, PLAN.settings
            )
        ),
        gpu=0,
    params:
        key=lambda wildcards: dataset_of(wildcards).audio_keys[wildcards.shard],
        stage_key=lambda wildcards: dataset_of(wildcards).ogg_key,
        settings=lambda wildcards: dataset_of(wildcards).audio.model_dump(),
        timeout=PLAN.settings.limits.track_timeout,
        memory_gb=PLAN.settings.limits.track_memory_gb,
    script:
        "../scripts/normalize_audio.py"


rule find_duplicates:
    input:
        audio=audio_shards,
    output:
        ensure(layout.DUPLICATES, non_empty=True),
    log:
        LOG["find_duplicates"],
    conda:
        "../../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=memory(
            lambda wildcards: job_resources.duplicates_mb(dataset_of(wildcards))
        ),
        runtime=minutes(20),
        gpu=0,
    params:
        key=lambda wildcards: dataset_of(wildcards).duplicates_key,
        search=PLAN.settings.duplicates.search,
    script:
        "../scripts/find_duplicates.py"
