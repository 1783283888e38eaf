"""The JSON schemas accept every shipped file, and refuse what `genreflow check` refuses, without running it."""

import json
import re
from urllib.parse import unquote

import jsonschema
import pytest
from referencing import Registry, Resource

from genreflow.cli.schemas import CONFIG, STUDY, schema_line
from genreflow.config.layers import config_from
from genreflow.config.load import parse, read_yaml
from genreflow.errors import UserError
from genreflow.plan.proposal import Proposal
from genreflow.plan.validate import validate
from genreflow.project.shipped import shipped

SCHEMAS = {
    name: json.loads(shipped("resources", "schemas", f"{name}.json").read_text(encoding="utf-8"))
    for name in (CONFIG, STUDY)
}
REGISTRY = Registry().with_resource(f"{STUDY}.json", Resource.from_contents(SCHEMAS[STUDY]))
VALIDATORS = {name: jsonschema.Draft7Validator(schema, registry=REGISTRY) for name, schema in SCHEMAS.items()}
SHIPPED = [shipped("config.yaml"), *sorted(shipped("studies").glob("*.yaml"))]
STUDY_TEXT = "dataset: m\nmodels: {psytrance_cnn: {}}\n"
WRONG_STUDIES = {
    "a misspelt key": ("trainings: {epochs: 3}", "trainings"),
    "a missing dataset": (None, "dataset"),
    "text for a number": ("training: {epochs: many}", "epochs"),
    "a number out of bounds": ("folds: {count: 0}", "count"),
    "a word that is not offered": ("training: {optimizer: adamant}", "optimizer"),
    "a key of another front-end": ("inputs: {a: {front_end: {kind: waveform, hop: 3}}}", "front_end"),
    "an option that is not offered": ("models: {psytrance_cnn: {options: {pool: median}}}", "pool"),
    "a list for a mapping": ("experiments: [pool]", "experiments"),
    "a wrong word under small": ("small: {training: {optimizer: adamant}}", "optimizer"),
}
WRONG_CONFIGS = {
    "a misspelt limit": ("limits: {shard_sise: 3}", "shard_sise"),
    "an unknown layout": ("datasets: {m: {layout: piles, path: music}}", "layout"),
    "a key of another layout": ("datasets: {m: {layout: folders, path: music, manifest: a.csv}}", "m"),
    "a key of no layout": ("datasets: {gtzan: {paths: music}}", "gtzan"),
    "a wrong study inside": ("studies: {s: {dataset: m, repeats: 0}}", "s"),
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_schemas_are_schemas(name):
    jsonschema.Draft7Validator.check_schema(SCHEMAS[name])


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_files_are_valid_and_name_their_schema(path):
    name = CONFIG if path.stem == CONFIG else STUDY
    first = path.read_text(encoding="utf-8").splitlines()[0]
    named = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)[1]
    assert (path.parent / named).resolve() == shipped("resources", "schemas", f"{name}.json")
    assert list(VALIDATORS[name].iter_errors(read_yaml(path))) == []


def test_what_init_writes_is_valid_and_names_its_schema_by_an_address():
    dataset = {"layout": "folders", "path": "music"}
    text = schema_line(CONFIG) + Proposal(dataset, "genres", {"a": 9, "b": 9}, with_network=True).text()
    assert list(VALIDATORS[CONFIG].iter_errors(parse(text).values)) == []
    address = text.splitlines()[0].partition("=file://")[2]
    assert unquote(address) == str(shipped("resources", "schemas", "config.json"))


@pytest.mark.parametrize(("wrong", "key"), WRONG_STUDIES.values(), ids=WRONG_STUDIES)
def test_a_wrong_study_is_refused_by_both(wrong, key):
    values = {**parse(STUDY_TEXT).values, **(parse(wrong).values if wrong else {})}
    if wrong is None:
        del values["dataset"]
    assert key in places(VALIDATORS[STUDY], values)
    refused_by_us({"studies": {"s": values}, "datasets": {"m": {"layout": "folders", "path": "music"}}, **size(wrong)})


@pytest.mark.parametrize(("wrong", "key"), WRONG_CONFIGS.values(), ids=WRONG_CONFIGS)
def test_wrong_settings_are_refused_by_both(wrong, key):
    values = parse(wrong).values
    assert key in places(VALIDATORS[CONFIG], values)
    refused_by_us(values)


def size(wrong):
    return {"size": "small"} if wrong and wrong.startswith("small") else {}


def places(validator, values):
    """Return the keys at which a validator finds errors, and those that it misses or does not know."""
    found = set()
    errors = list(validator.iter_errors(values))
    while errors:
        error = errors.pop()
        found |= {*map(str, error.absolute_path), *re.findall(r"'(\w+)'", error.message)}
        errors += error.context or []
    return found


def refused_by_us(values):
    with pytest.raises(UserError):
        validate(config_from(values), shipped(), look=False).errors.raise_any()
