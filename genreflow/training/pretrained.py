"""Trained networks that another training starts from: their facts, and whether they suit it.

Plans are made with them, so no torch is imported here; `genreflow.training.fine_tuning` reads the weights.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from genreflow.config.inputs import InputSettings
from genreflow.config.training import TrainingSettings
from genreflow.errors import UserError
from genreflow.features.shapes import segment_shape
from genreflow.models import registry
from genreflow.models.entry import shape_text
from genreflow.project.history import name_of
from genreflow.project.layout import RunId, study_of_run
from genreflow.store.regular import expand_home
from genreflow.store.runs import MODEL
from genreflow.store.sealed import FILES, check_bound
from genreflow.store.text import count, sanitize_name
from genreflow.training.bundle_facts import facts_beside, remedy_of, weights_file
from genreflow.weights.cache import find
from genreflow.weights.registry import NETWORKS

_SHOWN = 60  # characters of a value in a sentence


@dataclass(frozen=True)
class Pretrained:
    """A trained network: its file of weights, and the facts beside it.

    Attributes
    ----------
    weights
        ``model.safetensors`` of a run or of an exported model.
    facts
        The content of ``run.json`` or ``model.json``.
    """

    weights: Path
    facts: Mapping[str, Any]

    @property
    def sha256(self) -> str:
        """SHA-256 of the weights."""
        return self.facts[FILES][self.weights.name]

    @property
    def title(self) -> str:
        """Name for people, in one line."""
        network, folder = self.facts["model"], self.weights.absolute().parent
        if title := self.facts.get("title"):
            return sanitize_name(str(title))
        study = study_of_run(folder)
        if study is None:
            return sanitize_name(f"{network} in {folder.name}")
        run = RunId.parse(folder)
        return sanitize_name(f"{network} of study {name_of(study)} ({run.setting}, fold {run.name})")

    @property
    def data(self) -> str:
        """Description of its training data, in one line."""
        if described := self.facts.get("trained_on"):
            return sanitize_name(str(described))
        tracks = self.facts.get("dataset", {}).get("tracks", {}).get("train")
        return "unknown data" if tracks is None else count(tracks, "track")

    @property
    def lists_its_tracks(self) -> bool:
        """Whether the digests of all tracks that it, and what it started from, was trained on are known."""
        before = self.facts.get("init")
        return "training_profile" in self.facts and (before is None or bool(before["lists_its_tracks"]))

    def record(self) -> dict[str, Any]:
        """Return its facts for the record of a run that starts from it."""
        return {
            "title": self.title,
            "weights": str(self.weights),
            "sha256": self.sha256,
            "data": self.data,
            "training_tracks": self.facts.get("dataset", {}).get("training_tracks"),
            "lists_its_tracks": self.lists_its_tracks,
        }


def find_pretrained(name: str) -> Pretrained:
    """Return the trained network that a path names; its weights are verified by their SHA-256.

    Raises
    ------
    UserError
        When there is none, or a file is damaged.
    """
    path = expand_home(name)
    try:
        is_there = path.exists()
    except (OSError, ValueError):  # too long, a zero byte
        is_there = False
    if not is_there and name in NETWORKS:
        path = find(name)
    elif not is_there:
        raise UserError(f"{name!r}: there is no such folder or file. Name a run, an exported model or its {MODEL}.")
    weights = weights_file(path)
    return _read(str(weights), *(_stamp(file) for file in (weights, *sorted(weights.parent.glob("*.json")))))


@lru_cache(maxsize=64)
def _read(path: str, *_: object) -> Pretrained:
    """Read a network, once for the same stamps of its files: plans resolve a setting many times."""
    weights = Path(path)
    facts = facts_beside(weights)
    check_bound(weights, facts, remedy=remedy_of(facts))
    return Pretrained(weights, facts)


def _stamp(path: Path) -> tuple[str, int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return path.name, status.st_mtime_ns, status.st_size


def mismatches(
    source: Pretrained,
    *,
    network: str,
    options: Mapping[str, Any],
    training: TrainingSettings,
    input: InputSettings,
    classes: Sequence[str],
) -> Iterator[str]:
    """Yield the reasons why a network cannot start from the weights of another.

    Parameters
    ----------
    network, options
        Name of the network, and all its options.
    training, input
        Its settings.
    classes
        Its classes or tags; they matter where the output layer is kept.
    """
    facts = source.facts
    if registry.describe(network).is_estimator:
        yield f"{network} is fitted at once, and starts from no weights: leave init out"
        return
    if facts["model"] != network:
        yield f"it is a {facts['model']}, not a {network}"
        return
    for name, value in options.items():
        own = facts["options"].get(name, registry.describe(network).options[name].default)
        if own != value and not name.startswith("dropout"):  # the share of dropped units changes no shape or meaning
            yield f"its option {name} is {_shown(own)}, not {_shown(value)}"
    try:
        trained_on = InputSettings.model_validate(facts["input"])
    except ValidationError:
        yield "its input settings are not valid: use the version of genreflow that made it"
        return
    differing = list(_input_differences(trained_on, input))
    yield from differing
    shape = segment_shape(input)
    shape = shape if training.crop is None else (*shape[:-1], training.crop)
    if not differing and tuple(facts["input_shape"]) != shape:
        yield f"it takes segments of {shape_text(tuple(facts['input_shape']))}, not {shape_text(shape)}"
    if training.keep_head and sorted(facts["classes"]) != sorted(classes):
        yield "keep_head: its classes are others; leave it out, and the output layer starts anew"


def _input_differences(trained_on: InputSettings, given: InputSettings) -> Iterator[str]:
    """Yield the settings of an input, other than where segments lie, that differ from those of the training."""
    own, other = trained_on.front_end, given.front_end
    if own.kind != other.kind:
        yield f"it was trained on front_end.kind {own.kind}, not {other.kind}"
        return
    pairs = [(f"front_end.{name}", getattr(own, name), getattr(other, name)) for name in type(own).model_fields]
    pairs += [(name, getattr(trained_on, name), getattr(given, name)) for name in ("peak", "standardize")]
    for name, before, now in pairs:
        if before != now:
            yield f"it was trained on {name} {_shown(before)}, not {_shown(now)}"


def _shown(value: object) -> str:
    text = sanitize_name(str(value))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
