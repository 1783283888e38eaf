"""The key of code: what a stage's script and all it imports from this package would do."""

import ast
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from genreflow.store.digest import digest, file_sha256

PACKAGE = Path(__file__).parents[1]
# The registry lists every model; a run depends on the code and options of its own, which its key holds besides.
# And how a run tells how far it has come has no part in what comes out.
_APART = frozenset(PACKAGE / name for name in ("models/registry.py", "training/progress.py", "training/tensorboard.py"))


@cache
def code_key(*sources: str) -> str:
    """Return a digest of the code of scripts (paths) or modules (dotted names) and all they import from here.

    Comments, docstrings, layout and file times do not count.
    """
    seen: dict[Path, str] = {}
    todo = [Path(source) if source.endswith(".py") else _module_path(source) for source in sources]
    while todo:
        path = todo.pop()
        if path is None or path in seen or path in _APART:
            continue
        seen[path], imported = _read(path)
        todo += imported
    return digest(sorted(seen.values()))


def assets_key(room: str) -> str:
    """Return a digest of the files of a room that are not code, such as templates."""
    files = sorted(path for path in (PACKAGE / room).rglob("*") if path.suffix in {".html", ".css", ".js"})
    return digest([(path.name, file_sha256(path)) for path in files])


@cache
def _read(path: Path) -> tuple[str, list[Path | None]]:
    """Return what a file does, and the files that it imports; once, for most scripts have most files in common."""
    tree = _without_docstrings(ast.parse(path.read_text(encoding="utf-8")))
    return ast.dump(tree), [_module_path(name) for name in _imports(tree)]


@cache
def _module_path(name: str) -> Path | None:
    if name.split(".")[0] != PACKAGE.name:
        return None
    path = PACKAGE.joinpath(*name.split(".")[1:])
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.exists()), None)


def _imports(tree: ast.AST) -> Iterable[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _without_docstrings(tree: ast.AST) -> ast.AST:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(body, list)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
        ):
            del body[0]
    return tree
