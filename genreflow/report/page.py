"""The page of a study: its conclusions, and the data, methods and cost behind them.

The page works without a network, from any medium, and no name of a file or class can become markup. Its figures,
excerpts and tables lie beside it or are embedded. Without scripts it lacks only the lists of tracks, excerpts and the
map.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from genreflow.evaluation.changes import Changes
from genreflow.evaluation.claims import summary
from genreflow.evaluation.comparisons import warnings
from genreflow.evaluation.registry import (
    Column,
    count_column,
    duration,
    kilo,
    number,
    percent,
    percent_column,
    text_column,
    whole,
)
from genreflow.evaluation.study import TABLES
from genreflow.evaluation.tables import MEASURES, MODEL, PROTOCOL, SETTING_NAME
from genreflow.evaluation.verdict import MOST_COMMON, Standing
from genreflow.figures import style
from genreflow.report import tables
from genreflow.report.blocks import (
    Block,
    ConfusionPanel,
    FigureBlock,
    Fold,
    Heading,
    LibraryMap,
    Pairs,
    Picture,
    TableBlock,
    Text,
)
from genreflow.report.confusion_browser import ConfusionBrowser, differing
from genreflow.report.data import Excerpt, mapped, page_data
from genreflow.store.text import count, printable, sanitize

_VERDICTS = 6  # conclusions on pairs above the table of all pairs
_OPEN = 1  # experiments, and figures of a section, that are shown without folding
_FEW = 20  # rows of a table of label issues, or of changed answers, that are shown without folding
_TEMPLATES = Path(__file__).parent / "templates"
# Tables that sections place themselves; other registered tables follow at the end of their section.
_PLACED = frozenset(
    {
        "claims", "audit", "warnings", "copies", "settings", "runs", "scores", "tags", "experiments", "comparisons",
        "classes", "tracks", "holdout", "label_issues",
    }
)  # fmt: skip

QUARANTINE = (
    text_column("Dataset", "dataset"),
    text_column("File", "title"),
    text_column("Reason", "reason"),
    text_column("Message", "message"),
)
WARNED = (text_column("Track", "title"), text_column("Reason", "reason"), text_column("Message", "message"))
LEAKAGE = (
    PROTOCOL,
    text_column("Check", "check"),
    text_column("Fold", "fold"),
    text_column("Property", "what"),
    count_column("Tracks", "tracks"),
    percent_column("Share (%)", "share"),
    text_column("Verdict", "verdict"),
    text_column("Message", "message"),
)
BANDWIDTH = (
    PROTOCOL,
    text_column("Class", "class"),
    count_column("Tracks", "tracks"),
    Column("10th percentile (kHz)", ("p10",), kilo),
    Column("Median (kHz)", ("median",), kilo),
    Column("90th percentile (kHz)", ("p90",), kilo),
    text_column("Codecs", "codecs"),
)
STAGES = (
    text_column("Stage", "stage"),
    count_column("Jobs", "jobs"),
    count_column("Recorded", "recorded"),
    Column("Time", ("seconds",), duration),
    Column("On a GPU", ("gpu_seconds",), duration),
    Column("Median of a job", ("median",), duration),
    Column("Longest job", ("longest",), duration),
    Column("All attempts", ("spent",), duration),
)
RUN_TIMES = (
    MODEL,
    SETTING_NAME,
    text_column("Device", "device"),
    count_column("Runs", "runs"),
    Column("Median", ("median",), duration),
    Column("Longest", ("longest",), duration),
    Column("Total", ("total",), duration),
)
_PAIR = (
    text_column("Track", "title"),
    text_column("Label", "label"),
    text_column("Other track", "other_title"),
    text_column("Other label", "suggested"),
    text_column("Reason", "reason"),
)
_SUSPECT = (
    text_column("Track", "title"),
    text_column("Label", "label"),
    text_column("Suggested", "suggested"),
    text_column("Reason", "reason"),
    Column("Score", ("score",), number),
)
_CHANGED = (
    text_column("Track", "title"),
    text_column("True class", "true"),
    text_column("Before", "before"),
    text_column("Now", "after"),
)
_ANSWERS = ("Newly wrong", "Newly right", "Wrong in another way")
_LABEL_ISSUES = {
    "conflict": ("Copies of one recording with different labels", _PAIR),
    "label": ("Suspect labels", _SUSPECT),
    "copy": ("Copies of one recording with the same label", _PAIR),
}


@dataclass(frozen=True)
class Headline:
    """The numbers at the top of a page; shares and accuracies are 0..1, and values that do not exist are None.

    `sentences` state what can and what cannot be concluded, the most important first. `groups` counts the artists or
    albums that folds keep together. `accuracy` is that of the study's main setting with its 95 % interval; `level` is
    its unit (``slice`` or ``track``). `standing`, `baseline` and `baseline_name` are those of
    `genreflow.evaluation.verdict.Verdict`. `elsewhere` are the accuracies on other collections.
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
    standing: Standing = "open"
    baseline_name: str = MOST_COMMON
    elsewhere: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Holdout:
    """The results of the final model on tracks that are in no fold."""

    sentences: Sequence[str]
    pictures: Sequence[Picture] = ()
    confusion_browser: ConfusionBrowser | None = None


@dataclass(frozen=True)
class Introduced:
    """A table with the sentences that introduce it."""

    table: pd.DataFrame
    sentences: Sequence[str] = ()


@dataclass(frozen=True)
class Study:
    """The content of a page; parts that are not given are left out.

    Attributes
    ----------
    tables
        Tables of the study by name, restricted to the rows that the page shows.
    dataset, standin
        Name of the dataset, and whether its music is synthetic.
    quarantine, warned
        Quarantined files, and tracks in doubt (``title, reason, message``).
    notices, thresholds
        Remarks on the dataset, and the quality thresholds of its tracks.
    leakage, bandwidth
        Audits of the folds of all protocols.
    experiment_pictures, compared
        Figures of each experiment, and a frame with a row per setting and a column per option of it.
    search
        Sentences on a search for settings.
    cross_datasets
        Confusion matrices of other collections, with their tracks.
    confusion_browser, label_issues, library, titles
        Confusion matrix with its tracks, label issues, map of the library, and titles of all tracks by id.
    changes
        What changed since earlier results.
    identity
        What is needed to reproduce the study: keys, seeds and versions.
    """

    title: str
    headline: Headline
    dataset: str = ""
    standin: bool = False
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    quarantine: pd.DataFrame | None = None
    warned: pd.DataFrame | None = None
    notices: Sequence[str] = ()
    thresholds: Mapping[str, object] = field(default_factory=dict)
    leakage: pd.DataFrame | None = None
    bandwidth: pd.DataFrame | None = None
    training: Sequence[Picture] = ()
    experiment_pictures: Mapping[str, Sequence[Picture]] = field(default_factory=dict)
    compared: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    analysis: Sequence[Picture] = ()
    calibration: Sequence[Picture] = ()
    diagrams: Sequence[Picture] = ()
    confusion: Sequence[Picture] = ()
    confusion_browser: ConfusionBrowser | None = None
    holdout: Holdout | None = None
    label_issues: Introduced | None = None
    library: Introduced | None = None
    titles: Mapping[str, str] = field(default_factory=dict)
    search: Sequence[str] = ()
    cross_datasets: Sequence[ConfusionBrowser] = ()
    slices: Sequence[Picture] = ()
    architecture: Sequence[Picture] = ()
    methods: Sequence[str] = ()
    identity: Mapping[str, str] = field(default_factory=dict)
    citation: Sequence[str] = ()
    cost: Introduced | None = None
    changes: Changes | None = None

    @property
    def panels(self) -> list[ConfusionBrowser]:
        """Confusion matrices whose cells list their tracks, in the order of the page."""
        browsers = [
            *self.cross_datasets,
            self.confusion_browser,
            self.holdout.confusion_browser if self.holdout else None,
        ]
        return [browser for browser in browsers if browser is not None]

    @property
    def pictures(self) -> list[Picture]:
        """All figures, each once."""
        blocks = [block for section in _sections(self) for block in _unfolded(section.blocks)]
        shown = [block.picture for block in blocks if isinstance(block, FigureBlock)]
        return list({picture.name: picture for picture in shown}.values())

    def candidates(self) -> list[str]:
        """Return the tracks that excerpts are cut of, the most informative first."""
        suspects = self.label_issues.table["track_id"] if self.label_issues else ()
        changed = [track for frame in _changed_answers(self.changes) for track in frame["track_id"]]
        return list(
            dict.fromkeys([*changed, *suspects, *(track for panel in self.panels for track in panel.candidates())])
        )


@dataclass(frozen=True)
class Media:
    """URLs of a page's pictures and tables (CSV) by name, its excerpts by track id, and the URL of all studies."""

    pictures: Mapping[str, str]
    excerpts: Mapping[str, Excerpt] = field(default_factory=dict)
    tables: Mapping[str, str] = field(default_factory=dict)
    index: str = ""


@dataclass(frozen=True)
class _Fact:
    label: str
    value: str
    note: str
    looks: str = ""


@dataclass(frozen=True)
class _Section:
    anchor: str
    title: str
    blocks: list[Block]


def render(study: Study, media: Media) -> str:
    """Return the page as HTML, which depends on the arguments only."""
    library = study.library.table if study.library else None
    charts = {picture.name: picture.charts for picture in study.pictures if picture.charts}
    return template("page.html").render(
        title=study.title,
        sentences=study.headline.sentences,
        standing=study.headline.standing,
        is_synthetic=study.standin,
        index=media.index,
        facts=_facts(study.headline),
        sections=[section for section in _sections(study) if section.blocks],
        pictures=media.pictures,
        links=media.tables,
        data=page_data(study.panels, library, study.titles, media.excerpts, study.dataset, charts),
        style=asset("page.css"),
        script=page_script(with_charts=bool(charts)),
    )


def page_script(*, with_charts: bool) -> str:
    """Return the script of the page of a study."""
    names = ["common.js", *(["vendor/chart.umd.min.js", "charts.js"] if with_charts else []), "page.js"]
    # The source map of a library is not beside the page.
    return "\n".join(re.sub(r"(?m)^//# sourceMappingURL=.*$", "", asset(name)) for name in names)


def template(name: str) -> Template:
    """Return a template that escapes all values."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=lambda value: sanitize(value) if type(value) is str else value,  # Markup is a subclass of str
    )
    environment.filters["printable"] = printable
    environment.filters["digest"] = _digest
    environment.filters["count"] = count
    return environment.get_template(name)


def asset(name: str) -> str:
    """Return the text of a style or script."""
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """Return the digest with which a content security policy allows a script or style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _facts(headline: Headline) -> list[_Fact]:
    """Return the facts in reading order: an accuracy comes after its basis."""
    share = headline.quarantined / headline.files if headline.files else 0.0
    classes = "" if headline.classes is None else f"in {count(headline.classes, 'class', 'classes')}"
    groups = "" if headline.groups is None else f"from {count(headline.groups, 'group')} (artists or albums)"
    files, tracks = count(headline.files, "file"), count(headline.tracks, "track")
    facts = [
        _Fact("Tracks", whole(headline.tracks), f"{classes} {groups}".strip()),
        _Fact("Quarantined", f"{percent(share)} %", f"{headline.quarantined:,} of {files}"),
        _Fact("Slices", whole(headline.slices), f"from {tracks}"),
    ]
    if headline.baseline is not None:
        facts.append(_baseline(headline))
    if headline.accuracy is not None:
        unit = "tracks" if headline.groups is None else "groups"
        note = f"95 % interval over {unit}: {percent(headline.low)} to {percent(headline.high)} %"
        label = f"{headline.level.capitalize()} accuracy"
        facts.append(_Fact(label, f"{percent(headline.accuracy)} %", note, looks=f"strong {headline.standing}"))
    return [*(_elsewhere(row) for row in headline.elsewhere), *facts]


def _elsewhere(row: Mapping[str, Any]) -> _Fact:
    """Return the accuracy on another collection, which comes first."""
    ends = "no interval" if row["low"] is None else f"95 % interval {percent(row['low'])} to {percent(row['high'])} %"
    note = f"of {count(row['tracks'], 'track')}; {ends}"
    return _Fact(
        f"Accuracy on {row['dataset']}", f"{percent(row['accuracy'])} %", note, looks=f"strong {row['standing']}"
    )


def _baseline(headline: Headline) -> _Fact:
    value = f"{percent(headline.baseline)} %"
    if headline.baseline_name == MOST_COMMON:
        return _Fact("Majority baseline", value, f"always {MOST_COMMON}")
    looks = headline.standing if headline.standing == "doubtful" else ""
    return _Fact("Best trivial answer", value, f"by the {headline.baseline_name} of the file alone", looks)


def _sections(study: Study) -> Iterator[_Section]:
    """Yield the sections in the order in which readers ask: answers to hear, then settings, then audits and methods."""
    for anchor, title, blocks in (
        ("claims", "Claims", _claims(study)),
        ("confusion", "Confusion", _confusion(study)),
        ("changes", "Since last time", _changes(study.changes)),
        ("cross_dataset", "Another collection", _cross_datasets(study)),
        ("holdout", "Holdout", _holdout(study)),
        ("label_issues", "Label issues", _label_issues(study.label_issues)),
        ("classes", "Classes", _classes(study)),
        ("map", "Map of the library", _map(study.library)),
        ("results", "Results", _results(study)),
        ("experiments", "Experiments", _experiments(study)),
        ("search", "Search for settings", [Text(sentence) for sentence in study.search]),
        ("calibration", "Calibration", _figures(study.calibration)),
        ("leakage", "Leakage audit", _leakage(study)),
        ("data", "Data audit", _data(study)),
        ("analysis", "Dataset analysis", _folded_figures(study.analysis)),
        ("slices", "Inputs of models", _folded_figures(study.slices)),
        ("architecture", "Architecture", _folded_figures(study.architecture)),
        ("methods", "Methods", _methods(study)),
        ("cost", "Cost", _cost(study)),
    ):
        others = [each.name for each in TABLES.values() if each.section == title and each.name not in _PLACED]
        yield _Section(anchor, title, [*blocks, *(block for name in others for block in _table(study, name))])


def _table(study: Study, name: str, *, title: str = "", fold: bool | None = None) -> list[Block]:
    """Return a registered table as a block; nothing if it has no rows or no columns on the page.

    A table is folded if it is registered so, or has more than `style.MOST_ROWS` rows; `fold` overrides this.
    """
    frame, entry = study.tables.get(name), TABLES[name]
    if frame is None or frame.empty or not entry.shown:
        return []
    return [_block(frame, entry.shown, title or entry.title, True if entry.folded else fold, counted=entry.folded)]


def _block(
    frame: pd.DataFrame, columns: Sequence[Column], title: str, fold: bool | None = None, *, counted: bool = False
) -> TableBlock:
    """Return a table as a block; `counted` adds the number of rows to its title."""
    if fold is None:
        fold = len(frame) > style.MOST_ROWS
    caption = f"{title} ({len(frame):,})" if counted else title
    return TableBlock(tables.table(frame, columns, caption=caption), folded=fold)


def _changes(changed: Changes | None) -> list[Block]:
    if changed is None:
        return []
    name = changed.before.name.rpartition("@")[2]
    blocks: list[Block] = [Text(f"The results before are {name} in the history of this study.")]
    blocks += [Text(sentence) for sentence in changed.sentences]
    for title, frame in zip(_ANSWERS, _changed_answers(changed), strict=True):
        if len(frame):
            blocks.append(_block(frame, _CHANGED, title, len(frame) > _FEW, counted=True))
    return blocks


def _changed_answers(changed: Changes | None) -> list[pd.DataFrame]:
    return [] if changed is None else [changed.newly_wrong, changed.newly_right, changed.still_wrong]


def _data(study: Study) -> list[Block]:
    blocks = _table(study, "audit")
    if _has_rows(study.quarantine):
        blocks.append(_block(study.quarantine, QUARANTINE, "Quarantined files", True, counted=True))
    else:
        blocks.append(Text("No file was quarantined."))
    blocks += _table(study, "warnings", fold=False)
    if _has_rows(study.warned):
        blocks.append(_block(study.warned, WARNED, "All tracks in doubt", True, counted=True))
    copies = study.tables.get("copies")
    if _has_rows(copies):
        recordings = count(copies["recording"].nunique(), "recording")
        blocks += _table(study, "copies", title=f"Copies of {recordings}")
    if study.notices:
        blocks += [Heading("Notes on the dataset"), *(Text(notice) for notice in study.notices)]
    if study.thresholds:
        blocks.append(TableBlock(tables.pairs(study.thresholds, caption="Quality thresholds"), folded=True))
    return blocks


def _leakage(study: Study) -> list[Block]:
    if not _has_rows(study.leakage):
        return []
    checks = study.leakage
    leaks = int((checks["verdict"] == "leak").sum())
    verdict = "No check found a leak between training and test tracks."
    if leaks:
        verdict = f"{count(leaks, 'check')} found a leak: accuracies are too high by an unknown amount."
    notable = checks[(checks["verdict"] != "ok") | (checks["check"] == "encoding")]
    notable = notable.sort_values("verdict", key=lambda verdict: verdict != "leak", kind="stable")  # leaks first
    blocks: list[Block] = [Text(verdict), _block(notable, LEAKAGE, "Notable checks", False)]
    blocks.append(_block(checks, LEAKAGE, "All checks in all folds", True, counted=True))
    if _has_rows(study.bandwidth):
        title = "Bandwidth of each class: if classes differ, a model may learn the codec instead of the music"
        blocks.append(_block(study.bandwidth, BANDWIDTH, title, True))
    return blocks


def _results(study: Study) -> list[Block]:
    runs, settings = study.tables.get("runs"), study.tables.get("settings")
    if not _has_rows(runs):
        return [Text("No model was trained: this study prepares data only.")]
    blocks: list[Block] = []
    diverged = int((runs["status"] == "diverged").sum())
    if diverged == len(runs):
        runs_diverged = "The only run" if diverged == 1 else f"All {diverged:,} runs"
        blocks.append(Text(f"{runs_diverged} diverged: there are no results to show."))
    elif diverged:
        verb = "is" if diverged == 1 else "are"
        blocks.append(Text(f"{diverged:,} of {count(len(runs), 'run')} diverged and {verb} excluded from all means."))
    if _has_rows(settings):
        beside = _beside_published(settings, study.tables.get("experiments"))
        blocks.append(_block(beside, TABLES["settings"].shown, TABLES["settings"].title, False))
        blocks.append(_block(settings, MEASURES, "More measures of each setting", True))
    blocks += _table(study, "tags")
    blocks += _table(study, "scores", title="All metrics of the main setting")
    blocks += _table(study, "runs")
    return blocks + _figures(study.training)


def _experiments(study: Study) -> list[Block]:
    experiments, comparisons = study.tables.get("experiments"), study.tables.get("comparisons")
    if not _has_rows(experiments):
        return []
    parts: list[Block] = []
    for place, (name, rows) in enumerate(experiments.groupby("experiment", sort=False)):
        blocks: list[Block] = []
        blocks += _figures(study.experiment_pictures.get(str(name), ()))
        blocks += _compared(study.compared.get(str(name)))
        is_published = rows.filter(like="published").notna().any(axis=None)
        title = "Our results and the published numbers" if is_published else TABLES["experiments"].title
        blocks.append(_block(rows, TABLES["experiments"].shown, title, False))
        pairs = comparisons[comparisons["experiment"] == name] if _has_rows(comparisons) else None
        if pairs is not None:
            blocks += [Text(sentence) for sentence in [*pairs["verdict"].head(_VERDICTS), *warnings(pairs)]]
            if len(pairs):
                entry = TABLES["comparisons"]
                blocks.append(_block(pairs, entry.shown, entry.title, True, counted=True))
        title, anchor = rows["title"].iloc[0], f"experiment-{name}"
        if place < _OPEN:
            parts += [Heading(title, anchor), *blocks]
        else:
            parts.append(Fold(title, blocks, _outcome(pairs), anchor))
    return parts


def _outcome(pairs: pd.DataFrame | None) -> str:
    """Return the conclusion from the comparison of an experiment's values, as a sentence."""
    if not _has_rows(pairs):
        return ""
    if len(pairs) == 1:
        return str(pairs["verdict"].iloc[0])
    significant = int(pairs["is_significant"].sum())
    verb = "differs" if significant == 1 else "differ"
    return f"{significant} of {count(len(pairs), 'pair')} of values {verb} significantly."


def _compared(settings: pd.DataFrame | None) -> list[Block]:
    """Return the options that differ between the settings of an experiment, and those that they share."""
    if not _has_rows(settings):
        return []
    differs, same = differing(settings)
    blocks: list[Block] = []
    if differs.shape[1] == 1:
        blocks.append(Text(f"The settings differ only in {differs.columns[0]}."))
    elif differs.shape[1]:
        frame = differs.rename_axis("value").reset_index()
        blocks.append(TableBlock(tables.plain(frame, caption="Options that differ between the settings")))
    shared = tables.pairs(same, caption=f"Options that all settings share ({len(same):,})")
    return [*blocks, TableBlock(shared, folded=True)]


def _claims(study: Study) -> list[Block]:
    claims = study.tables.get("claims")
    if not _has_rows(claims):
        return []
    entry, is_number = TABLES["claims"], claims["published"].notna() | claims["published_low"].notna()
    blocks: list[Block] = [Text(sentence) for sentence in summary(claims)]
    for title, rows in ((entry.title, claims[~is_number]), ("Published numbers", claims[is_number])):
        if len(rows):
            blocks.append(_block(rows, entry.shown, title, len(rows) > _FEW, counted=True))
    return blocks


def _confusion(study: Study) -> list[Block]:
    if study.confusion_browser is None:
        return _figures(study.confusion)
    return [ConfusionPanel(study.confusion_browser, len(study.cross_datasets))]


def _classes(study: Study) -> list[Block]:
    blocks: list[Block] = []
    classes, tracks = study.tables.get("classes"), study.tables.get("tracks")
    if _has_rows(classes):
        for level, rows in classes.groupby("level", sort=False):
            title = f"{TABLES['classes'].title}, {level} level"
            blocks.append(_block(rows, TABLES["classes"].shown, title, None if level == "track" else True))
    if _has_rows(tracks):
        wrong = tracks[~tracks["correct"].astype(bool)]
        title = f"Misclassified tracks ({len(wrong):,} of {len(tracks):,})"
        blocks.append(_block(wrong, TABLES["tracks"].shown, title, True))
    return blocks


def _cross_datasets(study: Study) -> list[Block]:
    return [ConfusionPanel(browser, number) for number, browser in enumerate(study.cross_datasets)]


def _holdout(study: Study) -> list[Block]:
    holdout = study.holdout
    if holdout is None:
        return []
    blocks: list[Block] = [Text(sentence) for sentence in holdout.sentences]
    if holdout.confusion_browser:
        blocks.append(ConfusionPanel(holdout.confusion_browser, len(study.panels) - 1))
    else:
        blocks += _figures(holdout.pictures)
    return [*blocks, *_table(study, "holdout")]


def _label_issues(issues: Introduced | None) -> list[Block]:
    if issues is None:
        return []
    blocks: list[Block] = [Text(sentence) for sentence in issues.sentences]
    for kind, (title, columns) in _LABEL_ISSUES.items():
        rows = issues.table[issues.table["kind"] == kind]
        if len(rows):
            blocks.append(_block(rows, columns, title, len(rows) > _FEW, counted=True))
    return blocks


def _map(library: Introduced | None) -> list[Block]:
    if library is None or not _has_rows(library.table):
        return []
    shown, tracks = len(mapped(library.table)), len(library.table)
    sample = [f"The map shows a random sample of {shown:,} of {tracks:,} tracks."] if shown < tracks else []
    rings = "A ring marks a track of the confusion matrix that was predicted wrongly."
    return [LibraryMap(count(shown, "track"), [rings, *library.sentences, *sample])]


def _methods(study: Study) -> list[Block]:
    blocks: list[Block] = [*(Text(paragraph) for paragraph in study.methods), *_figures(study.diagrams)]
    if study.identity:
        blocks += [Heading("Reproducibility"), Pairs(study.identity)]
    if study.citation:
        blocks += [Heading("Citation"), *(Text(entry) for entry in study.citation)]
    return blocks


def _cost(study: Study) -> list[Block]:
    blocks: list[Block] = []
    if study.cost is not None:
        blocks += [Text(sentence) for sentence in study.cost.sentences]
        if _has_rows(study.cost.table):
            blocks.append(_block(study.cost.table, STAGES, "Time of each stage", True))
    runs = study.tables.get("runs")
    if _has_rows(runs):
        seconds = runs.groupby(["model", "setting", "device"], sort=False, dropna=False)["seconds"]
        times = seconds.agg(runs="size", median="median", longest="max", total="sum").reset_index()
        blocks.append(_block(times, RUN_TIMES, "Training time of each setting", True))
    return blocks


def _figures(pictures: Iterable[Picture]) -> list[Block]:
    return [
        FigureBlock(
            picture,
            tables.plain(picture.table, caption="Values of the figure") if _has_rows(picture.table) else None,
        )
        for picture in pictures
    ]


def _folded_figures(pictures: Sequence[Picture], shown: int = _OPEN) -> list[Block]:
    """Return figures, those after the first ones folded."""
    blocks = _figures(pictures)
    if len(blocks) <= shown:
        return blocks
    return [*blocks[:shown], Fold(f"Show {count(len(blocks) - shown, 'more figure')}", blocks[shown:])]


def _unfolded(blocks: Iterable[Block]) -> Iterator[Block]:
    for block in blocks:
        yield from _unfolded(block.blocks) if isinstance(block, Fold) else [block]


def _beside_published(settings: pd.DataFrame, experiments: pd.DataFrame | None) -> pd.DataFrame:
    if not _has_rows(experiments):
        return settings
    published = experiments[["model", "setting", "published_mean", "published_sd", "difference"]]
    return settings.merge(published.drop_duplicates(["model", "setting"]), on=["model", "setting"], how="left")


def _has_rows(frame: pd.DataFrame | None) -> TypeGuard[pd.DataFrame]:
    return frame is not None and len(frame) > 0
