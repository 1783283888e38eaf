"""The page of a study: what was concluded, from which data, how, and at what cost.

It opens from a memory stick: nothing in it comes from the network, and no name of a file or class can become markup.
Beside it lie its pictures, excerpts and tables, or it holds them itself; without scripts all but lists of tracks,
excerpts and the map is there.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from genreflow.figures import style
from genreflow.report import columns, tables
from genreflow.report.blocks import STANDIN, ConfusionPanel, Drawn, Folded, Heading, Mapped, Pairs, Picture, Shown, Text
from genreflow.report.confusion_browser import ConfusionBrowser, differing
from genreflow.report.data import Excerpt, mapped, page_data
from genreflow.store.text import printable, sanitize

_VERDICTS = 6  # sentences on pairs that are shown; the table has all
_FEW = 20  # rows that are shown without asking
_TEMPLATES = Path(__file__).parent / "templates"
_SUSPECTS = {
    "conflict": "Copies of one recording with different labels",
    "label": "Tracks whose label may be wrong",
    "copy": "Copies of one recording with the same label",
}


@dataclass(frozen=True)
class Headline:
    """The numbers at the top. Shares and accuracies are 0..1; what there is not is None.

    `sentences` say what can and what cannot be concluded, the most important first. `groups` counts artists or
    albums, whichever the folds keep together. `accuracy` is that of the study's main setting, its interval
    95 % over tracks; `level` says what it counts (``slice`` or ``track``).
    """

    sentences: Sequence[str]
    files: int
    quarantined: int
    tracks: int
    slices: int
    classes: int | None
    groups: int | None = None
    baseline: float | None = None
    level: str = ""
    accuracy: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Holdout:
    """The final model on tracks that took no part in the folds."""

    sentences: Sequence[str]
    pictures: Sequence[Picture] = ()
    tracks: pd.DataFrame | None = None
    confusion_browser: ConfusionBrowser | None = None


@dataclass(frozen=True)
class Told:
    """A table with the sentences that introduce it."""

    table: pd.DataFrame
    sentences: Sequence[str] = ()


@dataclass(frozen=True)
class Study:
    """What a page is made of; a part that is not given is left out, or said to be missing.

    `standin`: whether the music is synthetic. Frames are the tidy tables of the study: `audit`, `quarantine`,
    `warnings`, `copies`, `settings`, `runs`, `experiments`, `classes` and `tracks` come from evaluation, `leakage` and
    `bandwidth` from the audit of the folds. `warned` lists doubtful tracks (``title, reason, message``), `notices` are
    remarks on the dataset, and `thresholds` those that its tracks were judged by. `experiment_pictures` has the
    names in the column ``experiment`` as keys; `compared` has a row per setting and a column per part of it.
    `confusion_browser` is the table of tracks by answer; `label_issues`, `library` (the map) and `cost` also appear in
    sentences; `titles` holds the titles of all tracks. `identity` makes the study reproducible: key, seeds, versions.
    """

    title: str
    headline: Headline
    standin: bool = False
    audit: pd.DataFrame | None = None
    quarantine: pd.DataFrame | None = None
    warnings: pd.DataFrame | None = None
    warned: pd.DataFrame | None = None
    copies: pd.DataFrame | None = None
    notices: Sequence[str] = ()
    thresholds: Mapping[str, str] = field(default_factory=dict)
    leakage: pd.DataFrame | None = None
    bandwidth: pd.DataFrame | None = None
    settings: pd.DataFrame | None = None
    runs: pd.DataFrame | None = None
    training: Sequence[Picture] = ()
    experiments: pd.DataFrame | None = None
    experiment_pictures: Mapping[str, Sequence[Picture]] = field(default_factory=dict)
    compared: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    comparisons: pd.DataFrame | None = None
    scores: pd.DataFrame | None = None
    tags: pd.DataFrame | None = None
    analysis: Sequence[Picture] = ()
    calibration: Sequence[Picture] = ()
    diagrams: Sequence[Picture] = ()
    confusion: Sequence[Picture] = ()
    confusion_browser: ConfusionBrowser | None = None
    classes: pd.DataFrame | None = None
    tracks: pd.DataFrame | None = None
    holdout: Holdout | None = None
    label_issues: Told | None = None
    library: Told | None = None
    titles: Mapping[str, str] = field(default_factory=dict)
    slices: Sequence[Picture] = ()
    architecture: Sequence[Picture] = ()
    methods: Sequence[str] = ()
    identity: Mapping[str, str] = field(default_factory=dict)
    citation: Sequence[str] = ()
    cost: Told | None = None

    @property
    def panels(self) -> list[ConfusionBrowser]:
        """The tables whose cells list their tracks, in the order of the page."""
        held = self.holdout.confusion_browser if self.holdout else None
        return [each for each in (self.confusion_browser, held) if each is not None]

    @property
    def pictures(self) -> list[Picture]:
        """All figures, each once."""
        drawn = [block for section in _sections(self) for block in section.blocks if isinstance(block, Drawn)]
        return list({block.picture.name: block.picture for block in drawn}.values())

    def wanted(self) -> list[str]:
        """Return the tracks that a reader may want to hear, the most telling first."""
        label_issues = self.label_issues.table["track_id"] if self.label_issues else ()
        return list(dict.fromkeys([*label_issues, *(track for panel in self.panels for track in panel.wanted())]))


@dataclass(frozen=True)
class Media:
    """Where a page finds what it shows: URLs of pictures and of tables (CSV) by name, and excerpts by track id."""

    pictures: Mapping[str, str]
    excerpts: Mapping[str, Excerpt] = field(default_factory=dict)
    tables: Mapping[str, str] = field(default_factory=dict)


def render(study: Study, media: Media) -> str:
    """Return the page as HTML; the same study and media give the same text."""
    library = study.library.table if study.library else None
    return template("page.html").render(
        title=study.title,
        sentences=study.headline.sentences,
        facts=_facts(study.headline),
        sections=[_marked(section, study.standin) for section in _sections(study) if section.blocks],
        pictures=media.pictures,
        links=media.tables,
        data=page_data(study.panels, library, study.titles, media.excerpts),
        style=asset("page.css"),
        script=asset("page.js"),
    )


def template(name: str):
    """Return a template, in which all that is filled in is escaped."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=lambda value: sanitize(value) if type(value) is str else value,  # not of what is markup already
    )
    environment.filters["printable"] = printable
    environment.filters["digest"] = _digest
    return environment.get_template(name)


def asset(name: str) -> str:
    """Return the text of a style or script."""
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """Return the digest by which a policy (CSP) allows a script or style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@dataclass(frozen=True)
class _Fact:
    label: str
    value: str
    note: str
    strong: bool = False


@dataclass(frozen=True)
class _Section:
    anchor: str
    title: str
    blocks: list[Any]


def _marked(section: _Section, standin: bool) -> _Section:
    """Return a section whose tables say so where the music is a stand-in."""
    if not standin:
        return section
    blocks = [
        replace(block, table=replace(block.table, caption=block.table.caption + STANDIN))
        if isinstance(block, Shown | Folded)
        else block
        for block in section.blocks
    ]
    return replace(section, blocks=blocks)


def _facts(headline: Headline) -> list[_Fact]:
    """Return the facts in the order in which they must be read: the accuracy comes after what it rests on."""
    share = headline.quarantined / headline.files if headline.files else 0.0
    classes = "" if headline.classes is None else f"in {headline.classes:,} classes"
    groups = "" if headline.groups is None else f"from {headline.groups:,} groups (artists or albums)"
    facts = [
        _Fact("Tracks", tables.count(headline.tracks), f"{classes} {groups}".strip()),
        _Fact("Quarantined", f"{tables.percent(share)} %", f"{headline.quarantined:,} of {headline.files:,} files"),
        _Fact("Slices", tables.count(headline.slices), f"from {headline.tracks:,} tracks"),
    ]
    if headline.baseline is not None:
        facts.append(_Fact("Majority baseline", f"{tables.percent(headline.baseline)} %", "always the commonest class"))
    if headline.accuracy is not None:
        note = f"95 % interval over tracks: {tables.percent(headline.low)} to {tables.percent(headline.high)} %"
        label = f"{headline.level.capitalize()} accuracy"
        facts.append(_Fact(label, f"{tables.percent(headline.accuracy)} %", note, strong=True))
    return facts


def _sections(study: Study) -> Iterable[_Section]:
    yield _Section("data", "Data audit", _data(study))
    yield _Section("leakage", "Leakage audit", _leakage(study))
    yield _Section("analysis", "What the dataset is like", _pictures(study.analysis))
    yield _Section("results", "Results", _results(study))
    yield _Section("experiments", "Experiments", _experiments(study))
    yield _Section("calibration", "Calibration", _pictures(study.calibration))
    yield _Section("confusion", "Confusion", _confusion(study))
    yield _Section("holdout", "Holdout", _holdout(study))
    yield _Section("label_issues", "Suspects", _suspects(study.label_issues))
    yield _Section("map", "Map of the library", _mapped(study.library))
    yield _Section("slices", "What the network sees", _pictures(study.slices))
    yield _Section("architecture", "Architecture", _pictures(study.architecture))
    yield _Section("methods", "Methods", _methods(study))
    yield _Section("cost", "Cost", _cost(study))


def _data(study: Study) -> list[Any]:
    blocks: list[Any] = []
    if _some(study.audit):
        blocks.append(
            _by_class(tables.table(study.audit, columns.AUDIT, caption="Tracks, groups and slices of each class"))
        )
    if _some(study.quarantine):
        caption = f"Quarantined files ({len(study.quarantine):,}), and why"
        blocks.append(Folded(tables.table(study.quarantine, columns.QUARANTINE, caption=caption)))
    else:
        blocks.append(Text("No file was quarantined."))
    if _some(study.warnings):
        blocks.append(
            Shown(
                tables.table(study.warnings, columns.WARNINGS, caption="Doubts and notes on the tracks that are used")
            )
        )
    if _some(study.warned):
        caption = f"Every track in doubt ({len(study.warned):,})"
        blocks.append(Folded(tables.table(study.warned, columns.WARNED, caption=caption)))
    if _some(study.copies):
        caption = f"Tracks that are there more than once ({len(study.copies):,}, of {_recordings(study)} recordings)"
        blocks.append(Folded(tables.table(study.copies, columns.COPIES, caption=caption)))
    if study.notices:
        blocks += [Heading("The dataset as it was found"), *(Text(notice) for notice in study.notices)]
    if study.thresholds:
        blocks.append(Folded(tables.pairs(study.thresholds, caption="Thresholds by which tracks were judged")))
    return blocks


def _recordings(study: Study) -> str:
    return tables.count(study.copies["recording"].nunique())


def _leakage(study: Study) -> list[Any]:
    if not _some(study.leakage):
        return []
    leaks = int((study.leakage["verdict"] == "leak").sum())
    verdict = (
        f"{leaks:,} checks found a leak: accuracies are too high by an unknown amount."
        if leaks
        else "Nothing that a model was trained on is, by these checks, also in its test."
    )
    found = study.leakage
    telling = found[(found["verdict"] != "ok") | (found["check"] == "encoding")]
    caption = f"Every check in every fold ({len(found):,})"
    blocks: list[Any] = [Text(verdict)]
    blocks.append(Shown(tables.table(telling, columns.LEAKAGE, caption="What is worth knowing")))
    blocks.append(Folded(tables.table(found, columns.LEAKAGE, caption=caption)))
    if _some(study.bandwidth):
        caption = "Bandwidth of each class (kHz): where classes differ, a model may learn the codec and not the music"
        blocks.append(_by_class(tables.table(study.bandwidth, columns.BANDWIDTH, caption=caption)))
    return blocks


def _results(study: Study) -> list[Any]:
    if not _some(study.runs):
        return [Text("No model has been trained: this study prepares data only.")]
    blocks: list[Any] = []
    diverged = int((study.runs.status == "diverged").sum())
    if diverged == len(study.runs):
        blocks.append(Text(f"All {diverged:,} runs diverged: there are no results to show."))
    elif diverged:
        blocks.append(Text(f"{diverged:,} of {len(study.runs):,} runs diverged; they count in no mean."))
    if _some(study.settings):
        settings = _beside_published(study.settings, study.experiments)
        caption = "Accuracy of each setting over all folds (%), with 95 % intervals over tracks"
        blocks.append(Shown(tables.table(settings, columns.SETTINGS, caption=caption)))
        blocks.append(Folded(tables.table(settings, columns.MEASURES, caption="More measures of each setting (%)")))
    if _some(study.tags):
        blocks.append(
            _by_class(tables.table(study.tags, columns.TAGS, caption="Areas under the curves of each tag (%)"))
        )
    if _some(study.scores):
        blocks.append(Folded(tables.table(study.scores, columns.SCORES, caption="Every metric of the main setting")))
    blocks.append(Folded(tables.table(study.runs, columns.RUNS, caption=f"All runs ({len(study.runs):,})")))
    return blocks + _pictures(study.training)


def _experiments(study: Study) -> list[Any]:
    if not _some(study.experiments):
        return []
    blocks: list[Any] = []
    for name, rows in study.experiments.groupby("experiment", sort=False):
        blocks.append(Heading(rows["title"].iloc[0]))
        blocks += _pictures(study.experiment_pictures.get(name, ()))
        blocks += _compared(study.compared.get(name))
        published = rows.filter(like="published").notna().any(axis=None)
        caption = "Ours beside the published numbers (%)" if published else "The values compared (%)"
        blocks.append(Shown(tables.table(rows, columns.EXPERIMENT, caption=caption)))
        if _some(study.comparisons):
            pairs = study.comparisons[study.comparisons["experiment"] == name]
            blocks += [Text(sentence) for sentence in pairs["verdict"].head(_VERDICTS)]
            if len(pairs):
                caption = f"All pairs ({len(pairs):,}), differences in percentage points"
                blocks.append(Folded(tables.table(pairs, columns.COMPARISONS, caption=caption)))
    return blocks


def _compared(settings: pd.DataFrame | None) -> list[Any]:
    """Return what the settings of an experiment differ in, and behind it what they share."""
    if not _some(settings):
        return []
    differs, same = differing(settings)
    blocks: list[Any] = []
    if differs.shape[1] == 1:
        blocks.append(Text(f"The settings differ in {differs.columns[0]} alone."))
    elif differs.shape[1]:
        frame = differs.rename_axis("value").reset_index()
        blocks.append(Shown(tables.plain(frame, caption="Only what differs between the settings")))
    return [*blocks, Folded(tables.pairs(same, caption=f"What is the same in all of them ({len(same):,})"))]


def _confusion(study: Study) -> list[Any]:
    blocks: list[Any] = [ConfusionPanel(study.confusion_browser, 0, study.standin)] if study.confusion_browser else []
    blocks += _pictures(study.confusion)
    if _some(study.classes):
        for level, rows in study.classes.groupby("level", sort=False):
            caption = f"Precision, recall and F1 of each class, {level} level"
            kind = _by_class if level == "track" else Folded
            blocks.append(kind(tables.table(rows, columns.CLASSES, caption=caption)))
    if _some(study.tracks):
        wrong = study.tracks[~study.tracks.correct.astype(bool)]
        caption = f"Misclassified tracks ({len(wrong):,} of {len(study.tracks):,})"
        blocks.append(Folded(tables.table(wrong, columns.TRACKS, caption=caption)))
    return blocks


def _holdout(study: Study) -> list[Any]:
    holdout = study.holdout
    if holdout is None:
        return []
    blocks: list[Any] = [Text(sentence) for sentence in holdout.sentences]
    if holdout.confusion_browser:
        blocks.append(ConfusionPanel(holdout.confusion_browser, len(study.panels) - 1, study.standin))
    blocks += _pictures(holdout.pictures)
    if _some(holdout.tracks):
        blocks.append(Folded(tables.table(holdout.tracks, columns.TRACKS, caption="Every track of the holdout")))
    return blocks


def _suspects(label_issues: Told | None) -> list[Any]:
    if label_issues is None:
        return []
    blocks: list[Any] = [Text(sentence) for sentence in label_issues.sentences]
    for kind, caption in _SUSPECTS.items():
        found = label_issues.table[label_issues.table["kind"] == kind]
        if len(found):
            shown = tables.table(found, columns.SUSPECTS[kind], caption=f"{caption} ({len(found):,})")
            blocks.append(Shown(shown) if len(found) <= _FEW else Folded(shown))
    return blocks


def _mapped(library: Told | None) -> list[Any]:
    if library is None or not _some(library.table):
        return []
    shown, tracks = len(mapped(library.table)), len(library.table)
    chosen = [f"The map shows {shown:,} of {tracks:,} tracks, drawn by chance."] if shown < tracks else []
    return [Mapped(shown, [*library.sentences, *chosen])]


def _methods(study: Study) -> list[Any]:
    blocks: list[Any] = [*(Text(paragraph) for paragraph in study.methods), *_pictures(study.diagrams)]
    if study.identity:
        blocks += [Heading("What makes it reproducible"), Pairs(study.identity)]
    if study.citation:
        blocks += [Heading("To cite"), *(Text(entry) for entry in study.citation)]
    return blocks


def _cost(study: Study) -> list[Any]:
    blocks: list[Any] = []
    if study.cost is not None:
        blocks += [Text(sentence) for sentence in study.cost.sentences]
        if _some(study.cost.table):
            blocks.append(Shown(tables.table(study.cost.table, columns.STAGES, caption="Time of each stage")))
    if _some(study.runs):
        by = study.runs.groupby(["model", "setting", "device"], sort=False, dropna=False).seconds
        cost = by.agg(runs="size", median="median", longest="max", total="sum").reset_index()
        blocks.append(Folded(tables.table(cost, columns.COST, caption="Time of a run")))
    return blocks


def _pictures(pictures: Iterable[Picture]) -> list[Any]:
    return [
        Drawn(
            picture,
            tables.plain(picture.table, caption="The table behind the figure") if _some(picture.table) else None,
        )
        for picture in pictures
    ]


def _beside_published(settings: pd.DataFrame, experiments: pd.DataFrame | None) -> pd.DataFrame:
    if not _some(experiments):
        return settings
    published = experiments[["model", "setting", "published_mean", "published_sd", "difference"]]
    return settings.merge(published.drop_duplicates(["model", "setting"]), on=["model", "setting"], how="left")


def _by_class(table: tables.Table) -> Shown | Folded:
    """Return a table with a row a class or tag: folded where there are many."""
    return Folded(table) if len(table.rows) > style.MOST_ROWS else Shown(table)


def _some(frame: pd.DataFrame | None) -> bool:
    return frame is not None and len(frame) > 0
