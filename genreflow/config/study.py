"""The settings of one study: `studies/<name>.yaml`."""

import re

from pydantic import Field, model_validator

from genreflow.config.base import Settings
from genreflow.config.folds import FoldSettings
from genreflow.config.inputs import InputSettings
from genreflow.config.training import TrainingSettings

Value = str | int | float | bool


class ModelSettings(Settings):
    """One model of a study."""

    input: str | None = Field(None, description="Name of the input it is fed; the study's only one if not given.")
    options: dict[str, Value] = Field(default_factory=dict, description="Options of the network.")
    training: dict[str, Value] = Field(default_factory=dict, description="Where it differs from `training` below.")


class Experiment(Settings):
    """Values of one option, or of several in combination, compared with everything else left as it is."""

    title: str = Field("", description="Heading of its figure; its name if not given.")
    model: str | None = Field(None, description="The model it varies; the study's first if not given.")
    vary: dict[str, list[Value]] = Field(min_length=1, description="Option -> values.")


class StudySettings(Settings):
    """What is asked of a dataset: inputs, folds, models, training, experiments."""

    title: str = Field("", description="Heading of the report; the study's name if not given.")
    description: str = Field("", description="A sentence or two below it.")
    citation: str = Field("", description="What to cite.")
    dataset: str = Field(description="Name of a dataset in config.yaml.")
    inputs: dict[str, InputSettings] = Field(
        default_factory=lambda: {"slices": InputSettings()},
        min_length=1,
        description="What models can be fed, by name.",
    )
    folds: FoldSettings = Field(FoldSettings(), description="How tracks are divided.")
    models: dict[str, ModelSettings] = Field(
        default_factory=dict, description="Models by their names below; none: the study prepares data only."
    )
    training: TrainingSettings = Field(TrainingSettings(), description="How models are trained.")
    experiments: dict[str, Experiment] = Field(default_factory=dict, description="What is varied, by name.")
    final: dict[str, Value] | None = Field(
        default_factory=dict,
        description="Setting of the final model, trained on all tracks but the holdout; null for none.",
    )
    published: str | None = Field(None, description="Published numbers: resources/published/<name>.csv.")

    @model_validator(mode="after")
    def _names_are_known(self) -> "StudySettings":
        problems = [
            f"{place}.{name}: names are letters, digits, '-' and '_'"
            for place, names in (("inputs", self.inputs), ("experiments", self.experiments))
            for name in names
            if not re.fullmatch(r"[A-Za-z0-9_-]+", name)
        ]
        for name, model in self.models.items():
            if model.input is None and len(self.inputs) > 1:
                problems.append(f"models.{name}.input: say which of {', '.join(self.inputs)} it is fed")
            elif model.input is not None and model.input not in self.inputs:
                problems.append(f"models.{name}.input: {model.input!r} is none of {', '.join(self.inputs)}")
        for name, experiment in self.experiments.items():
            if experiment.model is not None and experiment.model not in self.models:
                problems.append(f"experiments.{name}.model: {experiment.model!r} is not among the models")
            problems.extend(
                f"experiments.{name}.vary.{axis}: give at least one value"
                for axis, values in experiment.vary.items()
                if not values
            )
        if self.experiments and not self.models:
            problems.append("experiments: there is no model to vary; add `models`")
        if problems:
            raise ValueError("; ".join(problems))
        return self
