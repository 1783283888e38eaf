rule slices:
    input:
        [
            file
            for dataset in PLAN.datasets.values()
            for plan in dataset.inputs.values()
            for file in [*map(plan.shard, dataset.shards), plan.index]
        ],
        "results/quarantine.csv",
        "results/quarantine.parquet",


# What is cut from tracks lies in slices/ (spectrograms), maps/ (feature maps, waveforms) or descriptors/.
rule cut_slices:
    input:
        audio="results/{dataset}/audio/{shard}.parquet",
    output:
        ensure("results/{dataset}/{room}/{input}/{shard}.{suffix}", non_empty=True),
    log:
        "logs/{dataset}/cut_slices/{room}/{input}/{shard}.{suffix}.log",
    conda:
        "../../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=memory(cutting_mb),
        runtime=minutes(cutting_minutes),
        gpu=0,
    params:
        key=lambda wildcards: PLAN.datasets[wildcards.dataset]
        .inputs[wildcards.input]
        .shard_keys[wildcards.shard],
        settings=lambda wildcards: PLAN.datasets[wildcards.dataset]
        .inputs[wildcards.input]
        .settings.model_dump(),
    script:
        "../scripts/cut_slices.py"


rule index_dataset:
    input:
        catalog=ancient("results/{dataset}/catalog.parquet"),
        audio=lambda wildcards: expand(
            "results/{dataset}/audio/{shard}.parquet",
            dataset=wildcards.dataset,
            shard=PLAN.datasets[wildcards.dataset].shards,
        ),
        slices=lambda wildcards: [
            PLAN.datasets[wildcards.dataset].inputs[wildcards.input].shard(shard)
            for shard in PLAN.datasets[wildcards.dataset].shards
        ],
        duplicates="results/{dataset}/duplicates.parquet",
    output:
        ensure("results/{dataset}/{room}/{input}/index.parquet", non_empty=True),
    log:
        "logs/{dataset}/index_dataset/{room}/{input}.log",
    localrule: True
    conda:
        "../../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=memory(
            lambda wildcards: job_resources.tracks_mb(PLAN.datasets[wildcards.dataset])
        ),
        runtime=minutes(20),
        gpu=0,
    params:
        key=lambda wildcards: PLAN.datasets[wildcards.dataset]
        .inputs[wildcards.input]
        .index_key,
        shards=lambda wildcards: PLAN.datasets[wildcards.dataset].shards,
        across_classes=PLAN.settings.duplicates.across_classes,
    script:
        "../scripts/index_dataset.py"


rule list_quarantine:
    input:
        catalogs=ancient(
            [f"results/{plan.dataset.name}/catalog.parquet" for plan in PLAN.inputs]
        ),
        indexes=[plan.index for plan in PLAN.inputs],
    output:
        csv=report(
            "results/quarantine.csv",
            caption="../report/quarantine.rst",
            category="All studies",
            labels={"result": "Quarantined files, and why"},
        ),
        parquet="results/quarantine.parquet",
    log:
        "logs/list_quarantine.log",
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
