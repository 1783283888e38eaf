import atexit
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

HOME = Path(workflow.basedir)
sys.path.insert(0, str(HOME))

from genreflow.config.names import PROJECT_FILE
from genreflow.cli.exits import guarded
from genreflow.cli.run_tracker import expect
from genreflow.cli.run_view import end_display
from genreflow.cli.snakemake_call import (
    explain_jobs,
    only_read,
    process_dry_runs,
    process_executes_jobs,
    process_writes_report,
)
from genreflow.config.layers import load_config
from genreflow.evaluation.study import TABLES
from genreflow.figures.registry import section_of, title_of
from genreflow.gpus import let_mps_fall_back
from genreflow.inference.files import stamps
from genreflow.job import let_jobs_import_from
from genreflow.plan import job_resources, study_files
from genreflow.plan.make import (
    OTHER_KEYS,
    check_placements,
    made_with_other_keys,
    make_plan,
)
from genreflow.plan.reasons import reasons
from genreflow.plan.staleness import REBUILD_STALE, force_stale
from genreflow.plan.unsettled import retry_unsettled
from genreflow.project import layout
from genreflow.project.find import is_there
from genreflow.project.layout import LOG
from genreflow.report.captions import label_of, rst_of
from genreflow.run_summary import run_summary
from genreflow.shutdown import IGNORE_INTERRUPTS, signals_passed_on
from genreflow.store.text import Unmarked, sanitize
from genreflow.store.writable import stand_in

let_jobs_import_from(HOME)
let_mps_fall_back()
stand_in()
if workflow.is_main_process:
    shell.prefix(IGNORE_INTERRUPTS)
    signal_relay = ExitStack()
    signal_relay.enter_context(signals_passed_on())
    atexit.register(signal_relay.close)


def read_config():
    """Return the settings of config.yaml, a project in the working folder, --configfile and --config.

    Snakemake's merge would mix datasets of one name.
    """
    given = workflow.config_settings
    home = None if given.replace_workflow_config else HOME
    files = list(given.configfiles)
    project = Path(PROJECT_FILE).absolute()
    if is_there(project) and project not in files:
        files.insert(0, project)
    return load_config(home, files, given.config_args or [])


def plan_run():
    """Plan the run. Only the process that the user started lists the music; jobs read the catalog that it wrote."""
    global PLAN
    is_main, writes = workflow.is_main_process, process_executes_jobs()
    PLAN = make_plan(read_config(), home=HOME, refresh=is_main, writes=writes)
    if is_main:
        only_read(workflow)
        if made_with_other_keys(PLAN):
            print(OTHER_KEYS, file=sys.stderr)
        if process_dry_runs():
            explain_jobs(workflow, lambda: reasons(PLAN))
        if writes:
            check_placements(PLAN)
        force_stale(PLAN, workflow)
        if writes and os.environ.get(REBUILD_STALE) == "1":
            retry_unsettled(PLAN)
    return 0


if code := guarded(plan_run):
    sys.exit(code)


def keep_replaced():
    """Keep the results that the jobs of this run are about to replace, so that an update never costs a good result."""
    if workflow.is_main_process and process_executes_jobs():
        jobs = workflow.dag.needrun_jobs()
        if code := guarded(lambda: PLAN.keep_replaced(jobs) or 0):
            sys.exit(code)


wildcard_constraints:
    **layout.WILDCARDS,


def dataset_of(wildcards):
    return PLAN.datasets[wildcards.dataset]


def input_of(wildcards):
    return dataset_of(wildcards).inputs[wildcards.input]


def study_of(wildcards):
    return PLAN.studies[wildcards.study]


def protocol_of(wildcards):
    return study_of(wildcards).protocols[wildcards.protocol]


def job_of(wildcards):
    return study_of(wildcards).job(wildcards.model_setting)


def search_of(wildcards):
    return study_of(wildcards).search


def figure_of(wildcards):
    return study_of(wildcards).figures[wildcards.figure]


def cross_input_of(wildcards):
    return study_of(wildcards).cross_datasets[wildcards.dataset]


def present(catalogs):
    """Return the catalogs that are there: all of them, unless this is a dry run, which writes none."""
    return [catalog for catalog in catalogs if Path(catalog).exists()]


def catalog_of(wildcards):
    """Return the catalog of a dataset, or nothing."""
    return next(iter(present([layout.CATALOG.format(dataset=wildcards.dataset)])), [])


def audio_shards(wildcards):
    """Return the tables of normalized audio of a dataset."""
    return expand(
        layout.AUDIO, dataset=wildcards.dataset, shard=dataset_of(wildcards).shards
    )


def memory(needed):
    """Return a job's mem_mb: a number or a function of its wildcards, and the memory of Snakemake around it."""
    return job_resources.growing(needed, job_resources.snakemake_mb(PLAN))


def minutes(needed, times=1):
    """Return a job's runtime: a number or a function of its wildcards, and time to begin and end."""
    return job_resources.growing(needed, 5, times)


def training_mb(wildcards):
    study, names = study_of(wildcards), wildcards.model_setting.split("/")
    return job_resources.training_mb(study, study.resolver.of(*names), PLAN.settings)


def network_threads():
    """Return the threads of a job that trains a network."""
    offered = workflow.global_resources
    gpu = offered["gpu"] if "gpu" in offered else 1
    return job_resources.network_threads(
        PLAN.settings, workflow.resource_settings.cores, getattr(gpu, "value", gpu)
    )


def training_threads(wildcards):
    study, names = study_of(wildcards), wildcards.model_setting.split("/")
    return job_resources.training_threads(
        study, study.resolver.of(*names), PLAN.settings, network_threads()
    )


def training_minutes(wildcards):
    study, names = study_of(wildcards), wildcards.model_setting.split("/")
    return job_resources.training_minutes(study, study.resolver.of(*names))


def inference_mb(wildcards, run):
    study = study_of(wildcards)
    return job_resources.inference_mb(study, study.resolver.of(run.model, run.setting))


def gpus(number):
    """Return the number of GPUs to request: 0 where the settings choose the CPU."""
    return 0 if PLAN.settings.limits.device == "cpu" else number


def figure_label(wildcards):
    """Return the name of a figure in Snakemake's own report.

    There is one label only: Snakemake turns a second one that happens to have two values in equal shares into a
    switch, and where a figure has only one of them, the whole report stays empty.
    """
    facts = study_of(wildcards).page_facts
    return {"result": label_of(title_of(figure_of(wildcards), facts), facts)}


# Snakemake's report reads captions from files only, so they are written while it is made.
CAPTIONS = TemporaryDirectory() if process_writes_report() else None


def caption_file(table):
    """Return a file with the caption of a table; None where no report is made."""
    if CAPTIONS is None:
        return None
    file = Path(CAPTIONS.name, f"{table.name}.rst")
    file.write_text(table.caption, encoding="utf-8")
    return str(file)


def in_report(table):
    """Return the CSV file of a table as Snakemake's own report shows it; tables for figures only are not shown."""
    file = f"{layout.TABLES}/{table.name}.csv"
    if not table.title:
        return file
    return report(
        file,
        caption=caption_file(table),
        category="{study}",
        subcategory=table.section,
        labels=lambda wildcards: {
            "result": label_of(table.title, study_of(wildcards).page_facts)
        },
    )
