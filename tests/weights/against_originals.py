"""Public weights give what their authors' own code gives.

    GENREFLOW_ORIGINALS=FOLDER pytest tests/weights/against_originals.py

The folder holds `expected.npz` and the ``.pth`` files of sota-music-tagging-models (torch, torchaudio front-end), and
`musicnn_expected.npz` of the package musicnn 0.1.0 (TensorFlow 2.15): probabilities, logits and embeddings of three
tracks of 29 s. They are not in this repository, so pytest collects this file only when it is named.
"""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from genreflow.features.front_end import FrontEnd
from genreflow.models.penultimate import penultimate
from genreflow.training.bundle import load_bundle
from genreflow.weights import cache
from genreflow.weights.registry import NETWORKS
from genreflow.weights.sota import TAGS, import_weights

FOLDER = Path(os.environ["GENREFLOW_ORIGINALS"])


@pytest.fixture(scope="module")
def waveforms():
    return np.load(FOLDER / "expected.npz")["waveforms"].astype(np.float32) / 32768


@pytest.fixture(scope="module")
def fetched(tmp_path_factory):
    patched = pytest.MonkeyPatch()
    patched.setenv(cache.FOLDER, str(tmp_path_factory.mktemp("weights")))
    cache.get("musicnn")
    yield
    patched.undo()


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_musicnn(name, fetched, waveforms):
    expected = np.load(FOLDER / "musicnn_expected.npz")
    bundle = load_bundle(cache.find(name))
    front_end = FrontEnd.of(bundle.input.front_end)
    assert list(bundle.classes) == expected["msd_tags" if "MSD" in name else "mtt_tags"].tolist()
    for number, waveform in enumerate(waveforms):
        spectrogram = front_end.transform(waveform)
        patches = torch.from_numpy(np.stack([spectrogram[:, 187 * i : 187 * (i + 1)] for i in range(9)]))
        with torch.inference_mode():
            probabilities = torch.sigmoid(bundle.model(patches)).numpy()
            embedding = penultimate(bundle.model, patches).numpy()
        np.testing.assert_allclose(probabilities, expected[f"{name}_probabilities"][number], atol=1e-5)
        original = expected[f"{name}_embedding"][number]
        np.testing.assert_allclose(embedding, original, atol=1e-4 * np.abs(original).max())


@pytest.mark.parametrize("model", ["fcn", "musicnn", "crnn"])
@pytest.mark.parametrize("tags", TAGS)
def test_networks_of_sota_music_tagging_models(tags, model, waveforms, tmp_path):
    expected = np.load(FOLDER / "expected.npz")
    import_weights(FOLDER / f"{tags}_{model}.pth", tmp_path / "model", model=model, tags=tags)
    bundle = load_bundle(tmp_path / "model")
    logits, embedding = (expected[f"{tags}_{model}_{kind}"] for kind in ("logits", "embedding"))
    for number, waveform in enumerate(waveforms):
        segments = waveform[: 9 * 48_000].reshape(9, 48_000) if logits.shape[1] == 9 else waveform[None]
        with torch.inference_mode():
            outputs = bundle.model(torch.from_numpy(segments))
            vectors = penultimate(bundle.model, torch.from_numpy(segments))
        own = torch.sigmoid(outputs).numpy()
        np.testing.assert_allclose(own, 1 / (1 + np.exp(-logits[number].astype(float))), atol=1e-5)
        np.testing.assert_allclose(vectors.numpy(), embedding[number], atol=1e-4 * np.abs(embedding[number]).max())
