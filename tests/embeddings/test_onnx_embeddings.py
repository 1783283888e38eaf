"""ONNX networks: their description, what it is compared with, and what they compute."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
import yaml
from tiny_embedding import BANDS, FRAMES, HOP, RATE, embedding, music, shared_bundle
from torch import nn

from genreflow.config.inputs import Embedding
from genreflow.config.load import parse_file, settings_from
from genreflow.embeddings.onnx_format import read_graph
from genreflow.embeddings.onnx_model import OnnxDescription, OnnxLogMel, filter_bank, log_mel
from genreflow.embeddings.sources import copy_network, resolve
from genreflow.errors import UserError
from genreflow.features.front_end import FrontEnd
from genreflow.models.penultimate import penultimate
from genreflow.training.bundle import load_bundle

HOME = Path(__file__).parents[2]
DESCRIPTION = {
    "sample_rate": RATE,
    "input": "logmel",
    "axes": ["batch", "band", "time"],
    "frames": FRAMES,
    "logmel": {"n_fft": 512, "hop": HOP, "n_mels": BANDS, "log": "db", "floor": 1e-10, "half": True},
    "output": "embedding",
    "predictions": "logits",
}


class Layers(nn.Module):
    """The penultimate layer of a network and its output."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, inputs):
        fed = []
        [last] = [module for module in self.network.modules() if isinstance(module, nn.Linear)][-1:]
        handle = last.register_forward_pre_hook(lambda _, arguments: fed.append(arguments[0]))
        logits = self.network(inputs)
        handle.remove()
        return fed[0], logits


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The tiny network as an ONNX file, written by PyTorch's own exporter."""
    path = tmp_path_factory.mktemp("onnx") / "tiny.onnx"
    network = load_bundle(shared_bundle()).model
    program = torch.onnx.export(
        Layers(network).eval(), (torch.randn(2, BANDS, FRAMES),), dynamo=True, opset_version=18,
        input_names=["segments"], output_names=["embedding", "logits"],
        dynamic_shapes={"inputs": {0: torch.export.Dim("batch")}}, external_data=False, verbose=False,
    )  # fmt: skip
    program.save(str(path), external_data=False)
    return path


@pytest.fixture
def model(made, tmp_path):
    """A copy of it with its description."""
    path = tmp_path / "tiny.onnx"
    path.write_bytes(made.read_bytes())
    describe(path)
    return path


def describe(path, **changes):
    values = {name: value for name, value in (DESCRIPTION | changes).items() if value is not None}
    path.with_suffix(".yaml").write_text(yaml.safe_dump(values))


def refusal(path, layer="penultimate"):
    with pytest.raises(UserError) as error:
        resolve(Embedding(model=str(path), layer=layer))
    return str(error.value)


@pytest.mark.parametrize("layer", ["penultimate", "output"])
def test_it_computes_what_the_bundle_of_the_same_network_does(model, layer):
    samples = [music(2.0, RATE), music(2.0, RATE, seed=1)]
    ours = FrontEnd.of(embedding(layer=layer)).transform_all(samples)
    theirs = FrontEnd.of(Embedding(model=str(model), layer=layer)).transform_all(samples)
    assert np.abs(ours).max() > 0.01
    np.testing.assert_allclose(theirs, ours, atol=1e-4)


def test_names_and_shapes_are_read_without_the_weights(made):
    graph = read_graph(made)
    assert graph.inputs == {"segments": (None, BANDS, FRAMES)}
    width = penultimate(load_bundle(shared_bundle()).model, torch.zeros(1, BANDS, FRAMES)).shape[1]
    assert graph.outputs == {"embedding": (None, width), "logits": (None, 3)}
    assert graph.external == []


def test_the_facts_are_those_of_the_file(model):
    facts = resolve(Embedding(model=str(model))).resolved
    assert (facts.sample_rate, facts.title) == (RATE, "tiny.onnx")
    describe(model, title="Tiny")
    named = resolve(Embedding(model=str(model))).resolved
    assert named.title == "Tiny" and named.content == facts.content  # a name changes no vector
    describe(model, logmel=DESCRIPTION["logmel"] | {"hop": 100})
    assert resolve(Embedding(model=str(model))).resolved.content != facts.content


def test_a_copy_computes_the_same(model, tmp_path):
    copy_network(str(model), tmp_path / "copy")
    samples = music(2.0, RATE)
    first, second = (FrontEnd.of(Embedding(model=str(path))) for path in (model, tmp_path / "copy/model.onnx"))
    np.testing.assert_array_equal(first.transform(samples), second.transform(samples))


# ---- what does not fit ---------------------------------------------------------------------------------------------


def test_without_a_description_it_is_told_what_it_must_hold(model):
    model.with_suffix(".yaml").unlink()
    assert "needs a description beside it, tiny.yaml: sample_rate, input" in refusal(model)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"output": "embeddings"}, "no output 'embeddings'. Did you mean 'embedding'? Its outputs: 'embedding'"),
        ({"output": None}, "has the outputs 'embedding', 'logits'; its description must name one"),
        ({"input_name": "melspectrogram"}, "has no input 'melspectrogram'. Its inputs: 'segments'"),
        ({"axes": ["batch", "time", "band"]}, f"shape any x {BANDS} x {FRAMES}, and its description gives any x"),
        ({"frames": FRAMES + 1}, f"gives any x {BANDS} x {FRAMES + 1} (batch, band, time). Correct the description"),
        ({"width": 3}, "and its description gives width 3"),
        ({"output_axes": ["batch", "time", "value"]}, "gives the axes batch, time, value"),
        ({"sample_rate": "fast"}, "sample_rate: this must be a whole number"),
        ({"sampel_rate": 16_000}, "this key is not known. Did you mean 'sample_rate'?"),
        ({"logmel": None}, "input: logmel needs `logmel` and `frames`"),
        ({"input": "waveform"}, "input: waveform needs `seconds`"),
    ],
)  # fmt: skip
def test_a_description_that_does_not_fit_is_refused(model, changes, words):
    describe(model, **changes)
    assert words in refusal(model)


def test_an_output_that_is_not_described_is_refused(model):
    describe(model, predictions=None)
    assert "names no output for `layer: output`" in refusal(model, "output")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not at all", b"\x08\x07", bytes(range(256))])
def test_what_is_no_onnx_is_refused(model, content):
    model.write_bytes(content)
    assert "tiny.onnx is not an ONNX file" in refusal(model)


def test_a_file_cut_anywhere_is_refused_or_read(model):
    content = model.read_bytes()
    for length in range(1, len(content), max(1, len(content) // 40)):
        model.write_bytes(content[:length])
        try:  # cut between two fields, it may be a whole file of fewer parts
            resolve(Embedding(model=str(model)))
        except UserError as error:
            assert "tiny.onnx" in str(error)


@pytest.mark.parametrize("place", ["../weights.bin", "/etc/passwd", "below/weights.bin", "link.bin", "missing.bin", ""])
def test_weights_outside_its_folder_are_never_read(model, tmp_path, place):
    (tmp_path / "below").mkdir()
    (tmp_path / "below/weights.bin").write_bytes(bytes(64))
    (tmp_path / "link.bin").symlink_to("/etc/passwd")
    proto = onnx.load(str(model))
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", place
    model.write_bytes(proto.SerializeToString())
    expected = "which is not beside it" if place == "missing.bin" else "outside of its own folder"
    assert expected in refusal(model)


def test_weights_beside_it_are_read_and_count(model, tmp_path):
    proto = onnx.load(str(model))
    onnx.save(proto, str(model), save_as_external_data=True, location="weights.bin")
    facts = resolve(Embedding(model=str(model)))
    samples = music(2.0, RATE)
    np.testing.assert_allclose(
        FrontEnd.of(facts).transform(samples), FrontEnd.of(embedding()).transform(samples), atol=1e-4
    )
    content = bytearray((tmp_path / "weights.bin").read_bytes())
    content[0] ^= 1
    (tmp_path / "weights.bin").write_bytes(content)
    assert resolve(Embedding(model=str(model))).resolved.sha256 != facts.resolved.sha256


def test_a_network_that_cannot_be_run_ends_in_a_sentence(model):
    proto = onnx.load(str(model))
    proto.graph.node[0].op_type = "NoSuchOperator"
    model.write_bytes(proto.SerializeToString())
    with pytest.raises(UserError, match=r"ONNX Runtime cannot load .*tiny\.onnx"):
        FrontEnd.of(Embedding(model=str(model))).transform(music(2.0, RATE))


# ---- waveforms, batches, time ---------------------------------------------------------------------------------------


def write_network(path, node, shape, outputs):
    """Write a network of one operator."""
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [node],
        "one",
        [value("x", onnx.TensorProto.FLOAT, shape)],
        [value("y", onnx.TensorProto.FLOAT, outputs)],
    )
    proto = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(proto.SerializeToString())


@pytest.mark.parametrize(
    ("shape", "outputs", "axes", "output_axes", "expected"),
    [
        (["n", 400], ["n", 400], ["batch", "time"], ["batch", "value"], lambda x: x),
        ([4, 400], [4, 400], ["batch", "time"], ["batch", "value"], lambda x: x),  # a batch that the file fixes
        (["n", 1, 400], ["n", 1, 400], ["batch", "channel", "time"], ["batch", "time", "value"], lambda x: x),
        ([400], [400], ["time"], ["batch", "value"], lambda x: x),
    ],
)
def test_waveforms_in_any_form(tmp_path, shape, outputs, axes, output_axes, expected):
    path = tmp_path / "abs.onnx"
    write_network(path, onnx.helper.make_node("Abs", ["x"], ["y"]), shape, outputs)
    values = {"sample_rate": 8_000, "input": "waveform", "seconds": 0.05, "axes": axes, "output_axes": output_axes}
    if axes == ["time"]:
        values |= {"output_axes": ["value"]}
    path.with_suffix(".yaml").write_text(yaml.safe_dump(values))
    samples = music(0.2, 8_000)
    vector = FrontEnd.of(Embedding(model=str(path))).transform(samples)
    np.testing.assert_allclose(vector, expected(np.abs(samples.reshape(4, 400)).mean(axis=0)), rtol=1e-5)


# ---- log-mel spectrograms of others ----------------------------------------------------------------------------------


@pytest.mark.parametrize("htk", [False, True])
@pytest.mark.parametrize("norm", ["area", "height"])
def test_mel_filters_are_librosa_s(htk, norm):
    import librosa

    settings = OnnxLogMel(n_fft=512, hop=256, n_mels=40, fmin=50.0, mel="htk" if htk else "slaney", norm=norm)
    expected = librosa.filters.mel(
        sr=16_000, n_fft=512, n_mels=40, fmin=50, htk=htk, norm="slaney" if norm == "area" else None
    )
    np.testing.assert_allclose(filter_bank(settings, 16_000), expected, atol=1e-6)


def test_a_spectrogram_of_musicnn_is_librosa_s():
    import librosa

    description = settings_from(
        OnnxDescription, parse_file(HOME / "resources/onnx/discogs_effnet.yaml").values, "discogs_effnet"
    )
    samples = music(1.0, 16_000)
    power = librosa.feature.melspectrogram(y=samples, sr=16_000, n_fft=512, hop_length=256, n_mels=96)
    made = log_mel(samples, description.logmel, 16_000)
    np.testing.assert_allclose(made, np.log10(1 + 10_000 * power), atol=1e-4)


def test_magnitudes_of_vggish_have_slopes_in_mel():
    settings = settings_from(OnnxDescription, parse_file(HOME / "resources/onnx/vggish.yaml").values, "vggish").logmel
    bank = filter_bank(settings, 16_000)
    assert bank.shape == (64, 257) and bank.max() <= 1
    # Between two centers the slopes of neighbors add up to 1, whatever the scale they are linear in.
    inside = slice(*np.flatnonzero(bank[5:60].sum(axis=0))[[3, -4]])
    np.testing.assert_allclose(bank[:, inside].sum(axis=0), 1, atol=1e-9)
    frames = log_mel(music(0.975, 16_000), settings, 16_000)
    assert frames.shape == (64, 1 + (15_600 - 400) // 160) and frames.min() >= np.log(0.01) - 1e-6


@pytest.mark.parametrize("path", sorted((HOME / "resources/onnx").glob("*.yaml")), ids=lambda path: path.stem)
def test_a_shipped_description_is_valid_and_names_its_source(path):
    description = settings_from(OnnxDescription, parse_file(path).values, path.name)
    assert description.width and description.title and description.patch_samples > 0
    comment = "".join(line for line in path.read_text().splitlines() if line.startswith("#"))
    assert "http" in comment or "Hugging Face" in comment or "tensorflow/models" in comment or "package" in comment
