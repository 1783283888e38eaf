"""What tells others about the project says the same everywhere."""

import re
import tomllib
from pathlib import Path

import yaml

from genreflow import __version__
from genreflow.config.load import read_yaml
from genreflow.project.shipped import NAMES, is_installed, shipped

HOME = Path(__file__).parents[2]


def text_of(name):
    return (HOME / name).read_text(encoding="utf-8")


def test_the_version_comes_from_one_place():
    project = tomllib.loads(text_of("pyproject.toml"))
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "genreflow.__version__"}
    assert yaml.safe_load(text_of("CITATION.cff"))["version"] == __version__
    assert re.findall(r"^## ([\d.]+)", text_of("CHANGELOG.md"), re.M)[0] == __version__


def test_the_five_studies_can_be_cited():
    references = yaml.safe_load(text_of("CITATION.cff"))["references"]
    cited = {name for each in references for name in re.findall(r"`(\w+)`\.$", each["notes"])}
    studies = {path.stem: read_yaml(path) for path in shipped("studies").glob("*.yaml")}
    assert cited == {name for name, study in studies.items() if study.get("citation")}
    assert len(cited) == 5
    for each in references:
        name = re.search(r"`(\w+)`", each["notes"])[1]
        citation = studies[name]["citation"].casefold()
        assert each["title"].casefold() in citation and str(each["year"]) in citation
        assert all(author["family-names"].casefold() in citation for author in each["authors"])


def test_the_license_is_one():
    assert text_of("LICENSE").startswith("MIT License")
    assert tomllib.loads(text_of("pyproject.toml"))["project"]["license"] == "MIT"
    assert yaml.safe_load(text_of("CITATION.cff"))["license"] == "MIT"


def test_a_checkout_has_what_a_wheel_ships_and_nothing_lies_in_git_twice():
    assert not is_installed() and shipped() == HOME
    assert [name for name in NAMES if not shipped(name).exists()] == []
    assert not (HOME / "genreflow/pipeline").exists()


def test_the_catalog_of_workflows_finds_what_it_looks_for():
    usage = yaml.safe_load(text_of(".snakemake-workflow-catalog.yml"))["usage"]
    assert usage["software-stack-deployment"] == {"conda": True, "apptainer": True} and usage["report"] is True
    assert re.search(r"^container:", text_of("Snakefile"), re.M)
    assert 'include: "../Snakefile"' in text_of("workflow/Snakefile")
    for link in re.findall(r"\]\(([^)#]+)\)", text_of("config/README.md")):
        assert (HOME / "config" / link).exists(), link
