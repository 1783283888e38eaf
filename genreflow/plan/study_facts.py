"""The facts of a study that its tables, figures and page are made with, in plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from genreflow.config.study import Experiment
from genreflow.plan.settings import Setting, varied_axes
from genreflow.project.layout import SEARCHED
from genreflow.project.specs import ExperimentFacts, PageFacts, ProtocolFacts, RunFacts, SettingFacts, StudyFacts

if TYPE_CHECKING:
    from genreflow.plan.protocols import ProtocolPlan
    from genreflow.plan.studies import StudyPlan
    from genreflow.project.layout import RunId


def study_facts(study: StudyPlan) -> StudyFacts:
    """Return the facts for tables and figures, without those that only the page shows."""
    headline, settings, resolver = study.headline, study.settings, study.resolver
    facts: StudyFacts = {
        "name": study.name,
        "published": settings.published,
        "indexes": {name: plan.index for name, plan in study.inputs.items()},
        "main_index": study.main_input.index,
        "protocols": {name: _protocol_facts(protocol) for name, protocol in study.protocols.items()},
        "runs": [_run_facts(study, run) for run in study.runs],
        "fusions": [
            {
                "model": setting.model,
                "setting": setting.name,
                "protocol": setting.protocol,
                "rule": settings.fusions[setting.model].rule,
                "members": [(member.model, member.name) for member in setting.members],
            }
            for setting in resolver.evaluated.values()
            if setting.members
        ],
        "settings": [_setting_facts(study, setting) for setting in resolver.evaluated.values()],
        "experiments": {name: _experiment_facts(study, name, each) for name, each in settings.experiments.items()},
        "headline": None
        if headline is None
        else {"model": headline.model, "setting": headline.name, "protocol": headline.protocol},
        "search": None
        if study.search is None
        else {
            "model": study.search.model,
            "setting": SEARCHED,
            "default": resolver.resolve(study.search.model, {}).name,
            "protocol": study.search.setting.protocol,
            "metric": study.search.settings.metric,
        },
        "seed": settings.folds.seed,
        "checked": study.main_input.dataset.checked,
    }
    if settings.titles:
        facts["titles"] = settings.titles
    return facts


def page_facts(study: StudyPlan) -> PageFacts:
    """Return the facts for the page: those of tables and figures, with titles and descriptions."""
    facts, settings, dataset = study.facts, study.settings, study.dataset
    return {
        **facts,
        "title": (settings.title or study.name) + (" (synthetic music)" if dataset.is_synthetic else ""),
        "standin": dataset.is_synthetic,
        "description": settings.description,
        "notices": study.notices,
        "dataset_notices": dataset.notices,
        "citation": settings.citation,
        "dataset": dataset.name,
        "diagrams": list(settings.diagrams),
        "thresholds": dataset.audio.thresholds.model_dump(),
        "protocols": {
            name: {**facts["protocols"][name], "title": plan.title} for name, plan in study.protocols.items()
        },
    }


def _protocol_facts(protocol: ProtocolPlan) -> ProtocolFacts:
    facts: ProtocolFacts = {
        "dataset": protocol.dataset.name,
        "standin": protocol.dataset.is_synthetic,
        "tags": protocol.is_tagged,
        "folds": protocol.folds.model_dump(),
    }
    if protocol.collections:
        facts["collections"] = protocol.collections
    return facts


def _run_facts(study: StudyPlan, run: RunId) -> RunFacts:
    return {
        "model": run.model,
        "setting": run.setting,
        "fold": run.fold,
        "repeat": run.repeat,
        "path": run.path,
        "protocol": study.resolver.of(run.model, run.setting).protocol,
        "key": study.keys.run(run.model, run.setting),
    }


def _setting_facts(study: StudyPlan, setting: Setting) -> SettingFacts:
    """Return a setting with every value by which its published numbers, or its place in a figure, are looked up."""
    protocol = study.protocols[setting.protocol]
    first = setting.members[0] if setting.members else setting
    slices = study.settings.input_settings(first.input)
    # Published numbers were measured under the protocols marked `original`; the first one's if none is.
    originals = [name for name, plan in study.protocols.items() if plan.settings.original] or list(study.protocols)[:1]
    return {
        "model": setting.model,
        "setting": setting.name,
        "protocol": setting.protocol,
        "network": setting.model if setting.members else study.resolver.network(setting.model),
        "original": setting.protocol in originals,
        "values": {
            **slices.front_end.model_dump(),
            **slices.segments.model_dump(),
            **first.training_values,
            **first.options,
            **dict.fromkeys(study.search.settings.space if setting.is_searched and study.search else (), "searched"),
            "input": first.input,
            "protocol": protocol.name,
            "classes": len(protocol.classes),
            "tracks": protocol.n_tracks,
        },
    }


def _experiment_facts(study: StudyPlan, name: str, experiment: Experiment) -> ExperimentFacts:
    axes, compared = varied_axes(experiment), study.resolver.of_experiment(experiment)
    facts: ExperimentFacts = {
        "title": experiment.title or name,
        "axis": ", ".join(axes),
        "values": [(_value_name(study, axes, values), setting.model, setting.name) for values, setting in compared],
    }
    if experiment.reference is not None:
        facts["references"] = [
            (setting.model, setting.name) for values, setting in compared if experiment.reference in values.values()
        ]
    return facts


def _value_name(study: StudyPlan, axes: list[str], values: Mapping[str, Any]) -> str:
    """Return the name of one combination of an experiment: the values of its axes, of protocols their titles."""
    named = {**values, "protocol": study.protocols[values["protocol"]].title} if "protocol" in values else values
    return ", ".join(str(named[axis]) for axis in axes)
