import sys
from operator import attrgetter
from pathlib import Path

# A checkout brings its package; elsewhere, as where a workflow loads this one from a hosting service, it is installed.
HOME = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parents[1]
if (HOME / "genreflow").is_dir():
    sys.path.insert(0, str(HOME))

from genreflow.cli.run_tracker import expect
from genreflow.cli.run_view import end_display
from genreflow.cli.snakefile import Reading, captions_folder
from genreflow.evaluation.study import TABLES
from genreflow.figures.registry import section_of, title_of
from genreflow.inference.files import stamps
from genreflow.plan import job_resources, study_files
from genreflow.project import layout
from genreflow.project.layout import LOG
from genreflow.report.captions import label_of, rst_of
from genreflow.run_summary import run_summary
from genreflow.store.text import Unmarked, sanitize

READING = Reading(workflow)
READING.prepare(shell)
PLAN = READING.plan(config)
CAPTIONS = captions_folder()


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


def setting_of(wildcards):
    return study_of(wildcards).resolver.of(*wildcards.model_setting.split("/"))


wildcard = attrgetter


def of(entry, path, *names):
    """Return a function of the wildcards: an attribute of an entry of the plan.

    A method is called with the wildcards of these names; a mapping has the value for the one name.
    """

    def value(wildcards):
        found = attrgetter(path)(entry(wildcards))
        given = [getattr(wildcards, name) for name in names]
        if callable(found):
            return found(*given)
        return found[given[0]] if given else found

    return value


def using(function, *arguments):
    """Return a function of the wildcards: `function` of these arguments, of which some are functions of the wildcards."""

    def value(wildcards):
        return function(
            *(each(wildcards) if callable(each) else each for each in arguments)
        )

    return value


def strings(values):
    return list(map(str, values))


def first(values):
    return values[0]


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


def network_threads():
    """Return the threads of a job that trains a network."""
    offered = workflow.global_resources
    gpu = offered["gpu"] if "gpu" in offered else 1
    return job_resources.network_threads(
        PLAN.settings, workflow.resource_settings.cores, getattr(gpu, "value", gpu)
    )


def inference_mb(study, run):
    return job_resources.inference_mb(study, study.resolver.of(run.model, run.setting))


def gpus(number):
    """Return the number of GPUs to request: 0 where the settings choose the CPU."""
    return 0 if PLAN.settings.limits.device == "cpu" else int(number)


def figure_label(wildcards):
    """Return the name of a figure in Snakemake's own report.

    There is one label only: Snakemake turns a second one that happens to have two values in equal shares into a
    switch, and where a figure has only one of them, the whole report stays empty.
    """
    facts = study_of(wildcards).page_facts
    return {"result": label_of(title_of(figure_of(wildcards), facts), facts)}


def caption_file(table):
    """Return a file with the caption of a table; None where no report is made."""
    if CAPTIONS is None:
        return None
    file = Path(CAPTIONS, f"{table.name}.rst")
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
