"""A model that is fed embeddings predicts, explains, is exported, and is audited like any other."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import soundfile
from resealing import reseal
from tiny_embedding import CLASSES, embedding, music, shared_bundle, write_bundle

from genreflow.audio.ingest import ingest
from genreflow.config.inputs import InputSettings
from genreflow.errors import UserError
from genreflow.export.folder import export
from genreflow.features.slices import cut, to_stored
from genreflow.folds.leakage import leakage
from genreflow.inference.explain import explain
from genreflow.inference.tracks import Predictor
from genreflow.store.digest import file_sha256
from genreflow.training import novelty
from genreflow.training.bundle import load_bundle
from genreflow.training.data import SliceSet
from genreflow.training.novelty import embedding_network

SEGMENTS = {"kind": "split", "seconds": 1.0, "count": 3}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    paths = []
    for number in range(4):
        paths.append(folder / f"{number}.flac")
        soundfile.write(paths[-1], music(4.0, 22_050, seed=number), 22_050)
    return paths


def of_network(network):
    """Return an input of embeddings of a bundle."""
    return {"front_end": embedding().model_dump() | {"model": str(network)}, "segments": SEGMENTS}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project") / "results/tiny/runs/ann/base/fold-final"
    return write_bundle(folder, network="ann", given=of_network(shared_bundle()))


def test_predictions_are_those_of_its_input(run, files):
    predictor = Predictor(str(run), device="cpu", cores=1)
    [track] = predictor.predict_tracks([str(files[0])])
    assert len(track.slices) == 3 and set(track.probabilities) == set(CLASSES)
    settings = InputSettings.model_validate(of_network(shared_bundle()))
    stored = settings_slices(files[0], settings)
    np.testing.assert_allclose(predictor.proba(stored), track.slices[list(CLASSES)], rtol=1e-4)


def settings_slices(path, settings, audio=None, work=None):
    """Return the slices of a file as the pipeline stores them."""
    from genreflow.config.audio import AudioSettings

    row = {"track_id": "0" * 16, "path": str(path).encode(), "bytes": None, "sha256": file_sha256(path)}
    folder = work or path.parent / "audio"
    [made] = ingest([row], audio_folder=folder, settings=audio or AudioSettings(), stage_key="t").to_pylist()
    return to_stored(cut(folder / made["ogg"], settings, track_id=file_sha256(path)[:16]).array, settings)


def test_it_is_explained_value_by_value(run, files):
    result = explain(Predictor(str(run), device="cpu", cores=1), str(files[0]))
    assert set(result.effects["slice"]) == {0, 1, 2}
    assert result.effects["band"].nunique() == embedding().resolved.width
    assert result.effects["effect"].notna().all()


def test_an_export_carries_the_network_of_its_embeddings(run, files, tmp_path, monkeypatch):
    network = shutil.copytree(shared_bundle(), tmp_path / "network")
    own = write_bundle(tmp_path / "own", network="ann", given=of_network(network))
    made = export(str(own), tmp_path / "model", track=str(files[0]))
    assert "network of its own" in made.onnx.why_not or made.onnx.facts
    assert (tmp_path / "model/embedding/model.safetensors").exists()
    before = Predictor(str(own), device="cpu", cores=1).predict([str(files[1])])
    shutil.rmtree(network)
    shutil.move(tmp_path / "model", tmp_path / "elsewhere")
    monkeypatch.chdir(tmp_path)
    after = Predictor("elsewhere", device="cpu", cores=1).predict([str(files[1])])
    pd.testing.assert_frame_equal(before.drop(columns="file"), after.drop(columns="file"))
    with pytest.raises(UserError, match="neither the name of public weights nor a path"):
        Predictor(str(own), device="cpu", cores=1).predict([str(files[1])])


def test_a_run_finds_its_network_from_another_folder(tmp_path, files, monkeypatch):
    """The path in a study file is relative to the project."""
    shutil.copytree(shared_bundle(), tmp_path / "networks/tiny")
    place = tmp_path / "results/study/runs/ann/base/fold-final"
    run = write_bundle(place, network="ann", given=of_network("networks/tiny"))
    monkeypatch.chdir(tmp_path.parent)
    assert load_bundle(run).input.front_end.model == str(tmp_path / "networks/tiny")
    assert len(Predictor(str(run), device="cpu", cores=1).predict([str(files[0])])) == 1


def test_tracks_of_the_network_of_embeddings_are_a_leak(tmp_path):
    """Those that the network was trained on, and that are tested here."""
    shutil.copytree(shared_bundle(), tmp_path / "network")
    frame = pd.DataFrame({"track_id": ["a", "a"]})
    arrays = np.random.default_rng(0).normal(size=(2, 12, 64)).astype(np.float16)
    trained = pd.DataFrame({"track_id": ["a"], "sha256": ["ab" * 32], "group": ["a"]})
    settings = InputSettings.model_validate(json.loads((tmp_path / "network/run.json").read_text())["input"])
    reseal(
        tmp_path / "network",
        training_profile=novelty.fit_profile(SliceSet(arrays, frame, ("x", "y")), trained, settings),
        dataset={"tracks": {"train": 1}},
    )
    ids = ["t0", "t1"]
    folds = pd.DataFrame({"track_id": ids, "fold": "1", "role": ["test", "train"], "label": ["x", "y"]})
    index = pd.DataFrame(
        {"track_id": ids, "title": ["tested.mp3", "trained.mp3"], "group": "", "artist": "", "container": "mp3"}
        | {
            "codec": "mp3",
            "source_rate": 44_100,
            "channels": 2,
            "bandwidth_hz": 16_000.0,
            "lufs": -14.0,
            "gain_db": -9.0,
            "seconds": 60.0,
            "sha256": ["ab" * 32, "cd" * 32],
        }
    )
    pairs = pd.DataFrame(columns=["a", "b", "kind", "similarity", "offset_s"])
    audit = leakage(folds, index, pairs, [embedding_network(str(tmp_path / "network"))])
    [row] = audit[audit["check"] == "pretraining"].to_dict("records")
    assert row["verdict"] == "leak"
    assert "whose embeddings are fed: tested.mp3" in row["message"]
    unknown = leakage(folds, index, pairs, [embedding_network("models/tiny.onnx")])
    [row] = unknown[unknown["check"] == "pretraining"].to_dict("records")
    assert row["message"].startswith("tiny.onnx, whose embeddings are fed, does not list its training tracks")
