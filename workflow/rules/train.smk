RUN_FILES = ["run.json", "model.safetensors", "history.parquet", "predictions.parquet"]

PACKED = PLAN.settings.limits.folds_per_job == "all"


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
        index=lambda wildcards: job_of(wildcards).index,
        folds=lambda wildcards: job_of(wildcards).folds,
    output:
        info=ensure(
            "results/{study}/runs/{place}/fold-{fold}/run.json",
            non_empty=True,
        ),
        weights=ensure(
            "results/{study}/runs/{place}/fold-{fold}/model.safetensors",
            non_empty=True,
        ),
        history=ensure(
            "results/{study}/runs/{place}/fold-{fold}/history.parquet",
            non_empty=True,
        ),
        predictions=ensure(
            "results/{study}/runs/{place}/fold-{fold}/predictions.parquet",
            non_empty=True,
        ),
    log:
        "logs/{study}/train_run/{place}/fold-{fold}.log",
    benchmark:
        "logs/{study}/train_run/{place}/fold-{fold}.benchmark.tsv"
    wildcard_constraints:
        fold="final" if PACKED else FOLD,
    conda:
        "../../envs/train.yaml"
    threads: PLAN.settings.limits.train_threads
    resources:
        mem_mb=memory(training_mb),
        runtime=minutes(training_minutes),
        # Of no consequence for the result, and so no reason to run again, as parameters would be.
        slices_mb=int(1000 * PLAN.settings.limits.memory_gb),
        tensorboard=lambda wildcards: job_of(wildcards).tensorboard,
        gpu=lambda wildcards: gpus(job_of(wildcards).gpu),
    params:
        key=lambda wildcards: job_of(wildcards).key,
        run=lambda wildcards: job_of(wildcards).told,
        audio=PLAN.settings.audio.model_dump(),
        device=PLAN.settings.limits.device,
    script:
        "../scripts/train_run.py"


# One job a setting: as many rules as there are sets of folds, because the outputs of a rule are counted when it is read.
for study in PLAN.studies.values() if PACKED else []:
    for number, protocol in enumerate(study.used_protocols):

        rule:
            name:
                f"train_folds_{study.name}_{number}"
            input:
                index=lambda wildcards: job_of(wildcards).index,
                folds=lambda wildcards: job_of(wildcards).folds,
            output:
                [
                    ensure(
                        f"results/{{study}}/runs/{{place}}/fold-{name}/{file}",
                        non_empty=True,
                    )
                    for name in study.fold_names_of(protocol)
                    for file in RUN_FILES
                ],
            log:
                "logs/{study}/train_run/{place}/folds.log",
            benchmark:
                "logs/{study}/train_run/{place}/folds.benchmark.tsv"
            wildcard_constraints:
                study=study.name,
                place=study.places_of(protocol),
            conda:
                "../../envs/train.yaml"
            threads: PLAN.settings.limits.train_threads
            resources:
                mem_mb=memory(training_mb),
                runtime=minutes(
                    training_minutes, times=len(study.fold_names_of(protocol))
                ),
                slices_mb=int(1000 * PLAN.settings.limits.memory_gb),
                tensorboard=lambda wildcards: job_of(wildcards).tensorboard,
                gpu=lambda wildcards: gpus(job_of(wildcards).gpu),
            params:
                key=lambda wildcards: job_of(wildcards).key,
                run=lambda wildcards: job_of(wildcards).told,
                audio=PLAN.settings.audio.model_dump(),
                device=PLAN.settings.limits.device,
            script:
                "../scripts/train_run.py"
