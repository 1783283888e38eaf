"""Versions of stages, which count in the keys of products.

The version of a stage is the line ``STAGE_VERSION = 1`` in its module. Raise it when the stage would make something
else of the same input, and only then; the golden tests (tests/golden/) fail when it was forgotten. Versions are read as
text, because importing the modules would load PyTorch and scikit-learn into every dry run.

Two kinds of code are hashed instead: the modules of networks, which users write themselves, and the package that writes
pages, which nothing else reads.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from genreflow.config.inputs import FRONT_ENDS
from genreflow.store.digest import digest, file_sha256

PACKAGE = Path(__file__).parents[1]
# Stage -> the module that declares its version.
STAGES = {
    "audio": "audio/normalize.py",
    "duplicates": "datasets/duplicates.py",
    "slices": "features/slices.py",
    "segments": "features/segments.py",
    "rhythm": "features/rhythm.py",
    **{kind: f"{settings.module.replace('.', '/')}.py" for kind, settings in FRONT_ENDS.items()},
    "joined": "features/joined.py",
    "index": "datasets/index.py",
    "quarantine": "datasets/quarantine.py",
    "folds": "folds/assign.py",
    "leakage": "folds/leakage.py",
    "layers": "models/blocks.py",
    "augmentation": "training/augment.py",
    "training": "training/run.py",
    "cropping": "training/loader.py",
    "fitting": "training/fit.py",
    "search": "training/search.py",
    "filters": "training/filter_visualization.py",
    "snippets": "training/snippet_predictions.py",
    "analysis": "analysis/describe.py",
    "map": "analysis/library_map.py",
    "tables": "evaluation/study.py",
    "figures": "figures/registry.py",
    "predictions": "inference/tracks.py",
    "cross_dataset": "inference/cross_dataset.py",
}
# Modules of genreflow.models that many networks share; the version of `layers` stands for them.
LAYERS = {
    "attention", "blocks", "entry", "estimator", "registry", "sizes", "spectrogram", "standardize", "summary",
}  # fmt: skip
# Every key begins with it. Raise it when all keys are computed, or all products written, in another way.
KEYS_VERSION = 3
# What pages show as it is, besides the package that writes them.
_SHOWN = ("evaluation/registry.py", "evaluation/changes.py")
_VERSION = re.compile(r"^STAGE_VERSION = (\d+)$", re.M)


def key(*parts: Any) -> str:
    """Return the key of a product: the version of keys, and a digest of everything the product depends on."""
    return f"{KEYS_VERSION}-{digest(*parts, length=14)}"


def is_of_this_scheme(product_key: str) -> bool:
    """Return whether a key follows the present scheme."""
    return product_key.startswith(f"{KEYS_VERSION}-")


@cache
def version(stage: str) -> int:
    """Return the version of a stage; KeyError if there is no such stage, ValueError if its module declares none."""
    path = PACKAGE / STAGES[stage]
    declared = _VERSION.findall(path.read_text(encoding="utf-8"))
    if len(declared) != 1:
        raise ValueError(f"{path}: needs one line «STAGE_VERSION = <number>», but has {len(declared)}.")
    return int(declared[0])


def versions(*stages: str) -> dict[str, int]:
    """Return the versions of stages by name."""
    return {stage: version(stage) for stage in stages}


@cache
def network_code(module: str) -> str:
    """Return a digest of the code of a network's module and of its imports from `genreflow.models` except `LAYERS`.

    Comments, docstrings, layout, the text of messages (``raise``, ``assert``, ``warn``), and `ENTRIES`, which describe
    the networks, do not count.
    """
    trees: dict[Path, str] = {}
    paths = [_path_of(module)]
    while paths:
        path = paths.pop()
        if path not in trees:
            tree = _without_entries(_without_words(path))
            trees[path] = ast.dump(tree)
            paths += _imported_networks(tree)
    return digest(sorted(trees.values()))


@cache
def page_code() -> str:
    """Return a digest of all that pages are made with, except their data.

    It covers the code of the package that writes pages, as in `network_code`, its templates, and how tables are shown.
    """
    from genreflow.evaluation.study import TABLES

    kinds = {".py", ".html", ".css", ".js", ".svg"}
    files = sorted(path for path in (PACKAGE / "report").rglob("*") if path.suffix in kinds)
    shown = [
        (
            *(table.name, table.section, table.title, table.folded, table.of_headline),
            *((column.heading, column.keys, column.format.__name__) for column in table.shown),
        )
        for table in TABLES.values()
    ]
    return digest([_page_file(path) for path in [*files, *(PACKAGE / name for name in _SHOWN)]], shown)


def _page_file(path: Path) -> str:
    return ast.dump(_without_words(path)) if path.suffix == ".py" else file_sha256(path)


def _path_of(module: str) -> Path:
    return PACKAGE.joinpath(*module.split(".")[1:]).with_suffix(".py")


def _imported_networks(tree: ast.AST) -> Iterator[Path]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("genreflow.models"):
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.startswith("genreflow.models.")]
        else:
            continue
        paths = (_path_of(name) for name in names if name.split(".")[2:3] and name.split(".")[2] not in LAYERS)
        yield from (path for path in paths if path.exists())


def _without_entries(tree: ast.Module) -> ast.Module:
    """Return a module without `ENTRIES` and the private constants and classes of options that only they use."""
    body = [node for node in tree.body if "ENTRIES" not in _private_names(node)]
    while True:
        nodes = (node for statement in body for node in ast.walk(statement))
        used = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
        kept = [node for node in body if not (names := _private_names(node)) or names & used]
        if len(kept) == len(body):
            return ast.Module(body, [])
        body = kept


def _private_names(node: ast.stmt) -> set[str]:
    """Return the names that a statement defines, if no other module uses them."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)) if (
            name.startswith("_") or name == "ENTRIES"
        ):
            return {name}
        case ast.ImportFrom(module="genreflow.models.entry", names=names):
            return {alias.name for alias in names}
    return set()


def _without_words(path: Path) -> ast.Module:
    """Return the syntax tree of a file without docstrings and without the text of messages."""
    return _WordsRemoved().visit(ast.parse(path.read_text(encoding="utf-8")))


class _WordsRemoved(ast.NodeTransformer):
    """Removes docstrings and the arguments of ``raise``, ``assert`` and ``warn``, which change no result."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        body = getattr(node, "body", None)
        if isinstance(body, list):
            body[:] = [
                each for each in body if not (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))
            ]
        return node

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        if isinstance(node.exc, ast.Call):
            node.exc.args, node.exc.keywords = [], []
        return node

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        node.msg = None
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name == "warn":
            node.args, node.keywords = [], []
        return node
