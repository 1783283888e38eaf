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
        folds=lambda wildcards: search_of(wildcards).outer_folds,
        index=lambda wildcards: search_of(wildcards).index,
    output:
        ensure(layout.INNER_FOLDS, non_empty=True),
    log:
        LOG["assign_inner_folds"],
    localrule: True
    conda:
        "../../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=memory(
            lambda wildcards: job_resources.tracks_mb(study_of(wildcards).dataset)
        ),
        runtime=minutes(20),
        gpu=0,
    params:
        key=lambda wildcards: study_of(wildcards).keys.inner_folds,
        spec=lambda wildcards: search_of(wildcards).spec.to_json(),
    script:
        "../scripts/assign_inner_folds.py"


rule run_trial:
    input:
        lambda wildcards: search_of(wildcards).before(wildcards.fold, wildcards.trial),
        index=lambda wildcards: search_of(wildcards).index,
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
            lambda wildcards: job_resources.training_mb(
                study_of(wildcards), search_of(wildcards).setting, PLAN.settings
            )
        ),
        runtime=minutes(
            lambda wildcards: search_of(wildcards).settings.folds
            * job_resources.training_minutes(
                study_of(wildcards), search_of(wildcards).setting
            )
        ),
        slices_mb=int(1000 * PLAN.settings.limits.memory_gb),
        gpu=lambda wildcards: gpus(int(search_of(wildcards).is_on_gpu)),
    params:
        key=lambda wildcards: study_of(wildcards).keys.trials,
        spec=lambda wildcards: search_of(wildcards).spec.to_json(),
        device=PLAN.settings.limits.device,
    script:
        "../scripts/run_trial.py"


rule choose_setting:
    input:
        trials=lambda wildcards: search_of(wildcards).trials(wildcards.fold),
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
        key=lambda wildcards: study_of(wildcards).keys.best,
        trial_key=lambda wildcards: study_of(wildcards).keys.trials,
        spec=lambda wildcards: search_of(wildcards).spec.to_json(),
    script:
        "../scripts/choose_setting.py"


use rule train_run as train_searched with:
    input:
        index=lambda wildcards: job_of(wildcards).index,
        folds=lambda wildcards: job_of(wildcards).folds,
        best=lambda wildcards: study_of(wildcards).search.best_of(wildcards.fold),
    wildcard_constraints:
        model_setting=f"{layout.WILDCARDS['model']}/{layout.SEARCHED}",
