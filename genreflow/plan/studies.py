"""What is to be built of a study: its settings resolved into runs, tables and figures."""

import itertools
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from genreflow.config.augmentation import AUGMENTATIONS
from genreflow.config.folds import FoldSettings
from genreflow.config.load import settings_from
from genreflow.config.study import Experiment, Protocol, StudySettings
from genreflow.config.training import TrainingSettings
from genreflow.errors import Gathering, UserError, did_you_mean
from genreflow.folds.feasibility import classes_of, is_tagged
from genreflow.folds.roles import FINAL, HOLDOUT
from genreflow.models import registry
from genreflow.models.entry import ModelEntry
from genreflow.plan.datasets import DatasetPlan, InputPlan
from genreflow.plan.stages import key, network_code, page_code, versions
from genreflow.plan.study_checks import feeding_problems

# What the analysis of a dataset can show of each kind of input.
_TOLD_BY = {
    "waveform": ("waveforms", "variance", "projections"),
    "stft": ("spectrograms", "spectra", "projections"),
    "logmel": ("spectrograms", "spectra", "projections"),
    "descriptors": ("importances", "forest_importances", "projections"),
}


_LONGEST_NAME = 200  # characters of a setting's name, which is that of a folder

# Figures of an experiment that show a single value, and their names.
_ONE_EACH = {"confusions": "confusion", "training_confusions": "training-confusion"}


@dataclass(frozen=True)
class Run:
    """One training: a model in one setting on one fold, and for which time."""

    model: str
    setting: str
    fold: str
    repeat: int = 0

    @property
    def name(self) -> str:
        """What tells it from the others of its setting: the fold, and from the second time on a letter r and number."""
        return f"{self.fold}r{self.repeat + 1}" if self.repeat else self.fold

    @property
    def path(self) -> str:
        """Folder of the run below its study."""
        return f"runs/{self.model}/{self.setting}/fold-{self.name}"


@dataclass(frozen=True)
class Setting:
    """One model with every option and training value settled; of a fusion, its members are models in settings."""

    model: str
    name: str
    axes: Mapping[str, Any]
    protocol: str
    input: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    members: tuple["Setting", ...] = ()


@dataclass(frozen=True)
class TrainingJob:
    """A job that trains one fold of a setting, or all: what it reads, its key, what it needs, what it is told."""

    index: str
    folds: str
    key: str
    gpu: int
    tensorboard: int
    told: dict[str, Any]


@dataclass(frozen=True)
class ProtocolPlan:
    """One protocol: its tracks, how they are divided, and its dataset."""

    name: str
    title: str
    settings: Protocol
    folds: FoldSettings
    dataset: DatasetPlan

    @property
    def has_holdout(self) -> bool:
        """Whether tracks are put aside for the final model."""
        return self.folds.holdout > 0 or self.dataset.tracks["split"].eq(HOLDOUT).any()

    @cached_property
    def is_tagged(self) -> bool:
        """Whether its tracks have tags instead of classes."""
        return is_tagged(self.dataset.tracks)

    @cached_property
    def classes(self) -> list[str]:
        """The classes, or tags, that its tracks may have."""
        return sorted(self.settings.classes or classes_of(self.dataset.tracks))

    def told(self) -> dict[str, Any]:
        """Return what jobs are told of it, in plain values."""
        return {
            "classes": self.settings.classes,
            "tracks": self.settings.tracks,
            "folds": self.folds.model_dump(),
        }


def plan_protocol(study: str, settings: StudySettings, name: str, datasets: Mapping[str, DatasetPlan]) -> ProtocolPlan:
    """Plan a protocol of a study, whose dataset is among `datasets`."""
    protocol = settings.all_protocols[name]
    folds = settings_from(
        FoldSettings,
        {**settings.folds.model_dump(exclude_unset=True), **protocol.folds},
        f"study {study}: protocols.{name}.folds",
    )
    return ProtocolPlan(name, protocol.title or name, protocol, folds, datasets[protocol.dataset or settings.dataset])


@dataclass
class StudyPlan:
    """One study: its settings resolved into runs, and the keys of its products.

    `datasets` are those that its protocols name; `home_dataset` is the study's own.
    """

    name: str
    settings: StudySettings
    datasets: Mapping[str, DatasetPlan]
    published: Mapping[Path, str]

    def __post_init__(self) -> None:
        for plan in self.fed_inputs:
            plan.dataset.add_input(plan.settings)

    @cached_property
    def protocols(self) -> dict[str, ProtocolPlan]:
        """The protocols by name, the main one first."""
        return {
            name: plan_protocol(self.name, self.settings, name, self.datasets) for name in self.settings.all_protocols
        }

    @property
    def dataset(self) -> DatasetPlan:
        """The dataset of the main protocol."""
        return next(iter(self.protocols.values())).dataset

    @cached_property
    def axes(self) -> dict[str, list[str]]:
        """Model or fusion -> the sorted names of all that its experiments vary, and the final model sets.

        They name a setting, so whatever two settings of a model may differ in must be among them.
        """
        varied: dict[str, set[str]] = {model: set() for model in [*self.settings.models, *self.settings.fusions]}
        for experiment in self.settings.experiments.values():
            for model in self._models_of(experiment):
                varied[model] |= set(experiment.vary) - {"model"}
        for name, fusion in self.settings.fusions.items():
            for model in fusion.models:
                varied[model] |= varied[name]
        for values in self.settings.snippets.values():
            varied[str(values["model"])] |= set(values) - {"model"}
        if self._final is not None:
            model, values = self._final
            varied[model] |= set(values)
        for model, names in varied.items():
            for axis in names:
                for member in self._members(model):
                    self._kind_of(axis, member)
        return {model: sorted(names) for model, names in varied.items()}

    @cached_property
    def settings_of(self) -> dict[tuple[str, str], Setting]:
        """(model, setting name) -> setting, over the base of every model and all experiments, without fusions."""
        return {place: setting for place, setting in self._judged.items() if not setting.members}

    @cached_property
    def fusions(self) -> list[Setting]:
        """Every fusion in every setting that experiments ask for."""
        return [setting for setting in self._judged.values() if setting.members]

    @cached_property
    def _judged(self) -> dict[tuple[str, str], Setting]:
        found: dict[tuple[str, str], Setting] = {}
        errors = Gathering()
        for model, values in self._asked():
            with errors.step():
                setting = self.resolve(model, values)
                for each in [*setting.members, setting]:
                    found.setdefault((each.model, each.name), each)
        errors.raise_any()
        return found

    def _asked(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield every model or fusion that is asked for, and what it sets differently from the study."""
        yield from ((model, {}) for model in [*self.settings.models, *self.settings.fusions])
        for experiment in self.settings.experiments.values():
            yield from (self._apart(experiment, values) for values in _grid(experiment))
        for values in self.settings.snippets.values():
            yield str(values["model"]), {axis: value for axis, value in values.items() if axis != "model"}

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
        runs = [
            Run(model, name, fold, repeat)
            for (model, name), setting in self.settings_of.items()
            for fold in self.protocols[setting.protocol].folds.names
            for repeat in range(self.settings.repeats)
        ]
        if self.final is not None:
            runs.append(Run(self.final.model, self.final.name, FINAL))
        return runs

    @property
    def n_runs(self) -> int:
        """How many trainings `runs` has, counted without making the list."""
        folds = (self.protocols[setting.protocol].folds.n_names for setting in self.settings_of.values())
        return self.settings.repeats * sum(folds) + (self.final is not None)

    @cached_property
    def _runs_by_name(self) -> dict[tuple[str, str, str], Run]:
        return {(run.model, run.setting, run.name): run for run in self.runs}

    @cached_property
    def _runs_by_setting(self) -> dict[tuple[str, str], list[Run]]:
        found: dict[tuple[str, str], list[Run]] = {}
        for run in self.runs:
            if run.fold != FINAL:
                found.setdefault((run.model, run.setting), []).append(run)
        return found

    @property
    def headline(self) -> Setting | None:
        """The setting that the report is about: the final model's if the folds have it too, else the first."""
        if self.final is not None and (self.final.model, self.final.name) in self.settings_of:
            return self.final
        return next(iter(self.settings_of.values()), None)

    @property
    def filtered_run(self) -> Run:
        """The run whose filters are looked at: the final one, or the headline's of the first fold."""
        if self.final is not None:
            return self._runs_by_name[self.final.model, self.final.name, FINAL]
        return self.packed_runs(self.headline.model, self.headline.name)[0]

    def snippets_run(self, name: str) -> Run:
        """Return the run that is asked about snippets: of the final setting with a holdout, else of the first fold."""
        setting = self._snippets_setting(name)
        if setting == self.final and self.has_holdout:
            return self._runs_by_name[setting.model, setting.name, FINAL]
        return self.packed_runs(setting.model, setting.name)[0]

    def _snippets_setting(self, name: str) -> Setting:
        values = dict(self.settings.snippets[name])
        return self.resolve(str(values.pop("model")), values)

    @property
    def published_tags(self) -> dict[Path, str]:
        """The published numbers that are of the dataset's tags, each with the digest of its content."""
        names = [f"{self.settings.published}_{what}.csv" for what in ("tags", "correlations")]
        return {path: content for path, content in self.published.items() if path.name in names}

    @property
    def main_input(self) -> InputPlan:
        """The input that the headline's setting is fed; where nothing is trained, the first."""
        return self.fed_inputs[0] if self.headline is None else self.input_of(self.headline)

    @property
    def main_index(self) -> str:
        """The index of the main input."""
        return self.main_input.index

    def setting(self, model: str, name: str) -> Setting:
        """Return a setting by its name."""
        if self.final is not None and (model, name) == (self.final.model, self.final.name):
            return self.final
        return self.settings_of[model, name]

    def experiment_settings(self, experiment: Experiment) -> list[tuple[dict[str, Any], Setting]]:
        """Return the values an experiment compares, each with its setting, in the order given."""
        return [(values, self.resolve(*self._apart(experiment, values))) for values in _grid(experiment)]

    def _apart(self, experiment: Experiment, values: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Return the model of one of the combinations that an experiment compares, and the other values."""
        model = values.get("model", self._models_of(experiment)[0])
        return str(model), {axis: value for axis, value in values.items() if axis != "model"}

    def resolve(self, model: str, values: Mapping[str, Any]) -> Setting:
        """Settle every option of a model, `values` going before the study's own.

        Raises
        ------
        UserError
            When a value names neither an option of the model, nor a training setting, nor ``input`` or ``protocol``.
        """
        if model in self.settings.fusions:
            return self._fused(model, values)
        settings = self.settings.models[model]
        chosen = {
            "option": dict(settings.options),
            "training": dict(settings.training),
            "place": {
                "input": settings.input or next(iter(self.settings.inputs)),
                "protocol": settings.protocol or next(iter(self.protocols)),
            },
        }
        for axis, value in values.items():
            chosen[self._kind_of(axis, model)][axis] = value
        options, training, place = chosen.values()
        for kind, known in (("input", self.settings.inputs), ("protocol", self.protocols)):
            if place[kind] not in known:
                hint = did_you_mean(str(place[kind]), known)
                raise UserError(f"study {self.name}: the {kind} {place[kind]!r} is not among its {kind}s.{hint}")
        full_options = registry.check_options(self.network(model), options)
        full_training = settings_from(
            TrainingSettings, {**self.settings.training.model_dump(), **training}, f"study {self.name}: training"
        )
        self._check(model, place["input"], self.protocols[place["protocol"]], full_training)
        everything = {**full_training.model_dump(), **full_options, **place}
        axes = {axis: everything[axis] for axis in self.axes.get(model, [])}
        if len(_setting_name(axes)) > _LONGEST_NAME:
            raise UserError(
                f"study {self.name}: so many things are varied of {model} that the name of a setting, which lists them,"
                f" has more than {_LONGEST_NAME} characters. Vary fewer of them in one study."
            )
        return Setting(model, _setting_name(axes), axes, place["protocol"], place["input"], full_options, full_training)

    def _fused(self, name: str, values: Mapping[str, Any]) -> Setting:
        members = tuple(self.resolve(model, values) for model in self.settings.fusions[name].models)
        if len(protocols := {member.protocol for member in members}) > 1:
            raise UserError(f"study {self.name}: fusions.{name}: its models have different protocols, {protocols}.")
        if self.settings.fusions[name].rule == "stacking" and not self._watches(members[0].protocol):
            raise UserError(
                f"study {self.name}: fusions.{name}: stacking learns from validation tracks, and the folds of "
                f"{members[0].protocol!r} have none. Set folds.validation or folds.valid, or take the rule mean."
            )
        axes = {axis: members[0].axes[axis] for axis in self.axes.get(name, [])}
        return Setting(name, _setting_name(axes), axes, members[0].protocol, members=members)

    def _watches(self, protocol: str) -> bool:
        folds = self.protocols[protocol].folds
        is_given = folds.scheme == "given" and self.protocols[protocol].dataset.tracks["split"].eq("valid").any()
        return bool(folds.validation or folds.valid or is_given)

    @property
    def has_holdout(self) -> bool:
        """Whether tracks are put aside for the final model."""
        return self.final is not None and self.protocols[self.final.protocol].has_holdout

    def input_of(self, setting: Setting) -> InputPlan:
        """Return the input that a setting is fed."""
        setting = setting.members[0] if setting.members else setting
        return self.input_plan(setting.input, self.protocols[setting.protocol].dataset)

    def input_plan(self, name: str, dataset: DatasetPlan | None = None) -> InputPlan:
        """Return an input by its name in the study, of the main dataset if none is given."""
        return (dataset or self.dataset).add_input(self.settings.inputs[name])

    def index_of(self, model: str, setting: str) -> str:
        """Return the index file of the input that a setting is fed."""
        return self.input_of(self.setting(model, setting)).index

    @property
    def inputs(self) -> dict[str, InputPlan]:
        """Every input by its name in the study, of the main dataset."""
        return {name: self.input_plan(name) for name in self.settings.inputs}

    def fed_inputs_of(self, protocol: str) -> list[InputPlan]:
        """Return the inputs that models are fed under a protocol, each once."""
        fed = [self.input_of(setting) for setting in self._trained if setting.protocol == protocol]
        return list({plan.index: plan for plan in fed}.values())

    @property
    def _trained(self) -> list[Setting]:
        """Every setting that is trained, the final model's last."""
        return [*self.settings_of.values(), *([self.final] if self.final is not None else [])]

    @property
    def used_protocols(self) -> list[str]:
        """The protocols under which something is trained, the main one first."""
        used = {setting.protocol for setting in self._trained}
        return [name for name in self.protocols if name in used]

    @property
    def fed_inputs(self) -> list[InputPlan]:
        """Every input of the main dataset, and those of others that models are fed, each once."""
        fed = [plan for protocol in self.used_protocols for plan in self.fed_inputs_of(protocol)]
        return list({plan.index: plan for plan in [*self.inputs.values(), *fed]}.values())

    @property
    def indexes(self) -> list[str]:
        """The index file of every input."""
        return [plan.index for plan in self.fed_inputs]

    def network(self, model: str) -> str:
        """Return the network that a model of the study is."""
        return self.settings.models[model].model or model

    def job(self, model: str, setting: str) -> TrainingJob:
        """Return what a training of a model in a setting reads, needs and is told."""
        chosen = self.setting(model, setting)
        return TrainingJob(
            index=self.index_of(model, setting),
            folds=f"results/{self.name}/protocols/{chosen.protocol}/folds.parquet",
            key=self.run_key(model, setting),
            gpu=0 if registry.describe(self.network(model)).is_estimator else 1,
            tensorboard=int(chosen.training.tensorboard),
            told=self.run_params(model, setting),
        )

    def places_of(self, protocol: str) -> str:
        """Return a pattern of model/setting, of all that are trained on the folds of a protocol."""
        places = [f"{model}/{name}" for (model, name), each in self.settings_of.items() if each.protocol == protocol]
        return "|".join(map(re.escape, places))

    def fold_names_of(self, protocol: str) -> list[str]:
        """Return the names of the runs of a setting under a protocol."""
        folds = self.protocols[protocol].folds.names
        return [Run("", "", fold, repeat).name for fold in folds for repeat in range(self.settings.repeats)]

    def packed_runs(self, model: str, setting: str) -> list[Run]:
        """Return the cross-validated runs of a setting, which one job may train."""
        return self._runs_by_setting[model, setting]

    def run_params(self, model: str, setting: str) -> dict[str, Any]:
        """Return what a training job is told, be it of one fold or of all."""
        chosen = self.setting(model, setting)
        return {
            "study": self.name,
            "name": model,
            "model": self.network(model),
            "setting": setting,
            "options": dict(chosen.options),
            "training": _what_matters(chosen.training),
            "input": self.settings.inputs[chosen.input].model_dump(),
        }

    @cached_property
    def evaluation(self) -> dict[str, Any]:
        """What tables and figures are told of the study, in plain values: nothing that only its page shows."""
        headline = self.headline
        return {
            "name": self.name,
            "published": self.settings.published,
            "indexes": {name: plan.index for name, plan in self.inputs.items()},
            "main_index": self.main_index,
            "protocols": {
                name: {
                    "dataset": protocol.dataset.name,
                    "standin": protocol.dataset.is_synthetic,
                    "tags": protocol.is_tagged,
                    "folds": protocol.folds.model_dump(),
                }
                for name, protocol in self.protocols.items()
            },
            "runs": [
                {"model": r.model, "setting": r.setting, "fold": r.fold, "repeat": r.repeat, "path": r.path,
                 "protocol": self.setting(r.model, r.setting).protocol, "key": self.run_key(r.model, r.setting)}
                for r in self.runs
            ],
            "fusions": [
                {"model": s.model, "setting": s.name, "protocol": s.protocol,
                 "rule": self.settings.fusions[s.model].rule, "members": [(m.model, m.name) for m in s.members]}
                for s in self.fusions
            ],
            "settings": [self._facts(setting) for setting in self._judged.values()],
            "experiments": {
                name: {
                    "title": experiment.title or name,
                    "axis": ", ".join(_varied(experiment)),
                    "values": [
                        (self._value_name(experiment, values), setting.model, setting.name)
                        for values, setting in self.experiment_settings(experiment)
                    ],
                }
                for name, experiment in self.settings.experiments.items()
            },
            "headline": None if headline is None else
                {"model": headline.model, "setting": headline.name, "protocol": headline.protocol},
            "seed": self.settings.folds.seed,
        }  # fmt: skip

    @property
    def page(self) -> dict[str, Any]:
        """What its page is told of the study: what tables and figures are told, and titles and words besides."""
        told = self.evaluation
        titled = {name: facts | {"title": self.protocols[name].title} for name, facts in told["protocols"].items()}
        return told | {
            "title": (self.settings.title or self.name) + (" (stand-in music)" if self.dataset.is_synthetic else ""),
            "standin": self.dataset.is_synthetic,
            "description": self.settings.description,
            "citation": self.settings.citation,
            "dataset": self.dataset.name,
            "thresholds": self.dataset.audio.thresholds.model_dump(),
            "protocols": titled,
        }

    def _facts(self, setting: Setting) -> dict[str, Any]:
        """Return what a setting is, in plain values, for those who look for its published numbers or its place."""
        protocol = self.protocols[setting.protocol]
        first = setting.members[0] if setting.members else setting
        given = self.settings.inputs[first.input]
        values = {**given.front_end.model_dump(), **given.segments.model_dump(), **_what_matters(first.training)}
        values |= first.options | {"input": first.input, "protocol": protocol.name}
        values |= {"classes": len(protocol.classes), "tracks": self.tracks_of(protocol)}
        return {
            "model": setting.model,
            "setting": setting.name,
            "protocol": setting.protocol,
            "network": setting.model if setting.members else self.network(setting.model),
            "original": setting.protocol in self._originals,
            "values": values,
        }

    @cached_property
    def _originals(self) -> set[str]:
        """The protocols of published numbers."""
        named = {name for name, protocol in self.protocols.items() if protocol.settings.original}
        return named or {next(iter(self.protocols))}

    @staticmethod
    def tracks_of(protocol: ProtocolPlan) -> int:
        """Return how many tracks take part in a protocol, at most."""
        return min(protocol.settings.tracks or sys.maxsize, len(protocol.dataset.listed))

    @cached_property
    def figures(self) -> dict[str, dict[str, str]]:
        """Figure name -> what it shows, in the order of the report."""
        figures: dict[str, dict[str, str]] = {
            **{f"diagram-{name}": {"kind": "diagram", "figure": name} for name in self.settings.diagrams},
            **{f"input-{name}": {"kind": "input", "input": name} for name in self.settings.inputs},
            **self._analysis_figures(),
        }
        if not self.settings.models:
            return figures
        for model in self.settings.models:
            figures[f"architecture-{model}"] = {"kind": "architecture", "model": model}
        for name, experiment in self.settings.experiments.items():
            figures |= self._experiment_figures(name, experiment)
        if not self.settings.experiments:
            figures["training"] = {"kind": "training"}
        if not self.protocols[self.headline.protocol].is_tagged:
            for level in ("slice", "track"):
                figures[f"confusion-{level}"] = {"kind": "confusion", "level": level}
            figures["reliability"] = {"kind": "reliability"}
            if self.settings.inputs[self.headline.input].front_end.kind == "logmel":
                figures["right-and-wrong"] = {"kind": "right_and_wrong"}
        if self.settings.filters:
            figures["filters"] = {"kind": "filters"}
        for name in self.settings.snippets:
            figures[f"snippets-{name}"] = {"kind": "snippets", "name": name}
        if self.has_holdout and not self.protocols[self.final.protocol].is_tagged:
            figures["confusion-holdout"] = {"kind": "confusion", "level": "holdout"}
        return figures

    def _experiment_figures(self, name: str, experiment: Experiment) -> dict[str, dict[str, str]]:
        """Return the figures of an experiment; of those that show one value, one for each."""
        figures = {}
        for figure in experiment.figures:
            wanted = {"kind": "experiment", "experiment": name, "figure": figure}
            if figure in _ONE_EACH:
                for number in range(len(self.experiment_settings(experiment))):
                    figures[f"{_ONE_EACH[figure]}-{name}-{number + 1}"] = wanted | {"number": str(number)}
            else:
                figures[f"{figure.replace('_', '-')}-{name}"] = wanted
        return figures

    def _analysis_figures(self) -> dict[str, dict[str, str]]:
        """Return the figures of the analysis of the main dataset, by what its inputs can tell."""
        if not self.settings.analysis:
            return {}
        wanted = [("counts", "")]
        if next(iter(self.protocols.values())).is_tagged:
            wanted += [("tags_per_track", ""), ("correlation_50", ""), ("correlation_10", "")]
        for name in self.settings.analysis:
            told = _TOLD_BY.get(self.settings.inputs[name].front_end.kind, ())
            wanted += [(figure, name) for figure in told]
        return {
            "-".join(["analysis", figure.replace("_", "-"), *([name] if name else [])]): {
                "kind": "analysis", "figure": figure, "input": name,
            }
            for figure, name in wanted
        }  # fmt: skip

    @property
    def logs(self) -> dict[str, list[str]]:
        """Stage -> the logs of the jobs that the study's results come from, in the order of the pipeline.

        Of training there are logs of single runs and of all folds of a setting, whichever were written.
        """
        mine, inputs = f"logs/{self.name}", self.fed_inputs
        datasets = list({plan.dataset.name: plan.dataset for plan in inputs}.values())
        shards = [(f"logs/{dataset.name}", shard) for dataset in datasets for shard in dataset.shards]
        made = {f"logs/{dataset.name}" for dataset in datasets if dataset.is_synthetic}
        places = dict.fromkeys(f"{mine}/train_run/{run.model}/{run.setting}" for run in self.runs)
        looked_at = ["map_library", *(f"predict_snippets/{name}" for name in self.settings.snippets)]
        looked_at += ["visualise_filters"] if self.settings.filters else []
        looked_at += ["describe_dataset"] if self.settings.analysis else []
        return {
            "synthesise tracks": [f"{home}/synthesise_tracks/{shard}.log" for home, shard in shards if home in made],
            "normalise audio": [f"{home}/normalise_audio/{shard}.log" for home, shard in shards],
            "find copies": [f"logs/{dataset.name}/find_duplicates.log" for dataset in datasets],
            "cut slices": [
                f"logs/{plan.dataset.name}/cut_slices/{plan.folder}/{shard}.{plan.suffix}.log"
                for plan in inputs
                for shard in plan.dataset.shards
            ],
            "index": [f"logs/{plan.dataset.name}/index_dataset/{plan.folder}.log" for plan in inputs],
            "assign folds": [f"{mine}/assign_folds/{protocol}.log" for protocol in self.used_protocols],
            "audit leakage": [f"{mine}/audit_leakage/{protocol}.log" for protocol in self.used_protocols],
            "train": [
                *(f"{mine}/train_run/{run.model}/{run.setting}/fold-{run.name}.log" for run in self.runs),
                *(f"{place}/folds.log" for place in places),
            ],
            "inspect": [f"{mine}/{name}.log" for name in looked_at],
            "evaluate": [f"{mine}/evaluate_study.log"],
            "draw figures": [f"{mine}/draw_figure/{figure}.log" for figure in self.figures],
        }

    # Keys of the products, from the top down.

    def folds_key(self, protocol: str) -> str:
        """Key of a protocol's fold table."""
        inputs = [plan.index_key for plan in self.fed_inputs_of(protocol)]
        return key(versions("folds"), self.protocols[protocol].told(), inputs)

    def leakage_key(self, protocol: str) -> str:
        """Key of a protocol's leakage audit."""
        duplicates = self.protocols[protocol].dataset.duplicates_key
        return key(versions("leakage"), self.folds_key(protocol), duplicates)

    def run_key(self, model: str, setting: str) -> str:
        """Key of the runs of a model in one setting (fold and repeat are in their path)."""
        chosen, entry = self.setting(model, setting), registry.describe(self.network(model))
        return key(
            versions(*_training_stages(entry, chosen.training)), entry.name, entry.builder, network_code(entry.module),
            chosen.options, _what_matters(chosen.training), self.settings.inputs[chosen.input].standardise,
            self.input_of(chosen).index_key, self.folds_key(chosen.protocol),
        )  # fmt: skip

    @cached_property
    def filters_key(self) -> str:
        """Key of what the filters of a model respond to."""
        run = self.filtered_run
        return key(versions("filters"), run.path, self.run_key(run.model, run.setting))

    def snippets_key(self, name: str) -> str:
        """Key of what a model says of snippets."""
        run = self.snippets_run(name)
        return key(versions("snippets"), run.path, self.run_key(run.model, run.setting))

    @cached_property
    def analysis_key(self) -> str:
        """Key of the description of the dataset."""
        inputs = {name: self.input_plan(name).index_key for name in self.settings.analysis}
        return key(versions("analysis"), inputs, sorted(self.published_tags.values()))

    @cached_property
    def map_key(self) -> str:
        """Key of the map of the library."""
        return key(versions("map"), self.main_input.index_key)

    @cached_property
    def tables_key(self) -> str:
        """Key of the tables."""
        keys = {place: self.run_key(*place) for place in dict.fromkeys((run.model, run.setting) for run in self.runs)}
        runs = [(run.path, keys[run.model, run.setting]) for run in self.runs]
        indexes = {plan.index: plan.index_key for plan in self.fed_inputs}
        return key(versions("tables"), runs, self.evaluation, indexes, sorted(self.published.values()))

    @cached_property
    def figures_key(self) -> str:
        """Key of the figures."""
        inputs = {plan.index: plan.index_key for plan in self.fed_inputs}
        inspected = [self.snippets_key(name) for name in self.settings.snippets]
        inspected += [self.filters_key] if self.settings.filters else []
        inspected += [self.analysis_key] if self.settings.analysis else []
        return key(versions("figures"), self.tables_key, inputs, inspected)

    @cached_property
    def report_key(self) -> str:
        """Key of the report."""
        return key(page_code(), self.figures_key, self.map_key, self.settings)

    def _kind_of(self, axis: str, model: str) -> str:
        """Say what an axis varies: an ``option`` of the model, a ``training`` setting, or the ``place`` it is at."""
        kinds = {
            "option": registry.describe(self.network(model)).options,
            "training": TrainingSettings.model_fields,
            "place": ["input", "protocol"],
        }
        for kind, known in kinds.items():
            if axis in known:
                return kind
        hint = did_you_mean(axis, [name for known in kinds.values() for name in known])
        raise UserError(f"study {self.name}: {axis!r} is no option of {model} and no training setting.{hint}")

    def _check(self, model: str, name: str, protocol: ProtocolPlan, training: TrainingSettings) -> None:
        """Refuse what will not work: an input that a model cannot take, classes where it needs tags."""
        entry = registry.describe(self.network(model))
        problems = feeding_problems(entry, self.settings.inputs[name], training)
        found = [f"{model} cannot be fed {name!r}: {'; '.join(problems)}."] if problems else []
        if protocol.is_tagged and entry.is_estimator:
            found.append(f"{model} tells classes apart, and tracks of {protocol.name!r} have tags.")
        elif protocol.is_tagged and training.sampling == "balanced":
            found.append(
                f"{model}: batches cannot be balanced where tracks have tags. Set training.sampling to shuffled or "
                "weighted."
            )
        if found:
            raise UserError("\n".join(f"study {self.name}: {problem}" for problem in found))

    def _models_of(self, experiment: Experiment) -> list[str]:
        return [str(m) for m in experiment.vary.get("model", [experiment.model or next(iter(self.settings.models))])]

    def _members(self, model: str) -> list[str]:
        return self.settings.fusions[model].models if model in self.settings.fusions else [model]

    def _value_name(self, experiment: Experiment, values: Mapping[str, Any]) -> str:
        """Name what an experiment compares: the values of what varies, as its axis says what they are of."""
        titles = {"protocol": {name: plan.title for name, plan in self.protocols.items()}}
        return ", ".join(str(titles.get(axis, {}).get(values[axis], values[axis])) for axis in _varied(experiment))


def _grid(experiment: Experiment) -> Iterator[dict[str, Any]]:
    """Yield every combination of the values that an experiment varies."""
    for values in itertools.product(*experiment.vary.values()):
        yield dict(zip(experiment.vary, values, strict=True))


def _varied(experiment: Experiment) -> list[str]:
    """Return what has several values in an experiment; all that is named where nothing has."""
    return [axis for axis, values in experiment.vary.items() if len(values) > 1] or list(experiment.vary)


def _training_stages(entry: ModelEntry, training: TrainingSettings) -> list[str]:
    """Return the stages that train a network, or fit an estimator."""
    if entry.is_estimator:
        return ["layers", "fitting"]
    return ["layers", "training", *(["augmentation"] if any(getattr(training, each) for each in AUGMENTATIONS) else [])]


def _what_matters(training: TrainingSettings) -> dict[str, Any]:
    """Return what a training's result depends on: being watched changes nothing."""
    return training.model_dump(exclude={"tensorboard"})


def _setting_name(axes: Mapping[str, Any]) -> str:
    return ",".join(f"{axis}={value}" for axis, value in sorted(axes.items())) or "base"
