"""The registry of figures: each is declared once, beside the function that draws it.

A declaration holds all that plans, rules and pages need: which studies have the figure, its file names, the tables it
reads, its title, its caption, and its section of the page. Importing the declarations does not load Matplotlib.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from genreflow import figures as package
from genreflow.config.inputs import Axis
from genreflow.errors import UserError
from genreflow.figures import mpl
from genreflow.figures.sources import ExperimentSources, Sources
from genreflow.store.text import titled

# Raise it when any figure would look different.
STAGE_VERSION = 4

# What a figure shows, in plain values for Snakemake: `kind`, of experiments and analyses `figure`, and its options.
Spec = Mapping[str, str]
Options = Iterable[dict[str, str]]
Draw = Callable[..., "mpl.Figure"]
EXPERIMENT, ANALYSIS = "experiment", "analysis"
_KINDS = ("input", ANALYSIS, "architecture", EXPERIMENT, "training")  # these come first in a plan, in this order


@dataclass(frozen=True)
class StudyTraits:
    """The properties of a study that decide which figures it has.

    Attributes
    ----------
    inputs
        Axes of the slices of each input.
    analyzed
        The inputs by which the dataset is described.
    has_tags
        Whether tracks of the main dataset have tags instead of classes.
    models
        The models; without any there is nothing to judge.
    networks
        Those models that have layers.
    has_epochs
        Whether one of them is trained in epochs.
    experiments
        Figures, and number of compared values, of each experiment.
    classifies
        Whether the setting of the headline predicts classes, and not tags.
    one_slice
        Whether a track is one slice of that setting, so that slices and tracks have one confusion matrix.
    headline_axes
        Axes of the slices that the models of that setting are fed.
    has_holdout
        Whether the final model is judged on a holdout with classes.
    filters, snippets
        Whether filters are shown, and the names of the snippets.
    has_pairs
        Whether two models that predict classes are fused.
    """

    inputs: Mapping[str, tuple[Axis, ...]]
    analyzed: Sequence[str] = ()
    has_tags: bool = False
    models: Sequence[str] = ()
    networks: Sequence[str] = ()
    has_epochs: bool = False
    experiments: Mapping[str, tuple[Sequence[str], int]] = field(default_factory=dict)
    classifies: bool = False
    one_slice: bool = False
    headline_axes: tuple[Axis, ...] = ()
    has_holdout: bool = False
    filters: bool = False
    snippets: Sequence[str] = ()
    has_pairs: bool = False


@dataclass(frozen=True)
class FigureEntry:
    """A declared figure.

    Attributes
    ----------
    kind, name
        ``experiment`` or ``analysis`` and its name there; else a kind of its own, and no name.
    draw
        Draws it: `Sources` and the options of a spec to a figure.
    options
        Returns the options of each such figure that a study has.
    section
        The section of the study's page.
    title
        A format string over the options of the spec; of an experiment what stands behind the title of that.
    caption
        How to read it.
    reads
        The tables or other products that it is drawn from.
    crowded
        The number of classes or tags from which on it looks different, and how to read it then.
    of_headline
        Whether it shows the setting of the headline, and so one protocol.
    """

    kind: str
    name: str
    draw: Draw
    options: Callable[[StudyTraits], Options]
    section: str
    title: str
    caption: str
    reads: tuple[str, ...] = ()
    crowded: tuple[int, str] | None = None
    of_headline: bool = False

    def plan(self, study: StudyTraits) -> Iterator[tuple[str, dict[str, str]]]:
        """Yield the file name (without suffix) and spec of each such figure of a study."""
        for options in self.options(study):
            yield self._file(options), {"kind": self.kind} | ({"figure": self.name} if self.name else {}) | options

    def _file(self, options: Mapping[str, str]) -> str:
        values = [value for option, value in options.items() if value and option != "number"]
        if self.kind != EXPERIMENT:
            return "-".join(filter(None, [_dashed(self.kind), _dashed(self.name), *values]))
        if "number" in options and self.name.endswith("s"):  # one for each value: in the singular, and numbered
            return "-".join([_dashed(self.name[:-1]), *values, str(int(options["number"]) + 1)])
        return "-".join([_dashed(self.name), *values])


_ENTRIES: dict[tuple[str, str], FigureEntry] = {}


def _register(entry: FigureEntry) -> None:
    if (entry.kind, entry.name) in _ENTRIES:
        raise ValueError(f"two figures are declared as {entry.kind} {entry.name}")
    _ENTRIES[entry.kind, entry.name] = entry


def study_figure(
    kind: str,
    *,
    section: str,
    title: str,
    caption: str,
    options: Callable[[StudyTraits], Options],
    reads: tuple[str, ...] = (),
    crowded: tuple[int, str] | None = None,
    of_headline: bool = False,
) -> Callable[[Draw], Draw]:
    """Declare a figure of a study; see `FigureEntry`. The function takes `Sources`, and the options by name."""

    def decorate(draw: Draw) -> Draw:
        _register(FigureEntry(kind, "", draw, options, section, title, caption, reads, crowded, of_headline))
        return draw

    return decorate


def experiment_figure(
    name: str,
    *,
    title: str,
    caption: str,
    reads: tuple[str, ...] = (),
    values: Literal["all", "first", "each"] = "all",
    heading: str = "",
    crowded: tuple[int, str] | None = None,
) -> Callable[[Callable[[ExperimentSources], mpl.Figure]], Callable[[ExperimentSources], mpl.Figure]]:
    """Declare a figure of an experiment, which a study file names under ``figures``.

    Parameters
    ----------
    title
        What it shows, behind the title of the experiment: "ranking".
    values
        Whether it compares all values, or shows the first one only, or is drawn for each value.
    heading
        The title in the figure itself, over ``title`` (of the experiment) and ``value``.
    """
    heading = heading or ("{title}" if values == "all" else "{title}, {value}")

    def options(study: StudyTraits) -> Options:
        for experiment, (figures, count) in study.experiments.items():
            numbers = range(count) if values == "each" else [None]
            for number in numbers if name in figures else ():
                yield {"experiment": experiment} | ({} if number is None else {"number": str(number)})

    def decorate(draw: Callable[[ExperimentSources], mpl.Figure]) -> Callable[[ExperimentSources], mpl.Figure]:
        @functools.wraps(draw)
        def drawn(sources: Sources, *, experiment: str, number: str = "0") -> mpl.Figure:
            only = None if values == "all" else int(number)
            return draw(sources.experiment(experiment, heading=heading, number=only))

        _register(
            FigureEntry(
                EXPERIMENT, name, drawn, options, "Experiments", title, caption, ("experiments", *reads), crowded
            )
        )
        return draw

    return decorate


def analysis_figure(
    name: str, *, caption: str, reads: tuple[str, ...], axes: Sequence[tuple[Axis, ...]] = (), tags_only: bool = False
) -> Callable[[Draw], Draw]:
    """Declare a figure of the analysis of a dataset.

    Parameters
    ----------
    caption
        How to read it.
    axes
        Axes of the slices of the inputs that it is drawn for, one figure each; none where it is about the dataset as a
        whole.
    tags_only
        Whether it needs tracks with tags.
    """

    def options(study: StudyTraits) -> Options:
        if not study.analyzed or (tags_only and not study.has_tags):
            return []
        if not axes:
            return [{"input": ""}]
        return [{"input": each} for each in study.analyzed if study.inputs[each] in axes]

    def decorate(draw: Draw) -> Draw:
        title = name.replace("_", " ").capitalize()
        _register(FigureEntry(ANALYSIS, name, draw, options, "Dataset analysis", title, caption, reads))
        return draw

    return decorate


@functools.cache
def entries() -> dict[tuple[str, str], FigureEntry]:
    """Return every declared figure by kind and name; importing the modules of this package declares them."""
    for module in sorted(each.name for each in pkgutil.iter_modules(package.__path__)):
        importlib.import_module(f"{package.__name__}.{module}")
    # By module, not by the order in which somebody happened to import them.
    return dict(sorted(_ENTRIES.items(), key=lambda item: item[1].draw.__module__))


def experiment_figures() -> dict[str, FigureEntry]:
    """Return the figures that an experiment may name."""
    return {name: entry for (kind, name), entry in entries().items() if kind == EXPERIMENT}


def entry_of(spec: Spec) -> FigureEntry:
    """Return the declaration of a figure.

    Raises
    ------
    UserError
        When there is no such figure.
    """
    entry = entries().get((spec["kind"], spec.get("figure", "")))
    if entry is None:
        raise UserError(f"There is no figure {' '.join(spec.values())!r}.")
    return entry


def planned_figures(study: StudyTraits) -> dict[str, dict[str, str]]:
    """Return the figures of a study: file name (without suffix) -> spec, in the order of the page."""
    planned = [each for entry in entries().values() for each in entry.plan(study)]
    return dict(sorted(planned, key=lambda each: _order(each[1], study)))


def _order(spec: Spec, study: StudyTraits) -> tuple[int, ...]:
    """Return a sort key: kinds, then names of a study, each in their order."""
    kind = _KINDS.index(spec["kind"]) if spec["kind"] in _KINDS else len(_KINDS)
    if spec["kind"] == EXPERIMENT:
        figures, _ = study.experiments[spec["experiment"]]
        return kind, list(study.experiments).index(spec["experiment"]), figures.index(spec["figure"])
    if spec["kind"] == ANALYSIS:
        return kind, study.analyzed.index(spec["input"]) if spec["input"] else -1
    return (kind,)


def draw(spec: Spec, sources: Sources) -> mpl.Figure:
    """Draw one figure of a study; UserError if there is no such figure."""
    options = {name: value for name, value in spec.items() if name not in ("kind", "figure")}
    return entry_of(spec).draw(sources, **options)


def title_of(spec: Spec, study: Mapping[str, Any]) -> str:
    """Return the title of a figure; `study` is `StudyPlan.page`."""
    names = {name: titled(value, study.get("titles", {})) for name, value in spec.items()}
    title = entry_of(spec).title.format(**names)
    if spec["kind"] == EXPERIMENT:
        experiment = study["experiments"][spec["experiment"]]
        values = [titled(value[0], study.get("titles", {})) for value in experiment["values"]]
        value = f", {values[int(spec['number'])]}" if "number" in spec else ""
        return f"{experiment['title']}{value}: {title}"
    return f"{title}, input {names['input']}" if spec["kind"] == ANALYSIS and spec["input"] else title


def caption_of(spec: Spec, study: Mapping[str, Any]) -> str:
    """Return how to read a figure, which may depend on the number of classes or tags."""
    entry = entry_of(spec)
    if entry.crowded and _n_classes(spec, study) > entry.crowded[0]:
        return entry.crowded[1]
    return entry.caption


def section_of(spec: Spec) -> str:
    """Return the section of the study's page that shows a figure."""
    return "Holdout" if spec.get("level") == "holdout" else entry_of(spec).section


def _n_classes(spec: Spec, study: Mapping[str, Any]) -> int:
    """Return the number of classes or tags of the settings that a figure shows; 0 where it shows none."""
    numbers = {(each["model"], each["setting"]): each["values"]["classes"] for each in study.get("settings", ())}
    settings = [(study["headline"]["model"], study["headline"]["setting"])] if study["headline"] else []
    if spec["kind"] == EXPERIMENT:
        settings = [tuple(each) for _, *each in study["experiments"][spec["experiment"]]["values"]]
    return max((numbers.get(setting, 0) for setting in settings), default=0)


def _dashed(name: str) -> str:
    return name.replace("_", "-")
