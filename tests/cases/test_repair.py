"""A repair loses nothing: what cannot be made again stays where it was, damaged and named."""

import pandas as pd
import pytest

from genreflow.cli import main
from genreflow.repair import find_damage, missing_stages, products, put_back, set_aside_damaged, sweep
from genreflow.store.parquet import Header, write_table
from genreflow.store.sealed import write_sealed


@pytest.fixture
def damaged(tmp_path, monkeypatch):
    """A damaged table of a study that no settings name."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "results/theirs/tables/runs.parquet"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PAR1 no table")
    return path


def test_what_the_settings_do_not_make_is_left_alone(damaged, capsys):
    assert main(["verify", "--repair", "--config", "studies=[]"]) == 2
    message = capsys.readouterr().err
    assert str(damaged) in message and "--configfile FILE" in message and "Traceback" not in message
    assert damaged.read_bytes() == b"PAR1 no table"
    assert [path.name for path in damaged.parent.iterdir()] == [damaged.name]


def test_the_next_command_has_the_arguments_of_this_one(damaged, capsys):
    (damaged.parents[3] / "my settings.yaml").write_text("studies: []\n")
    assert main(["verify", "--configfile", "my settings.yaml"]) == 5
    assert "genreflow verify --repair --configfile 'my settings.yaml'" in capsys.readouterr().err


def test_what_is_not_made_again_is_kept_and_gets_its_name_back(damaged):
    results = damaged.parents[2]
    set_aside_damaged(damaged)
    sweep(results)
    assert missing_stages(results) == [[damaged]]
    put_back(results)
    assert damaged.read_bytes() == b"PAR1 no table"
    assert missing_stages(results) == []


def test_a_run_that_is_there_in_part_is_damaged(tmp_path):
    run = tmp_path / "results/mine/runs/cnn/base/fold-1"
    run.mkdir(parents=True)
    history = run / "history.parquet"
    write_table(history, pd.DataFrame({"epoch": [1]}), Header("history", "a key"))

    def findings():
        return [finding.path.name for finding in find_damage(products(tmp_path / "results")) if finding]

    assert findings() == ["history.parquet"], "its run.json is missing"
    write_sealed(run / "run.json", {"kind": "run", "version": 2}, files=["history.parquet"])
    history.unlink()
    assert findings() == ["run.json"], "a file that it names is missing"
