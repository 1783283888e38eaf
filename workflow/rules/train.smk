from genreflow.models import registry

RUN_FILES = ["run.json", "model.safetensors", "history.parquet", "predictions.parquet"]


rule train:
    input:
        [
            f"results/{study.name}/{run.path}/{file}"
            for study in PLAN.studies.values()
            for run in study.runs
            for file in RUN_FILES
        ],


rule train_run:
    input:
        index=lambda wildcards: PLAN.studies[wildcards.study].index_of(
            wildcards.model, wildcards.setting
        ),
        folds="results/{study}/folds.parquet",
    output:
        info=ensure(
            "results/{study}/runs/{model}/{setting}/fold-{fold}/run.json",
            non_empty=True,
        ),
        weights=ensure(
            "results/{study}/runs/{model}/{setting}/fold-{fold}/model.safetensors",
            non_empty=True,
        ),
        history=ensure(
            "results/{study}/runs/{model}/{setting}/fold-{fold}/history.parquet",
            non_empty=True,
        ),
        predictions=ensure(
            "results/{study}/runs/{model}/{setting}/fold-{fold}/predictions.parquet",
            non_empty=True,
        ),
    log:
        "logs/{study}/train_run/{model}/{setting}/fold-{fold}.log",
    benchmark:
        "logs/{study}/train_run/{model}/{setting}/fold-{fold}.benchmark.tsv"
    conda:
        "../../envs/train.yaml"
    threads: PLAN.settings.limits.train_threads
    resources:
        mem_mb=8000,
        runtime=240,
        # Of no consequence for the result, and so no reason to run again, as parameters would be.
        slices_mb=int(1000 * PLAN.settings.limits.memory_gb),
        tensorboard=lambda wildcards: int(
            PLAN.studies[wildcards.study]
            .setting(wildcards.model, wildcards.setting)
            .training.tensorboard
        ),
        gpu=lambda wildcards: 0 if registry.describe(wildcards.model).fits else 1,
    params:
        key=lambda wildcards: PLAN.studies[wildcards.study].run_key(
            wildcards.model, wildcards.setting
        ),
        run=lambda wildcards: PLAN.studies[wildcards.study].run_params(
            wildcards.model, wildcards.setting
        ),
        audio=PLAN.settings.audio.model_dump(),
        device=PLAN.settings.limits.device,
    script:
        "../scripts/train_run.py"
