import os

from snakemake.utils import min_version

min_version("9.0")


configfile: workflow.current_basedir.join("config.yaml").get_path_or_uri(secret_free=True)


report: "workflow/report/workflow.rst"


# Used with `--sdm apptainer`: a file that was built from envs/genreflow.def, or the address of an image.
container: os.environ.get("GENREFLOW_IMAGE", "genreflow.sif")


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


# A workflow that uses this one as a module calls these three in its own handlers: `genreflow.onstart()`.
onstart:
    READING.keep_replaced(PLAN)
    expect(
        (job.rule.name, next(iter(job.log), ""))
        for job in workflow.dag.needrun_jobs()
    )


onsuccess:
    end_display()
    print(sanitize(run_summary(PLAN)))


onerror:
    end_display()
