from snakemake.utils import min_version

min_version("9.0")


configfile: f"{workflow.basedir}/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/audio.smk"
include: "workflow/rules/slices.smk"
include: "workflow/rules/folds.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/search.smk"
include: "workflow/rules/inspect.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/predict.smk"


# Every durable product is a target of its own: Snakemake records a failed job as done, and only a complete
# list of targets with chained keys notices what is then missing.
rule all:
    default_target: True
    input:
        rules.audio.input,
        rules.slices.input,
        rules.folds.input,
        rules.search.input,
        rules.train.input,
        rules.inspect.input,
        rules.tables.input,
        rules.figures.input,
        rules.report.input,


onstart:
    keep_replaced()
    expect(
        (job.rule.name, next(iter(job.log), ""))
        for job in workflow.dag.needrun_jobs()
    )


onsuccess:
    end_display()
    print(sanitize(run_summary(PLAN)))


onerror:
    end_display()
