"""Pages of the site that are no files of docs/: the README as its first page, and the library, a page a package."""

import ast
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

HOME = Path(__file__).parents[1]
PACKAGE = HOME / "genreflow"
# Packages whose functions are of use outside of the pipeline, in the order of architecture.md.
PACKAGES = (
    "audio", "synthetic", "datasets", "features", "analysis", "folds", "models", "weights", "training", "embeddings",
    "evaluation", "figures", "inference", "export",
)  # fmt: skip
_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:|#|mailto:)([^)]+)\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the pages of the library to the navigation."""
    library = next(entry for entry in config.nav if "Library" in entry)
    library["Library"] = [{"Public names": "library.md"}, *({name: f"library/{name}.md"} for name in PACKAGES)]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    pages = {"index.md": _first_page(), "library.md": _public_names()}
    pages |= {f"library/{name}.md": _package(name) for name in PACKAGES}
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    return files


def _first_page() -> str:
    """Return the README, whose links lead to pages of the site; those to other files become their names."""

    def link(match: re.Match[str]) -> str:
        text, target = match.groups()
        inside = target.removeprefix("docs/")
        is_page = inside != target and inside.partition("#")[0].endswith(".md")
        return f"[{text.removeprefix('docs/')}]({inside})" if is_page else text

    text = (HOME / "README.md").read_text(encoding="utf-8")
    return _LINK.sub(link, text).replace("](docs/", "](")


def _public_names() -> str:
    """Return the page of what `import genreflow` gives; packages have pages of their own."""
    sources = ast.literal_eval(_assigned((PACKAGE / "__init__.py").read_text(encoding="utf-8"), "_SOURCES"))
    parts = ["# Public names", "`import genreflow as gf` gives these names. Each is loaded when it is first used."]
    for name, (module, attribute) in sorted(sources.items()):
        parts.append(f"## `gf.{name}`")
        if attribute is None:
            package = module.removeprefix("genreflow.")
            parts.append(f"The package [`{module}`](library/{package}.md).")
        else:
            # `load_model` is another name of a class, which has the docstring.
            target = {"load_model": "Predictor"}.get(name, attribute)
            parts.append(f"::: {module}.{target}\n    options: {{heading_level: 3}}")
    return "\n\n".join(parts) + "\n"


def _assigned(source: str, name: str) -> str:
    """Return the expression that a module assigns to a name."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == name:
            return ast.unparse(node.value)
    raise LookupError(name)


def _package(name: str) -> str:
    return f"# `genreflow.{name}`\n\n::: genreflow.{name}\n"
