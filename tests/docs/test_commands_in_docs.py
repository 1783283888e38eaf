"""Every command, option, target, key and link in the pages is one that there is."""

import contextlib
import io
import re
from pathlib import Path

import pytest
import yaml
from code_blocks import HOME, PAGES, blocks, commands
from snakemake.cli import get_argument_parser

from genreflow import cli
from genreflow.config.load import settings_from
from genreflow.config.pipeline import PipelineSettings
from genreflow.config.study import StudySettings
from genreflow.errors import UserError

RULES = {
    name
    for path in [HOME / "Snakefile", *(HOME / "workflow/rules").glob("*.smk")]
    for name in re.findall(r"^rule (\w+):", path.read_text(encoding="utf-8"), re.M)
}
MAKE = re.findall(r"^([\w-]+):", (HOME / "Makefile").read_text(encoding="utf-8"), re.M)
PROGRAMS = ("genreflow", "snakemake", "make")
SNAKEMAKE = get_argument_parser()


def lines_of(page: Path) -> set[str]:
    """Return every line of a page that is a command, in a block or between backquotes."""
    text = page.read_text(encoding="utf-8")
    in_blocks = [
        line for block in blocks(page) if block.language in ("sh", "console") for line in block.text.splitlines()
    ]
    indented = re.findall(r"^ {4,}(.+)$", text, re.M)
    inline = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", text)]
    return {
        line.removeprefix("$ ")
        for line in [*in_blocks, *indented, *inline]
        if line.removeprefix("$ ").startswith(PROGRAMS)
    }


USED = sorted(
    {
        (page.name, *words)
        for page in PAGES
        for line in lines_of(page)
        for words in commands(line)
        if words[0] in PROGRAMS
    }
)


def check_snakemake(words: list[str]) -> None:
    message = io.StringIO()
    try:
        with contextlib.redirect_stderr(message), contextlib.redirect_stdout(message):
            given = SNAKEMAKE.parse_args(words)
    except SystemExit as end:
        assert end.code == 0, message.getvalue()
        return
    assert {target for target in given.targets if "/" not in target} <= RULES


@pytest.mark.parametrize("used", USED, ids=lambda used: " ".join(used[1:])[:60])
def test_a_command_is_one_that_there_is(used):
    _, program, *words = used
    if program == "make":
        assert set(words) <= set(MAKE)
    elif program == "snakemake":
        check_snakemake(words)
    elif words and not words[0].startswith("-"):
        try:
            options = cli.parse(words)
        except UserError as error:  # in a sentence a command is named without what it is about
            assert "the following arguments are required" in str(error)
        else:
            check_snakemake(options.rest)


def test_commands_have_been_found():
    assert {used[1] for used in USED} == set(PROGRAMS)
    assert len(USED) > 40


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "recipes.md"], ids=lambda page: page.name)
def test_settings_shown_are_accepted(page):
    """Those of recipes name what is not there yet; they are followed by a test of their own."""
    for block in blocks(page):
        if block.language != "yaml":
            continue
        values = yaml.safe_load(block.text)
        if {"studies", "datasets", "figures"} & values.keys():
            settings_from(PipelineSettings, values, page.name)
            continue
        changes = values.pop("without_weights", {})
        for each in (values, {name: {k: v for k, v in section.items() if v} for name, section in changes.items()}):
            settings_from(StudySettings, {"dataset": "my_music", "models": {"psytrance_cnn": {}}, **each}, page.name)


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    found: dict[str, int] = {}
    result = set()
    for heading in re.findall(r"^#{1,6} (.+)$", text, re.M):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        result.add(f"{slug}-{found[slug]}" if slug in found else slug)
        found[slug] = found.get(slug, 0) + 1
    return result


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    lost = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        if "://" not in link and not (target.exists() and (not anchor or anchor in anchors(target))):
            lost.append(link)
    assert lost == []
