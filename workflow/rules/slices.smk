rule slices:
    input:
        [
            file
            for dataset in PLAN.datasets.values()
            for plan in dataset.inputs.values()
            for file in [*plan.shard_files, plan.index]
        ],
        f"{layout.QUARANTINE}.csv",
        f"{layout.QUARANTINE}.parquet",


rule cut_slices:
    input:
        audio=layout.AUDIO,
    output:
        ensure(layout.SHARD, non_empty=True),
    log:
        LOG["cut_slices"],
    wildcard_constraints:
        kind="slices|maps|descriptors",
    conda:
        "../../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=memory(using(job_resources.cutting_mb, input_of, wildcard("shard"))),
        runtime=minutes(
            using(job_resources.cutting_minutes, input_of, wildcard("shard"))
        ),
        gpu=0,
    params:
        key=of(input_of, "shard_keys", "shard"),
        settings=of(input_of, "settings.model_dump"),
    script:
        "../scripts/cut_slices.py"


rule embed_slices:
    input:
        audio=layout.AUDIO,
    output:
        ensure(layout.SHARD, non_empty=True),
    log:
        LOG["embed_slices"],
    wildcard_constraints:
        kind="embeddings",
    conda:
        "../../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=memory(using(job_resources.cutting_mb, input_of, wildcard("shard"))),
        runtime=minutes(
            using(job_resources.cutting_minutes, input_of, wildcard("shard"))
        ),
        gpu=job_resources.embedding_gpus(PLAN.settings),
        device=PLAN.settings.limits.device,
    params:
        key=of(input_of, "shard_keys", "shard"),
        settings=of(input_of, "settings.model_dump"),
    script:
        "../scripts/cut_slices.py"


rule index_dataset:
    input:
        catalog=ancient(catalog_of),
        audio=audio_shards,
        slices=of(input_of, "shard_files"),
        duplicates=layout.DUPLICATES,
    output:
        ensure(layout.INDEX, non_empty=True),
    log:
        LOG["index_dataset"],
    localrule: True
    conda:
        "../../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=memory(using(job_resources.tracks_mb, dataset_of)),
        runtime=minutes(20),
        gpu=0,
    params:
        key=of(input_of, "index_key"),
        shards=of(dataset_of, "shards"),
        across_classes=PLAN.settings.duplicates.across_classes,
    script:
        "../scripts/index_dataset.py"


rule list_quarantine:
    input:
        catalogs=ancient(
            present(
                [
                    layout.CATALOG.format(dataset=plan.dataset.name)
                    for plan in PLAN.inputs
                ]
            )
        ),
        indexes=[plan.index for plan in PLAN.inputs],
    output:
        csv=report(
            f"{layout.QUARANTINE}.csv",
            caption="../report/quarantine.rst",
            category="All studies",
            labels={"result": "Quarantined files, and why"},
        ),
        parquet=f"{layout.QUARANTINE}.parquet",
    log:
        LOG["list_quarantine"],
    localrule: True
    conda:
        "../../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=memory(job_resources.tracks_mb(*(plan.dataset for plan in PLAN.inputs))),
        runtime=minutes(10),
        gpu=0,
    params:
        key=PLAN.quarantine_key,
        datasets=[plan.dataset.name for plan in PLAN.inputs],
    script:
        "../scripts/list_quarantine.py"
