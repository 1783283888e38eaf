import json

import pytest
import yaml

from genreflow.cli import main
from genreflow.cli.models import snippet
from genreflow.config.study import StudySettings
from genreflow.models import registry, sizes


def test_the_table_has_a_row_a_model(capsys):
    assert main(["models"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows[1 : 1 + len(registry.MODELS)]] == list(registry.MODELS)
    [row] = [row for row in rows if row.startswith("psytrance_cnn")]
    assert row.split() == ["psytrance_cnn", "psytrance", "200+", "logmel", "128", "x", "128", "8,797,703", "0.188"]


def test_nothing_is_built_for_the_table(monkeypatch, capsys):
    monkeypatch.setattr(sizes, "counted", None)
    assert main(["models", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["schema"] == "genreflow/models/1"
    assert "multiply-accumulate" in listed["units"]["gmac"]
    assert [model["name"] for model in listed["models"]] == list(registry.MODELS)


@pytest.mark.end_to_end  # every network is built
def test_the_sizes_are_as_counted():
    """`python -m genreflow.models.sizes` writes the table again."""
    networks = {name: entry for name, entry in registry.MODELS.items() if not entry.is_estimator}
    assert sizes._table().keys() == networks.keys()
    for name, entry in networks.items():
        counted = sizes.counted(entry)
        assert sizes.of(entry).parameters == counted.parameters, name
        assert sizes.of(entry).gmac == pytest.approx(counted.gmac, rel=1e-3), name
        assert sizes.of(entry).mvalues == pytest.approx(counted.mvalues, rel=1e-3), name


def test_what_is_told_of_one_model(capsys):
    assert main(["models", "psytrance_cnn"]) == 0
    message = capsys.readouterr().out
    assert "logmel of 128 x 128" in message
    assert "max, mean, maxmean; default: maxmean" in message
    assert "Trostanovsky (2018)" in message


def test_for_programs(capsys):
    assert main(["models", "random_forest", "--json"]) == 0
    [facts] = json.loads(capsys.readouterr().out)["models"]
    assert facts["study"] == "classical" and facts["parameters"] is None
    assert facts["options"]["trees"] == 100


def test_a_wrong_name_is_told_with_the_right_one(capsys):
    assert main(["models", "psytrance"]) == 2
    assert "Did you mean 'psytrance_cnn'?" in capsys.readouterr().err


@pytest.mark.parametrize("name", registry.MODELS)
def test_the_lines_for_a_study_file_are_those_of_the_models_study(name):
    entry = registry.describe(name)
    study = StudySettings.model_validate({"dataset": "any", **yaml.safe_load(snippet(entry))})
    assert list(study.models) == [name]
    assert study.inputs["the_input"] == entry.input_settings
