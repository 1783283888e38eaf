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
        index=of(job_of, "index"),
        folds=of(job_of, "folds"),
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
    threads:
        using(
            job_resources.training_threads,
            study_of,
            setting_of,
            PLAN.settings,
            network_threads(),
        )
    resources:
        mem_mb=memory(
            using(job_resources.training_mb, study_of, setting_of, PLAN.settings)
        ),
        runtime=minutes(using(job_resources.training_minutes, study_of, setting_of)),
        # Resources, because params that do not matter for the result would cause reruns.
        slices_mb=int(1000 * PLAN.settings.limits.memory_gb),
        tracking=of(job_of, "tracking"),
        gpu=using(gpus, of(job_of, "gpu")),
    params:
        key=of(job_of, "key"),
        spec=of(job_of, "spec.to_json"),
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
                index=of(job_of, "index"),
                folds=of(job_of, "folds"),
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
                mem_mb=memory(
                    using(
                        job_resources.training_mb, study_of, setting_of, PLAN.settings
                    )
                ),
                runtime=minutes(
                    using(job_resources.training_minutes, study_of, setting_of),
                    times=len(study.fold_names_of(protocol)),
                ),
                slices_mb=int(1000 * PLAN.settings.limits.memory_gb),
                tracking=of(job_of, "tracking"),
                gpu=using(gpus, of(job_of, "gpu")),
            params:
                key=of(job_of, "key"),
                spec=of(job_of, "spec.to_json"),
                device=PLAN.settings.limits.device,
            script:
                "../scripts/train_run.py"
