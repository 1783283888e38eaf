"""The figures of a study: the name of each, and what it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from genreflow.config.study import Experiment

if TYPE_CHECKING:
    from genreflow.plan.studies import StudyPlan

FigureSpec = dict[str, str]  # ``kind``, and what figures of this kind need besides

# Kind of a front-end -> the figures of the analysis that can be drawn from it.
_ANALYSIS_FIGURES = {
    "waveform": ("waveforms", "variance", "projections"),
    "stft": ("spectrograms", "spectra", "projections"),
    "logmel": ("spectrograms", "spectra", "projections"),
    "descriptors": ("importances", "forest_importances", "projections"),
}
# Figures of an experiment that show a single value, and their names.
_ONE_EACH = {"confusions": "confusion", "training_confusions": "training-confusion"}


def figures_of(study: StudyPlan) -> dict[str, FigureSpec]:
    """Return name -> specification of every figure, in the order of the report."""
    settings, protocols = study.settings, study.protocols
    figures: dict[str, FigureSpec] = {
        **{f"diagram-{name}": {"kind": "diagram", "figure": name} for name in settings.diagrams},
        **{f"input-{name}": {"kind": "input", "input": name} for name in settings.inputs},
        **_of_analysis(study),
    }
    if study.headline is None:
        return figures
    figures |= {f"architecture-{model}": {"kind": "architecture", "model": model} for model in settings.models}
    for name, experiment in settings.experiments.items():
        figures |= _of_experiment(name, experiment, len(study.resolver.of_experiment(experiment)))
    if not settings.experiments:
        figures["training"] = {"kind": "training"}
    if not protocols[study.headline.protocol].is_tagged:
        for level in ("slice", "track"):
            figures[f"confusion-{level}"] = {"kind": "confusion", "level": level}
        figures["reliability"] = {"kind": "reliability"}
        if settings.inputs[study.headline.input].front_end.kind == "logmel":
            figures["right-and-wrong"] = {"kind": "right_and_wrong"}
    if settings.filters:
        figures["filters"] = {"kind": "filters"}
    figures |= {f"snippets-{name}": {"kind": "snippets", "name": name} for name in settings.snippets}
    if study.final is not None and study.has_holdout and not protocols[study.final.protocol].is_tagged:
        figures["confusion-holdout"] = {"kind": "confusion", "level": "holdout"}
    return figures


def _of_experiment(name: str, experiment: Experiment, n_values: int) -> dict[str, FigureSpec]:
    """Return the figures of an experiment; of those that show one value, one for each."""
    figures: dict[str, FigureSpec] = {}
    for figure in experiment.figures:
        spec = {"kind": "experiment", "experiment": name, "figure": figure}
        if figure in _ONE_EACH:
            for number in range(n_values):
                figures[f"{_ONE_EACH[figure]}-{name}-{number + 1}"] = spec | {"number": str(number)}
        else:
            figures[f"{figure.replace('_', '-')}-{name}"] = spec
    return figures


def _of_analysis(study: StudyPlan) -> dict[str, FigureSpec]:
    """Return the figures of the analysis of the main dataset, as far as its inputs allow."""
    if not study.settings.analysis:
        return {}
    pairs = [("counts", "")]
    if next(iter(study.protocols.values())).is_tagged:
        pairs += [("tags_per_track", ""), ("correlation_50", ""), ("correlation_10", "")]
    for name in study.settings.analysis:
        kind = study.settings.inputs[name].front_end.kind
        pairs += [(figure, name) for figure in _ANALYSIS_FIGURES.get(kind, ())]
    return {
        "-".join(["analysis", figure.replace("_", "-"), *([name] if name else [])]): {
            "kind": "analysis", "figure": figure, "input": name,
        }
        for figure, name in pairs
    }  # fmt: skip
