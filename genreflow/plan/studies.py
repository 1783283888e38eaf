"""What is to be built of a study: its settings resolved into runs, tables and figures."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from genreflow.config.augmentation import augmentation_problems
from genreflow.config.load import settings_from
from genreflow.config.study import Experiment, ModelSettings, StudySettings
from genreflow.config.training import TrainingSettings
from genreflow.errors import UserError, did_you_mean
from genreflow.models import registry
from genreflow.plan.code import code_key
from genreflow.plan.datasets import DatasetPlan, InputPlan
from genreflow.store.digest import digest


@dataclass(frozen=True)
class Run:
    """One training: a model in one setting on one fold."""

    model: str
    setting: str
    fold: str

    @property
    def path(self) -> str:
        """Folder of the run below its study."""
        return f"runs/{self.model}/{self.setting}/fold-{self.fold}"


@dataclass(frozen=True)
class Setting:
    """One model with every option and training value settled."""

    model: str
    name: str
    axes: Mapping[str, Any]
    input: str
    options: Mapping[str, Any]
    training: TrainingSettings


@dataclass
class StudyPlan:
    """One study: its settings resolved into runs, and the keys of its products."""

    name: str
    settings: StudySettings
    dataset: DatasetPlan
    inputs: dict[str, InputPlan]
    code: Mapping[str, str]
    published: Mapping[Path, str]

    @cached_property
    def axes(self) -> dict[str, list[str]]:
        """Model -> the sorted names of all that its experiments vary, and the final model sets.

        They name a setting, so whatever two settings of a model may differ in must be among them.
        """
        varied: dict[str, set[str]] = {model: set() for model in self.settings.models}
        for experiment in self.settings.experiments.values():
            model = self._model_of(experiment)
            varied[model] |= set(experiment.vary)
        if self._final is not None:
            model, values = self._final
            varied[model] |= set(values)
        for model, names in varied.items():
            for axis in names:
                self._kind_of(axis, model)
        return {model: sorted(names) for model, names in varied.items()}

    @cached_property
    def settings_of(self) -> dict[tuple[str, str], Setting]:
        """(model, setting name) -> setting, over the base of every model and all experiments."""
        found: dict[tuple[str, str], Setting] = {}
        for model in self.settings.models:
            setting = self.resolve(model, {})
            found[model, setting.name] = setting
        for experiment in self.settings.experiments.values():
            for _, setting in self.experiment_settings(experiment):
                found.setdefault((setting.model, setting.name), setting)
        return found

    @cached_property
    def final(self) -> Setting | None:
        """The setting of the final model, if the study wants one."""
        return None if self._final is None else self.resolve(*self._final)

    @cached_property
    def _final(self) -> tuple[str, dict[str, Any]] | None:
        """The final model, and what it sets differently from the study."""
        if not self.settings.models or self.settings.final is None:
            return None
        values = dict(self.settings.final)
        model = str(values.pop("model", next(iter(self.settings.models))))
        if model not in self.settings.models:
            hint = did_you_mean(model, self.settings.models)
            raise UserError(f"study {self.name}: final.model {model!r} is not among its models.{hint}")
        return model, values

    @cached_property
    def runs(self) -> list[Run]:
        """Every training of the study."""
        folds = [str(fold) for fold in range(1, self.settings.folds.count + 1)]
        runs = [Run(model, name, fold) for model, name in self.settings_of for fold in folds]
        if self.final is not None:
            runs.append(Run(self.final.model, self.final.name, "final"))
        return runs

    @property
    def headline(self) -> Setting | None:
        """The setting that the report is about: the final model's if the folds have it too, else the first."""
        if self.final is not None and (self.final.model, self.final.name) in self.settings_of:
            return self.final
        return next(iter(self.settings_of.values()), None)

    @property
    def main_index(self) -> str:
        """The index of the input that the headline's setting is fed; where nothing is trained, of the first."""
        if self.headline is not None:
            return self.index_of(self.headline.model, self.headline.name)
        return next(iter(self.inputs.values())).index

    def setting(self, model: str, name: str) -> Setting:
        """Return a setting by its name."""
        if self.final is not None and (model, name) == (self.final.model, self.final.name):
            return self.final
        return self.settings_of[model, name]

    def experiment_settings(self, experiment: Experiment) -> list[tuple[dict[str, Any], Setting]]:
        """Return the values an experiment compares, each with its setting, in the order given."""
        grid = itertools.product(*experiment.vary.values())
        combinations = [dict(zip(experiment.vary, values, strict=True)) for values in grid]
        return [(values, self.resolve(self._model_of(experiment), values)) for values in combinations]

    def resolve(self, model: str, values: Mapping[str, Any]) -> Setting:
        """Settle every option of a model, `values` going before the study's own.

        Raises
        ------
        UserError
            When a value names neither an option of the model, nor a training setting, nor ``input``.
        """
        settings = self.settings.models[model]
        chosen = {
            "option": dict(settings.options),
            "training": dict(settings.training),
            "input": {"input": self._input_of(settings)},
        }
        for axis, value in values.items():
            chosen[self._kind_of(axis, model)][axis] = value
        options, training, inputs = chosen.values()
        if inputs["input"] not in self.settings.inputs:
            raise UserError(f"study {self.name}: the input {inputs['input']!r} is not among its inputs.")
        full_options = registry.check_options(model, options)
        full_training = settings_from(
            TrainingSettings, {**self.settings.training.model_dump(), **training}, f"study {self.name}: training"
        )
        self._check_input(model, inputs["input"], full_training)
        everything = {**full_training.model_dump(), **full_options, **inputs}
        axes = {axis: everything[axis] for axis in self.axes.get(model, [])}
        return Setting(model, _setting_name(axes), axes, inputs["input"], full_options, full_training)

    @property
    def has_holdout(self) -> bool:
        """Whether tracks are put aside for the final model."""
        return self.settings.folds.holdout > 0 or self.dataset.tracks["split"].eq("holdout").any()

    def index_of(self, model: str, setting: str) -> str:
        """Return the index file of the input that a setting is fed."""
        return self.inputs[self.setting(model, setting).input].index

    @property
    def fed_inputs(self) -> list[InputPlan]:
        """The inputs that models are fed; where nothing is trained, all."""
        fed = {self.setting(run.model, run.setting).input for run in self.runs} or set(self.inputs)
        return [plan for name, plan in self.inputs.items() if name in fed]

    @property
    def fed_indexes(self) -> list[str]:
        """The index file of every input that models are fed."""
        return [plan.index for plan in self.fed_inputs]

    @property
    def indexes(self) -> list[str]:
        """The index file of every input."""
        return [plan.index for plan in self.inputs.values()]

    def run_params(self, model: str, setting: str) -> dict[str, Any]:
        """Return what a training job is told."""
        chosen = self.setting(model, setting)
        return {
            "study": self.name,
            "model": model,
            "setting": setting,
            "options": dict(chosen.options),
            "training": _what_matters(chosen.training),
            "input": self.inputs[chosen.input].settings.model_dump(),
        }

    @cached_property
    def evaluation(self) -> dict[str, Any]:
        """What tables, figures and the report are told of the study, in plain values."""
        headline = self.headline
        return {
            "name": self.name,
            "title": self.settings.title or self.name,
            "description": self.settings.description,
            "citation": self.settings.citation,
            "dataset": self.dataset.name,
            "gates": self.dataset.audio.gates.model_dump(),
            "indexes": {name: plan.index for name, plan in self.inputs.items()},
            "runs": [
                {"model": r.model, "setting": r.setting, "fold": r.fold, "path": r.path,
                 "axes": dict(self.setting(r.model, r.setting).axes)}
                for r in self.runs
            ],
            "experiments": {
                name: {
                    "title": experiment.title or name,
                    "axis": ", ".join(experiment.vary),
                    "values": [
                        (_value_name(values), setting.model, setting.name)
                        for values, setting in self.experiment_settings(experiment)
                    ],
                }
                for name, experiment in self.settings.experiments.items()
            },
            "headline": None if headline is None else {"model": headline.model, "setting": headline.name},
            "seed": self.settings.folds.seed,
            "folds": self.settings.folds.model_dump(),
        }  # fmt: skip

    @cached_property
    def figures(self) -> dict[str, dict[str, str]]:
        """Figure name -> what it shows, in the order of the report."""
        figures = {f"input-{name}": {"kind": "input", "input": name} for name in self.inputs}
        if not self.settings.models:
            return figures
        for model in self.settings.models:
            figures[f"architecture-{model}"] = {"kind": "architecture", "model": model}
        for name in self.settings.experiments:
            figures[f"experiment-{name}"] = {"kind": "experiment", "experiment": name}
        if not self.settings.experiments:
            figures["training"] = {"kind": "training"}
        for level in ("slice", "track"):
            figures[f"confusion-{level}"] = {"kind": "confusion", "level": level}
        if self.final is not None and self.has_holdout:
            figures["confusion-holdout"] = {"kind": "confusion", "level": "holdout"}
        if self.inputs[self.headline.input].settings.front_end.kind == "logmel":
            figures["right-and-wrong"] = {"kind": "right_and_wrong"}
        return figures

    # Keys of the products, from the top down.

    @cached_property
    def folds_key(self) -> str:
        """Key of the fold table."""
        return digest(self.code["assign_folds"], self.settings.folds, [plan.index_key for plan in self.fed_inputs])

    @cached_property
    def leakage_key(self) -> str:
        """Key of the leakage audit."""
        return digest(self.code["audit_leakage"], self.folds_key, self.dataset.duplicates_key)

    def run_key(self, model: str, setting: str) -> str:
        """Key of the runs of a model in one setting (the fold is in their path)."""
        chosen = self.setting(model, setting)
        network = code_key(registry.module_of(model))
        return digest(
            self.code["train_run"], network, chosen.options, _what_matters(chosen.training),
            self.inputs[chosen.input].index_key, self.folds_key,
        )  # fmt: skip

    @cached_property
    def tables_key(self) -> str:
        """Key of the tables."""
        runs = [(run.path, self.run_key(run.model, run.setting)) for run in self.runs]
        experiments = {name: e.model_dump() for name, e in self.settings.experiments.items()}
        return digest(self.code["evaluate_study"], self.folds_key, runs, experiments, sorted(self.published.values()))

    @cached_property
    def figures_key(self) -> str:
        """Key of the figures."""
        inputs = {name: plan.index_key for name, plan in self.inputs.items()}
        return digest(self.code["draw_figure"], self.tables_key, inputs)

    @cached_property
    def report_key(self) -> str:
        """Key of the report."""
        return digest(self.code["write_report"], self.figures_key, self.settings)

    def _kind_of(self, axis: str, model: str) -> str:
        """Say what an axis varies: an ``option`` of the model, a ``training`` setting, or the ``input``."""
        kinds = {
            "option": registry.describe(model).options,
            "training": TrainingSettings.model_fields,
            "input": ["input"],
        }
        for kind, known in kinds.items():
            if axis in known:
                return kind
        hint = did_you_mean(axis, [name for known in kinds.values() for name in known])
        raise UserError(f"study {self.name}: {axis!r} is no option of {model} and no training setting.{hint}")

    def _check_input(self, model: str, name: str, training: TrainingSettings) -> None:
        given = self.settings.inputs[name]
        problems = list(registry.describe(model).input_problems(given, crop=training.crop))
        problems += [problem.rstrip(".") for problem in augmentation_problems(training, given.front_end)]
        if problems:
            raise UserError(f"study {self.name}: {model} cannot be fed {name!r}: {'; '.join(problems)}.")

    def _model_of(self, experiment: Experiment) -> str:
        return experiment.model or next(iter(self.settings.models))

    def _input_of(self, model: ModelSettings) -> str:
        return model.input or next(iter(self.settings.inputs))


def _what_matters(training: TrainingSettings) -> dict[str, Any]:
    """Return what a training's result depends on: being watched changes nothing."""
    return training.model_dump(exclude={"tensorboard"})


def _value_name(values: Mapping[str, Any]) -> str:
    """Name what an experiment compares: the value alone where one option varies."""
    return str(next(iter(values.values()))) if len(values) == 1 else _setting_name(values)


def _setting_name(axes: Mapping[str, Any]) -> str:
    return ",".join(f"{axis}={value}" for axis, value in sorted(axes.items())) or "base"
