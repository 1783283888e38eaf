import atexit
import os
import sys
from base64 import urlsafe_b64decode
from contextlib import ExitStack
from pathlib import Path

HOME = Path(workflow.basedir)
sys.path.insert(0, str(HOME))

from genreflow.cli.exits import guarded
from genreflow.cli.snakemake_call import process_executes_jobs
from genreflow.config.layers import load_config
from genreflow.config.names import FOLD, WILDCARDS
from genreflow.errors import UserError
from genreflow.run_summary import run_summary
from genreflow.job import let_jobs_import_from
from genreflow.plan import job_resources
from genreflow.plan.staleness import REBUILD_STALE, stale_products
from genreflow.plan.make import OTHER_KEYS, made_with_other_keys, make_plan
from genreflow.plan.unsettled import judge_again
from genreflow.inference.files import stamps
from genreflow.report.captions import TABLES as CAPTIONED
from genreflow.report.captions import label_of, rst_of, section_of, title_of
from genreflow.shutdown import IGNORE_INTERRUPTS, signals_passed_on
from genreflow.store.text import Unmarked, sanitize
from genreflow.store.writable import stand_in

let_jobs_import_from(HOME)
stand_in()
if workflow.is_main_process:
    shell.prefix(IGNORE_INTERRUPTS)
    passing_on = ExitStack()
    passing_on.enter_context(signals_passed_on())
    atexit.register(passing_on.close)


def recorded(folder):
    """Return the files that Snakemake keeps a record of in a folder of .snakemake."""
    found = set()
    for place, _, names in os.walk(folder):
        # Names are coded; a long one is cut, and its first parts are folders that begin with @.
        parts = Path(place).relative_to(folder).parts
        start = "".join(part.removeprefix("@") for part in parts)
        coded = (start + name for name in names if not name.startswith("."))
        found.update(urlsafe_b64decode(name).decode() for name in coded)
    return found


def force_unrecorded(plan):
    """Force products of other keys that Snakemake has no record of, and would take for current; or say what does."""
    known = recorded(".snakemake/metadata") | recorded(".snakemake/incomplete")
    others = stale_products(plan, known)
    if not others:
        return
    told = f"{len(others):,} products, such as {others[0]}, are of other code, settings or tracks than there are now"
    if os.environ.get(REBUILD_STALE) != "1":
        raise UserError(
            f"{told}, and Snakemake has no record of them (.snakemake did not come along?), so it would take them for"
            " current. `genreflow run` with the same arguments makes them again."
        )
    print(
        sanitize(f"{told}, and without a record: they are made again."), file=sys.stderr
    )
    prepare = workflow._prepare_dag

    # `--forcerun` would make targets of all of them; this forces those that the targets need. No file is touched.
    def prepare_and_force(*arguments, **options):
        prepare(*arguments, **options)
        workflow.dag.forcefiles.update(map(str, others))

    workflow._prepare_dag = prepare_and_force


def settings_given():
    """Return what config.yaml, --configfile and --config say: Snakemake's own merge would mix datasets of one name."""
    given = workflow.config_settings
    home = None if given.replace_workflow_config else HOME
    return load_config(home, given.configfiles, given.config_args or [])


def make_whole_plan():
    """Plan the run. Only the process that the user started looks at the music; jobs read what it wrote."""
    global PLAN
    is_main, writes = workflow.is_main_process, process_executes_jobs()
    PLAN = make_plan(settings_given(), home=HOME, refresh=is_main, writes=writes)
    if is_main:
        if made_with_other_keys(PLAN):
            print(OTHER_KEYS, file=sys.stderr)
        force_unrecorded(PLAN)
        if writes and os.environ.get(REBUILD_STALE) == "1":
            judge_again(PLAN)
    return 0


if code := guarded(make_whole_plan):
    sys.exit(code)


# The tables of genreflow.analysis.describe.
ANALYSES = [
    "tag_counts",
    "tags_per_track",
    "correlations",
    "correlated_pairs",
    "variance",
    "spectra",
    "envelopes",
    "spectrograms",
    "projections",
    "projection_quality",
    "importances",
    "importance_scores",
]


wildcard_constraints:
    **WILDCARDS,


def shard_files(pattern):
    """Return one file a shard of each dataset."""
    return [
        pattern.format(dataset=dataset.name, shard=shard)
        for dataset in PLAN.datasets.values()
        for shard in dataset.shards
    ]


def job_of(wildcards):
    """Return what the plan says of the training of a model in a setting."""
    return PLAN.studies[wildcards.study].job(*wildcards.place.split("/"))


def protocol_files(*names, study=None):
    """Return the files of these names of every protocol under which a study, or any, trains something."""
    studies = PLAN.studies if study is None else [study]
    return [
        f"results/{study}/protocols/{protocol}/{name}"
        for study in studies
        for protocol in PLAN.studies[study].used_protocols
        for name in names
    ]


def study_files(*names):
    """Return the files of these names of every study."""
    return [f"results/{study}/{name}" for study in PLAN.studies for name in names]


def run_files(study, run):
    """Return the files of a trained run, and those that it was trained by."""
    job = study.job(run.model, run.setting)
    return {
        "weights": f"results/{study.name}/{run.path}/model.safetensors",
        "info": f"results/{study.name}/{run.path}/run.json",
        "index": job.index,
        "folds": job.folds,
    }


def inspected_files(study):
    """Return what a study shows of its models and its dataset by themselves."""
    settings = PLAN.studies[study].settings
    names = ["filters.parquet"] if settings.filters else []
    names += [f"snippets-{name}.parquet" for name in settings.snippets]
    files = [f"results/{study}/inspection/{name}" for name in names]
    if settings.analysis:
        files += [f"results/{study}/analysis/{table}.parquet" for table in ANALYSES]
    return files


def memory(needed):
    """Return a job's mem_mb: what it needs, which may be a function of its wildcards, and Snakemake around it."""
    return growing(needed, job_resources.snakemake_mb(PLAN))


def minutes(needed, times=1):
    """Return a job's runtime: what it needs, which may be a function of its wildcards, and some to begin and end."""
    return growing(needed, 5, times)


def growing(needed, besides, times=1):
    """Return a resource of which a second attempt gets twice as much, and a third three times."""

    def resource(wildcards, attempt):
        mine = needed(wildcards) if callable(needed) else needed
        return attempt * round(times * mine + besides)

    return resource


def gpus(wanted):
    """Return how many GPUs to ask for: none where the settings say that none is used."""
    return 0 if PLAN.settings.limits.device == "cpu" else wanted


def input_of(wildcards):
    """Return what the plan says of an input of a dataset."""
    return PLAN.datasets[wildcards.dataset].inputs[wildcards.input]


def normalising_minutes(wildcards):
    """Return the time that normalising a shard job_resources."""
    dataset = PLAN.datasets[wildcards.dataset]
    return job_resources.normalising_minutes(dataset, wildcards.shard, PLAN.settings)


def cutting_mb(wildcards):
    """Return the memory that cutting a shard job_resources."""
    return job_resources.cutting_mb(input_of(wildcards), wildcards.shard)


def cutting_minutes(wildcards):
    """Return the time that cutting a shard job_resources."""
    return job_resources.cutting_minutes(input_of(wildcards), wildcards.shard)


def setting_of(wildcards):
    """Return the study of a training, and the setting of its model."""
    study = PLAN.studies[wildcards.study]
    return study, study.setting(*wildcards.place.split("/"))


def training_mb(wildcards):
    """Return the memory that a training job_resources."""
    return job_resources.training_mb(*setting_of(wildcards), PLAN.settings)


def protocol_mb(wildcards):
    """Return the memory that tables of the tracks of a protocol need."""
    study = PLAN.studies[wildcards.study]
    return job_resources.tracks_mb(study.protocols[wildcards.protocol].dataset)


def drawing_mb(wildcards):
    """Return the memory that a figure job_resources."""
    study = PLAN.studies[wildcards.study]
    return job_resources.drawing_mb(study, study.figures[wildcards.figure])


def looking_mb(wildcards, run):
    """Return the memory that it needs to look at a trained run by itself."""
    study = PLAN.studies[wildcards.study]
    return job_resources.looking_mb(study, study.setting(run.model, run.setting))


def training_minutes(wildcards):
    """Return the time that a training job_resources."""
    return job_resources.training_minutes(*setting_of(wildcards))


def words_of(wildcards):
    """Return what Snakemake's own report says beside a figure."""
    study = PLAN.studies[wildcards.study]
    return Unmarked(rst_of(study.figures[wildcards.figure], study.page))


def figure_label(wildcards):
    """Return what a figure is called in Snakemake's own report.

    There is one label only. Of a second one that happens to have two values in equal shares Snakemake makes a switch;
    and where a figure has but one of them, the whole report stays empty.
    """
    study = PLAN.studies[wildcards.study]
    shown = study.figures[wildcards.figure]
    return {"result": label_of(title_of(shown, study.page), study.page)}


def in_report(file, table):
    """Return a table of a study as Snakemake's own report shows it; those that are there to be drawn stay out."""
    if table not in CAPTIONED:
        return file
    section, title = CAPTIONED[table]
    return report(
        file,
        caption=f"../report/tables/{table}.rst",
        category="{study}",
        subcategory=section,
        labels=lambda wildcards: {
            "result": label_of(title, PLAN.studies[wildcards.study].page)
        },
    )
