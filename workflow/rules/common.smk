import sys
from pathlib import Path

HOME = Path(workflow.basedir)
sys.path.insert(0, str(HOME))

from genreflow.config.load import check_files
from genreflow.errors import UserError
from genreflow.farewell import farewell
from genreflow.job import let_jobs_import_from
from genreflow.plan.make import make_plan

let_jobs_import_from(HOME)

# Only the process that the user started looks at the music; jobs read what it wrote.
try:
    check_files(workflow.configfiles)
    PLAN = make_plan(config, home=HOME, refresh=workflow.is_main_process)
except UserError as error:
    print(error, file=sys.stderr)
    sys.exit(2)


wildcard_constraints:
    dataset="[A-Za-z0-9_-]+",
    study="[A-Za-z0-9_-]+",
    room="slices|maps|descriptors",
    input="[a-z0-9_-]+",
    suffix="parquet|h5",
    shard="s[01]*",
    model="[a-z0-9_]+",
    setting="[^/]+",
    fold="[0-9]+|final",
    figure="[A-Za-z0-9_-]+",


def shard_files(pattern):
    """Return one file a shard of each dataset."""
    return [
        pattern.format(dataset=dataset.name, shard=shard)
        for dataset in PLAN.datasets.values()
        for shard in dataset.shards
    ]


def fold_files(study, name):
    """Return a product of a study's folds, or nothing where the study trains nothing."""
    return f"results/{study}/{name}" if PLAN.studies[study].runs else []


def study_files(*names):
    """Return the files of these names of every study."""
    return [f"results/{study}/{name}" for study in PLAN.studies for name in names]
