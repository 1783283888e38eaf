"""The figures of a study, as the registry of figures plans them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from genreflow.figures.registry import StudyTraits, planned_figures
from genreflow.models import registry

if TYPE_CHECKING:
    from genreflow.plan.studies import StudyPlan


def figures_of(study: StudyPlan) -> dict[str, dict[str, str]]:
    """Return name -> specification of every figure, in the order of the report."""
    settings, headline, final = study.settings, study.headline, study.final
    return planned_figures(
        StudyTraits(
            inputs={name: settings.input_settings(name).front_end.axes for name in study.input_names},
            analyzed=settings.analysis,
            has_tags=next(iter(study.protocols.values())).is_tagged,
            models=[] if headline is None else list(settings.models),
            networks=[
                name
                for name in ([] if headline is None else settings.models)
                if not registry.describe(study.resolver.network(name)).is_estimator
            ],
            has_epochs=any(
                not registry.describe(study.resolver.network(setting.model)).is_estimator
                for setting in study.resolver.trained
            ),
            experiments={
                name: (experiment.figures, len(study.resolver.of_experiment(experiment)))
                for name, experiment in settings.experiments.items()
            },
            classifies=headline is not None and not study.protocols[headline.protocol].is_tagged,
            one_slice=headline is not None and _is_one_slice(study),
            headline_axes=() if headline is None else settings.input_settings(headline.input).front_end.axes,
            has_holdout=final is not None and study.has_holdout and not study.protocols[final.protocol].is_tagged,
            filters=settings.filters,
            snippets=list(settings.snippets),
            has_pairs=any(
                len(setting.members) == 2 and not study.protocols[setting.protocol].is_tagged
                for setting in study.resolver.evaluated.values()
            ),
        )
    )


def _is_one_slice(study: StudyPlan) -> bool:
    """Return whether every track is one slice of the input of the headline's setting."""
    return study.main_input.settings.segments.count == 1
