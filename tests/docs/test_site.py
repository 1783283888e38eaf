"""The site has every page, and what builds and checks it exists; `make site` builds it without warnings."""

import re

import pytest
import yaml
from code_blocks import HOME, PAGES

SITE = yaml.safe_load((HOME / "envs/mkdocs.yml").read_text(encoding="utf-8"))


def pages(entry):
    """Yield the files of a part of the navigation."""
    if isinstance(entry, str):
        yield entry
    else:
        for part in entry.values() if isinstance(entry, dict) else entry:
            yield from pages(part)


def test_every_page_is_in_the_navigation_once():
    listed = sorted(pages(SITE["nav"]))
    assert listed == sorted(["index.md", *(page.name for page in PAGES if page.parent.name == "docs")])


def test_the_library_has_the_packages_there_are():
    hooks = (HOME / "envs/site_hooks.py").read_text(encoding="utf-8")
    listed = re.findall(r'"(\w+)"', hooks.split("PACKAGES = (")[1].split(")")[0])
    assert [name for name in listed if not (HOME / "genreflow" / name / "__init__.py").exists()] == []
    assert len(listed) == len(set(listed)) > 10


def test_nothing_of_the_site_comes_from_elsewhere():
    assert SITE["theme"]["font"] is False
    assert not [text for text in map(str, SITE.get("extra_css", []) + SITE.get("extra_javascript", [])) if "//" in text]


@pytest.mark.parametrize("file", [".github/workflows/ci.yml", ".ci/run"])
def test_the_targets_of_continuous_integration_exist(file):
    text = (HOME / file).read_text(encoding="utf-8")
    targets = set(re.findall(r"^ *(?:- run: )?make ([a-z-]+)$", text, re.M))
    known = set(re.findall(r"^([a-z-]+):", (HOME / "Makefile").read_text(encoding="utf-8"), re.M))
    assert {"lint", "test", "site"} <= targets <= known


def test_the_workflow_runs_on_linux_and_macos():
    jobs = yaml.safe_load((HOME / ".github/workflows/ci.yml").read_text(encoding="utf-8"))["jobs"]
    assert set(jobs) == {"lint", "test", "wheel", "site"}
    for name in ("test", "wheel"):
        assert set(jobs[name]["strategy"]["matrix"]["os"]) == {"ubuntu-latest", "macos-latest"}


def test_the_hooks_run_the_linters_of_make_lint():
    hooks = yaml.safe_load((HOME / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
    lint = (HOME / "Makefile").read_text(encoding="utf-8").split("\nlint:")[1].split("\n\n")[0]
    assert all(f"$(BIN)/{hook['entry'].split()[0].removeprefix('.venv/bin/')}" in lint for hook in hooks)
