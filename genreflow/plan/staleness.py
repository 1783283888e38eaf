"""Which products are of the code, settings and tracks that there are now: those that name the key they would have.

Snakemake goes by its own records, which are beside the products and do not always come along when these are moved.
"""

from collections.abc import Container
from pathlib import Path

from genreflow.errors import UserError
from genreflow.plan.datasets import DatasetPlan
from genreflow.plan.make import Plan
from genreflow.plan.studies import StudyPlan
from genreflow.store import hdf5, parquet
from genreflow.store.runs import HISTORY, PREDICTIONS, RUN
from genreflow.store.sealed import read_sealed

# In the environment of a snakemake that makes products again which it would take for current, and which are not.
REBUILD_STALE = "GENREFLOW_REBUILD_STALE"
_NAME_IT = (".parquet", ".h5", ".json", ".png", ".svg", ".html")


def keys_of(plan: Plan) -> dict[str, str]:
    """Return the key of each product that names it: path from the working folder -> key."""
    keys = {"results/quarantine.parquet": plan.quarantine_key}
    for dataset in plan.datasets.values():
        keys |= _keys_of_dataset(dataset)
    for study in plan.studies.values():
        keys |= _keys_of_study(study)
        keys |= dict.fromkeys((f"results/{study.name}/report/index.html",), plan.report_key(study.name))
    return keys


def stale_products(plan: Plan, known: Container[str]) -> list[Path]:
    """Return the products that are of another key than they would have now; `known` ones are not looked at."""
    candidates = ((Path(name), key) for name, key in keys_of(plan).items() if name not in known)
    return [path for path, key in candidates if path.exists() and not is_of(path, key)]


def is_of(path: Path, key: str) -> bool:
    """Tell whether a product is of a key; one that names none, or is damaged, is not of another one."""
    if path.suffix not in _NAME_IT:
        return True
    try:
        match path.suffix:
            case ".parquet":
                return parquet.read_header(path).key == key
            case ".h5":
                return hdf5.read_header(path).key == key
            case ".json":
                return read_sealed(path)["key"] == key
    except (UserError, OSError, KeyError):
        return True
    return key.encode() in path.read_bytes()


def _keys_of_dataset(dataset: DatasetPlan) -> dict[str, str]:
    home = f"results/{dataset.name}"
    keys = {f"{home}/audio/{shard}.parquet": key for shard, key in dataset.audio_keys.items()}
    if dataset.is_synthetic:
        keys |= {f"{home}/raw/{shard}.parquet": key for shard, key in dataset.raw_keys.items()}
    keys[f"{home}/duplicates.parquet"] = dataset.duplicates_key
    for plan in dataset.inputs.values():
        keys |= {plan.shard(shard): key for shard, key in plan.shard_keys.items()}
        keys[plan.index] = plan.index_key
    return keys


def _keys_of_study(study: StudyPlan) -> dict[str, str]:
    home = f"results/{study.name}"
    keys = {}
    for protocol in study.used_protocols:
        place = f"{home}/protocols/{protocol}"
        keys[f"{place}/folds.parquet"] = study.folds_key(protocol)
        keys |= dict.fromkeys((f"{place}/leakage.parquet", f"{place}/bandwidth.parquet"), study.leakage_key(protocol))
    for run in study.runs:
        files = (f"{home}/{run.path}/{name}" for name in (RUN, HISTORY, PREDICTIONS))
        keys |= dict.fromkeys(files, study.run_key(run.model, run.setting))
    keys[f"{home}/inspection/map.parquet"] = study.map_key
    keys |= {f"{home}/inspection/snippets-{name}.parquet": study.snippets_key(name) for name in study.settings.snippets}
    if study.settings.filters:
        keys[f"{home}/inspection/filters.parquet"] = study.filters_key
    tables = [*Path(home, "tables").glob("*.parquet"), f"{home}/tables/headline.json"]
    keys |= dict.fromkeys(map(str, tables), study.tables_key)
    for suffix in ("png", "svg"):
        keys |= {f"{home}/figures/{figure}.{suffix}": study.figures_key for figure in study.figures}
    return keys
