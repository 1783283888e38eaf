"""Names of products and runs: what is formatted is what is parsed."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genreflow.config.names import NAME
from genreflow.project import layout
from genreflow.project.layout import LOG, RunId, parse_fold, run_folders, study_of_run

NAMES = st.from_regex(NAME, fullmatch=True)
SETTINGS = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1).filter(
    lambda text: text not in (".", "..")
)
FOLDS = st.integers(1, 10_000).map(str) | st.just("final")


@given(NAMES, SETTINGS, FOLDS, st.integers(0, 99))
def test_a_run_is_parsed_from_its_path(model, setting, fold, repeat):
    run = RunId(model, setting, fold, 0 if fold == "final" else repeat)
    assert RunId.parse(run.path) == run
    assert RunId.parse(Path("results/study", run.path)) == run
    assert parse_fold(f"fold-{run.name}") == (run.fold, run.repeat)
    assert re.fullmatch(layout.FOLD, run.name)
    assert study_of_run(Path("results/study", run.path)) == Path("results/study")


@pytest.mark.parametrize("path", ["", "cnn/base/fold-1", "runs/cnn/base", "runs/cnn/base/fold-x", "runs/cnn/base/1"])
def test_another_path_is_not_a_run(path):
    with pytest.raises(ValueError, match="not the"):
        RunId.parse(path)
    assert study_of_run(Path(path)) is None


def test_runs_come_in_the_order_of_folds_first_trainings_first(tmp_path):
    names = ["fold-1", "fold-2", "fold-10", "fold-final", "fold-1r2", "fold-2r2"]
    for name in [*reversed(names), "fold-x", "other"]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").touch()
    (tmp_path / "fold-3").mkdir()
    assert [folder.name for folder in run_folders(tmp_path)] == names


PATTERNS = [
    value for name, value in vars(layout).items() if name.isupper() and isinstance(value, str) and "{" in value
] + [*layout.RUN_FILES, *LOG.values()]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_wildcard_of_a_pattern_is_known(pattern):
    assert set(re.findall(r"\{(\w+)\}", pattern)) <= set(layout.WILDCARDS)


def test_products_are_ranked_in_the_order_in_which_they_are_made():
    products = [
        "demo/catalog.parquet", "demo/raw/s0.parquet", "demo/audio/s0.parquet", "demo/slices/logmel/s0.parquet",
        "demo/slices/logmel/index.parquet", "study/protocols/standard/folds.parquet",
        "study/protocols/standard/leakage.parquet", "study/tables/audit.parquet",
    ]  # fmt: skip
    ranks = [layout.rank(Path(product)) for product in products]
    assert ranks == sorted(set(ranks))
