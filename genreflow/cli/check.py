"""`genreflow check`: check settings, paths and music, and estimate the cost of a run."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from genreflow.cli import options as shared
from genreflow.cli.console import print_json, print_result, quoted
from genreflow.cli.exits import Exit
from genreflow.cli.music import dataset_of
from genreflow.cli.places import SNAKEFILE, entered, place_of
from genreflow.config.layers import Config, load_config
from genreflow.errors import UserError
from genreflow.plan.check import DatasetOutlook, InputOutlook, Outlook, StudyOutlook, check, check_music
from genreflow.plan.duration import Duration
from genreflow.plan.pace import GPU
from genreflow.store.text import count, listing, rough_duration

_GB = 1e9
_TOO_MANY = (
    "More files will be refused than the limits allow (limits.max_quarantine, limits.max_class_loss), so nothing would "
    "be trained. Is this the right folder?"
)
_NAMED = 20  # refused files and notices of a dataset listed in full

_UNITS = {
    "hours": "h", "needed": "bytes", "free": "bytes", "longest_padding": "s", "core_seconds": "s", "bandwidth_hz": "Hz",
    "gpu_training": "s",
}  # fmt: skip


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = "Check settings, paths and music, a sample of which is decoded; nothing is written."
    parser.add_argument(
        "music",
        nargs="?",
        type=shared.path,
        help="class folders or a manifest (default: the configured datasets)",
    )
    parser.add_argument("--every", action="store_true", help="decode every file instead of a sample")
    shared.configfile(parser)
    shared.config(parser)
    shared.json(parser)


def run(options: argparse.Namespace) -> int:
    """Print the outlook of the configured datasets and studies, or of one folder or manifest.

    Returns
    -------
    0; 4 if more files will be refused than the limits allow; 2 if tracks cannot be divided into folds, or if files of
    the folder or manifest will be refused; 5 if the disk is too small.

    Raises
    ------
    UserError
        Every problem of settings, paths and datasets.
    """
    if options.music is not None and (options.configfile or options.config):
        raise UserError("check: give a folder or manifest, or --configfile and --config, not both.")
    if options.music is not None:
        return _check_music(options.music, every=options.every, as_json=options.json)
    place = place_of(options)
    with entered(place.folder):
        outlook = check(place.config(), home=SNAKEFILE.parent, every=options.every)
    if options.json:
        print_json("check", asdict(outlook), **_UNITS)
    else:
        print(outlook_text(outlook))
    return print_outlook_result(outlook, following=f"genreflow run{words_of(options)}")


def print_outlook_result(outlook: Outlook, *, following: str) -> Exit:
    """Print the last line on an outlook, with the next command if a run can begin; return the exit code."""
    if not outlook.fits:
        print_result("The disk is too small for the results. Make room, or work in a folder on another disk.")
        return Exit.MACHINE
    if any(study.losses for study in outlook.studies):
        print_result(_TOO_MANY)
        return Exit.QUARANTINE
    if any(study.problems for study in outlook.studies):
        print_result("A run would stop before training, see above.")
        return Exit.INPUT
    limit = "" if outlook.is_complete else ", judging by a sample of the files; --every decodes all"
    print_result(f"A run can begin{limit}.", following=following)
    return Exit.OK


def _check_music(target: str, *, every: bool, as_json: bool) -> Exit:
    music, is_complete = check_music(Path(target).name, dataset_of(target), every=every)
    if as_json:
        print_json("check-music", asdict(music), hours="h")
    else:
        print("\n".join(_dataset(music)))
    if music.losses:
        print_result(_TOO_MANY)
        return Exit.QUARANTINE
    if any(tracks < 2 for tracks in music.classes.values()) and music.advice:
        print_result(f"{quoted(target)} has classes of a single track, which no fold can train on and test.")
        return Exit.INPUT
    if music.lost_classes:
        print_result(f"Every file of {listing(music.lost_classes, 20)} will be refused: repair or remove these.")
        return Exit.INPUT
    if music.refused or music.unknown:
        print_result(
            f"{quoted(target)} can be used without the files named above.",
            following=f"genreflow init {quoted(target)}" if music.advice else "",
        )
        return Exit.INPUT
    limit = "" if is_complete else ", judging by a sample of the files"
    print_result(
        f"{quoted(target)} can be used{limit}: name it as `path` of a dataset.",
        following=f"genreflow init {quoted(target)}",
    )
    return Exit.OK


def config_of(configfiles: Sequence[str | Path], entries: Sequence[str] = ()) -> Config:
    """Return config.yaml merged with other files and `--config`, as in the workflow."""
    return load_config(SNAKEFILE.parent, configfiles, entries)


def words_of(options: argparse.Namespace) -> str:
    """Return `--config` and `--configfile` as typed after a command."""
    entries, files = (" ".join(map(quoted, words)) for words in (options.config, options.configfile))
    return (f" --config {entries}" if entries else "") + (f" --configfile {files}" if files else "")


def outlook_text(outlook: Outlook) -> str:
    """Return an outlook as lines of text."""
    lines = [line for dataset in outlook.datasets for line in _dataset(dataset)]
    lines += [line for study in outlook.studies for line in _study(study)]
    room = f"{outlook.needed / _GB:,.1f} GB, of {outlook.free / _GB:,.1f} GB that are free"
    lines.append(f"disk: about {room}." if outlook.fits else f"disk: TOO SMALL: about {room}.")
    if outlook.core_seconds is not None:
        cores = _cores()
        duration = rough_duration(max(60.0, outlook.core_seconds / cores))
        lines.append(f"time: roughly {duration} on {count(cores, 'core')} without a GPU, if all is made anew.")
        lines.append(f"  With a GPU: {GPU.name}; its speed is assumed, that of this machine was measured.")
    return "\n".join(lines)


def _cores() -> int:
    import joblib  # here, as it is slow to load

    return joblib.cpu_count()


def _dataset(dataset: DatasetOutlook) -> list[str]:
    hours = "of unknown length" if dataset.hours is None else f"about {_length(dataset.hours)} of audio"
    lines = [f"dataset {dataset.name}: {dataset.tracks:,} tracks, {hours}, {dataset.ignored:,} other files skipped"]
    classes = [f"{name or '(no class)'} {count:,}" for name, count in list(dataset.classes.items())[:_NAMED]]
    more = len(dataset.classes) - len(classes)
    lines.append(f"  {', '.join(classes)}{f' and {more:,} more' if more else ''}")
    lines += _some([f"  {notice}" for notice in dataset.notices])
    if dataset.looked_at:
        end = ":" if dataset.refused else "."
        decoded = "all decoded" if dataset.decoded == dataset.looked_at else f"{dataset.decoded:,} of them decoded"
        lines.append(
            f"  {len(dataset.refused):,} of {dataset.looked_at:,} files looked at ({decoded}) will be refused{end}"
        )
    lines += _some([f"    {title}  {reason}  {message}" for title, reason, message in dataset.refused])
    if dataset.unknown:
        lines.append(f"  {len(dataset.unknown):,} cannot be judged:")
    lines += _some([f"    {title}  {why}" for title, why in dataset.unknown])
    lines += [f"  {sentence}" for sentence in dataset.advice]
    return lines + [f"  too many are refused: {loss}" for loss in dataset.losses]


def _length(hours: float) -> str:
    return f"{hours:,.1f} h" if hours >= 1 else f"{60 * hours:.1f} min"


def _some(lines: list[str]) -> list[str]:
    omitted = len(lines) - _NAMED
    return lines if omitted <= 1 else [*lines[:_NAMED], f"    ... and {omitted:,} more"]


def _study(study: StudyOutlook) -> list[str]:
    lines = [
        f"study {study.name} on {study.dataset}: {count(study.settings, 'setting')} under {study.protocols} "
        f"protocol{'' if study.protocols == 1 else 's'}: "
        f"{study.runs:,} runs, {f'{study.trials:,} trials, ' if study.trials else ''}up to {study.slices:,} slices"
    ]
    lines += [f"  {notice}" for notice in study.notices]
    lines += [f"  {_input(given)}" for given in study.inputs]
    lines += [] if study.duration is None else [f"  {_times(study.duration)}"]
    lines += [f"  WOULD STOP: too many are refused: {loss}" for loss in study.losses]
    return lines + [f"  WOULD STOP: {problem}" for problem in study.problems]


def _times(duration: Duration) -> str:
    """Return the time of a study by stage, on all cores of this machine, and with a GPU."""
    cores = _cores()
    stages = {stage: seconds / cores for stage, seconds in duration.core_seconds.items()}
    parts = ", ".join(f"{stage} {rough_duration(seconds)}" for stage, seconds in stages.items())
    total, training = sum(stages.values()), stages["train"]
    return (
        f"time by itself: {rough_duration(total)} here ({parts}); "
        f"{rough_duration(total - training + duration.gpu_training)} with a GPU "
        f"(train {rough_duration(duration.gpu_training)})"
    )


def _input(given: InputOutlook) -> str:
    parts = [f"input {given.name}: {count(given.usable, 'track')} can be used"]
    if given.too_short:
        parts.append(f"{given.too_short:,} too short")
    if given.fewer:
        parts.append(f"{given.fewer:,} too short for all slices")
    if given.padded:
        parts.append(f"{given.padded:,} padded, with {given.longest_padding:.3g} s at most")
    return ", ".join(parts)
