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

# Networks whose layers are known to stand in the same order as ours.
MODELS = ("fcn", "musicnn", "crnn")
TAGS = {"mtat": MTT_TAGS, "jamendo": JAMENDO_TAGS}
_TRAINED_ON = {
    "mtat": "MagnaTagATune, 50 tags by players of a game",
    "jamendo": "MTG-Jamendo, its 50 most frequent tags",
}
_CITATION = "Won, Ferraro, Bogdanov and Serra, Evaluation of CNN-based automatic music tagging models, SMC 2020"
# Windows and filters of the spectrogram, which follow from the settings.
_COMPUTED = ("spec.",)
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
    write_bundle(folder, weights, model=model, tags=names, origin=origin, source=str(path))


def _renamed(
    tensors: Mapping[str, torch.Tensor], model: str, n_outputs: int, *, source: str
) -> dict[str, torch.Tensor]:
    """Return the tensors under our names; layers stand in the same order."""
    foreign = [name for name in tensors if not name.startswith(_COMPUTED) and not name.endswith(_COUNTERS)]
    with torch.random.fork_rng(devices=[]):
        own = [name for name in registry.build(model, n_outputs).state_dict() if not name.endswith(_COUNTERS)]
    if len(own) != len(foreign):
        raise UserError(
            f"{source} does not hold the weights of {model}: it has {len(foreign)} tensors where {len(own)} are needed."
        )
    weights = {name: tensors[other] for name, other in zip(own, foreign, strict=True)}
    if model == "musicnn":  # there the pooled maxima stand before the means
        maxima, means = weights["head.0.weight"].chunk(2, dim=1)
        weights["head.0.weight"] = torch.cat([means, maxima], dim=1)
    return weights


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
