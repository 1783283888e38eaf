rule predict:
    input:
        layout.NEW_PREDICTIONS if PLAN.settings.predict else [],


if PLAN.settings.predict:

    rule predict_files:
        input:
            **PLAN.predictor_files,
        output:
            ensure(layout.NEW_PREDICTIONS, non_empty=True),
        log:
            LOG["predict_files"],
        conda:
            "../../envs/train.yaml"
        threads: PLAN.settings.limits.train_threads
        resources:
            mem_mb=memory(
                job_resources.predicting_mb(PLAN.predictor_study, PLAN.settings)
            ),
            runtime=minutes(230),
            gpu=gpus(1),
        params:
            key=lambda wildcards: PLAN.predictions_key(
                stamps(PLAN.settings.predict.files)
            ),
            files=PLAN.settings.predict.files,
            device=PLAN.settings.limits.device,
        script:
            "../scripts/predict_files.py"
