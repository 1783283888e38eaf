import json

import pytest
import yaml

from genreflow.cli import main
from genreflow.cli.models import snippet
from genreflow.config.study import StudySettings
from genreflow.models import registry


@pytest.mark.end_to_end  # every network is built
def test_the_table_has_a_row_a_model(capsys):
    assert main(["models"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows[1 : 1 + len(registry.MODELS)]] == list(registry.MODELS)
    [row] = [row for row in rows if row.startswith("psytrance_cnn")]
    assert row.split() == ["psytrance_cnn", "psytrance", "logmel", "128", "x", "128", "8,797,703", "0.188"]


def test_what_is_told_of_one_model(capsys):
    assert main(["models", "psytrance_cnn"]) == 0
    message = capsys.readouterr().out
    assert "logmel of 128 x 128" in message
    assert "max, mean, maxmean; default: maxmean" in message
    assert "Trostanovsky (2018)" in message


def test_for_programs(capsys):
    assert main(["models", "random_forest", "--json"]) == 0
    [facts] = json.loads(capsys.readouterr().out)
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
