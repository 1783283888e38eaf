"""The settings of a study: every model that its experiments vary, with each option and training value resolved."""

import itertools
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from genreflow.config.load import settings_from
from genreflow.config.study import Experiment, StudySettings
from genreflow.config.training import TrainingSettings
from genreflow.errors import Gathering, UserError
from genreflow.folds.feasibility import feasibility, in_use
from genreflow.models import registry
from genreflow.models.entry import AUTO
from genreflow.plan.protocols import ProtocolPlan
from genreflow.plan.study_checks import feeding_problems
from genreflow.project.layout import SEARCHED
from genreflow.store.digest import digest
from genreflow.training.pretrained import Pretrained, find_pretrained, mismatches

# Training slices below which a network has a share of its published width. On 900 slices half of psytrance_cnn's is
# as good as any (docs/choosing.md).
_WIDTHS = ((500, 0.25), (10_000, 0.5))
_LONGEST_NAME = 200  # characters of a setting's name, which is that of a folder


@dataclass(frozen=True)
class Setting:
    """A model with every option and training value resolved; a fusion has members instead.

    Attributes
    ----------
    model, name
        Names in the study and its results.
    axes
        The values that the name lists.
    protocol, input
        Names in the study.
    pretrained
        The trained network that its training starts from; None for random weights.
    is_searched
        Whether some values are those that a search finds, fold by fold; here they are the study's own.
    """

    model: str
    name: str
    axes: Mapping[str, Any]
    protocol: str
    input: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    members: tuple["Setting", ...] = ()
    pretrained: Pretrained | None = None
    is_searched: bool = False

    @property
    def training_values(self) -> dict[str, Any]:
        """The training settings that its result depends on: a tracker changes nothing."""
        return self.training.model_dump(exclude={"tracking"})


@dataclass
class SettingResolver:
    """Resolves the models, experiments, snippets and final model of a study into settings."""

    study: str
    settings: StudySettings
    protocols: Mapping[str, ProtocolPlan]

    @cached_property
    def cross_validated(self) -> dict[tuple[str, str], Setting]:
        """(Model, setting name) -> setting, for every setting that is trained on the folds of its protocol."""
        return {names: setting for names, setting in self.evaluated.items() if not setting.members}

    @cached_property
    def evaluated(self) -> dict[tuple[str, str], Setting]:
        """(Model, setting name) -> setting, for all that are cross-validated and all fusions."""
        settings: dict[tuple[str, str], Setting] = {}
        errors = Gathering()
        for model, values in self._requested():
            with errors.step():
                setting = self.resolve(model, values)
                for each in [*setting.members, setting]:
                    settings.setdefault((each.model, each.name), each)
        errors.raise_any()
        if self.searched is not None:
            settings[self.searched.model, self.searched.name] = self.searched
        return settings

    @cached_property
    def searched(self) -> Setting | None:
        """The setting that a search finds; None where the study has none."""
        if self.settings.search is None:
            return None
        model = self.settings.search.model or next(iter(self.settings.models))
        own = self.resolve(model, {})
        if problems := list(self._search_problems(self.protocols[own.protocol])):
            raise UserError("\n".join(f"study {self.study}: search.{problem}" for problem in problems))
        return replace(own, name=SEARCHED, axes={}, is_searched=True)

    def _search_problems(self, protocol: ProtocolPlan) -> Iterator[str]:
        assert self.settings.search is not None
        metric, folds = self.settings.search.metric, self.settings.search.folds
        if protocol.folds.unit == "segment":
            yield "folds: segments that are divided one by one cannot be divided again. Take a protocol of tracks."
        if protocol.is_tagged and metric not in ("roc_auc", "log_loss"):
            yield f"metric: {metric} is of classes, and tracks of {protocol.name!r} have tags. Set it to roc_auc."
        if not protocol.is_tagged and metric == "roc_auc":
            yield f"metric: roc_auc is of tags, and tracks of {protocol.name!r} have classes."
        if not protocol.is_tagged and protocol.folds.scheme == "stratified":
            groups = feasibility(in_use(protocol.dataset.tracks, protocol.folds)).set_index("label")["groups"]
            groups = groups[groups.index.isin(protocol.classes)]
            left = groups - -(-groups // protocol.folds.count)
            if len(small := left.index[left < folds]):
                yield (
                    f"folds: {folds} inner folds need as many groups of each class in the training tracks of a fold; "
                    f"{small[0]} has {left[small[0]]}. Set it lower, or use more folds."
                )

    @cached_property
    def final(self) -> Setting | None:
        """The setting of the final model; None where the study trains none."""
        if self._final is None:
            return None
        model, values = self._final
        if self.searched is not None and self.searched.model == model and not values:
            return self.searched
        return self.resolve(model, values)

    @property
    def trained(self) -> list[Setting]:
        """Every setting that is trained, the final model's last."""
        return [*self.cross_validated.values(), *([] if self.final is None else [self.final])]

    @property
    def headline(self) -> Setting | None:
        """The setting that the report is about: the given one, the cross-validated final model's, or the first.

        Raises
        ------
        UserError
            If the given one is not cross-validated.
        """
        if self.settings.headline is not None and self.settings.models:
            values = self.settings.headline
            given = self.resolve(str(values.get("model", next(iter(self.settings.models)))), _without_model(values))
            if self.cross_validated.get((given.model, given.name)) != given:
                raise UserError(
                    f"study {self.study}: headline: {given.model} {given.name} is in no experiment. Vary it in one, or "
                    "name another setting."
                )
            return given
        if self.final is not None and (self.final.model, self.final.name) in self.cross_validated:
            return self.final
        return next(iter(self.cross_validated.values()), None)

    def of(self, model: str, name: str) -> Setting:
        """Return a trained setting by its names."""
        if self.final is not None and (model, name) == (self.final.model, self.final.name):
            return self.final
        return self.cross_validated[model, name]

    def of_experiment(self, experiment: Experiment) -> list[tuple[dict[str, Any], Setting]]:
        """Return the values that an experiment compares, each with its setting, in the order given."""
        return [(values, self.resolve(*self._split(experiment, values))) for values in _grid(experiment)]

    def of_snippets(self, name: str) -> Setting:
        """Return the setting whose model predicts a set of snippets."""
        values = dict(self.settings.snippets[name])
        return self.resolve(str(values.pop("model")), values)

    def network(self, model: str) -> str:
        """Return the network that a model of the study is."""
        return self.settings.models[model].model or model

    @cached_property
    def axes(self) -> dict[str, list[str]]:
        """Model or fusion -> the sorted names of all that is varied of it.

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
            model, final_values = self._final
            varied[model] |= set(final_values)
        return {model: sorted(names) for model, names in varied.items()}

    def resolve(self, model: str, values: Mapping[str, Any]) -> Setting:
        """Resolve every option and training setting of a model or fusion; `values` override the study's own.

        `plan.study_checks` has checked each value by itself.

        Raises
        ------
        UserError
            If values contradict each other, or do not suit the tracks.
        """
        if model in self.settings.fusions:
            return self._resolve_fusion(model, values)
        own = self.settings.models[model]
        sections: dict[str, dict[str, Any]] = {
            "options": dict(own.options),
            "training": dict(own.training),
            "data": {
                "input": own.input or next(iter(self.settings.inputs)),
                "protocol": own.protocol or next(iter(self.protocols)),
            },
        }
        for axis, value in values.items():
            sections[self._section_of(axis, model)][axis] = value
        data = sections["data"]
        options = registry.check_options(self.network(model), sections["options"])
        training = settings_from(
            TrainingSettings,
            {**self.settings.training.model_dump(), **sections["training"]},
            f"study {self.study}: training",
        )
        self._check(model, data["input"], self.protocols[data["protocol"]], training)
        if options.get("width") == AUTO:
            options["width"] = self._width(data["input"], data["protocol"], training)
        pretrained = self._pretrained(model, options, training, data)
        all_values = {**training.model_dump(), **options, **data}
        axes = {axis: all_values[axis] for axis in self.axes.get(model, [])}
        name = _setting_name(axes)
        if len(name) > _LONGEST_NAME:
            raise UserError(
                f"study {self.study}: so many things are varied of {model} that the name of a setting, which lists "
                f"them, has more than {_LONGEST_NAME} characters. Vary fewer of them in one study."
            )
        return Setting(model, name, axes, data["protocol"], data["input"], options, training, pretrained=pretrained)

    def _width(self, input_name: str, protocol: str, training: TrainingSettings) -> Any:
        """Return the width that suits the number of training slices, as far as that is known; or that of `init`."""
        if training.init is not None:
            with suppress(UserError):  # reported with the other values
                return find_pretrained(training.init).facts["options"].get("width", AUTO)
        given, plan = self.settings.input_settings(input_name), self.protocols[protocol]
        slices = plan.n_training_tracks * given.segments.count
        return next((width for below, width in _WIDTHS if slices < below), 1.0)

    def _resolve_fusion(self, name: str, values: Mapping[str, Any]) -> Setting:
        fusion = self.settings.fusions[name]
        members = tuple(self.resolve(model, values) for model in fusion.models)
        protocol = members[0].protocol
        if len(protocols := {member.protocol for member in members}) > 1:
            raise UserError(f"study {self.study}: fusions.{name}: its models have different protocols, {protocols}.")
        if fusion.rule == "stacking" and not self.protocols[protocol].has_validation:
            raise UserError(
                f"study {self.study}: fusions.{name}: stacking learns from validation tracks, and the folds of "
                f"{protocol!r} have none. Set folds.validation or folds.valid, or take the rule mean."
            )
        axes = {axis: members[0].axes[axis] for axis in self.axes.get(name, [])}
        return Setting(name, _setting_name(axes), axes, protocol, members=members)

    def _requested(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield every model or fusion that the study evaluates, with the values that differ from the study's own."""
        yield from ((model, {}) for model in [*self.settings.models, *self.settings.fusions])
        for experiment in self.settings.experiments.values():
            yield from (self._split(experiment, values) for values in _grid(experiment))
        for values in self.settings.snippets.values():
            yield str(values["model"]), _without_model(values)

    @cached_property
    def _final(self) -> tuple[str, dict[str, Any]] | None:
        """The final model, and the values that differ from the study's own."""
        if not self.settings.models or self.settings.final is None:
            return None
        model = str(self.settings.final.get("model", next(iter(self.settings.models))))
        return model, _without_model(self.settings.final)

    def _split(self, experiment: Experiment, values: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Return the model of one combination of an experiment, and the other values."""
        return str(values.get("model", self._models_of(experiment)[0])), _without_model(values)

    def _models_of(self, experiment: Experiment) -> list[str]:
        return [str(m) for m in experiment.vary.get("model", [experiment.model or next(iter(self.settings.models))])]

    def _section_of(self, axis: str, model: str) -> str:
        """Return which section an axis is in: the ``options`` of the model, ``training``, or the ``data`` it is fed."""
        if axis in registry.describe(self.network(model)).options:
            return "options"
        return "data" if axis in ("input", "protocol") else "training"

    def _check(self, model: str, input_name: str, protocol: ProtocolPlan, training: TrainingSettings) -> None:
        """Raise UserError if a model cannot take an input, or needs classes where tracks have tags."""
        entry = registry.describe(self.network(model))
        problems = feeding_problems(entry, self.settings.input_settings(input_name), training)
        messages = [f"{model} cannot be fed {input_name!r}: {'; '.join(problems)}."] if problems else []
        if protocol.is_tagged and entry.is_estimator and not entry.fits_tags:
            messages.append(f"{model} separates classes, and tracks of {protocol.name!r} have tags.")
        elif protocol.is_tagged and not entry.is_estimator and training.sampling == "balanced":
            messages.append(
                f"{model}: batches cannot be balanced where tracks have tags. Set training.sampling to shuffled or "
                "weighted."
            )
        if messages:
            raise UserError("\n".join(f"study {self.study}: {message}" for message in messages))

    def _pretrained(
        self, model: str, options: Mapping[str, Any], training: TrainingSettings, data: Mapping[str, str]
    ) -> Pretrained | None:
        """Return the trained network that a model starts from; UserError if there is none, or it does not suit."""
        if training.init is None:
            return None
        place = f"study {self.study}: {model}: training.init: "
        try:
            source = find_pretrained(training.init)
        except UserError as error:
            raise UserError(f"{place}{error}") from None
        problems = mismatches(
            source,
            network=self.network(model),
            options=options,
            training=training,
            input=self.settings.input_settings(data["input"]),
            classes=self.protocols[data["protocol"]].classes,
        )
        if messages := [f"{place}{training.init}: {problem}." for problem in problems]:
            raise UserError("\n".join(messages))
        return source


def varied_axes(experiment: Experiment) -> list[str]:
    """Return the axes with several values; all axes where none has."""
    return [axis for axis, values in experiment.vary.items() if len(values) > 1] or list(experiment.vary)


def _grid(experiment: Experiment) -> Iterator[dict[str, Any]]:
    """Yield every combination of the values that an experiment varies."""
    for values in itertools.product(*experiment.vary.values()):
        yield dict(zip(experiment.vary, values, strict=True))


def _without_model(values: Mapping[str, Any]) -> dict[str, Any]:
    return {axis: value for axis, value in values.items() if axis != "model"}


def _setting_name(axes: Mapping[str, Any]) -> str:
    return ",".join(f"{axis}={_name_of(value)}" for axis, value in sorted(axes.items())) or "base"


def _name_of(value: Any) -> str:
    """Return a value as part of a folder's name; a path is shortened to its end and a digest."""
    text = str(value)
    return text if "/" not in text else f"{text.rstrip('/').rpartition('/')[2]}-{digest(text, length=6)}"
