"""The table of commands: every one is declared the same way, helps with examples that hold, and starts fast."""

import importlib
import re
import shlex
import subprocess
import sys

import pytest
import snakemake.cli

from genreflow.cli import COMMANDS, main, parse
from genreflow.cli.exits import MEANINGS, Exit

EXAMPLES = [(name, example) for name, command in COMMANDS.items() for example in command.examples]
HEAVY = ("torch", "pandas", "numpy", "pyarrow", "matplotlib", "pydantic")


def words_of(example):
    """Return the arguments of a line for a shell, without what the shell keeps for itself."""
    program, *words = shlex.split(example)
    assert program == "genreflow"
    return words[: words.index(">")] if ">" in words else words


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_a_module_that_declares_and_runs(name):
    module = importlib.import_module(f"genreflow.cli.{COMMANDS[name].module or name}")
    assert callable(module.declare) and callable(module.run)
    assert 2 <= len(COMMANDS[name].examples) <= 4


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=lambda value: value)
def test_every_example_can_be_typed(name, example):
    options = parse(words_of(example))
    assert options.command == name
    if COMMANDS[name].passes_on:
        parser = snakemake.cli.get_argument_parser()
        _, unknown = parser.parse_known_args(options.rest)
        assert unknown == []
    else:
        assert options.rest == []


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_the_examples(name, capsys):
    with pytest.raises(SystemExit) as end:
        main([name, "--help"])
    assert end.value.code == 0
    message = capsys.readouterr().out
    assert "examples:" in message and all(f"\n  {example}\n" in message for example in COMMANDS[name].examples)


def test_the_help_names_every_command_and_exit_code(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    message = capsys.readouterr().out
    assert all(re.search(rf"^    {name}( |$)", message, re.M) for name in COMMANDS)
    assert all(f"{code.value:>5}  {meaning}\n" in message for code, meaning in MEANINGS.items())


def test_exit_codes_do_not_change():
    assert {code.name: code.value for code in MEANINGS} == {
        "OK": 0, "BUG": 1, "INPUT": 2, "BUSY": 3, "QUARANTINE": 4, "MACHINE": 5, "INTERRUPTED": 130
    }  # fmt: skip


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["predict", "--help"], ["compare", "nothing.yaml"]])
def test_nothing_heavy_is_imported_before_it_is_needed(arguments):
    program = f"""
import sys
from genreflow.cli import main
try:
    main({arguments!r})
except SystemExit:
    pass
print(*sorted(sys.modules.keys() & {set(HEAVY)!r}))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = done.stdout.splitlines()[-1].split()
    assert "torch" not in loaded
    assert arguments[0] == "compare" or loaded == []


def test_without_a_command_the_help_is_shown(capsys):
    assert main([]) == Exit.INPUT
    assert "usage: genreflow" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["report", "--cores", "8", "--configfile", "my.yaml"],
        ["--config", "studies=[a]", "size=small", "-n"],
        ["--cores=2", "--resources", "gpu=1", "--", "report"],
    ],
)
@pytest.mark.parametrize("command", ["run", "verify"])
def test_the_arguments_of_snakemake_are_passed_on_as_they_are(command, arguments):
    assert parse([command, *arguments]).rest == arguments


def test_options_of_its_own_are_not_passed_on():
    options = parse(["verify", "--cores", "2", "--repair", "--directory", "work"])
    assert options.repair and options.rest == ["--cores", "2", "--directory", "work"]
