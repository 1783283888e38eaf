"""The progress of a run as people see it: a panel on a terminal, and lines where there is none."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from genreflow.store.text import count, rough_duration

# Stages as users know them, in the order in which they begin, and their rules.
STAGES = {
    "synthetic music": ("synthesize_tracks",),
    "audio": ("normalize_audio",),
    "duplicates": ("find_duplicates",),
    "slices": ("cut_slices", "embed_slices", "index_dataset", "list_quarantine"),
    "folds": ("assign_folds", "audit_leakage"),
    "search": ("assign_inner_folds", "run_trial", "choose_setting"),
    "training": ("train_run", "train_folds", "train_searched"),
    "analysis": ("visualize_filters", "predict_snippets", "describe_dataset", "map_library"),
    "evaluation": ("judge_cross_dataset", "evaluate_study"),
    "figures": ("draw_figure", "print_figure"),
    "report": ("write_report", "write_overview"),
    "predictions": ("predict_files",),
}
STAGE_OF = {rule: stage for stage, rules in STAGES.items() for rule in rules}
_BAR_WIDTH = 40  # columns


@dataclass(frozen=True)
class Stage:
    """A stage of a run: numbers of its jobs."""

    name: str
    done: int
    total: int
    running: int = 0
    failed: int = 0


@dataclass(frozen=True)
class Training:
    """A running training: its last report (`genreflow.training.callbacks.Progress`); a value that is not known is None.

    Attributes
    ----------
    accuracy, validation_accuracy
        Share of slices, 0 to 1, of the training and the validation set.
    left
        Seconds.
    """

    name: str
    epoch: int
    epochs: int
    loss: float | None = None
    accuracy: float | None = None
    validation_accuracy: float | None = None
    left: float | None = None


@dataclass(frozen=True)
class Normalizing:
    """A shard of audio that is being normalized: numbers of its tracks, minutes of audio a second, refused tracks."""

    name: str
    done: int
    tracks: int
    pace: float | None = None
    quarantined: int = 0


@dataclass(frozen=True)
class Facts:
    """What is known about a run at a moment.

    Attributes
    ----------
    seconds, left
        Seconds since it began, and until it ends; None if unknown.
    quarantined
        Tracks refused so far; None if unknown.
    """

    seconds: float
    stages: Sequence[Stage] = ()
    trainings: Sequence[Training] = ()
    shards: Sequence[Normalizing] = ()
    left: float | None = None
    quarantined: int | None = None
    failed: int = field(default=0)

    @property
    def is_done(self) -> bool:
        """Whether no job is left."""
        return all(stage.done == stage.total for stage in self.stages)


def ended(facts: Facts) -> Facts:
    """Return the facts of a run that has ended: no job is running, and the time left of those to come is of no use."""
    stages = [replace(stage, running=0) for stage in facts.stages]
    return replace(facts, stages=stages, trainings=(), shards=(), left=None)


def panel(facts: Facts, rows: int = 50) -> RenderableType:
    """Return the panel: a line per stage, the running shards and trainings, and the time left of the whole run.

    On a terminal of few `rows` it shows fewer shards and trainings.
    """
    most = max(1, (rows - len(facts.stages) - 4) // 2)
    return Group(_stages(facts.stages), *_running(facts, most), Text(summary(facts), style="bold"))


def summary(facts: Facts) -> str:
    """Return a line on a whole run: the jobs done, the time so far and the time left, and the refused tracks.

    >>> summary(Facts(90.0, [Stage("audio", 2, 8)], left=300.0))
    '2 of 8 jobs done in 2 min, about 5 min left'
    """
    done, total = (sum(getattr(stage, name) for stage in facts.stages) for name in ("done", "total"))
    parts = [f"{done:,} of {count(total, 'job')} done in {rough_duration(facts.seconds)}"]
    if not facts.is_done and facts.left is not None:
        parts.append(f"about {rough_duration(facts.left)} left")
    if facts.failed:
        parts.append(f"{count(facts.failed, 'job')} failed")
    if facts.quarantined:
        parts.append(f"{count(facts.quarantined, 'track')} quarantined")
    return ", ".join(parts)


def stage_line(stage: Stage, facts: Facts) -> str:
    """Return the line about a stage that has ended.

    >>> stage_line(Stage("audio", 8, 8), Facts(90.0, [Stage("audio", 8, 8), Stage("slices", 0, 8)], left=60.0))
    'audio: 8 of 8 done. Run: 8 of 16 jobs done in 2 min, about 60 s left'
    """
    failed = f", {stage.failed:,} failed" if stage.failed else ""
    return f"{stage.name}: {stage.done:,} of {stage.total:,} done{failed}. Run: {summary(facts)}"


def minute_line(facts: Facts) -> str:
    """Return the line of a minute in which no stage ended: the whole run, and the jobs that are running."""
    running = [f"{stage.name} {stage.done:,} of {stage.total:,}" for stage in facts.stages if stage.running]
    parts = [f"Running: {', '.join(running)}"] if running else []
    parts += [f"{shard.name}: {_shard_words(shard)}" for shard in facts.shards]
    parts += [f"{training.name}: {', '.join(_training_words(training))}" for training in facts.trainings]
    return "; ".join([f"Run: {summary(facts)}", *parts])


@dataclass(frozen=True)
class _Bar:
    """A bar of which a share (0 to 1) is filled, in whatever width there is up to 40 columns; it needs no color."""

    share: float

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        width = min(options.max_width, _BAR_WIDTH)
        filled = int(self.share * width)
        yield Segment("━" * filled, Style(color="green"))
        yield Segment("┈" * (width - filled), Style(dim=True))


def _stages(stages: Sequence[Stage]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(min_width=10, max_width=_BAR_WIDTH)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True, min_width=10)
    for stage in stages:
        table.add_row(stage.name, _Bar(stage.done / stage.total), f"{stage.done:,} of {stage.total:,}", _state(stage))
    return table


def _state(stage: Stage) -> Text:
    if stage.failed:
        return Text(f"{stage.failed:,} failed", style="bold red")
    if stage.done == stage.total:
        return Text("done", style="green")
    return Text(f"{stage.running:,} running" if stage.running else "waiting", style="" if stage.running else "dim")


@dataclass(frozen=True)
class _Named:
    """The name of a running job and what it reports: in one line, or in two where they do not fit."""

    name: str
    words: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        name, words = Text(f"  {self.name}", style="cyan"), Text(self.words)
        is_narrow = name.cell_len + 2 + words.cell_len > options.max_width
        lines = [name, Text.assemble("    ", words)] if is_narrow else [Text.assemble(name, ": ", words)]
        for line in lines:
            line.truncate(options.max_width, overflow="ellipsis")
            yield line


def _running(facts: Facts, most: int) -> Iterator[RenderableType]:
    jobs = [_Named(shard.name, _shard_words(shard)) for shard in facts.shards]
    jobs += [_Named(training.name, ", ".join(_training_words(training))) for training in facts.trainings]
    yield from jobs[:most]
    if len(jobs) > most:
        yield Text(f"  and {len(jobs) - most:,} more", style="dim")


def _shard_words(shard: Normalizing) -> str:
    words = f"track {shard.done:,} of {shard.tracks:,}"
    return words if shard.pace is None else f"{words}, {shard.pace:.1f} min of audio a second"


def _training_words(training: Training) -> Iterator[str]:
    yield f"epoch {training.epoch} of {training.epochs}"
    if training.loss is not None:
        yield f"loss {training.loss:.3f}"
    if training.validation_accuracy is not None:
        yield f"validation accuracy {training.validation_accuracy:.3f}"
    elif training.accuracy is not None:
        yield f"training accuracy {training.accuracy:.3f}"
    if training.left is not None:
        yield f"{rough_duration(training.left)} left"
