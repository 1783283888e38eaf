"""What a study has cost, as far as there are records."""

import json

import numpy as np
import pandas as pd
import pytest

from genreflow.evaluation.cost import COST, cost_table, sentences
from genreflow.store.sealed import seal


def record(log, *attempts):
    lines = [{"ended": 0.0, "seconds": seconds, "done": done} for seconds, done in attempts]
    sealed = [json.dumps(line | {"seal": seal(line)}) for line in lines]
    log.with_suffix(".cost.jsonl").write_text("".join(f"{line}\n" for line in sealed))
    return str(log)


def runs_of(*rows):
    return pd.DataFrame(rows, columns=["seconds", "device", "resumed"])


NOTHING = runs_of().astype({"seconds": float, "device": object, "resumed": bool})


def test_a_stage_is_the_sum_of_the_last_jobs_of_its_products(tmp_path):
    logs = {
        "cut slices": [record(tmp_path / f"{name}.log", (seconds, True)) for name, seconds in (("a", 3.0), ("b", 1.0))],
        "index": [record(tmp_path / "i.log", (5.0, True), (7.0, False), (2.0, True))],
        "synthesize tracks": [],
    }
    table = cost_table(logs, NOTHING)
    assert tuple(table.columns) == COST
    assert table.to_dict("records") == [
        dict(zip(COST, row, strict=True))
        for row in [
            ("cut slices", 2, 2, 4.0, 0.0, 2.0, 3.0, 4.0),
            ("index", 1, 1, 2.0, 0.0, 2.0, 2.0, 14.0),
            ("all", 3, 3, 6.0, 0.0, pytest.approx(np.nan, nan_ok=True), 3.0, 18.0),
        ]
    ]
    message = sentences(table, NOTHING)
    assert message[0].startswith("The jobs behind these results take 6 s") and message[1] == "No GPU was used."
    assert "Including repeated, failed and interrupted jobs, it took 18 s." in message


def test_runs_tell_what_they_took_themselves_and_fusions_took_nothing(tmp_path):
    runs = runs_of(
        (3600.0, "NVIDIA H100", True), (60.0, "cpu", False), (0.0, "", False), (7200.0, "NVIDIA H100", False)
    )
    gone = {"train": [str(tmp_path / "gone.log")]}
    train = cost_table(gone, runs).iloc[0]
    assert train[list(COST)].tolist() == ["train", 3, 3, 10_860, 10_800, 3_600, 7_200, 10_860]
    again = {"train": [record(tmp_path / "fold-1.log", (20_000.0, False), (10_000.0, True))]}
    assert cost_table(again, runs)["spent"].iloc[0] == 30_860
    message = sentences(cost_table(gone, runs), runs)
    assert message[1] == "Runs used a GPU (NVIDIA H100) for 3.0 h."
    assert "1 run resumed after an interruption; the time before it is not included." in message


def test_what_is_not_on_record_is_said_and_not_made_up(tmp_path):
    logs = {
        "index": [record(tmp_path / "i.log", (2.0, True)), str(tmp_path / "gone.log")],
        "evaluate": [str(tmp_path / "gone too.log")],
        "draw figures": [record(tmp_path / "f.log", (9.0, False))],
    }
    table = cost_table(logs, NOTHING).set_index("stage")
    assert table["recorded"].tolist() == [1, 0, 0, 1] and table["jobs"].tolist() == [2, 1, 1, 4]
    assert np.isnan(table.loc["evaluate", ["seconds", "median", "longest", "spent"]].to_numpy(float)).all()
    assert np.isnan(table.loc["draw figures", "seconds"]) and table.loc["draw figures", "spent"] == 9
    assert table.loc["all", ["seconds", "spent"]].tolist() == [2, 11]
    message = sentences(table.reset_index(), NOTHING)
    assert "The time of 3 of 4 jobs is not on record (index, evaluate, draw figures)." in message


def test_without_any_record_there_is_nothing_to_say(tmp_path):
    table = cost_table({"index": [str(tmp_path / "gone.log")]}, NOTHING)
    assert sentences(table, NOTHING) == ["No time is on record."]
