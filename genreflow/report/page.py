"""The page of a study: what was concluded, from which data, how, and at what cost.

The page is one file without scripts that opens from a memory stick: nothing in it comes from the network, and
no name of a file or class can become markup.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from genreflow.figures.style import printable
from genreflow.report import tables
from genreflow.report.tables import Column, Table

_VERDICTS = 6  # sentences on pairs that are shown; the table has all
_TEMPLATES = Path(__file__).parent / "templates"


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
    classes: int
    groups: int | None = None
    baseline: float | None = None
    level: str = ""
    accuracy: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Picture:
    """A drawn figure (SVG), with what a reader needs who cannot see it, and the table behind it."""

    title: str
    caption: str
    alt: str
    svg: bytes
    table: pd.DataFrame | None = None


@dataclass(frozen=True)
class Holdout:
    """The final model on tracks that took no part in the folds."""

    sentences: Sequence[str]
    pictures: Sequence[Picture] = ()
    tracks: pd.DataFrame | None = None


@dataclass(frozen=True)
class Study:
    """What a page is made of; a part that is not given is left out, or said to be missing.

    `standin` says that the music is synthetic. Frames are the tidy tables of the study: `audit`, `quarantine`,
    `warnings`, `copies`, `settings`, `runs`,
    `experiments`, `classes`, `tracks` as evaluation makes them, `leakage` and `bandwidth` as the folds are audited;
    `warned` lists the tracks with a warning (``title, reason, message``), `notices` are remarks on the dataset as
    it was found, `gates` the thresholds by which tracks were judged. `experiment_pictures` are keyed by the name in
    the column ``experiment``. `identity` holds what makes the study reproducible: key, seeds, versions.
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
    gates: Mapping[str, str] = field(default_factory=dict)
    leakage: pd.DataFrame | None = None
    bandwidth: pd.DataFrame | None = None
    settings: pd.DataFrame | None = None
    runs: pd.DataFrame | None = None
    training: Sequence[Picture] = ()
    experiments: pd.DataFrame | None = None
    experiment_pictures: Mapping[str, Sequence[Picture]] = field(default_factory=dict)
    comparisons: pd.DataFrame | None = None
    scores: pd.DataFrame | None = None
    tags: pd.DataFrame | None = None
    analysis: Sequence[Picture] = ()
    calibration: Sequence[Picture] = ()
    diagrams: Sequence[Picture] = ()
    confusion: Sequence[Picture] = ()
    classes: pd.DataFrame | None = None
    tracks: pd.DataFrame | None = None
    holdout: Holdout | None = None
    slices: Sequence[Picture] = ()
    architecture: Sequence[Picture] = ()
    methods: Sequence[str] = ()
    identity: Mapping[str, str] = field(default_factory=dict)
    citation: Sequence[str] = ()


def render(study: Study) -> str:
    """Return the page as HTML; the same study gives the same text."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["printable"] = printable
    environment.filters["data_uri"] = _data_uri
    return environment.get_template("page.html").render(
        title=study.title,
        sentences=study.headline.sentences,
        facts=_facts(study.headline),
        sections=[_marked(section, study.standin) for section in _sections(study) if section.blocks],
    )


@dataclass(frozen=True)
class _Text:
    kind: ClassVar[str] = "text"
    text: str


@dataclass(frozen=True)
class _Heading:
    kind: ClassVar[str] = "heading"
    text: str


@dataclass(frozen=True)
class _Shown:
    kind: ClassVar[str] = "table"
    table: Table


@dataclass(frozen=True)
class _Folded:
    """A long table that waits behind its caption."""

    kind: ClassVar[str] = "folded"
    table: Table


@dataclass(frozen=True)
class _Drawn:
    kind: ClassVar[str] = "picture"
    picture: Picture
    table: Table | None


@dataclass(frozen=True)
class _Pairs:
    kind: ClassVar[str] = "pairs"
    pairs: Mapping[str, str]


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
        replace(block, table=replace(block.table, caption=f"{block.table.caption} (stand-in music)"))
        if isinstance(block, _Shown | _Folded)
        else block
        for block in section.blocks
    ]
    return replace(section, blocks=blocks)


def _facts(headline: Headline) -> list[_Fact]:
    """Return the facts in the order in which they must be read: the accuracy comes after what it rests on."""
    share = headline.quarantined / headline.files if headline.files else 0.0
    groups = "" if headline.groups is None else f"from {headline.groups:,} groups (artists or albums)"
    facts = [
        _Fact("Tracks", tables.count(headline.tracks), f"in {headline.classes:,} classes {groups}".strip()),
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
    yield _Section("holdout", "Holdout", _holdout(study.holdout))
    yield _Section("slices", "What the network sees", _pictures(study.slices))
    yield _Section("architecture", "Architecture", _pictures(study.architecture))
    yield _Section("methods", "Methods", _methods(study))
    yield _Section("cost", "Cost", _cost(study.runs))


def _data(study: Study) -> list[Any]:
    blocks: list[Any] = []
    if _some(study.audit):
        blocks.append(_Shown(tables.table(study.audit, _AUDIT, caption="Tracks, groups and slices of each class")))
    if _some(study.quarantine):
        caption = f"Quarantined files ({len(study.quarantine):,}), and why"
        blocks.append(_Folded(tables.table(study.quarantine, _QUARANTINE, caption=caption)))
    else:
        blocks.append(_Text("No file was quarantined."))
    if _some(study.warnings):
        blocks.append(_Shown(tables.table(study.warnings, _WARNINGS, caption="Tracks used with a warning, by reason")))
    if _some(study.warned):
        caption = f"Every track with a warning ({len(study.warned):,})"
        blocks.append(_Folded(tables.table(study.warned, _WARNED, caption=caption)))
    if _some(study.copies):
        caption = f"Tracks that are there more than once ({len(study.copies):,}, of {_recordings(study)} recordings)"
        blocks.append(_Folded(tables.table(study.copies, _COPIES, caption=caption)))
    if study.notices:
        blocks += [_Heading("The dataset as it was found"), *(_Text(notice) for notice in study.notices)]
    if study.gates:
        blocks.append(_Folded(tables.pairs(study.gates, caption="Thresholds by which tracks were judged")))
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
    blocks: list[Any] = [_Text(verdict)]
    blocks.append(_Shown(tables.table(telling, _LEAKAGE, caption="What is worth knowing")))
    blocks.append(_Folded(tables.table(found, _LEAKAGE, caption=caption)))
    if _some(study.bandwidth):
        caption = "Bandwidth of each class (kHz): where classes differ, a model may learn the codec and not the music"
        blocks.append(_Shown(tables.table(study.bandwidth, _BANDWIDTH, caption=caption)))
    return blocks


def _results(study: Study) -> list[Any]:
    if not _some(study.runs):
        return [_Text("No model has been trained: this study prepares data only.")]
    blocks: list[Any] = []
    diverged = int((study.runs.status == "diverged").sum())
    if diverged == len(study.runs):
        blocks.append(_Text(f"All {diverged:,} runs diverged: there are no results to show."))
    elif diverged:
        blocks.append(_Text(f"{diverged:,} of {len(study.runs):,} runs diverged; they count in no mean."))
    if _some(study.settings):
        settings = _beside_published(study.settings, study.experiments)
        caption = "Accuracy of each setting over all folds (%), with 95 % intervals over tracks"
        blocks.append(_Shown(tables.table(settings, _SETTINGS, caption=caption)))
        blocks.append(_Folded(tables.table(settings, _MEASURES, caption="More measures of each setting (%)")))
    if _some(study.tags):
        blocks.append(_Shown(tables.table(study.tags, _TAGS, caption="Areas under the curves of each tag (%)")))
    if _some(study.scores):
        blocks.append(_Folded(tables.table(study.scores, _SCORES, caption="Every metric of the main setting")))
    blocks.append(_Folded(tables.table(study.runs, _RUNS, caption=f"All runs ({len(study.runs):,})")))
    return blocks + _pictures(study.training)


def _experiments(study: Study) -> list[Any]:
    if not _some(study.experiments):
        return []
    blocks: list[Any] = []
    for name, rows in study.experiments.groupby("experiment", sort=False):
        blocks.append(_Heading(rows["title"].iloc[0]))
        blocks += _pictures(study.experiment_pictures.get(name, ()))
        published = rows.filter(like="published").notna().any(axis=None)
        caption = "Ours beside the published numbers (%)" if published else "The values compared (%)"
        blocks.append(_Shown(tables.table(rows, _EXPERIMENT, caption=caption)))
        if _some(study.comparisons):
            pairs = study.comparisons[study.comparisons["experiment"] == name]
            blocks += [_Text(sentence) for sentence in pairs["verdict"].head(_VERDICTS)]
            if len(pairs):
                caption = f"All pairs ({len(pairs):,}), differences in percentage points"
                blocks.append(_Folded(tables.table(pairs, _COMPARISONS, caption=caption)))
    return blocks


def _confusion(study: Study) -> list[Any]:
    blocks = _pictures(study.confusion)
    if _some(study.classes):
        blocks.append(_Folded(tables.table(study.classes, _CLASSES, caption="Precision, recall and F1 of each class")))
    if _some(study.tracks):
        wrong = study.tracks[~study.tracks.correct.astype(bool)]
        caption = f"Misclassified tracks ({len(wrong):,} of {len(study.tracks):,})"
        blocks.append(_Folded(tables.table(wrong, _TRACKS, caption=caption)))
    return blocks


def _holdout(holdout: Holdout | None) -> list[Any]:
    if holdout is None:
        return []
    blocks = [_Text(sentence) for sentence in holdout.sentences] + _pictures(holdout.pictures)
    if _some(holdout.tracks):
        blocks.append(_Folded(tables.table(holdout.tracks, _TRACKS, caption="Every track of the holdout")))
    return blocks


def _methods(study: Study) -> list[Any]:
    blocks: list[Any] = [*(_Text(paragraph) for paragraph in study.methods), *_pictures(study.diagrams)]
    if study.identity:
        blocks += [_Heading("What makes it reproducible"), _Pairs(study.identity)]
    if study.citation:
        blocks += [_Heading("To cite"), *(_Text(entry) for entry in study.citation)]
    return blocks


def _cost(runs: pd.DataFrame | None) -> list[Any]:
    if not _some(runs):
        return []
    by = runs.groupby(["model", "setting", "device"], sort=False, dropna=False).seconds
    cost = by.agg(runs="size", median="median", longest="max", total="sum").reset_index()
    total = tables.duration(runs.seconds.sum())
    return [
        _Text(f"Training and prediction took {total} in {len(runs):,} runs, counted one after the other."),
        _Shown(tables.table(cost, _COST, caption="Time of a run")),
    ]


def _pictures(pictures: Iterable[Picture]) -> list[Any]:
    return [
        _Drawn(
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


def _some(frame: pd.DataFrame | None) -> bool:
    return frame is not None and len(frame) > 0


def _data_uri(svg: bytes) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode()


def _name(heading: str, key: str) -> Column:
    return Column(heading, (key,), tables.text, numeric=False)


_MODEL, _SETTING, _PROTOCOL = _name("Model", "model"), _name("Setting", "setting"), _name("Protocol", "protocol")
_PUBLISHED = Column("Published slice accuracy ± SD", ("published_mean", "published_sd"), tables.plus_minus)
_SLICE = Column("Slice accuracy", ("slice_accuracy", "slice_low", "slice_high"), tables.interval)
_MAJORITY = Column(
    "Track accuracy, majority vote", ("track_majority", "track_majority_low", "track_majority_high"), tables.interval
)
_DIFFERENCE = Column("Ours − published (points)", ("difference",), tables.points)
_BATCH = Column("Batch accuracy ± SD", ("batch_mean", "batch_sd"), tables.plus_minus)
_TRAIN = Column("Training accuracy", ("train_accuracy",), tables.percent)

_AUDIT = (
    _name("Class", "class"),
    Column("Tracks", ("tracks",), tables.count),
    Column("Groups", ("groups",), tables.count),
    Column("Accepted", ("accepted",), tables.count),
    Column("With a warning", ("warned",), tables.count),
    Column("Quarantined", ("quarantined",), tables.count),
    Column("Other files, passed over", ("ignored",), tables.count),
    Column("Slices", ("slices",), tables.count),
    Column("Hours", ("hours",), tables.number),
)
_QUARANTINE = (
    _name("Dataset", "dataset"),
    _name("File", "title"),
    _name("Reason", "reason"),
    _name("What is wrong", "message"),
)
_WARNINGS = (
    _name("Reason", "reason"),
    Column("Tracks", ("tracks",), tables.count),
    Column("Share (%)", ("share",), tables.percent),
    _name("For example", "title"),
    _name("What is odd", "message"),
)
_WARNED = (_name("Track", "title"), _name("Reason", "reason"), _name("What is odd", "message"))
_COPIES = (
    _name("Recording", "recording"),
    _name("Track", "title"),
    _name("Class", "class"),
    _name("Verdict", "verdict"),
    _name("What is known", "message"),
)
_LEAKAGE = (
    _PROTOCOL,
    _name("Check", "check"),
    _name("Fold", "fold"),
    _name("What", "what"),
    Column("Tracks", ("tracks",), tables.count),
    Column("Share (%)", ("share",), tables.percent),
    _name("Verdict", "verdict"),
    _name("Finding", "message"),
)
_BANDWIDTH = (
    _PROTOCOL,
    _name("Class", "class"),
    Column("Tracks", ("tracks",), tables.count),
    Column("10 %", ("p10",), tables.kilo),
    Column("Median", ("median",), tables.kilo),
    Column("90 %", ("p90",), tables.kilo),
    _name("Codecs", "codecs"),
)
_ROC = Column("ROC-AUC, mean of tags", ("roc_auc", "roc_auc_low", "roc_auc_high"), tables.interval)
_PR = Column("PR-AUC, mean of tags", ("pr_auc", "pr_auc_low", "pr_auc_high"), tables.interval)
_SETTINGS = (
    _MODEL,
    _SETTING,
    _PROTOCOL,
    _ROC,
    _PR,
    Column("Majority baseline", ("baseline",), tables.percent),
    _SLICE,
    _PUBLISHED,
    _DIFFERENCE,
    _MAJORITY,
    Column("Track accuracy, mean probability", ("track_mean", "track_mean_low", "track_mean_high"), tables.interval),
    _TRAIN,
)
_MEASURES = (
    _MODEL,
    _SETTING,
    _BATCH,
    Column("SD of slice accuracy over folds", ("slice_fold_sd",), tables.percent),
    Column("Balanced track accuracy", ("balanced",), tables.percent),
    Column("Tracks", ("tracks",), tables.count),
    Column("Slices", ("slices",), tables.count),
    Column("Folds", ("folds",), tables.count),
    Column("Diverged folds", ("diverged",), tables.count),
)
_RUNS = (
    _MODEL,
    _SETTING,
    _name("Fold", "fold"),
    _name("Status", "status"),
    Column("Training tracks", ("train_tracks",), tables.count),
    Column("Test tracks", ("test_tracks",), tables.count),
    Column("Test slices", ("test_slices",), tables.count),
    Column("Slice accuracy (%)", ("slice_accuracy",), tables.percent),
    Column("Track accuracy, majority vote (%)", ("track_accuracy_majority",), tables.percent),
    Column("Track accuracy, mean probability (%)", ("track_accuracy_mean",), tables.percent),
    Column("Training accuracy (%)", ("train_accuracy",), tables.percent),
    Column("Epochs", ("epochs",), tables.count),
    Column("Time", ("seconds",), tables.duration),
    _name("Device", "device"),
)
_EXPERIMENT = (
    _name("Value", "value"),
    _PROTOCOL,
    _ROC,
    Column("Published ROC-AUC", ("published_roc_auc",), tables.percent),
    Column("Published ROC-AUC, validation", ("published_validation_roc_auc",), tables.percent),
    _PR,
    Column("Published PR-AUC", ("published_pr_auc",), tables.percent),
    Column("Published PR-AUC, validation", ("published_validation_pr_auc",), tables.percent),
    Column("Published track accuracy", ("published_track",), tables.percent),
    Column("Validation accuracy", ("validation_accuracy",), tables.percent),
    Column("Published validation accuracy", ("published_validation",), tables.percent),
    _SLICE,
    _PUBLISHED,
    _DIFFERENCE,
    _BATCH,
    _MAJORITY,
    _TRAIN,
    Column("Published training accuracy", ("published_train",), tables.percent),
)
_COMPARISONS = (
    _PROTOCOL,
    _name("First", "a"),
    _name("Second", "b"),
    Column("Tracks", ("tracks",), tables.count),
    Column("Difference", ("difference",), tables.points),
    Column("from", ("low",), tables.points),
    Column("to", ("high",), tables.points),
    Column("p, corrected", ("p_holm",), tables.number),
    Column("Difference over folds", ("fold_difference",), tables.points),
    Column("p over folds, corrected", ("fold_p_holm",), tables.number),
    _name("Verdict", "verdict"),
)
_TAGS = (
    _name("Tag", "tag"),
    Column("Tracks", ("positives",), tables.count),
    Column("Chance", ("base_rate",), tables.percent),
    _ROC,
    _PR,
    Column("Precision", ("precision",), tables.percent),
    Column("Recall", ("recall",), tables.percent),
    Column("F1", ("f1",), tables.percent),
)
_SCORES = (
    _name("Metric", "metric"),
    Column("Value", ("value",), tables.number),
    Column("Published", ("published",), tables.number),
)
_CLASSES = (
    _name("Level", "level"),
    _MODEL,
    _SETTING,
    _name("Class", "class"),
    Column("Precision (%)", ("precision",), tables.percent),
    Column("Recall (%)", ("recall",), tables.percent),
    Column("F1 (%)", ("f1",), tables.percent),
    Column("Support", ("support",), tables.count),
)
_TRACKS = (
    _MODEL,
    _SETTING,
    _name("Fold", "fold"),
    _name("Track", "title"),
    _name("True class", "true"),
    _name("Majority vote", "predicted_majority"),
    Column("Slices for it (%)", ("share",), tables.percent),
    _name("Runner-up", "runner_up"),
    _name("Mean probability", "predicted_mean"),
    Column("Its probability (%)", ("probability",), tables.percent),
    Column("Slices", ("slices",), tables.count),
)
_COST = (
    _MODEL,
    _SETTING,
    _name("Device", "device"),
    Column("Runs", ("runs",), tables.count),
    Column("Median", ("median",), tables.duration),
    Column("Longest", ("longest",), tables.duration),
    Column("Total", ("total",), tables.duration),
)
