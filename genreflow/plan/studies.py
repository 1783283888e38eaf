"""One study: the runs it trains, their inputs, and the specifications of its training jobs.

Settings are resolved in `plan.settings`; keys, figures, files and facts have modules of their own.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from genreflow.config.inputs import embedding_in
from genreflow.config.study import JOINED, StudySettings
from genreflow.embeddings.sources import located
from genreflow.folds.roles import FINAL
from genreflow.models import registry
from genreflow.plan.datasets import DatasetPlan, InputPlan
from genreflow.plan.protocols import ProtocolPlan, plan_protocol
from genreflow.plan.search import SearchPlan
from genreflow.plan.settings import Setting, SettingResolver
from genreflow.plan.study_facts import page_facts, study_facts
from genreflow.plan.study_figures import figures_of
from genreflow.plan.study_keys import StudyKeys
from genreflow.project.layout import FOLDS, RunId
from genreflow.project.specs import PageFacts, PretrainedSpec, StudyFacts, TrainingSpec
from genreflow.training.pretrained import Pretrained
from genreflow.weights.cache import absence_notice


@dataclass(frozen=True)
class TrainingJob:
    """A job that trains one fold of a setting, or all: its specification, inputs and resources."""

    spec: TrainingSpec
    index: str
    folds: str
    key: str
    gpu: int
    tracking: str


@dataclass
class StudyPlan:
    """A study.

    `datasets` are those that it needs, `published` the digests of its published numbers, and
    `absent_weights` the public weights that it does without.
    """

    name: str
    settings: StudySettings
    datasets: Mapping[str, DatasetPlan]
    published: Mapping[Path, str]
    absent_weights: Sequence[str] = ()
    _jobs: dict[str, TrainingJob] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        for plan in [*self.fed_inputs, *self.cross_datasets.values()]:
            plan.dataset.add_input(plan.settings)

    @cached_property
    def protocols(self) -> dict[str, ProtocolPlan]:
        """The protocols by name, the main one first."""
        return {
            name: plan_protocol(self.name, self.settings, name, self.datasets) for name in self.settings.all_protocols
        }

    @cached_property
    def resolver(self) -> SettingResolver:
        """All settings of the study."""
        return SettingResolver(self.name, self.settings, self.protocols)

    @cached_property
    def search(self) -> SearchPlan | None:
        """The search for the settings of a model; None where there is none."""
        return None if self.resolver.searched is None else SearchPlan(self, self.resolver.searched)

    @cached_property
    def keys(self) -> StudyKeys:
        """The keys of its products."""
        return StudyKeys(self)

    @cached_property
    def figures(self) -> dict[str, dict[str, str]]:
        """Name -> specification of every figure, in the order of the report."""
        return figures_of(self)

    @cached_property
    def facts(self) -> StudyFacts:
        """The parameters of the jobs that make tables and figures."""
        return study_facts(self)

    @cached_property
    def page_facts(self) -> PageFacts:
        """The parameters of the job that writes the page."""
        return page_facts(self)

    @property
    def notices(self) -> list[str]:
        """Sentences on what the study does without: public weights, and official splits of its datasets."""
        unused = [name for name, protocol in self.protocols.items() if protocol.leaves_split]
        notices = [absence_notice(self.absent_weights)] if self.absent_weights else []
        if unused and len(unused) == len(self.protocols):
            notices.append(
                f"The dataset {self.dataset.name} comes with a split into training and test tracks, which this study "
                "does not use. To use it, set folds.scheme to given."
            )
        return notices

    @property
    def dataset(self) -> DatasetPlan:
        """The dataset of the main protocol."""
        return next(iter(self.protocols.values())).dataset

    @property
    def final(self) -> Setting | None:
        """The setting of the final model; None where the study trains none."""
        return self.resolver.final

    @property
    def headline(self) -> Setting | None:
        """The setting that the report is about; None where nothing is trained."""
        return self.resolver.headline

    @property
    def has_holdout(self) -> bool:
        """Whether tracks are held out for the final model."""
        return self.final is not None and self.protocols[self.final.protocol].has_holdout

    @property
    def used_protocols(self) -> list[str]:
        """The protocols under which something is trained, the main one first."""
        used = {setting.protocol for setting in self.resolver.trained}
        return [name for name in self.protocols if name in used]

    # ---- inputs

    @cached_property
    def input_names(self) -> list[str]:
        """The inputs that are computed: those of the study, and joined ones instead of parts that only they need."""
        fed = list(dict.fromkeys(setting.input for setting in self.resolver.trained if not setting.members))
        joined = [name for name in fed if JOINED in name]
        parts = {part for name in joined for part in name.split(JOINED)} - {*fed, *self.settings.analysis}
        return [*(name for name in self.settings.inputs if name not in parts), *joined]

    @property
    def inputs(self) -> dict[str, InputPlan]:
        """Every input that is computed, by its name in the study, of the main dataset."""
        return {name: self.input_plan(name) for name in self.input_names}

    def input_plan(self, name: str, dataset: DatasetPlan | None = None) -> InputPlan:
        """Return an input by its name in the study, of the main dataset if none is given."""
        return (dataset or self.dataset).add_input(self.settings.input_settings(name))

    def input_of(self, setting: Setting) -> InputPlan:
        """Return the input that a setting is fed."""
        setting = setting.members[0] if setting.members else setting
        return self.input_plan(setting.input, self.protocols[setting.protocol].dataset)

    @property
    def cross_datasets(self) -> dict[str, InputPlan]:
        """Other datasets that the final model is tested on, by name: the input that it is fed, of each."""
        if self.final is None:
            return {}
        return {name: self.input_plan(self.final.input, self.datasets[name]) for name in self.settings.tested_on}

    @property
    def main_input(self) -> InputPlan:
        """The input that the headline's setting is fed; where nothing is trained, the first."""
        return self.fed_inputs[0] if self.headline is None else self.input_of(self.headline)

    @property
    def library_input(self) -> InputPlan:
        """The input that the map of the library is drawn from: an embedding where there is one, else `main_input`."""
        embeddings = [plan for plan in self.inputs.values() if plan.is_embedding]
        return self.main_input if self.main_input.is_embedding or not embeddings else embeddings[0]

    @property
    def fed_inputs(self) -> list[InputPlan]:
        """Every input of the main dataset, and those of others that models are fed, each once."""
        fed = [plan for protocol in self.used_protocols for plan in self.fed_inputs_of(protocol)]
        return _each_once([*self.inputs.values(), *fed])

    def fed_inputs_of(self, protocol: str) -> list[InputPlan]:
        """Return the inputs that models are fed under a protocol, each once."""
        return _each_once(self.input_of(setting) for setting in self.resolver.trained if setting.protocol == protocol)

    def indexes_of(self, protocol: str) -> list[str]:
        """Return the index files of the inputs that models are fed under a protocol."""
        return [plan.index for plan in self.fed_inputs_of(protocol)]

    @property
    def analyzed_indexes(self) -> list[str]:
        """The index files of the inputs whose dataset is described."""
        return [self.inputs[name].index for name in self.settings.analysis]

    def embedding_networks(self, protocol: str) -> list[Path]:
        """Return the folders or files of the networks whose embeddings models are fed under a protocol, each once."""
        given = [embedding_in(plan.settings.front_end) for plan in self.fed_inputs_of(protocol)]
        return list(dict.fromkeys(located(each.model) for each in given if each is not None))

    def pretrained_of(self, protocol: str) -> list[Pretrained]:
        """Return the trained networks that trainings under a protocol start from, each once."""
        given = (setting.pretrained for setting in self.resolver.trained if setting.protocol == protocol)
        return list({source.sha256: source for source in given if source is not None}.values())

    def weights_of(self, protocol: str) -> list[str]:
        """Return the weights of the networks of `pretrained_of`."""
        return [str(source.weights) for source in self.pretrained_of(protocol)]

    @property
    def indexes(self) -> list[str]:
        """The index file of every input."""
        return [plan.index for plan in self.fed_inputs]

    # ---- runs

    @cached_property
    def runs(self) -> list[RunId]:
        """Every training of the study, that of the final model last."""
        runs = [
            RunId(model, name, fold, repeat)
            for (model, name), setting in self.resolver.cross_validated.items()
            for fold in self.protocols[setting.protocol].folds.names
            for repeat in range(self.settings.repeats)
        ]
        return runs if self.final is None else [*runs, RunId(self.final.model, self.final.name, FINAL)]

    @property
    def recorded_runs(self) -> list[RunId]:
        """The runs whose held-out tracks calibrate the final model: its own, and the first of each of its folds."""
        final = self.runs[-1] if self.final is not None else None
        return [run for run in self.runs if final and run.model_setting == final.model_setting and not run.repeat]

    @property
    def n_runs(self) -> int:
        """The length of `runs`, counted without making the list, and the number of trials of a search."""
        settings = self.resolver.cross_validated.values()
        folds = (self.protocols[setting.protocol].folds.n_names for setting in settings)
        trials = 0 if self.search is None else self.search.n_trials
        return self.settings.repeats * sum(folds) + (self.final is not None) + trials

    @property
    def filtered_run(self) -> RunId:
        """The run whose filters are shown: the final model's, or the headline's on the first fold."""
        if self.final is not None:
            return RunId(self.final.model, self.final.name, FINAL)
        return self._first_run(next(iter(self.resolver.cross_validated.values())))

    def snippets_run(self, name: str) -> RunId:
        """Return the run that predicts a set of snippets: the final one if it has a holdout, else of the first fold."""
        setting = self.resolver.of_snippets(name)
        if setting == self.final and self.has_holdout:
            return RunId(setting.model, setting.name, FINAL)
        return self._first_run(setting)

    def _first_run(self, setting: Setting) -> RunId:
        return RunId(setting.model, setting.name, self.protocols[setting.protocol].folds.names[0])

    def fold_names_of(self, protocol: str) -> list[str]:
        """Return the names of the cross-validated runs that a setting has under a protocol."""
        folds = self.protocols[protocol].folds.names
        return [RunId("", "", fold, repeat).name for fold in folds for repeat in range(self.settings.repeats)]

    def settings_pattern(self, protocol: str) -> str:
        """Return a regular expression of ``model/setting``, for all that are trained on the folds of a protocol.

        What a search finds differs from fold to fold, and is trained by jobs of its own.
        """
        settings = self.resolver.cross_validated.items()
        own = [pair for pair, setting in settings if setting.protocol == protocol and not setting.is_searched]
        return "|".join(re.escape("/".join(pair)) for pair in own)

    def job(self, model_setting: str) -> TrainingJob:
        """Return the job that trains ``model/setting``."""
        if model_setting not in self._jobs:
            self._jobs[model_setting] = self._make_job(*model_setting.split("/"))
        return self._jobs[model_setting]

    def _make_job(self, model: str, name: str) -> TrainingJob:
        setting, network = self.resolver.of(model, name), self.resolver.network(model)
        source = setting.pretrained
        spec = TrainingSpec(
            study=self.name,
            model=model,
            setting=name,
            network=network,
            options=setting.options,
            # A tracker changes no result, and so must be no reason to train again.
            training=setting.training.model_copy(update={"tracking": "none"}),
            input=self.settings.input_settings(setting.input),
            audio=self.dataset.audio,
            pretrained=None if source is None else PretrainedSpec(str(source.weights), source.sha256),
        )
        return TrainingJob(
            spec,
            index=self.input_of(setting).index,
            folds=FOLDS.format(study=self.name, protocol=setting.protocol),
            key=self.keys.run(model, name),
            gpu=0 if registry.describe(network).is_estimator else 1,
            tracking=setting.training.tracking,
        )


def _each_once(plans: Iterable[InputPlan]) -> list[InputPlan]:
    return list({plan.index: plan for plan in plans}.values())
