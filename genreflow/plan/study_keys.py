"""The keys of a study's products, in the order in which these are made of each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from genreflow.features.front_end import AUGMENTATIONS
from genreflow.figures.registry import caption_of, title_of
from genreflow.models import registry
from genreflow.plan.stages import key, network_code, page_code, versions

if TYPE_CHECKING:
    from genreflow.plan.search import SearchPlan
    from genreflow.plan.settings import Setting
    from genreflow.plan.studies import StudyPlan


@dataclass
class StudyKeys:
    """Keys by product."""

    study: StudyPlan
    _folds: dict[str, str] = field(default_factory=dict, init=False)
    _runs: dict[tuple[str, str], str] = field(default_factory=dict, init=False)

    def folds(self, protocol: str) -> str:
        """Key of a protocol's fold table."""
        if protocol not in self._folds:
            inputs = [plan.index_key for plan in self.study.fed_inputs_of(protocol)]
            planned = self.study.protocols[protocol]
            groups = [planned.dataset.artist_groups] if planned.folds.group == "auto" else []
            self._folds[protocol] = key(versions("folds"), planned.spec.written, inputs, *groups)
        return self._folds[protocol]

    def leakage(self, protocol: str) -> str:
        """Key of a protocol's leakage audit."""
        dataset = self.study.protocols[protocol].dataset
        sources = sorted(source.sha256 for source in self.study.pretrained_of(protocol))
        known = [each for each in (sources, dataset.tagged_artists) if each]
        return key(versions("leakage"), self.folds(protocol), dataset.duplicates_key, *known)

    def run(self, model: str, setting: str) -> str:
        """Key of the runs of a model in a setting; fold and repeat are in their paths."""
        if (model, setting) not in self._runs:
            given = self.study.resolver.of(model, setting)
            self._runs[model, setting] = self.best if given.is_searched else self.trained(given)
        return self._runs[model, setting]

    def trained(self, setting: Setting) -> str:
        """Key of the runs of a setting with its own values."""
        entry = registry.describe(self.study.resolver.network(setting.model))
        stages = ["layers", "fitting" if entry.is_estimator else "training"]
        if not entry.is_estimator and any(getattr(setting.training, name) for name in AUGMENTATIONS):
            stages.append("augmentation")
        if not entry.is_estimator and setting.training.crop is not None:
            stages.append("cropping")
        values = setting.training_values
        if setting.pretrained is not None:  # the weights themselves, wherever they lie
            values["init"] = setting.pretrained.sha256
        return key(
            versions(*stages), entry.name, entry.builder, network_code(entry.module), setting.options,
            values, self.study.settings.input_settings(setting.input).standardize,
            self.study.input_of(setting).index_key, self.folds(setting.protocol),
        )  # fmt: skip

    @property
    def inner_folds(self) -> str:
        """Key of the inner folds of a search, of any fold."""
        search = self._search
        return key(versions("folds"), self.folds(search.setting.protocol), search.inner)

    @cached_property
    def trials(self) -> str:
        """Key of the trials of a search; the number of a trial, and its fold, are in its path."""
        search = self._search
        space = list(map(vars, search.space))
        given = search.settings.model_dump(include={"metric", "parallel", "prune", "seed"})
        return key(versions("search"), self.trained(search.setting), self.inner_folds, space, given)

    @cached_property
    def best(self) -> str:
        """Key of the values that a search finds, and of the runs with them."""
        return key(self.trials, self._search.settings.trials)

    @property
    def _search(self) -> SearchPlan:
        assert self.study.search is not None
        return self.study.search

    @cached_property
    def filters(self) -> str:
        """Key of the responses of a model's filters."""
        run = self.study.filtered_run
        return key(versions("filters"), run.path, self.run(run.model, run.setting))

    def snippets(self, name: str) -> str:
        """Key of the predictions of a set of snippets."""
        run = self.study.snippets_run(name)
        return key(versions("snippets"), run.path, self.run(run.model, run.setting))

    @cached_property
    def analysis(self) -> str:
        """Key of the description of the dataset."""
        inputs = {name: self.study.input_plan(name).index_key for name in self.study.settings.analysis}
        return key(versions("analysis"), inputs, sorted(self.published_tags.values()))

    @property
    def published_tags(self) -> dict[Path, str]:
        """The files of published numbers on the dataset, each with the digest of its content."""
        names = [f"{self.study.settings.published}_{kind}.csv" for kind in ("tags", "correlations", "quantities")]
        return {path: content for path, content in self.study.published.items() if path.name in names}

    @cached_property
    def map(self) -> str:
        """Key of the map of the library."""
        return key(versions("map"), self.study.library_input.index_key)

    def cross_dataset(self, name: str) -> str:
        """Key of the answers of the final model on another dataset."""
        final, given = self.study.final, self.study.cross_datasets[name]
        assert final is not None
        runs = [(run.path, self.run(run.model, run.setting)) for run in self.study.recorded_runs]
        copies = [self.study.protocols[final.protocol].dataset.duplicates_key, given.dataset.duplicates_key]
        return key(versions("cross_dataset", "predictions"), runs, given.index_key, copies)

    @cached_property
    def tables(self) -> str:
        """Key of the tables."""
        runs = [(run.path, self.run(run.model, run.setting)) for run in self.study.runs]
        audits = [] if self.study.headline is None else [self.leakage(self.study.headline.protocol)]
        published = sorted(self.study.published.values())
        audits += [self.cross_dataset(name) for name in self.study.cross_datasets]
        return key(versions("tables"), runs, self.study.facts, self._indexes, published, audits)

    @cached_property
    def figures(self) -> str:
        """Key of the figures."""
        settings = self.study.settings
        inspected = [self.snippets(name) for name in settings.snippets]
        inspected += [self.filters] if settings.filters else []
        inspected += [self.analysis] if settings.analysis else []
        return key(versions("figures"), self.tables, self._indexes, inspected)

    @cached_property
    def page(self) -> str:
        """Key of the page, but for the settings of all reports."""
        facts = self.study.page_facts
        words = {name: (title_of(spec, facts), caption_of(spec, facts)) for name, spec in self.study.figures.items()}
        return key(page_code(), self.figures, self.map, self.study.settings.untracked(), words)

    @property
    def _indexes(self) -> dict[str, str]:
        return {plan.index: plan.index_key for plan in self.study.fed_inputs}
