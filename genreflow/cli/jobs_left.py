"""The jobs that a plan still needs, by the products on disk: what `genreflow status` estimates the time of."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from genreflow.cli.time_left import Job, usual_share
from genreflow.plan.make import Plan
from genreflow.plan.staleness import is_of, keys_of
from genreflow.project import layout
from genreflow.project.layout import LOG, WILDCARDS

# A product of each rule.
_PRODUCTS = {
    "synthesize_tracks": layout.RAW,
    "normalize_audio": layout.AUDIO,
    "find_duplicates": layout.DUPLICATES,
    "embed_slices": layout.SHARD.replace("{kind}", "embeddings"),
    "index_dataset": layout.INDEX,
    "cut_slices": layout.SHARD,
    "list_quarantine": f"{layout.QUARANTINE}.parquet",
    "assign_folds": layout.FOLDS,
    "audit_leakage": f"{layout.LEAKAGE}.parquet",
    "assign_inner_folds": layout.INNER_FOLDS,
    "run_trial": layout.TRIAL,
    "choose_setting": layout.BEST,
    "train_run": layout.RUN_FILES[0],
    "visualize_filters": layout.FILTERS,
    "predict_snippets": f"{layout.SNIPPETS}.parquet",
    "map_library": layout.MAP,
    "evaluate_study": layout.HEADLINE,
    "draw_figure": f"{layout.FIGURES}/{{figure}}.png",
    "write_report": layout.PAGE,
}


def jobs_of(plan: Plan, cores: int) -> Iterator[tuple[Job, bool]]:
    """Yield every job of a plan that names its products' keys, and whether its product is current."""
    for name, key in keys_of(plan).items():
        if (job := _job(name, cores)) is not None:
            path = Path(name)
            yield job, path.exists() and is_of(path, key)


def _job(product: str, cores: int) -> Job | None:
    for rule, pattern in _PATTERNS.items():
        if (match := pattern.fullmatch(product)) is not None:
            return Job(rule, _log(rule, match.groupdict()), usual_share(rule, cores))
    return None


def _log(rule: str, names: Mapping[str, str]) -> str:
    return LOG[rule].format(**{"kind": "embeddings", **names})


def _pattern(product: str) -> re.Pattern[str]:
    """Return a regular expression for the paths of a product, with its wildcards as groups."""
    parts = re.split(r"{(\w+)}", product)
    names = [f"(?P<{name}>{WILDCARDS[name]})" for name in parts[1::2]]
    return re.compile("".join(map("".join, zip(map(re.escape, parts[::2]), [*names, ""], strict=True))))


_PATTERNS = {rule: _pattern(product) for rule, product in _PRODUCTS.items()}
