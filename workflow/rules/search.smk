rule search:
    input:
        [
            file
            for study in PLAN.studies.values()
            for file in [
                *study_files.trial_files(study),
                *study_files.search_files(
                    study, layout.INNER_FOLDS, layout.TRIALS, layout.BEST
                ),
            ]
        ],


rule assign_inner_folds:
    input:
        folds=of(search_of, "outer_folds"),
        index=of(search_of, "index"),
    output:
        ensure(layout.INNER_FOLDS, non_empty=True),
    log:
        LOG["assign_inner_folds"],
    localrule: True
    conda:
        "../../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=memory(using(job_resources.tracks_mb, of(study_of, "dataset"))),
        runtime=minutes(20),
        gpu=0,
    params:
        key=of(study_of, "keys.inner_folds"),
        spec=of(search_of, "spec.to_json"),
    script:
        "../scripts/assign_inner_folds.py"


rule run_trial:
    input:
        of(search_of, "before", "fold", "trial"),
        index=of(search_of, "index"),
        folds=layout.INNER_FOLDS,
    output:
        ensure(layout.TRIAL, non_empty=True),
    log:
        LOG["run_trial"],
    conda:
        "../../envs/train.yaml"
    threads: network_threads()
    resources:
        mem_mb=memory(
            using(
                job_resources.training_mb,
                study_of,
                of(search_of, "setting"),
                PLAN.settings,
            )
        ),
        runtime=minutes(using(job_resources.trial_minutes, study_of, search_of)),
        slices_mb=int(1000 * PLAN.settings.limits.memory_gb),
        gpu=using(gpus, of(search_of, "is_on_gpu")),
    params:
        key=of(study_of, "keys.trials"),
        spec=of(search_of, "spec.to_json"),
        device=PLAN.settings.limits.device,
    script:
        "../scripts/run_trial.py"


rule choose_setting:
    input:
        trials=of(search_of, "trials", "fold"),
    output:
        best=ensure(layout.BEST, non_empty=True),
        table=ensure(layout.TRIALS, non_empty=True),
        journal=ensure(layout.JOURNAL, non_empty=True),
    log:
        LOG["choose_setting"],
    localrule: True
    conda:
        "../../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=memory(500),
        runtime=minutes(10),
        gpu=0,
    params:
        key=of(study_of, "keys.best"),
        trial_key=of(study_of, "keys.trials"),
        spec=of(search_of, "spec.to_json"),
    script:
        "../scripts/choose_setting.py"


use rule train_run as train_searched with:
    input:
        index=of(job_of, "index"),
        folds=of(job_of, "folds"),
        best=of(study_of, "search.best_of", "fold"),
    wildcard_constraints:
        model_setting=f"{layout.WILDCARDS['model']}/{layout.SEARCHED}",
