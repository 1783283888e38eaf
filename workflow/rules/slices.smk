rule slices:
    input:
        [
            f"results/{dataset.name}/slices/{plan.name}/{file}.parquet"
            for dataset in PLAN.datasets.values()
            for plan in dataset.inputs.values()
            for file in [*dataset.shards, "index"]
        ],
        "results/quarantine.csv",


rule cut_slices:
    input:
        audio="results/{dataset}/audio/{shard}.parquet",
    output:
        ensure("results/{dataset}/slices/{input}/{shard}.parquet", non_empty=True),
    log:
        "logs/{dataset}/cut_slices/{input}/{shard}.log",
    conda:
        "../../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=120,
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
        slices=lambda wildcards: expand(
            "results/{dataset}/slices/{input}/{shard}.parquet",
            dataset=wildcards.dataset,
            input=wildcards.input,
            shard=PLAN.datasets[wildcards.dataset].shards,
        ),
    output:
        ensure("results/{dataset}/slices/{input}/index.parquet", non_empty=True),
    log:
        "logs/{dataset}/index_dataset/{input}.log",
    localrule: True
    conda:
        "../../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
        gpu=0,
    params:
        key=lambda wildcards: PLAN.datasets[wildcards.dataset]
        .inputs[wildcards.input]
        .index_key,
        shards=lambda wildcards: PLAN.datasets[wildcards.dataset].shards,
    script:
        "../scripts/index_dataset.py"


rule list_quarantine:
    input:
        catalogs=ancient(
            [f"results/{dataset}/catalog.parquet" for dataset, _ in PLAN.indexes]
        ),
        indexes=[
            f"results/{dataset}/slices/{name}/index.parquet"
            for dataset, name in PLAN.indexes
        ],
    output:
        "results/quarantine.csv",
    log:
        "logs/list_quarantine.log",
    localrule: True
    conda:
        "../../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        key=PLAN.quarantine_key,
        datasets=[dataset for dataset, _ in PLAN.indexes],
    script:
        "../scripts/list_quarantine.py"
