"""Stale products: those whose own key differs from the one they would get now.

Snakemake relies on its records in ``.snakemake``, which do not always come along when results are moved. Products name
their key themselves.
"""

import os
import sys
from base64 import urlsafe_b64decode
from collections.abc import Container
from pathlib import Path
from typing import Any

from genreflow.errors import UserError
from genreflow.plan.datasets import DatasetPlan
from genreflow.plan.make import Plan
from genreflow.plan.studies import StudyPlan
from genreflow.plan.study_files import figure_files, files_of_run, search_files, trial_files
from genreflow.project import layout
from genreflow.store import hdf5, parquet
from genreflow.store.runs import MODEL
from genreflow.store.sealed import read_sealed
from genreflow.store.text import sanitize

# Set in the environment of a Snakemake that is to remake stale products without a record.
REBUILD_STALE = "GENREFLOW_REBUILD_STALE"


def keys_of(plan: Plan) -> dict[str, str]:
    """Return path -> key of every product that names its key."""
    keys = {f"{layout.QUARANTINE}.parquet": plan.quarantine_key}
    for dataset in plan.datasets.values():
        keys |= _keys_of_dataset(dataset)
    for study in plan.studies.values():
        keys |= _keys_of_study(study)
        keys |= dict.fromkeys(plan.printed_files(study.name), plan.printed_key(study.name))
        keys[layout.PAGE.format(study=study.name)] = plan.page_key(study.name)
    return keys


def stale_products(plan: Plan, without: Container[str] = ()) -> list[Path]:
    """Return the products with another key than they would get now; those in `without` are not read."""
    candidates = ((Path(name), key) for name, key in keys_of(plan).items() if name not in without)
    return [path for path, key in candidates if path.exists() and not is_of(path, key)]


def is_of(path: Path, key: str) -> bool:
    """Return False if a product names another key; True if it names none or is damaged."""
    try:
        match path.suffix:
            case ".parquet":
                return parquet.read_header(path).key == key
            case ".h5":
                return hdf5.read_header(path).key == key
            case ".json":
                return read_sealed(path)["key"] == key
            case ".png" | ".svg" | ".pdf" | ".html":
                return key.encode() in path.read_bytes()
    except (UserError, OSError, KeyError):
        pass
    return True


def force_stale(plan: Plan, workflow: Any) -> None:
    """Make Snakemake's `workflow` remake stale products that it has no record of and would take for current.

    Raises
    ------
    UserError
        When there are such products and `REBUILD_STALE` is not set.
    """
    recorded = _recorded_files(Path(".snakemake/metadata")) | _recorded_files(Path(".snakemake/incomplete"))
    stale = stale_products(plan, without=recorded)
    if not stale:
        return
    message = f"{len(stale):,} products, such as {stale[0]}, were made with other code, settings or tracks"
    if os.environ.get(REBUILD_STALE) != "1":
        raise UserError(
            f"{message}, and Snakemake has no record of them (.snakemake was not moved along?), so it would take them "
            "for current. `genreflow run` with the same arguments remakes them."
        )
    print(sanitize(f"{message} and have no record: they are remade."), file=sys.stderr)
    prepare = workflow._prepare_dag

    # `--forcerun` would make them all targets; this forces only those that the targets need, and touches no file.
    def prepare_and_force(*arguments: Any, **options: Any) -> None:
        prepare(*arguments, **options)
        workflow.dag.forcefiles.update(map(str, stale))

    workflow._prepare_dag = prepare_and_force


def _recorded_files(folder: Path) -> set[str]:
    """Return the files that Snakemake keeps a record of in a folder of ``.snakemake``."""
    files = set()
    for parent, _, names in os.walk(folder):
        # Names are base64; a long one is cut, and its first parts are folders that begin with @.
        prefix = "".join(part.removeprefix("@") for part in Path(parent).relative_to(folder).parts)
        files |= {urlsafe_b64decode(prefix + name).decode() for name in names if not name.startswith(".")}
    return files


def _keys_of_dataset(dataset: DatasetPlan) -> dict[str, str]:
    patterns = {layout.AUDIO: dataset.audio_keys, layout.RAW: dataset.raw_keys if dataset.is_synthetic else {}}
    keys = {
        pattern.format(dataset=dataset.name, shard=shard): key
        for pattern, shard_keys in patterns.items()
        for shard, key in shard_keys.items()
    }
    keys[layout.DUPLICATES.format(dataset=dataset.name)] = dataset.duplicates_key
    for plan in dataset.inputs.values():
        keys |= {plan.shard(shard): key for shard, key in plan.shard_keys.items()}
        keys[plan.index] = plan.index_key
    return keys


def _keys_of_study(study: StudyPlan) -> dict[str, str]:
    keys, own = {}, {"study": study.name}
    for protocol in study.used_protocols:
        names = own | {"protocol": protocol}
        keys[layout.FOLDS.format(**names)] = study.keys.folds(protocol)
        audit = layout.filled([f"{layout.LEAKAGE}.parquet", layout.BANDWIDTH], **names)
        keys |= dict.fromkeys(audit, study.keys.leakage(protocol))
    named = [pattern for pattern in layout.RUN_FILES if not pattern.endswith(MODEL)]  # weights are bound to run.json
    for run in study.runs:
        keys |= dict.fromkeys(files_of_run(study, run, named), study.keys.run(run.model, run.setting))
    if study.search is not None:
        keys |= dict.fromkeys(search_files(study, layout.INNER_FOLDS), study.keys.inner_folds)
        keys |= dict.fromkeys(trial_files(study), study.keys.trials)
        keys |= dict.fromkeys(search_files(study, layout.TRIALS, layout.BEST), study.keys.best)
    keys[layout.MAP.format(**own)] = study.keys.map
    for name in study.settings.snippets:
        keys[layout.SNIPPETS.format(**own, snippets=name) + ".parquet"] = study.keys.snippets(name)
    if study.settings.filters:
        keys[layout.FILTERS.format(**own)] = study.keys.filters
    tables = [*Path(layout.TABLES.format(**own)).glob("*.parquet"), layout.HEADLINE.format(**own)]
    keys |= dict.fromkeys(map(str, tables), study.keys.tables)
    return keys | dict.fromkeys(figure_files(study, "png", "svg"), study.keys.figures)
