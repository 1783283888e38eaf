"""The search of a study: its trials, their files, and what each of them follows from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

from genreflow.config.folds import FoldSettings
from genreflow.config.search import Range, SearchSettings
from genreflow.config.training import TrainingSettings
from genreflow.folds.roles import FINAL
from genreflow.models import registry
from genreflow.models.entry import Count, ModelEntry, Number, OrAuto
from genreflow.project import layout
from genreflow.project.specs import Dimension, SearchSpec

if TYPE_CHECKING:
    from genreflow.plan.settings import Setting
    from genreflow.plan.studies import StudyPlan

Kind = Literal["whole", "number", "choice"]


def kind_of(entry: ModelEntry, name: str) -> Kind:
    """Return the kind of an option of a model or, if it has none of that name, of a training setting."""
    if name in entry.options:
        option = entry.options[name]
        option = option.option if isinstance(option, OrAuto) else option
        return "whole" if isinstance(option, Count) else "number" if isinstance(option, Number) else "choice"
    annotation = TrainingSettings.model_fields[name].annotation
    types = {annotation, *get_args(annotation)}
    if float in types:
        return "number"
    return "whole" if int in types else "choice"


def trial_name(number: int) -> str:
    """Return the name of a trial: ``0007``."""
    return f"{number:04}"


@dataclass(frozen=True)
class SearchPlan:
    """A search for the settings of a model, on each fold of its protocol and for the final model.

    Attributes
    ----------
    setting
        The setting that it finds, with the study's own values.
    """

    study: StudyPlan
    setting: Setting

    @property
    def settings(self) -> SearchSettings:
        """The settings of the search."""
        assert self.study.settings.search is not None
        return self.study.settings.search

    @property
    def model(self) -> str:
        """Name of the model."""
        return self.setting.model

    @property
    def folds(self) -> list[str]:
        """The folds that have a search of their own."""
        names = self.study.protocols[self.setting.protocol].folds.names
        return [*names, FINAL] if self.study.final == self.setting else names

    @property
    def trial_names(self) -> list[str]:
        """Names of the trials of each fold."""
        return list(map(trial_name, range(self.settings.trials)))

    @property
    def n_trials(self) -> int:
        """Number of trials of all folds."""
        return self.settings.trials * len(self.folds)

    @property
    def inner(self) -> FoldSettings:
        """How the training tracks of a fold are divided."""
        outer = self.study.protocols[self.setting.protocol].folds
        return FoldSettings(count=self.settings.folds, seed=self.settings.seed, group=outer.group)

    @cached_property
    def space(self) -> list[Dimension]:
        """What is varied."""
        return list(self._dimensions())

    @property
    def is_on_gpu(self) -> bool:
        """Whether a trial uses a GPU where there is one."""
        return not registry.describe(self.study.resolver.network(self.model)).is_estimator

    @cached_property
    def spec(self) -> SearchSpec:
        """The specification of its jobs."""
        given = self.settings
        training = self.study.job(f"{self.model}/{self.setting.name}").spec
        return SearchSpec(training, self.space, given.metric, given.parallel, given.prune, given.seed, self.inner)

    @property
    def index(self) -> str:
        """The index of its input."""
        return self.study.input_of(self.setting).index

    @property
    def outer_folds(self) -> str:
        """The fold table whose training tracks are divided."""
        return layout.FOLDS.format(study=self.study.name, protocol=self.setting.protocol)

    def best_of(self, run: str) -> str:
        """Return the file of the values that a run, ``2`` or ``2r3``, is trained with."""
        fold, _ = layout.parse_fold(f"fold-{run}")
        return self.files(fold, layout.BEST)[0]

    def files(self, fold: str, *patterns: str) -> list[str]:
        """Return files of a fold."""
        return layout.filled(patterns, study=self.study.name, model=self.model, fold=fold)

    def trials(self, fold: str) -> list[str]:
        """Return the files of the trials of a fold."""
        return [path for name in self.trial_names for path in self.files(fold, layout.TRIAL.replace("{trial}", name))]

    def before(self, fold: str, trial: str) -> list[str]:
        """Return the files of trials after which a trial can be run: the last of those that it follows from.

        A trial follows from all trials up to the one `parallel` before it. The earlier ones are there when these are.
        """
        parallel, last = self.settings.parallel, int(trial) - self.settings.parallel
        return self.trials(fold)[max(0, last - parallel + 1) : max(0, last + 1)]

    def _dimensions(self) -> Iterator[Dimension]:
        entry = registry.describe(self.study.resolver.network(self.model))
        for name, values in self.settings.space.items():
            section: Any = "options" if name in entry.options else "training"
            if isinstance(values, Range):
                is_whole = kind_of(entry, name) == "whole"
                yield Dimension(name, section, None, values.low, values.high, values.log, is_whole)
            else:
                yield Dimension(name, section, list(values))
