"""A product's key names what changed: the version of its stage, settings that matter, and what it is made of."""

import dataclasses
import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from tiny_embedding import write_bundle

from genreflow.config.load import read_yaml
from genreflow.figures.registry import entries
from genreflow.plan import stages
from genreflow.plan.make import OTHER_KEYS, made_with_other_keys, make_plan
from genreflow.store.parquet import Header, write_table

HOME = Path(__file__).parents[2]
STUDY = """\
title: All stages
dataset: music
inputs:
  mel: {segments: {kind: midpoint, count: 2}}
  beat: {segments: {kind: beats, count: 2}}
  spec: {front_end: {kind: stft}, segments: {kind: sliding, seconds: 2.98}}
  maps: {front_end: {kind: maps}, segments: {kind: sliding}}
  numbers: {front_end: {kind: descriptors}, segments: {kind: split}}
  wave: {front_end: {kind: waveform}, segments: {kind: sliding}}
  vector: {front_end: {kind: embedding, model: tiny}, segments: {kind: split}}
folds: {count: 2, holdout: 2}
models:
  cnn: {model: psytrance_cnn, input: mel}
  gg12: {input: spec, training: {shift: 0.1, crop: 40}}
  forest: {model: random_forest, input: numbers}
training: {epochs: 1}
final: {model: cnn}
filters: true
snippets: {songs: {model: cnn}}
analysis: [mel]
"""
INPUTS = ("mel", "beat", "spec", "maps", "numbers", "wave", "vector")
# Product -> the products that it is made of.
READS = {
    "duplicates": ["audio"],
    **{f"slices {name}": ["audio"] for name in INPUTS},
    **{f"index {name}": [f"slices {name}", "duplicates"] for name in INPUTS},
    "quarantine": [f"index {name}" for name in INPUTS],
    "folds": ["index mel", "index spec", "index numbers"],
    "leakage": ["folds", "duplicates"],
    "run cnn": ["index mel", "folds"],
    "run gg12": ["index spec", "folds"],
    "run forest": ["index numbers", "folds"],
    "filters": ["run cnn"],
    "snippets": ["run cnn"],
    "analysis": ["index mel"],
    "map": ["index vector"],
    "tables": [
        "run cnn",
        "run gg12",
        "run forest",
        "leakage",
        "index beat",
        "index maps",
        "index wave",
        "index vector",
    ],
    "figures": ["tables", "filters", "snippets", "analysis"],
    "report": ["figures", "map"],
    "overview": ["report"],
    "predictions": ["run cnn"],
}
SLICES = [f"slices {name}" for name in INPUTS]
# Stage -> the products that it makes.
MAKES = {
    "audio": ["audio"],
    "slices": SLICES,
    "segments": SLICES,
    "rhythm": ["slices beat"],
    "logmel": ["slices mel", "slices beat", "slices vector"],
    "stft": ["slices spec"],
    "maps": ["slices maps"],
    "descriptors": ["slices numbers"],
    "waveform": ["slices wave"],
    "embedding": ["slices vector"],
    "index": [f"index {name}" for name in INPUTS],
    "layers": ["run cnn", "run gg12", "run forest", "slices vector"],
    "training": ["run cnn", "run gg12"],
    "augmentation": ["run gg12"],
    "cropping": ["run gg12"],
    "fitting": ["run forest"],
    "joined": [],  # the study has neither joined inputs nor a search, nor is it tested on another dataset
    "search": [],
    "cross_dataset": [],
    **{name: [name] for name in ("duplicates", "quarantine", "folds", "leakage", "filters", "snippets", "analysis",
                                 "map", "tables", "figures", "predictions")},
}  # fmt: skip


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with a study of every kind of product, its music cataloged and none of it decoded."""
    folder = tmp_path_factory.mktemp("stages")
    for number in range(12):
        path = folder / f"music/{'ab'[number % 2]}/{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(number))
    (folder / "study.yaml").write_text(STUDY)
    write_bundle(folder / "tiny")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        plan(refresh=True)
    return folder


def plan(*, refresh=False):
    config = read_yaml(HOME / "config.yaml") | {
        "studies": ["study.yaml"],
        "datasets": {"music": {"layout": "folders", "path": "music"}},
        "predict": {"study": "study", "files": ["music"]},
    }
    return make_plan(config, home=HOME, refresh=refresh)


def keys():
    """Return the key, or all keys, of each kind of product."""
    made = plan()
    [dataset], [study] = made.datasets.values(), made.studies.values()
    names = {study.input_plan(name).name: name for name in study.settings.inputs}
    runs = {model: study.keys.run(model, name) for model, name in study.resolver.cross_validated}
    return {
        "audio": dataset.audio_keys,
        "duplicates": dataset.duplicates_key,
        **{f"slices {names[each.name]}": each.shard_keys for each in dataset.inputs.values()},
        **{f"index {names[each.name]}": each.index_key for each in dataset.inputs.values()},
        "quarantine": made.quarantine_key,
        "folds": study.keys.folds("standard"),
        "leakage": study.keys.leakage("standard"),
        **{f"run {model}": key for model, key in runs.items()},
        "filters": study.keys.filters,
        "snippets": study.keys.snippets("songs"),
        "analysis": study.keys.analysis,
        "map": study.keys.map,
        "tables": study.keys.tables,
        "figures": study.keys.figures,
        "report": made.page_key("study"),
        "overview": made.overview_key,
        "predictions": made.predictions_key([]),
    }


def below(changed):
    """Return these kinds of products, and all that are made of them."""
    result = set(changed)
    while more := {kind for kind, read in READS.items() if result & set(read)} - result:
        result |= more
    return result


def changed(before, after):
    return {kind for kind in before if before[kind] != after[kind]}


@pytest.fixture
def before(work, monkeypatch):
    """Keys of all products as things are; the working folder is that of the study."""
    monkeypatch.chdir(work)
    return keys()


def test_the_tables_of_this_test_are_whole(before):
    assert MAKES.keys() == stages.STAGES.keys()
    assert before.keys() == {*READS, "audio"}


@pytest.mark.parametrize("stage", stages.STAGES)
def test_a_raised_version_changes_its_products_and_those_below(before, stage, monkeypatch):
    version = stages.version
    monkeypatch.setattr(stages, "version", lambda name: version(name) + (name == stage))
    assert changed(before, keys()) == below(MAKES[stage])


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package, which versions and code are read from."""
    copy = shutil.copytree(HOME / "genreflow", tmp_path / "genreflow", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(stages, "PACKAGE", copy)
    for function in (stages.version, stages.network_code, stages.page_code):
        function.cache_clear()
    yield copy
    monkeypatch.undo()
    for function in (stages.version, stages.network_code, stages.page_code):
        function.cache_clear()


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_network_module_changes_its_models_alone(before, package):
    edit(package / "models/psytrance.py", "FILTERS = 256", "FILTERS = 128")
    # gg12 is of the same module.
    assert changed(before, keys()) == below(["run cnn", "run gg12"])


def test_a_module_that_a_network_imports_counts_unless_it_is_shared(package):
    for module, old, new, counts in (
        ("won2020", "def classifier(", "UNUSED = 1\n\n\ndef classifier(", True),
        ("blocks", "class InputNorm(", "UNUSED = 1\n\n\nclass InputNorm(", False),
    ):
        code = stages.network_code("genreflow.models.sample_level")
        edit(package / f"models/{module}.py", old, new)
        stages.network_code.cache_clear()
        assert (stages.network_code("genreflow.models.sample_level") != code) == counts, module


OURS = """
import warnings

def f(x):
    {doc}
    assert x, {one}
    warnings.warn(f"{{x}} " + {two})
    if x:
        raise ValueError({one}, f"{{x}}" {two})
    return {kept}
"""


def test_words_of_a_network_do_not_count_and_other_text_does(package):
    codes = []
    for doc, one, two, kept in (
        ('"Do."', '"one"', '"two"', '"kept"'),
        ("# Nothing.", '"eins"', '"zwei"', '"kept"'),
        ('"Do."', '"one"', '"two"', '"other"'),
    ):
        (package / "models/ours.py").write_text(OURS.format(doc=doc, one=one, two=two, kept=kept))
        stages.network_code.cache_clear()
        codes.append(stages.network_code("genreflow.models.ours"))
    assert codes[0] == codes[1] != codes[2]


ENTRY = """
from genreflow.models.entry import ModelEntry, Choice
_INPUT = {kind}
FILTERS = {filters}
ENTRIES = (ModelEntry(title={title}, input=_INPUT),)
_used = {used}
def f(x):
    return _used + x
"""


def test_the_entry_of_a_network_does_not_count(package):
    codes = []
    for kind, filters, title, used in ((1, 2, "'one'", 4), (5, 2, "'two'", 4), (1, 6, "'one'", 4), (1, 2, "'one'", 8)):
        (package / "models/ours.py").write_text(ENTRY.format(kind=kind, filters=filters, title=title, used=used))
        stages.network_code.cache_clear()
        codes.append(stages.network_code("genreflow.models.ours"))
    assert codes[0] == codes[1]
    assert len(set(codes)) == 3


def test_a_template_changes_pages_alone(before, package):
    edit(package / "report/templates/page.html", "<body", "<!-- changed --><body")
    assert changed(before, keys()) == {"report", "overview"}


def test_a_diagram_and_a_caption_of_it_change_pages_alone(before, package):
    edit(package / "report/templates/workflow.svg", "Folds", "The folds")
    stages.page_code.cache_clear()
    assert changed(before, keys()) == {"report", "overview"}


@pytest.mark.parametrize("words", [{"caption": "Other words."}, {"title": "Other words"}])
def test_the_words_of_a_figure_change_pages_alone(before, monkeypatch, words):
    entry = entries()["training", ""]
    monkeypatch.setitem(entries(), ("training", ""), dataclasses.replace(entry, **words))
    assert changed(before, keys()) == {"report", "overview"}


def test_titles_and_descriptions_of_a_study_change_its_page_alone(before, work):
    path, text = work / "study.yaml", STUDY
    try:
        path.write_text(text.replace("All stages", "Each stage") + "description: New words.\ncitation: Ours.\n")
        assert changed(before, keys()) == {"report", "overview"}
    finally:
        path.write_text(text)


def test_how_an_input_is_standardized_cuts_nothing_again(before, work):
    path = work / "study.yaml"
    try:
        path.write_text(STUDY.replace("mel: {segments", "mel: {standardize: band, segments"))
        assert changed(before, keys()) == below(["run cnn"])
    finally:
        path.write_text(STUDY)


@pytest.mark.parametrize("text", ["", "STAGE_VERSION = 1\nSTAGE_VERSION = 2\n", "STAGE_VERSION = one\n"])
def test_a_module_that_declares_no_version_is_named(package, text):
    (package / stages.STAGES["stft"]).write_text(text)
    with pytest.raises(ValueError, match=r"spectrogram\.py: needs one line «STAGE_VERSION = <number>»"):
        stages.version("stft")


def test_products_of_an_earlier_release_are_noticed(work, monkeypatch):
    monkeypatch.chdir(work)
    product = work / "results/music/duplicates.parquet"
    made = plan()
    assert not made_with_other_keys(made)
    for key, is_old in (("0123456789abcdef", True), (made.datasets["music"].duplicates_key, False)):
        write_table(product, pd.DataFrame({"a": [1]}), Header("duplicates", key))
        assert made_with_other_keys(made) == is_old
    product.unlink()
    assert OTHER_KEYS == "Keys changed with this version: every product is remade once."


# ---- golden outputs -------------------------------------------------------------------------------------------------

MUTATIONS = {
    "logmel": ("features/mel.py", '"power": (10.0, 1e-10)', '"power": (10.1, 1e-10)', "logmel-default"),
    "duplicates": ("datasets/matching.py", "_DISTINCT = 0.5", "_DISTINCT = 5.0", "duplicates"),
    "leakage": ("folds/leakage.py", "_FEW_ARTISTS = 0.05", "_FEW_ARTISTS = 5.0", "leakage"),
}


@pytest.mark.end_to_end
def test_a_constant_changed_without_its_version_fails_the_golden_test(tmp_path):
    """In a copy of the code, for three stages at once; the other cases of theirs pass or fail as they may."""
    for name in ("genreflow", "tests"):
        ignored = shutil.ignore_patterns("__pycache__", "faults", "browser", "workflow")
        shutil.copytree(HOME / name, tmp_path / name, ignore=ignored)
    for module, old, new, _ in MUTATIONS.values():
        edit(tmp_path / "genreflow" / module, old, new)
    cases = [case for *_, case in MUTATIONS.values()] + ["stft-default"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += [f"tests/golden/test_golden.py::test_a_stage_makes_what_its_version_says[{case}]" for case in cases]
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "3 failed, 1 passed" in ran.stdout, ran.stdout
    for stage in MUTATIONS:
        assert f"Raise STAGE_VERSION in genreflow/{stages.STAGES[stage]}" in ran.stdout


@pytest.fixture
def golden(monkeypatch):
    monkeypatch.syspath_prepend(HOME / "tests/golden")
    return importlib.import_module("golden")


def case_of(golden, file, values, version="1"):
    return golden.Case("a", "stft", version, lambda _: {"x": values}, file, 1e-3, 1e-4)


def test_make_golden_renews_what_was_raised_and_refuses_what_was_not(golden, tmp_path, monkeypatch):
    case = case_of(golden, tmp_path / "x.csv", [1.0, 2.0])
    monkeypatch.setattr(golden, "CASES", {"a": case})
    assert "no golden output. Run `make golden`" in golden.problems_of(case)[0]
    assert golden.renew(case) == "a: new, 1"
    assert not golden.problems_of(case) and golden.renew(case) == ""
    assert not golden.problems_of(case_of(golden, case.file, [1.0, 2.0001]))
    moved = case_of(golden, case.file, [1.0, 2.1])
    [problem] = golden.problems_of(moved)
    assert "x moved" in problem and "Raise STAGE_VERSION in genreflow/features/spectrogram.py" in problem
    with pytest.raises(ValueError, match="Raise STAGE_VERSION"):
        golden.renew(moved)
    raised = dataclasses.replace(moved, version="2")
    [problem] = golden.problems_of(raised)
    assert "version 2, and the golden outputs are of 1. Run `make golden`" in problem
    assert golden.renew(raised) == "a: 1 → 2"
    assert not golden.problems_of(raised)
