"""The results of a search: its trials, the best of them, and the setting that follows. They need no Optuna."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from genreflow.config.load import settings_from
from genreflow.config.training import TrainingSettings
from genreflow.errors import Damaged, UserError
from genreflow.features.front_end import FrontEnd
from genreflow.models import registry
from genreflow.project.specs import SearchSpec, TrainingSpec
from genreflow.store.sealed import read_sealed

COMPLETE, PRUNED, DIVERGED, INVALID = "complete", "pruned", "diverged", "invalid"
LOSSES = ("log_loss",)  # metrics of which less is better


def with_values(spec: TrainingSpec, values: Mapping[str, Any]) -> TrainingSpec:
    """Return a specification with some options and training settings replaced.

    Raises
    ------
    UserError
        When the values contradict each other or do not suit the model.
    """
    entry = registry.describe(spec.network)
    options = dict(spec.options) | {name: value for name, value in values.items() if name in entry.options}
    changed = {name: value for name, value in values.items() if name not in entry.options}
    training = settings_from(TrainingSettings, spec.training.model_dump() | changed, "training")
    problems = [
        *entry.input_problems(spec.input, crop=training.crop),
        *FrontEnd.of(spec.input.front_end).augmentation_problems(training),
    ]
    if problems:
        raise UserError("; ".join(problems))
    return replace(spec, options=registry.check_options(spec.network, options), training=training)


def read_trial(path: str | os.PathLike[str], key: str) -> dict[str, Any]:
    """Read the result of a trial.

    Raises
    ------
    Damaged
        When it was changed after it was written, or has another key.
    UserError
        When there is none.
    """
    facts = read_sealed(path)
    if facts.get("kind") != "trial" or facts.get("key") != key:
        raise Damaged(path, "it is a trial of another search")
    return facts


def choose(spec: SearchSpec, trials: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the best of complete trials: by the metric, then by log loss, then the earliest.

    Raises
    ------
    UserError
        When no trial is complete.
    """
    complete = [trial for trial in trials if trial["status"] == COMPLETE]
    if not complete:
        statuses = ", ".join(sorted({trial["status"] for trial in trials}))
        raise UserError(
            f"search: none of {len(trials)} trials is complete ({statuses}), so there is no best one. Narrow "
            "search.space, above all learning_rate."
        )
    sign = -1 if spec.metric in LOSSES else 1
    return dict(max(complete, key=lambda trial: (sign * trial["score"], -trial["log_loss"], -trial["number"])))


def read_best(path: str | os.PathLike[str], key: str) -> dict[str, Any]:
    """Read the best values of a search; Damaged if they were changed, or belong to another search."""
    facts = read_sealed(path)
    if facts.get("kind") != "best" or facts.get("key") != key:
        raise Damaged(path, "it is the result of another search")
    return facts


def found_setting(spec: TrainingSpec, best: str | os.PathLike[str], key: str) -> TrainingSpec:
    """Return a specification with the values that a search has found."""
    return with_values(spec, read_best(best, key)["values"])
