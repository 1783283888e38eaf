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
        key=of(dataset_of, "raw_keys", "shard"),
        settings=of(dataset_of, "settings.model_dump"),
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
            using(
                job_resources.normalizing_minutes,
                dataset_of,
                wildcard("shard"),
                PLAN.settings,
            )
        ),
        gpu=0,
    params:
        key=of(dataset_of, "audio_keys", "shard"),
        stage_key=of(dataset_of, "ogg_key"),
        settings=of(dataset_of, "audio.model_dump"),
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
        mem_mb=memory(using(job_resources.duplicates_mb, dataset_of)),
        runtime=minutes(20),
        gpu=0,
    params:
        key=of(dataset_of, "duplicates_key"),
        search=PLAN.settings.duplicates.search,
    script:
        "../scripts/find_duplicates.py"
