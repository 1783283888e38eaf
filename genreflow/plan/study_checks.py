"""Checks of a study before its tracks are listed: a sentence for each problem, which begins with its key."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from math import prod
from typing import Any

from genreflow.config.checked import Checked, checked, shown
from genreflow.config.folds import FoldSettings
from genreflow.config.inputs import InputSettings
from genreflow.config.names import name_problem
from genreflow.config.search import Range, Value
from genreflow.config.study import JOINED, Experiment, StudySettings
from genreflow.config.training import TRACKERS, TrainingSettings
from genreflow.errors import did_you_mean
from genreflow.features.front_end import FrontEnd
from genreflow.figures.registry import experiment_figures
from genreflow.models import registry
from genreflow.models.entry import ModelEntry
from genreflow.plan.search import kind_of

# Training settings that no search may vary: seeds are chance, and the others change no score.
_NOT_SEARCHED = ("seed", "init", "tracking", "predict_training")
_NAMED = ("inputs", "protocols", "models", "fusions", "experiments", "snippets")


def study_problems(given: Checked[StudySettings], *, most_runs: int) -> Iterator[str]:
    """Yield the problems of a study whose keys have the right types; parts left out as wrong are not reported again.

    Parameters
    ----------
    most_runs
        `limits.max_runs`; experiments that compare more settings are refused before these are resolved.
    """
    checks = _Checks(given)
    yield from checks.names()
    yield from checks.references()
    yield from checks.models()
    yield from checks.experiments(most_runs)
    yield from checks.variations(most_runs)
    yield from checks.search()
    yield from checks.protocols()
    yield from checks.tested_on()
    yield from checks.tracking()


def feeding_problems(entry: ModelEntry, given: InputSettings, training: TrainingSettings) -> list[str]:
    """Return why a model cannot be trained on an input with some training settings."""
    problems = list(entry.input_problems(given, crop=training.crop))
    augmentation = FrontEnd.of(given.front_end).augmentation_problems(training)
    return problems + [problem.rstrip(".") for problem in augmentation]


class _Checks:
    def __init__(self, given: Checked[StudySettings]) -> None:
        self.given, self.study = given, given.usable
        # The settings of a name may have been left out as wrong; the name itself is known.
        self.known = {
            section: [
                *getattr(self.study, section),
                *(out[1] for out in given.left_out if len(out) == 2 and out[0] == section),
            ]
            for section in _NAMED
        }
        self.known["protocols"] = self.known["protocols"] or list(self.study.all_protocols)
        self.judged = [*self.known["models"], *self.known["fusions"]]

    def names(self) -> Iterator[str]:
        """Check names that become file names."""
        for section in _NAMED:
            for name in getattr(self.study, section):
                if problem := name_problem(name):
                    yield f"{section}.{name}: {problem}."
        for name in self.study.fusions:
            if name in self.study.models:
                yield f"fusions.{name}: there is a model of that name."

    def references(self) -> Iterator[str]:
        """Check that every reference has a target."""
        study = self.study
        if study.filters and not self.known["models"]:
            yield "filters: there is no model whose filters could be shown; add `models`."
        if study.experiments and not self.known["models"]:
            yield "experiments: there is no model to vary; add `models`."
            return
        for name in study.analysis:
            yield from self._missing("analysis", name, "inputs")
        for key, model in study.models.items():
            if model.input is not None:
                yield from self._missing_inputs(f"models.{key}.input", model.input)
            elif len(self.known["inputs"]) > 1 and self.given.is_sound("models", key, "input"):
                yield f"models.{key}.input: this key is missing; it is one of {', '.join(self.known['inputs'])}."
            if model.protocol is not None:
                yield from self._missing(f"models.{key}.protocol", model.protocol, "protocols")
        for key, fusion in study.fusions.items():
            for member in fusion.models:
                yield from self._missing(f"fusions.{key}.models", member, "models")

    def tested_on(self) -> Iterator[str]:
        """Check that other datasets are judged by a final model, which trains on none of them."""
        study = self.study
        if study.tested_on and (study.final is None or not self.known["models"]):
            yield "tested_on: the final model judges other datasets, and this study trains none; give it `final: {}`."
        for name in study.tested_on:
            if name in study.training_datasets:
                yield f"tested_on: models are trained on {shown(name)}; name datasets that no protocol uses."
            if study.tested_on.count(name) > 1:
                yield f"tested_on: {shown(name)} is given twice."

    def models(self) -> Iterator[str]:
        """Check networks, their options, training settings and inputs."""
        for key, model in self.study.models.items():
            entry = registry.MODELS.get(model.model or key)
            if entry is None:
                where = f"models.{key}.model" if model.model else f"models.{key}"
                hint = did_you_mean(model.model or key, registry.MODELS)
                yield f"{where}: there is no model {shown(model.model or key)}.{hint}"
                continue
            for axis, value in model.options.items():
                yield from self._option(f"models.{key}.options.{axis}", entry, axis, [value])
            for axis, value in model.training.items():
                yield from _training(f"models.{key}.training.{axis}", axis, [value])
            yield from self._feeding(key, entry)

    def experiments(self, most: int) -> Iterator[str]:
        """Check experiments, and the number of settings they compare, without resolving these."""
        sizes = {}
        for name, experiment in self.study.experiments.items():
            if experiment.model and "model" in experiment.vary:
                yield f"experiments.{name}: give `model` or vary it, not both."
            if experiment.model:
                yield from self._missing(f"experiments.{name}.model", experiment.model, "judged")
            for figure in experiment.figures:
                if figure not in (known := experiment_figures()):
                    hint = did_you_mean(figure, known)
                    yield f"experiments.{name}.figures: there is no figure {shown(figure)}.{hint}"
            for axis, values in experiment.vary.items():
                where = f"experiments.{name}.vary.{axis}"
                if not values:
                    yield f"{where}: give at least one value."
                if twice := [value for value, count in Counter(values).items() if count > 1]:
                    yield f"{where}: {shown(twice[0])} is given twice."
            yield from self._reference(f"experiments.{name}.reference", experiment)
            sizes[name] = _size(experiment)
        if sum(sizes.values()) > most:
            largest = max(sizes, key=lambda name: sizes[name])
            yield (
                f"experiments: they compare {sum(sizes.values()):,} settings ({largest}: {sizes[largest]:,}), each of "
                f"which is trained at least once; limits.max_runs is {most:,}. Vary fewer values together."
            )

    def variations(self, most: int) -> Iterator[str]:
        """Check the axes of experiments of a sensible size, and the values of the final model and of snippets."""
        study = self.study
        for name, experiment in study.experiments.items():
            if _size(experiment) > most:
                continue
            yield from self._axes(f"experiments.{name}.vary", self._models_of(experiment), experiment.vary)
        for name, values in study.snippets.items():
            if "model" not in values:
                yield f"snippets.{name}.model: this key is missing."
            yield from self._one_model(f"snippets.{name}", values)
        if study.final is not None and study.models:
            yield from self._one_model("final", {"model": next(iter(study.models)), **study.final})
        if study.headline is not None and study.models:
            yield from self._one_model("headline", {"model": next(iter(study.models)), **study.headline})

    def tracking(self) -> Iterator[str]:
        """Check that the trackers are installed."""
        given: dict[str, Any] = {"training": self.study.training.tracking}
        given |= {f"models.{key}.training": model.training.get("tracking") for key, model in self.study.models.items()}
        for where, name in given.items():
            tracker = TRACKERS.get(name) if isinstance(name, str) else None
            if tracker is not None and find_spec(tracker.module) is None:
                yield (
                    f"{where}.tracking: {name} needs the package {tracker.package}, which is not installed: "
                    f"pip install {tracker.package}, or set it to none."
                )

    def search(self) -> Iterator[str]:
        """Check the model and the space of a search: every value, and the ends of every range."""
        search = self.study.search
        if search is None:
            return
        if find_spec("optuna") is None:
            yield "search: it needs the package optuna, which is not installed: pip install optuna."
        if not self.known["models"]:
            yield "search: there is no model whose settings could be searched for; add `models`."
            return
        if search.model is not None:
            yield from self._missing("search.model", search.model, "models")
        if not search.space and self.given.is_sound("search", "space"):
            yield "search.space: it is empty; give a setting, as in `learning_rate: {low: 1e-4, high: 1e-2}`."
        for entry in self._entries([search.model or next(iter(self.study.models), "")]):
            for name, values in search.space.items():
                yield from self._dimension(f"search.space.{name}", entry, name, values)

    def _dimension(self, where: str, entry: ModelEntry, name: str, values: Range | list[Value]) -> Iterator[str]:
        """Check one setting of a space."""
        if name in ("model", "input", "protocol"):
            yield f"{where}: only options and training settings are searched for; compare it by an experiment."
            return
        if name in _NOT_SEARCHED and name not in entry.options:
            yield f"{where}: it cannot be searched for."
            return
        if name not in entry.options and name not in TrainingSettings.model_fields:
            hint = did_you_mean(name, [*entry.options, *TrainingSettings.model_fields])
            yield f"{where}: {entry.name} has no such option, and there is no such training setting.{hint}"
            return
        if entry.is_estimator and name not in entry.options:
            yield f"{where}: {entry.name} is fitted at once, so training settings change nothing; search for options."
            return
        ends = [values.low, values.high] if isinstance(values, Range) else values
        if isinstance(values, Range):
            kind = kind_of(entry, name)
            if kind == "choice":
                yield f"{where}: its values are no numbers; give a list of them."
                return
            if kind == "whole" and not all(isinstance(end, int) for end in ends):
                yield f"{where}: low and high must be whole numbers; found {ends[0]:g} and {ends[1]:g}."
                return
        elif len(set(map(repr, ends))) < max(2, len(ends)):
            yield f"{where}: give two or more values, each once."
        yield from dict.fromkeys(
            self._option(where, entry, name, ends) if name in entry.options else _training(where, name, ends)
        )

    def protocols(self) -> Iterator[str]:
        """Check where the folds of a protocol differ from the study's."""
        if not self.given.is_sound("folds"):
            return
        base = self.study.folds.model_dump(exclude_unset=True)
        for name, protocol in self.study.protocols.items():
            for problem in checked(FoldSettings, {**base, **protocol.folds}).problems.values():
                yield f"protocols.{name}.folds.{problem}".replace(".(top level)", "")

    def _reference(self, where: str, experiment: Experiment) -> Iterator[str]:
        if experiment.reference is None:
            return
        axes = [axis for axis, values in experiment.vary.items() if len(values) > 1 and axis != "protocol"]
        if len(axes) != 1:
            yield f"{where}: it needs one varied setting besides the protocol, and there are {len(axes)}."
        elif experiment.reference not in experiment.vary[axes[0]]:
            yield f"{where}: {shown(experiment.reference)} is not among the values of {axes[0]}."

    def _one_model(self, where: str, values: Mapping[str, Any]) -> Iterator[str]:
        model = values.get("model")
        if model is not None:
            yield from self._missing(f"{where}.model", model, "models")
        axes = {axis: [value] for axis, value in values.items() if axis != "model"}
        yield from self._axes(where, [str(model)], axes)

    def _axes(self, where: str, models: Iterable[str], axes: Mapping[str, Sequence[Any]]) -> Iterator[str]:
        """Check the values of options, training settings, inputs and protocols that models are varied by."""
        for axis, values in axes.items():
            place = f"{where}.{axis}"
            if axis in ("model", "input", "protocol"):
                section = "judged" if axis == "model" else f"{axis}s"
                for value in values:
                    if axis == "input":
                        yield from self._missing_inputs(place, value)
                    else:
                        yield from self._missing(place, value, section)
                continue
            sentences: dict[str, None] = {}
            for entry in self._entries(models):
                if axis in entry.options:
                    sentences |= dict.fromkeys(self._option(place, entry, axis, values))
                elif axis in TrainingSettings.model_fields:
                    sentences |= dict.fromkeys(_training(place, axis, values))
                else:
                    hint = did_you_mean(axis, [*entry.options, *TrainingSettings.model_fields, "input", "protocol"])
                    sentences[
                        f"{place}: {entry.name} has no such option, and there is no such training setting.{hint}"
                    ] = None
            yield from sentences

    def _entries(self, models: Iterable[str]) -> list[ModelEntry]:
        """Return the entries of the networks of some models and fusions, as far as there are such."""
        study = self.study
        members = [
            each for name in models for each in (study.fusions[name].models if name in study.fusions else [name])
        ]
        networks = [study.models[name].model or name for name in members if name in study.models]
        return list({name: registry.MODELS[name] for name in networks if name in registry.MODELS}.values())

    def _models_of(self, experiment: Experiment) -> list[str]:
        first = next(iter(self.study.models), "")
        return [str(model) for model in experiment.vary.get("model", [experiment.model or first])]

    def _missing(self, where: str, name: Any, section: str) -> Iterator[str]:
        known = self.judged if section == "judged" else self.known[section]
        if name not in known:
            what = "models" if section == "judged" else section
            yield f"{where}: {shown(name)} is not among the {what}.{did_you_mean(str(name), known)}"

    def _missing_inputs(self, where: str, value: Any) -> Iterator[str]:
        """Check the names of an input, of which several are joined; and whether these can be."""
        names = str(value).split(JOINED)
        problems = [problem for name in names for problem in self._missing(where, name, "inputs")]
        yield from problems
        if not problems and all(self.given.is_sound("inputs", name) for name in names):
            try:
                self.study.input_settings(str(value))
            except ValueError as error:
                yield f"{where}: {error}."

    def _option(self, where: str, entry: ModelEntry, axis: str, values: Sequence[Any]) -> Iterator[str]:
        if axis not in entry.options:
            known = ", ".join(entry.options) or "none"
            yield f"{where}: {entry.name} has no such option.{did_you_mean(axis, entry.options)} It has: {known}."
            return
        for value in values:
            if problem := entry.options[axis].problem(value):
                yield f"{where}: {problem}"

    def _feeding(self, key: str, entry: ModelEntry) -> Iterator[str]:
        model = self.study.models[key]
        name = model.input or next(iter(self.study.inputs))
        is_sound = self.given.is_sound("training") and self.given.is_sound("models", key)
        names = name.split(JOINED)
        if not is_sound or any(n not in self.study.inputs or not self.given.is_sound("inputs", n) for n in names):
            return
        try:
            given = self.study.input_settings(name)
        except ValueError:  # reported with the references
            return
        training = checked(TrainingSettings, {**self.study.training.model_dump(), **model.training}).settings
        if training is not None and (problems := feeding_problems(entry, given, training)):
            yield f"models.{key}: it cannot be fed {name!r}: {'; '.join(problems)}."


def _size(experiment: Experiment) -> int:
    """Return how many settings an experiment compares."""
    return prod(map(len, experiment.vary.values()))


def _training(where: str, axis: str, values: Sequence[Any]) -> Iterator[str]:
    """Check values of one training setting by itself."""
    if axis not in TrainingSettings.model_fields:
        yield f"{where}: there is no such training setting.{did_you_mean(axis, TrainingSettings.model_fields)}"
        return
    for value in values:
        for place, problem in checked(TrainingSettings, {axis: value}).problems.items():
            if place:
                yield f"{where}{problem.removeprefix(axis)}"
