"""Specifications of jobs: the plan resolves them, rules pass them on as JSON, and jobs read them.

Every value in them is settled; no layer below the plan adds a default.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NotRequired, Self, TypedDict

from pydantic import TypeAdapter

from genreflow.config.audio import AudioSettings
from genreflow.config.folds import FoldSettings
from genreflow.config.inputs import InputSettings
from genreflow.config.search import Metric
from genreflow.config.training import TrainingSettings


class _Spec:
    def to_json(self) -> str:
        """Return the specification as JSON without ``<``: Snakemake's report copies params into a script element."""
        written = TypeAdapter(type(self)).dump_json(self, exclude=self._unwritten())
        return written.decode().replace("<", r"\u003c")

    def _unwritten(self) -> set[str]:
        """Return the fields that were added later and are at their default: jobs of before are not run again."""
        return set()

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the specification that `to_json` wrote."""
        return TypeAdapter(cls).validate_json(text)


@dataclass(frozen=True)
class ProtocolSpec(_Spec):
    """Which tracks take part in a protocol, and how they are divided.

    Attributes
    ----------
    classes
        Only tracks of these classes, or with some of these tags; all if None.
    tracks
        Upper bound of their number; none if None.
    folds
        How they are divided.
    imbalance
        Ratio of the sizes of the first and the last class; 1 leaves classes as they are.
    """

    classes: list[str] | None
    tracks: int | None
    folds: FoldSettings
    imbalance: float = 1.0

    def _unwritten(self) -> set[str]:
        return {"imbalance"} if self.imbalance == 1 else set()

    @property
    def written(self) -> dict[str, Any]:
        """The fields that count in keys."""
        return {name: value for name, value in vars(self).items() if name not in self._unwritten()}


@dataclass(frozen=True)
class PretrainedSpec:
    """Trained weights that a training starts from: their file, and the SHA-256 that it must have."""

    weights: str
    sha256: str


@dataclass(frozen=True)
class TrainingSpec(_Spec):
    """A model in a setting, to be trained on one or several folds.

    Attributes
    ----------
    study, model, setting
        Names in the study and its results.
    network
        Name in `genreflow.models.registry`.
    options
        All options of the network.
    training
        The training settings. The seed is that of the first repeat.
    input, audio
        The settings that its slices are made with.
    pretrained
        The weights that it starts from; None for random ones.
    """

    study: str
    model: str
    setting: str
    network: str
    options: Mapping[str, Any]
    training: TrainingSettings
    input: InputSettings
    audio: AudioSettings
    pretrained: PretrainedSpec | None = None


@dataclass(frozen=True)
class Dimension:
    """A setting that a search varies.

    Attributes
    ----------
    name, section
        The setting, and the part of a specification it is in: ``options`` or ``training``.
    values
        Its values; None for a range.
    low, high, log, is_whole
        A range: its ends, whether the logarithm is drawn, and whether numbers are whole.
    """

    name: str
    section: Literal["options", "training"]
    values: list[str | int | float | bool] | None = None
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    is_whole: bool = False


@dataclass(frozen=True)
class SearchSpec(_Spec):
    """A search for the settings of a model on one fold.

    Attributes
    ----------
    training
        The model with the study's own settings.
    space
        What is varied.
    metric, prune, seed
        See `genreflow.config.search.SearchSettings`.
    parallel
        Trial t follows from the trials before t - parallel + 1, whichever others are finished.
    inner
        How the training tracks of the fold are divided.
    """

    training: TrainingSpec
    space: list[Dimension]
    metric: Metric
    parallel: int
    prune: bool
    seed: int
    inner: FoldSettings


class ProtocolFacts(TypedDict):
    """A protocol as tables, figures and pages need it; the title is read by the page alone."""

    dataset: str
    standin: bool
    tags: bool
    folds: dict[str, Any]
    collections: NotRequired[list[str]]
    title: NotRequired[str]


class RunFacts(TypedDict):
    """A run to be read: its folder below the study's results, and the key that it must have."""

    model: str
    setting: str
    fold: str
    repeat: int
    path: str
    protocol: str
    key: str


class FusionFacts(TypedDict):
    """A fusion, and the model and setting of each of its members."""

    model: str
    setting: str
    protocol: str
    rule: str
    members: list[tuple[str, str]]


class SettingFacts(TypedDict):
    """A setting with every value it may be looked up by, for published numbers and for comparisons."""

    model: str
    setting: str
    protocol: str
    network: str
    original: bool
    values: dict[str, Any]


class ExperimentFacts(TypedDict):
    """An experiment: the quantity it varies, each value's name, model and setting, and those with the reference."""

    title: str
    axis: str
    values: list[tuple[str, str, str]]
    references: NotRequired[list[tuple[str, str]]]


class SearchFacts(TypedDict):
    """A search: its model, its setting, that with the study's own values, its protocol, and what was to be best."""

    model: str
    setting: str
    default: str
    protocol: str
    metric: str


class HeadlineFacts(TypedDict):
    """The setting that the report is about."""

    model: str
    setting: str
    protocol: str


class StudyFacts(TypedDict):
    """A study as its tables and figures need it."""

    name: str
    published: str | None
    indexes: dict[str, str]
    main_index: str
    protocols: dict[str, ProtocolFacts]
    runs: list[RunFacts]
    fusions: list[FusionFacts]
    settings: list[SettingFacts]
    experiments: dict[str, ExperimentFacts]
    headline: HeadlineFacts | None
    search: SearchFacts | None
    seed: int
    checked: list[str]
    titles: NotRequired[dict[str, str]]


class PageFacts(StudyFacts):
    """A study as its page needs it: with titles and descriptions."""

    title: str
    standin: bool
    description: str
    notices: list[str]
    dataset_notices: list[str]
    citation: str
    diagrams: list[str]
    dataset: str
    thresholds: dict[str, float]


class StateFacts(TypedDict):
    """What a page records of its results: the keys of its tables, of itself and of folds, and the study's settings.

    The key of the page is that without its comparison with earlier results; `before` is the key of their page.
    """

    before: str | None
    tables: str
    page: str
    folds: dict[str, str]
    settings: dict[str, Any]
