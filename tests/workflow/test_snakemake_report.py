"""`snakemake --report`: every figure and every table that people read, with a caption, in one file."""

import json
import re
from html.parser import HTMLParser

import pytest

from genreflow.evaluation.study import TABLES

pytestmark = pytest.mark.end_to_end


class Loaded(HTMLParser):
    """What a page loads from elsewhere as it opens."""

    def __init__(self, html):
        super().__init__()
        self.places = []
        self.feed(html)

    def handle_starttag(self, _tag, attributes):
        named = [value for name, value in attributes if name in ("src", "href")]
        self.places += [place for place in named if not place.startswith("data:")]


@pytest.fixture(scope="module")
def html(built, tmp_path_factory):
    project = built.copy(tmp_path_factory.mktemp("report") / "project")
    code, printed = project.run("--report", "report.html")
    assert code == 0, printed
    return (project.work / "report.html").read_text(encoding="utf-8")


def variable(html, name):
    """Return a variable of the page's script."""
    page = html[html.index('<script id="workflow-desc">') :]
    begin = re.search(rf"^ *var {name} = ", page, re.M).end()
    return json.JSONDecoder().raw_decode(page, begin)[0]


def test_every_figure_and_table_is_there_with_its_caption(html, built):
    results = variable(html, "results")
    figures = {f"results/tiny/figures/{path.name}" for path in built.work.glob("results/tiny/figures/*.png")}
    tables = {f"results/tiny/tables/{name}.csv" for name, table in TABLES.items() if table.title}
    others = {"results/quarantine.csv", "results/tiny/protocols/standard/leakage.csv"}
    assert len(figures) > 5
    assert set(results) == figures | tables | others
    assert all(result["caption"].endswith("</p>\n") for result in results.values())
    assert "system-message" not in html


def test_they_are_in_the_sections_of_the_page(html, built):
    sections = variable(html, "categories")["tiny"]
    page = (built.work / "results/tiny/report/index.html").read_text(encoding="utf-8")
    titles = set(re.findall(r"<h2[^>]*>(.+?)</h2>", page))
    assert {section for section, files in sections.items() if any("/figures/" in file for file in files)} <= titles
    assert "results/tiny/figures/confusion-track.png" in sections["Confusion"]
    assert "results/tiny/tables/settings.csv" in sections["Results"]


def test_each_is_found_by_its_one_label(html):
    results = variable(html, "results")
    for sections in variable(html, "categories").values():
        for files in sections.values():
            labels = [results[file]["labels"] for file in files]
            assert all(set(label) == {"result"} for label in labels)
            assert len({label["result"] for label in labels}) == len(labels)


def test_it_opens_without_a_network(html):
    assert Loaded(html).places == []


@pytest.mark.slow
def test_titles_are_text_and_no_markup(built, tmp_path):
    project = built.copy(tmp_path / "project")
    hostile = "</script><script>alert(1)</script> x_ |y| {wildcards.x} \\e[31m \\u202E"
    project.edit("tiny.yaml", "title: Tiny", f'title: "{hostile}"')
    project.edit("tiny.yaml", "vary: {pool: [mean, max]}", f'vary: {{pool: [mean, max]}}, title: "{hostile}"')
    printed = project.build()
    code, output = project.run("--report", "report.html")
    assert code == 0, output
    html = (project.work / "report.html").read_text(encoding="utf-8")
    assert "<script>alert(1)" not in html and "system-message" not in html and "problematic" not in html
    labels = [label for result in variable(html, "results").values() for label in (result.get("labels") or {}).values()]
    assert any("alert(1)" in str(label) for label in labels)
    page = (project.work / "results/tiny/report/index.html").read_text(encoding="utf-8")
    for text in (printed, page, *map(str, labels)):
        assert not set(text) & {"\x1b", "\u202e"}
