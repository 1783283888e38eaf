"""The settings of one study: `studies/<name>.yaml`."""

from typing import Any, Literal, Self

from pydantic import Field, field_validator

from genreflow.config.base import LATER, Settings
from genreflow.config.folds import FoldSettings
from genreflow.config.inputs import InputSettings, joined
from genreflow.config.search import SearchSettings
from genreflow.config.training import TrainingSettings

Value = str | int | float | bool
DEFAULT_PROTOCOL = "standard"
JOINED = "+"  # between the names of inputs that are joined


class Protocol(Settings):
    """The tracks that take part, and how they are divided."""

    title: str = Field("", description="Name in figures and tables; by default its key.")
    dataset: str | None = Field(None, description="A dataset in config.yaml; the study's if not given.")
    classes: list[str] | None = Field(
        None, min_length=2, description="Only tracks of these classes; of tags, only these, and tracks that have any."
    )
    top: int | None = Field(
        None,
        ge=2,
        le=10_000,
        json_schema_extra=LATER,
        description="Only so many of the commonest classes or tags, counted over all tracks of the dataset.",
    )
    original: bool = Field(
        False, description="The protocol of the published numbers, which are shown beside ours; by default the first."
    )
    tracks: int | None = Field(None, ge=2, le=10_000_000, description="At most so many tracks, as many of each class.")
    imbalance: float = Field(
        1.0,
        ge=1.0,
        le=10_000.0,
        json_schema_extra=LATER,
        description="So many times as many tracks of the first class as of the last, in alphabetical order; of those "
        "between, a geometric series. 1 leaves classes as they are.",
    )
    folds: dict[str, Value] = Field(default_factory=dict, description="Where it differs from the study's `folds`.")


class ModelSettings(Settings):
    """One model of a study, under a name of its own or that of the network."""

    model: str | None = Field(None, description="The network, see below; that of the same name if not given.")
    input: str | None = Field(
        None,
        description="Name of the input it is fed; the study's only one if not given. [a, b], or a+b: the vectors of "
        "several inputs on the same segments as one.",
    )
    protocol: str | None = Field(None, description="Name of its protocol; the study's first if not given.")
    options: dict[str, Value] = Field(default_factory=dict, description="Options of the network.")
    training: dict[str, Value] = Field(default_factory=dict, description="Where it differs from `training` below.")

    @field_validator("input", mode="before")
    @classmethod
    def _listed_inputs_are_joined(cls, value: Any) -> Any:
        if value == []:
            raise ValueError("an empty list names no input; name one, or leave the key out")
        is_list = isinstance(value, list) and all(isinstance(name, str) for name in value)
        return JOINED.join(value) if is_list else value


class Fusion(Settings):
    """A combination of several models, evaluated and named like a model."""

    models: list[str] = Field(min_length=2, description="Models of the study, fed the same segments.")
    rule: Literal["mean", "stacking"] = Field(
        "mean",
        description="mean: of their probabilities, segment by segment; stacking: a logistic regression on their log "
        "probabilities, fitted to the validation segments.",
    )


class Experiment(Settings):
    """Values of one option, or of several in combination, compared with everything else left as it is."""

    title: str = Field("", description="Heading of its figure; its name if not given.")
    model: str | None = Field(None, description="The model it varies; the study's first if not given.")
    vary: dict[str, list[Value]] = Field(
        min_length=1,
        description="Varied setting -> its values: options of the model, training settings, or `model`, `input`, "
        "`protocol`.",
    )
    figures: list[str] = Field(
        default=["bars"], min_length=1, description="Names of figures, see «Figures of an experiment» below."
    )
    reference: Value | None = Field(
        None,
        json_schema_extra=LATER,
        description="The varied value that all others are compared with, which leaves fewer tests to correct for than "
        "each with each.",
    )


class StudySettings(Settings):
    """A study of a dataset: inputs, protocols, models, training, experiments."""

    title: str = Field("", description="Heading of the report; the study's name if not given.")
    description: str = Field("", description="A sentence or two below it.")
    citation: str = Field("", description="Reference to cite.")
    dataset: str = Field(description="Name of a dataset in config.yaml.")
    inputs: dict[str, InputSettings] = Field(
        default_factory=lambda: {"slices": InputSettings()},
        min_length=1,
        description="Inputs of models, by name.",
    )
    folds: FoldSettings = Field(FoldSettings(), description="How tracks are divided.")
    protocols: dict[str, Protocol] = Field(
        default_factory=dict,
        description="Where there are several ways to divide the tracks, or several sets of them: by name.",
    )
    models: dict[str, ModelSettings] = Field(
        default_factory=dict, description="Models by their names below; none: the study prepares data only."
    )
    fusions: dict[str, Fusion] = Field(default_factory=dict, description="Combinations of models, by name.")
    training: TrainingSettings = Field(TrainingSettings(), description="How models are trained.")
    repeats: int = Field(1, ge=1, le=100, description="Train each fold so often, with seeds that follow each other.")
    experiments: dict[str, Experiment] = Field(default_factory=dict, description="Experiments, by name.")
    search: SearchSettings | None = Field(
        None, description="Search for the best settings of a model, see below; its setting is called `search`."
    )
    final: dict[str, Value] | None = Field(
        default_factory=dict,
        description="Setting of the final model, trained on all tracks but the holdout; null for none. Of a model that "
        "`search` names, the settings that were found, unless others are given.",
    )
    headline: dict[str, Value] | None = Field(
        None,
        json_schema_extra=LATER,
        description="The setting that the report is about, `model` and what is varied of it, such as a protocol "
        "without leaks; by default the final model's, or the first.",
    )
    titles: dict[str, str] = Field(
        {},
        json_schema_extra=LATER,
        description="Names of models, inputs and other compared values in figures and conclusions: key -> name.",
    )
    tested_on: list[str] = Field(
        [],
        json_schema_extra=LATER,
        description="Other labeled datasets in config.yaml, that no fold trains on: the final model judges them once. "
        "Their classes are matched by name, after `labels.aliases` of each dataset.",
    )
    analysis: list[str] = Field(
        default_factory=list, description="Inputs by which the dataset itself is described: tags, spectra, projections."
    )
    diagrams: list[Literal["quadrants", "fusion", "workflow"]] = Field(
        default_factory=list, description="Drawings: of the moods' quadrants, of two ways to fuse, of the steps."
    )
    filters: bool = Field(False, description="Visualize the filters of the final model.")
    snippets: dict[str, dict[str, Value]] = Field(
        default_factory=dict,
        description="Show the predictions for 100 random snippets of some tracks outside the training: name -> "
        "`model` and its varied settings.",
    )
    published: str | None = Field(None, description="Published numbers: resources/published/<name>*.csv.")

    def input_settings(self, name: str) -> InputSettings:
        """Return an input by its name, or by the names of those that it joins.

        Raises
        ------
        ValueError
            If inputs cannot be joined.
        """
        names = name.split(JOINED)
        return self.inputs[name] if len(names) == 1 else joined({each: self.inputs[each] for each in names})

    def untracked(self) -> Self:
        """Return the settings without trackers, which change no product."""
        models = {
            name: model.model_copy(
                update={"training": {key: value for key, value in model.training.items() if key != "tracking"}}
            )
            for name, model in self.models.items()
        }
        training = self.training.model_copy(update={"tracking": "none"})
        return self.model_copy(update={"training": training, "models": models})

    @property
    def all_protocols(self) -> dict[str, Protocol]:
        """The protocols; one of all tracks where none are given."""
        return self.protocols or {DEFAULT_PROTOCOL: Protocol()}

    @property
    def datasets(self) -> list[str]:
        """The datasets that it needs, each once: those of its protocols, and those that it is tested on."""
        return list(dict.fromkeys([*self.training_datasets, *self.tested_on]))

    @property
    def training_datasets(self) -> list[str]:
        """The datasets that its protocols name, each once."""
        return list(dict.fromkeys(protocol.dataset or self.dataset for protocol in self.all_protocols.values()))
