"""Output for programs: an object with a schema, on errors as well."""

import json

import pytest

from genreflow.cli import main
from genreflow.cli.console import print_json


def test_an_object_names_its_schema_and_units_and_has_no_nan(capsys):
    print_json("thing", {"rows": [{"share": float("nan"), "n": 3}], "path": pytest}, share="of 1")
    printed = json.loads(capsys.readouterr().out)
    assert printed["schema"] == "genreflow/thing/1" and printed["units"] == {"share": "of 1"}
    assert printed["rows"] == [{"share": None, "n": 3}]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["models", "psytrance", "--json"], 2, "Did you mean 'psytrance_cnn'?"),
        (["check", "nothing", "--json"], 2, "nothing does not exist"),
        (["predict", "nothing", "song.mp3", "--json"], 2, "nothing does not exist"),
        (["compare", "one", "two", "--json"], 2, "one does not exist"),
        (["status", "--json", "--nothing"], 2, "has no option --nothing"),
    ],
)
def test_an_error_is_an_object_too(tmp_path, monkeypatch, capsys, arguments, code, words):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == code
    printed, error = capsys.readouterr()
    message = json.loads(printed)
    assert (message["schema"], message["exit_code"]) == ("genreflow/error/1", code)
    assert words in message["error"] and words in error
