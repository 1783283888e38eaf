"""Why a run would make products again, in words: tracks that came or went, and settings that differ.

The products of the last run say what they were made from: the catalog of a dataset its tracks, and ``run.json`` of a
training its settings.
"""

from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import TypeAdapter

from genreflow.config.differences import differences, flat
from genreflow.datasets import scan
from genreflow.errors import UserError
from genreflow.plan.datasets import DatasetPlan, catalog_path
from genreflow.plan.make import Plan
from genreflow.plan.studies import StudyPlan
from genreflow.project import layout
from genreflow.project.specs import TrainingSpec
from genreflow.store.runs import read_run
from genreflow.store.text import count, listing

_NAMED = 6  # differences of a setting named in full
# Parts of a specification that run.json has too -> prefix of their values in a sentence.
_PARTS = {"options": "", "training": "", "input": "input.", "audio": "audio."}


def reasons(plan: Plan) -> list[str]:
    """Return a sentence on each difference between the plan and the products of the last run; empty without any.

    Nothing is written and no music is read.
    """
    tracks = {name: list(_changes(dataset)) for name, dataset in plan.datasets.items()}
    sentences = [sentence for changes in tracks.values() for sentence in changes]
    for study in plan.studies.values():
        sentences += _differences(study, is_same_music=not any(tracks[name] for name in study.datasets))
    return list(dict.fromkeys(sentences))


def _changes(dataset: DatasetPlan) -> Iterator[str]:
    """Yield what happened to the tracks of a dataset since they were cataloged."""
    try:
        before = scan.known(catalog_path(dataset.name))
    except UserError:  # damaged; the run will report it
        return
    new = _rows(dataset.listed)
    if before is None:
        if unread := [row for row in new.values() if row["sha256"] == scan.NOT_HASHED]:
            yield f"{dataset.name}: {count(len(unread), 'file')} not hashed yet."
        return
    old = _rows(before)
    kept = [(old[track], new[track]) for track in old.keys() & new.keys()]
    touched = sum(after["sha256"] == scan.NOT_HASHED for _, after in kept)
    changed = sum(before["sha256"] != after["sha256"] for before, after in kept) - touched
    changes = {
        "added": len(new.keys() - old.keys()),
        "removed": len(old.keys() - new.keys()),
        "changed": changed,
        "labeled or grouped in another way": sum(_labels(before) != _labels(after) for before, after in kept),
    }
    for change, number in changes.items():
        if number:
            yield f"{dataset.name}: {count(number, 'track')} {change}."
    if touched:
        yield (
            f"{dataset.name}: {count(touched, 'file')} with another size or date, not hashed yet. Nothing is made "
            "again from a file whose audio is the same."
        )


def _rows(catalog: pa.Table) -> dict[str, dict[str, Any]]:
    names = ["track_id", "label", "tags", "group", "artist", "split", "sha256"]
    return {row.pop("track_id"): row for row in catalog.select(names).to_pylist()}


def _labels(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "sha256"}


def _differences(study: StudyPlan, *, is_same_music: bool) -> Iterator[str]:
    """Yield how the settings of a study's trainings differ from those that they were last made with."""
    settings: dict[str, list[str]] = {}  # sentence -> the settings that it holds for
    places = list(dict.fromkeys((run.model, run.setting) for run in study.runs))
    before = {place: _last_run(study, *place) for place in places}
    if not any(before.values()) and not Path(layout.STUDY.format(study=study.name), "runs").exists():  # the first run
        return
    for model, setting in places:
        facts, name = before[model, setting], f"{model} {setting}"
        if facts is None:
            settings.setdefault("new setting", []).append(name)
        elif facts["key"] != study.keys.run(model, setting):
            spec = study.job(f"{model}/{setting}").spec
            planned = TypeAdapter(TrainingSpec).dump_python(spec, mode="json")
            changes = _changed_values(facts, spec.network, planned)
            if changes:
                settings.setdefault(listing(changes, _NAMED), []).append(name)
            elif is_same_music:
                settings.setdefault("other folds, or other code of genreflow", []).append(name)
    for sentence, names in settings.items():
        everywhere = len(names) == len(places) > 1
        yield f"{study.name}: {sentence} ({'all settings' if everywhere else listing(names, _NAMED)})."


def _last_run(study: StudyPlan, model: str, setting: str) -> Mapping[str, Any] | None:
    """Return the facts of a finished run of a setting, whatever it was made with; None if there is none."""
    folder = Path(layout.STUDY.format(study=study.name), "runs", model, setting)
    for home in layout.run_folders(folder):
        try:
            return read_run(home)
        except UserError:  # damaged, or of another version
            continue
    return None


def _changed_values(facts: Mapping[str, Any], network: str, planned: Mapping[str, Any]) -> list[str]:
    """Return ``name value (was value)`` for every value of ``run.json`` that is planned otherwise."""
    if facts["model"] != network:
        return [f"model {network} (was {facts['model']})"]
    ignored = {*facts.get("chosen", {}), "tracking", "tensorboard"}  # found by a search, or no reason to train again
    changes: list[str] = []
    for part, prefix in _PARTS.items():
        old, new = (_without(specification[part], ignored, prefix) for specification in (facts, planned))
        changes += differences(old, new)
    return changes


def _without(values: Mapping[str, Any], ignored: Container[str], prefix: str) -> dict[str, Any]:
    return {f"{prefix}{name}": value for name, value in flat(values).items() if name not in ignored}
