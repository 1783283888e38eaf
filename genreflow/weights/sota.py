"""Weights of the collection `sota-music-tagging-models` (Won et al. 2020) as bundles."""

from collections.abc import Mapping
from pathlib import Path

import torch

from genreflow.errors import UserError, did_you_mean
from genreflow.models import registry
from genreflow.store.text import sanitize_name
from genreflow.weights.bundles import write_bundle
from genreflow.weights.pth import read_tensors
from genreflow.weights.registry import JAMENDO_TAGS, MTT_TAGS

# Name in the collection -> our network, whose layers stand in the same order.
MODELS = {
    "fcn": "fcn",
    "musicnn": "musicnn",
    "crnn": "crnn",
    "sample": "samplecnn",
    "se": "samplecnn_se",
    "short": "short_chunk_cnn",
    "short_res": "short_chunk_res",
    "attention": "self_attention",
    "hcnn": "harmonic_cnn",
}
TAGS = {"mtat": MTT_TAGS, "jamendo": JAMENDO_TAGS}
_TRAINED_ON = {
    "mtat": "MagnaTagATune, 50 tags by players of a game",
    "jamendo": "MTG-Jamendo, its 50 most frequent tags",
}
_CITATION = "Won, Ferraro, Bogdanov and Serra, Evaluation of CNN-based automatic music tagging models, SMC 2020"
# Windows and filters of the spectrogram, which follow from the settings.
_COMPUTED = ("spec.", "hstft.spec.")
# What the collection's code makes anew each time, and ours stores: the first step of the self-attention.
_FIXED = ("summary",)
_QUERY, _JOINED = ".self.query.", ".self.queries_keys_values."
_OWN_NAMES = {"bw_Q": "quality"}
_COUNTERS = "num_batches_tracked"


def import_weights(path: Path, folder: Path, *, model: str, tags: str) -> None:
    """Write a bundle of weights that the collection's code has saved.

    Parameters
    ----------
    path
        The ``.pth`` file.
    folder
        The bundle; a new folder.
    model
        One of `MODELS`.
    tags
        A key of `TAGS`, or a file with a tag a line in the order of the outputs.

    Raises
    ------
    UserError
        When the file does not hold this network, or the tags cannot be read or are of another number.
    """
    if model not in MODELS:
        raise UserError(
            f"Weights of {model!r} cannot be imported.{did_you_mean(model, MODELS)} Known: {', '.join(MODELS)}."
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} is there already. Name a new folder.")
    names = _tags(tags)
    weights = _renamed(read_tensors(path), model, len(names), source=str(path))
    origin = {
        "name": path.name,
        "source": "sota-music-tagging-models",
        "license": "MIT, © 2020 Music Technology Group, Universitat Pompeu Fabra",
        "citation": _CITATION,
        "trained_on": _TRAINED_ON.get(tags, "tags that its importer named"),
    }
    write_bundle(folder, weights, model=MODELS[model], tags=names, origin=origin, source=str(path))


def _renamed(
    tensors: Mapping[str, torch.Tensor], model: str, n_outputs: int, *, source: str
) -> dict[str, torch.Tensor]:
    """Return the tensors under our names; layers stand in the same order."""
    tensors = _joined(tensors, source=source)
    foreign = [name for name in tensors if not name.startswith(_COMPUTED) and not name.endswith(_COUNTERS)]
    with torch.random.fork_rng(devices=[]):
        state = registry.build(MODELS[model], n_outputs).state_dict()
    own = [name for name in state if not name.endswith(_COUNTERS) and name not in _FIXED]
    if len(own) != len(foreign):
        raise UserError(
            f"{source} does not hold the weights of {model}: it has {len(foreign)} tensors where {len(own)} are needed."
        )
    for name, other in zip(own, foreign, strict=True):
        last = other.rpartition(".")[2]
        if _OWN_NAMES.get(last, last) != name.rpartition(".")[2]:
            raise UserError(f"{source} does not hold the weights of {model}: {other} stands where {name} is expected.")
    weights = {name: state[name] for name in _FIXED if name in state}
    weights |= {name: tensors[other] for name, other in zip(own, foreign, strict=True)}
    if model == "hcnn":  # there a vector of one value
        weights["input.0.quality"] = weights["input.0.quality"].squeeze()
    if model == "musicnn":  # there the pooled maxima stand before the means
        maxima, means = weights["head.0.weight"].chunk(2, dim=1)
        weights["head.0.weight"] = torch.cat([means, maxima], dim=1)
    return weights


def _joined(tensors: Mapping[str, torch.Tensor], *, source: str) -> dict[str, torch.Tensor]:
    """Return tensors with queries, keys and values of each attention as one, which ours computes together."""
    joined = {}
    for name, tensor in tensors.items():
        if _QUERY in name:
            parts = [tensors.get(name.replace(".query.", f".{part}.")) for part in ("query", "key", "value")]
            if any(part is None for part in parts):
                raise UserError(f"{source} is incomplete: {name} has no key or no value beside it.")
            joined[name.replace(_QUERY, _JOINED)] = torch.cat([part for part in parts if part is not None])
        elif not (".self.key." in name or ".self.value." in name):
            joined[name] = tensor
    return joined


def _tags(tags: str) -> list[str]:
    if tags in TAGS:
        return list(TAGS[tags])
    path = Path(tags)
    if not path.is_file():
        raise UserError(f"--tags {tags}: this is neither {' nor '.join(TAGS)}, nor a file with a tag on each line.")
    try:
        names = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except UnicodeDecodeError:
        raise UserError(f"{path} is no text in UTF-8 with a tag on each line.") from None
    if not names or len(set(map(sanitize_name, names))) < len(names):
        raise UserError(f"{path}: tags must be names, each once.")
    return names
