rule predict:
    input:
        "results/predictions.csv" if PLAN.settings.predict else [],


if PLAN.settings.predict:

    rule predict_files:
        input:
            model=PLAN.predictor,
            record=PLAN.predictor_record,
        output:
            ensure("results/predictions.csv", non_empty=True),
        log:
            "logs/predict_files.log",
        conda:
            "../../envs/train.yaml"
        threads: PLAN.settings.limits.train_threads
        resources:
            mem_mb=memory(
                job_resources.predicting_mb(
                    PLAN.studies[PLAN.settings.predict.study], PLAN.settings
                )
            ),
            runtime=minutes(230),
            gpu=gpus(1),
        params:
            key=lambda wildcards: PLAN.predict_key(stamps(PLAN.settings.predict.files)),
            files=PLAN.settings.predict.files,
            device=PLAN.settings.limits.device,
        script:
            "../scripts/predict_files.py"
