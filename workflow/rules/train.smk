PACKED = PLAN.settings.limits.folds_per_job == "all"


rule train:
    input:
        [
            file
            for study in PLAN.studies.values()
            for file in study_files.run_files(study)
        ],


rule train_run:
    input:
        index=lambda wildcards: job_of(wildcards).index,
        folds=lambda wildcards: job_of(wildcards).folds,
    output:
        [ensure(file, non_empty=True) for file in layout.RUN_FILES],
    log:
        LOG["train_run"],
    benchmark:
        LOG["train_run"].replace(".log", ".benchmark.tsv")
    wildcard_constraints:
        fold="final" if PACKED else layout.FOLD,
        model_setting=f"{layout.WILDCARDS['protocol']}/(?!{layout.SEARCHED}/)[^/]+",
    conda:
        "../../envs/train.yaml"
    threads: training_threads
    resources:
        mem_mb=memory(training_mb),
        runtime=minutes(training_minutes),
        # Resources, because params that do not matter for the result would cause reruns.
        slices_mb=int(1000 * PLAN.settings.limits.memory_gb),
        tracking=lambda wildcards: job_of(wildcards).tracking,
        gpu=lambda wildcards: gpus(job_of(wildcards).gpu),
    params:
        key=lambda wildcards: job_of(wildcards).key,
        spec=lambda wildcards: job_of(wildcards).spec.to_json(),
        device=PLAN.settings.limits.device,
    script:
        "../scripts/train_run.py"


# One job a setting. Each set of folds needs a rule: the outputs of a rule are counted when it is read.
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
                    ensure(file.replace("{fold}", name), non_empty=True)
                    for name in study.fold_names_of(protocol)
                    for file in layout.RUN_FILES
                ],
            log:
                LOG["train_folds"],
            benchmark:
                LOG["train_folds"].replace(".log", ".benchmark.tsv")
            wildcard_constraints:
                study=study.name,
                model_setting=study.settings_pattern(protocol),
            conda:
                "../../envs/train.yaml"
            threads: network_threads()
            resources:
                mem_mb=memory(training_mb),
                runtime=minutes(
                    training_minutes, times=len(study.fold_names_of(protocol))
                ),
                slices_mb=int(1000 * PLAN.settings.limits.memory_gb),
                tracking=lambda wildcards: job_of(wildcards).tracking,
                gpu=lambda wildcards: gpus(job_of(wildcards).gpu),
            params:
                key=lambda wildcards: job_of(wildcards).key,
                spec=lambda wildcards: job_of(wildcards).spec.to_json(),
                device=PLAN.settings.limits.device,
            script:
                "../scripts/train_run.py"
