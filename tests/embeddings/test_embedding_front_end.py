"""The embedding of a segment is what the network's layer makes of its patches, on average."""

import json

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from tiny_embedding import (
    BANDS,
    CLASSES,
    FRAMES,
    HOP,
    INPUT,
    PATCH_S,
    RATE,
    embedding,
    music,
    shared_bundle,
    write_bundle,
)

from genreflow.config.inputs import Embedding, InputSettings
from genreflow.embeddings.patches import patch_seconds, patches, spread
from genreflow.embeddings.sources import copy_network, facts_of, resolve, resolved_input
from genreflow.errors import UserError
from genreflow.features.front_end import FrontEnd
from genreflow.features.mel import log_mel
from genreflow.features.shapes import segment_shape
from genreflow.features.slices import to_stored
from genreflow.models.penultimate import penultimate
from genreflow.store.digest import file_sha256
from genreflow.store.shards import as_fed
from genreflow.training.bundle import load_bundle
from genreflow.training.predict import predict_proba

GIVEN = InputSettings.model_validate(INPUT)


@pytest.fixture(scope="module")
def samples():
    return music(3.0, RATE)


def expected(samples, layer):
    """Compute an embedding step by step: spectrogram, patches, network, mean."""
    network = load_bundle(shared_bundle()).model
    whole = as_fed(to_stored(log_mel(samples, GIVEN.front_end), GIVEN))
    count = round(whole.shape[1] / FRAMES)
    starts = np.arange(count) * (whole.shape[1] - FRAMES) // (count - 1)
    fed = torch.from_numpy(np.stack([whole[:, start : start + FRAMES] for start in starts]))
    with torch.inference_mode():
        return (penultimate(network, fed) if layer == "penultimate" else network(fed)).numpy().mean(axis=0)


@pytest.mark.parametrize("layer", ["penultimate", "output"])
def test_it_is_the_mean_of_a_layer_over_patches(samples, layer):
    front_end = FrontEnd.of(embedding(layer=layer))
    vector = front_end.transform(samples)
    np.testing.assert_allclose(vector, expected(samples, layer), rtol=1e-5, atol=1e-6)
    assert vector.shape == front_end.shape(1) == (len(front_end.rows()),)


def test_segments_together_are_segments_one_by_one(samples):
    front_end = FrontEnd.of(embedding())
    parts = [samples[: RATE * 2], samples[RATE // 2 : RATE * 5 // 2]]
    together = front_end.transform_all(parts)
    np.testing.assert_allclose(together, [front_end.transform(part) for part in parts], rtol=1e-5, atol=1e-6)
    assert not np.allclose(together[0], together[1])


def test_the_output_of_one_patch_is_the_answer_of_the_network():
    samples = music(PATCH_S, RATE)[: round(PATCH_S * RATE)]
    logits = FrontEnd.of(embedding(layer="output")).transform(samples)
    stored = to_stored(log_mel(samples, GIVEN.front_end)[np.newaxis], GIVEN)
    assert stored.shape[1:] == (BANDS, FRAMES)
    [proba] = predict_proba(load_bundle(shared_bundle()).model, stored)
    np.testing.assert_allclose(torch.from_numpy(logits).softmax(0), proba, rtol=1e-5)


def test_values_of_an_output_have_the_names_of_classes():
    assert FrontEnd.of(embedding(layer="output")).rows() == list(CLASSES)
    rows = FrontEnd.of(embedding()).rows()
    assert rows[0].startswith("value 0") and len(set(rows)) == len(rows)


def test_facts_are_read_without_pytorch_and_are_those_of_the_network():
    facts = facts_of(str(shared_bundle()), "penultimate")
    network = load_bundle(shared_bundle()).model
    assert facts.width == penultimate(network, torch.zeros(1, BANDS, FRAMES)).shape[1]
    assert facts.sha256 == file_sha256(shared_bundle() / "model.safetensors")
    assert (facts.sample_rate, facts.network, facts.front_end) == (RATE, "tagging_mel_cnn", "logmel")
    assert facts.seconds == PATCH_S


def test_a_network_whose_matrices_are_alike_is_asked_for_its_width(tmp_path):
    """`ann` has 256 outputs here and a hidden layer of 256 units: rows do not identify the output matrix."""
    given = {"front_end": {"kind": "descriptors"}, "segments": {"kind": "whole", "seconds": 2.0}}
    folder = write_bundle(tmp_path / "ann", network="ann", given=given, classes=[f"c{k:03d}" for k in range(256)])
    assert facts_of(str(folder), "penultimate").width == 128
    assert FrontEnd.of(resolve(Embedding(model=str(folder)))).transform(music(2.0, 22_050)).shape == (128,)


def test_a_patch_in_seconds_is_transformed_by_itself(samples):
    given = InputSettings.model_validate(
        {
            "front_end": INPUT["front_end"] | {"reference": "max"},
            "segments": {"kind": "sliding", "seconds": 1.0, "hop": 1.0},
            "peak": True,
        }
    )
    shape = segment_shape(given)
    assert patch_seconds(given, shape) == 1.0
    made = patches(samples, given, shape)
    assert made.shape == (3, *shape)
    assert (made.max(axis=(1, 2)) == 0).all()  # each has its own maximum at 0 dB


def test_the_shortest_excerpt_gives_one_patch():
    n = round(PATCH_S * RATE)
    assert patches(np.zeros(n, np.float32), GIVEN, (BANDS, FRAMES)).shape == (1, BANDS, FRAMES)
    with pytest.raises(ValueError, match="shorter than one patch"):
        FrontEnd.of(embedding()).transform(np.zeros(n - HOP, np.float32))


@pytest.mark.parametrize(("n", "length", "starts"), [(10, 10, [0]), (11, 10, [0]), (14, 10, [2]), (25, 10, [0, 15])])
def test_patches_are_spread_evenly(n, length, starts):
    assert spread(n, length).tolist() == starts


def test_settings_without_facts_read_them_and_survive_json():
    assert FrontEnd.of(Embedding(model=str(shared_bundle()))).settings == embedding()
    given = InputSettings(
        front_end=embedding(), segments=InputSettings.model_validate({"segments": {"kind": "split"}}).segments
    )
    assert InputSettings.model_validate(json.loads(given.model_dump_json())) == given


# ---- what cannot be ------------------------------------------------------------------------------------------------


def test_a_segment_shorter_than_a_patch_is_refused():
    given = InputSettings.model_validate(
        {
            "front_end": {"kind": "embedding", "model": str(shared_bundle())},
            "segments": {"kind": "split", "seconds": 0.5},
        }
    )
    with pytest.raises(UserError, match=r"a segment of 0\.5 s is shorter than the 0\.7875 s that .* is fed"):
        resolved_input(given)


def test_frames_are_refused():
    with pytest.raises(ValidationError, match="midpoint counts in frames, and embedding has none"):
        InputSettings.model_validate({"front_end": {"kind": "embedding"}})


def test_a_model_that_is_nowhere_is_named():
    with pytest.raises(UserError, match=r"'MSD_musicn' is neither the name of public weights nor a path"):
        resolve(Embedding(model="MSD_musicn"))


def test_other_weights_than_the_settings_pin_are_refused():
    with pytest.raises(UserError, match=f"have the SHA-256 .*, not {'0' * 64}"):
        resolve(Embedding(model=str(shared_bundle()), sha256="0" * 64))


def test_weights_that_have_changed_are_refused(tmp_path, samples):
    folder = write_bundle(tmp_path / "a")
    front_end = FrontEnd.of(Embedding(model=str(folder)))
    write_bundle(folder, seed=1)
    with pytest.raises(UserError, match="have changed"):
        front_end.transform(samples)


def test_an_estimator_has_no_penultimate_layer(tmp_path):
    given = {"front_end": {"kind": "descriptors"}, "segments": {"kind": "whole", "seconds": 2.0}}
    folder = write_bundle(tmp_path / "a", network="ann", given=given)
    document = json.loads((folder / "run.json").read_text())
    from resealing import write_facts

    write_facts(folder, **{name: value for name, value in document.items() if name != "seal"} | {"model": "knn"})
    with pytest.raises(UserError, match="has no layers: take its output, by `layer: output`"):
        resolve(Embedding(model=str(folder)))


# ---- embeddings of embeddings, and copies --------------------------------------------------------------------------


def test_a_copy_of_a_network_is_read_as_the_original(tmp_path, samples):
    copy_network(str(shared_bundle()), tmp_path / "copy")
    copy = resolve(Embedding(model=str(tmp_path / "copy")))
    assert copy.network == embedding().network
    np.testing.assert_array_equal(FrontEnd.of(copy).transform(samples), FrontEnd.of(embedding()).transform(samples))


def test_a_network_on_embeddings_is_copied_with_the_network_below_it(tmp_path, samples):
    width = embedding().resolved.width
    given = {
        "front_end": embedding().model_dump(),
        "segments": {"kind": "split", "seconds": 1.0, "count": 2},
        "standardize": "element",
    }
    assert segment_shape(InputSettings.model_validate(given)) == (width,)
    upper = write_bundle(tmp_path / "upper", network="ann", given=given | {"standardize": "none"})
    first = FrontEnd.of(Embedding(model=str(upper)))
    copy_network(str(upper), tmp_path / "copy")
    second = FrontEnd.of(Embedding(model=str(tmp_path / "copy")))
    assert first.settings.network == second.settings.network
    assert (tmp_path / "copy/embedding/model.safetensors").exists()
    np.testing.assert_array_equal(first.transform(samples), second.transform(samples))
