import json

import numpy as np
import pytest
import torch
from resealing import reseal, write_facts
from safetensors.torch import load_file, save_file
from small_study import CLASSES

from genreflow.errors import UserError
from genreflow.store.parquet import read_frame
from genreflow.store.sealed import write_sealed
from genreflow.training.bundle import load_bundle
from genreflow.training.predict import predict_proba


@pytest.fixture
def folder(study, run_tiny):
    run_tiny()
    return study.folder / "run"


def edit(folder, **changes):
    """Change facts of a run and seal them anew, as if it had written them so."""
    if "files" in changes:
        facts = json.loads((folder / "run.json").read_text()) | changes
        write_sealed(folder / "run.json", {name: value for name, value in facts.items() if name != "seal"})
    else:
        reseal(folder, **changes)


def test_a_loaded_network_predicts_what_was_predicted(folder, study):
    bundle = load_bundle(folder)
    table = read_frame(folder / "predictions.parquet", "predictions")
    arrays = np.stack([study.arrays[row.track_id][row.slice] for row in table.itertuples()])
    again = predict_proba(bundle.model, arrays, device=torch.device("cpu"))
    np.testing.assert_allclose(again, table[["p0", "p1", "p2"]], atol=1e-6)
    assert bundle.classes == CLASSES
    assert bundle.run["audio"]["sample_rate"] == 44_100
    assert not bundle.model.training


def test_a_bundle_can_be_named_by_its_weights(folder):
    assert load_bundle(folder / "model.safetensors").run == load_bundle(folder).run


def test_every_flipped_bit_is_noticed(folder):
    path = folder / "model.safetensors"
    good = path.read_bytes()
    for place in np.linspace(0, len(good) - 1, 40).astype(int):
        content = bytearray(good)
        content[place] ^= 4
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"damaged|not a safetensors file"):
            load_bundle(folder)


def test_truncated_weights_are_refused(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match="damaged"):
        load_bundle(folder)


@pytest.mark.parametrize("name", ["model.pt", "model.pkl", "model.joblib", "model.npy", "model.h5"])
def test_other_formats_are_refused_by_name_and_stay_closed(tmp_path, name):
    with pytest.raises(UserError, match="never opened"):
        load_bundle(tmp_path / name)


def test_a_pickle_under_a_false_name_is_refused_and_not_run(folder):
    bait = folder / "executed"
    program = f"cbuiltins\nopen\n(V{bait}\nVw\ntR.".encode()
    for content in (program, b"\x80\x04" + program, b"PK\x03\x04" + bytes(60)):
        (folder / "model.safetensors").write_bytes(content)
        with pytest.raises(UserError, match="not a safetensors file"):
            load_bundle(folder)
    assert not bait.exists()


def test_missing_files_are_named(folder):
    (folder / "model.safetensors").rename(folder / "elsewhere")
    with pytest.raises(UserError, match=r"model\.safetensors does not exist"):
        load_bundle(folder)
    (folder / "run.json").unlink()
    with pytest.raises(UserError, match=r"run\.json is missing"):
        load_bundle(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "recipe"}, "it is not that of a run"),
        ({"version": 99}, "version 99"),
        ({"classes": ["a", "b"]}, "does not hold a 'tiny'"),
        ({"model": "tinny"}, "Did you mean 'tiny'"),
        ({"options": {"pool": "max"}}, "no such option"),
        ({"files": {"model.safetensors": "0" * 64}}, "not the file that was written with the facts"),
        ({"files": {}}, "not the file that was written with the facts"),
        ({"classes": ["a", "b", "b"]}, "each once"),
        ({"classes": {"a": 1}}, "have the wrong type: classes"),
        ({"input_shape": [8, -6]}, "whole numbers above 0"),
        ({"input_shape": [2**20, 2**20]}, "whole numbers above 0"),
        ({"input": {"standardize": "twice"}}, "input.standardize is not valid"),
        ({"input": {"front_end": {"kind": "logmel", "hop": 0}}}, "is not valid"),
    ],
)
def test_facts_that_do_not_fit_the_weights_are_refused(folder, changes, message):
    edit(folder, **changes)
    with pytest.raises(UserError, match=message):
        load_bundle(folder)


def test_a_front_end_that_makes_another_shape_is_refused(folder):
    with pytest.raises(UserError, match=r"takes segments of \(8, 6\), but its input settings give"):
        _ = load_bundle(folder).input


@pytest.mark.parametrize(
    "changes", [{"audio": {"loudness": 3}}, {"training_profile": {"files": "@"}}, {"training_profile": 7}]
)
def test_other_damage_to_the_facts_is_told_where_they_are_needed(folder, changes):
    edit(folder, **changes)
    bundle = load_bundle(folder)
    with pytest.raises(UserError, match=r"is not valid|is damaged"):
        _ = bundle.audio, bundle.training_profile


def test_what_a_run_was_trained_on_is_known_from_its_facts(folder, study):
    known = load_bundle(folder).training_profile
    trained_on = load_bundle(folder).run["dataset"]["tracks"]["train"]
    assert len(known.slices) == trained_on


def test_a_description_that_would_fill_the_memory_stays_closed(folder):
    (folder / "run.json").write_text("[" * 100_000)
    with pytest.raises(UserError, match="damaged"):
        load_bundle(folder)
    with open(folder / "run.json", "wb") as file:
        file.truncate(2**30)
    with pytest.raises(UserError, match="and a file of facts has"):
        load_bundle(folder)


def test_a_header_that_would_fill_the_memory_stays_closed(folder):
    header = json.dumps({f"x{n}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for n in range(100_000)})
    content = len(header).to_bytes(8, "little") + header.encode()
    (folder / "model.safetensors").write_bytes(content)
    edit(folder)
    with pytest.raises(UserError, match="not a safetensors file"):
        load_bundle(folder)


def test_damaged_facts_are_refused(folder):
    write_facts(folder)
    with pytest.raises(UserError, match="it lacks model"):
        load_bundle(folder)
    (folder / "run.json").write_text("{")
    with pytest.raises(UserError, match="damaged"):
        load_bundle(folder)


def test_weights_that_are_not_numbers_are_refused(folder):
    weights = load_file(folder / "model.safetensors")
    weights["1.bias"][0] = float("nan")
    save_file(weights, folder / "model.safetensors")
    edit(folder)
    with pytest.raises(UserError, match=r"not finite numbers \(1.bias\)"):
        load_bundle(folder)
