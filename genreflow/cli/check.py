"""`genreflow check`: what is wrong, and what a run would take, before anything runs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from genreflow.cli.run import SNAKEFILE
from genreflow.config.datasets import Folders, Manifest
from genreflow.config.load import read_yaml
from genreflow.errors import UserError
from genreflow.plan.check import DatasetOutlook, Outlook, StudyOutlook, check, check_music

_GB = 1e9
_NAMED = 20  # refused files and notices of a dataset that are told in full


def run(target: str | None, configfiles: Sequence[str], *, every: bool, as_json: bool) -> int:
    """Print the outlook of the configured datasets and studies, or of one folder or manifest.

    Returns
    -------
    0, or 2 where files will be refused of a folder or manifest, or the disk is too small.

    Raises
    ------
    UserError
        All that is wrong with settings, paths and datasets.
    """
    if target is not None and configfiles:
        raise UserError("check: give a folder or manifest, or --configfile, not both.")
    if target is not None:
        music = check_music(Path(target).name, _dataset_of(target), every=every)
        print(json.dumps(asdict(music), indent=2) if as_json else "\n".join(_dataset(music)))
        return 2 if music.refused else 0
    outlook = check(config_of(configfiles), home=SNAKEFILE.parent, every=every)
    print(json.dumps(asdict(outlook), indent=2) if as_json else _told(outlook))
    return 0 if outlook.fits else 2


def config_of(configfiles: Sequence[str]) -> dict[str, Any]:
    """Return config.yaml with what other files change, as Snakemake joins them."""
    config = read_yaml(SNAKEFILE.parent / "config.yaml")
    for path in configfiles:
        _update(config, read_yaml(path))
    return config


def _update(config: dict[str, Any], changes: Mapping[str, Any]) -> None:
    for key, value in changes.items():
        if isinstance(value, Mapping) and isinstance(config.get(key), dict):
            _update(config[key], value)
        else:
            config[key] = value


def _dataset_of(target: str) -> Folders | Manifest:
    if Path(target).is_dir():
        return Folders(layout="folders", path=target)
    return Manifest(layout="manifest", path=target)


def _told(outlook: Outlook) -> str:
    lines = [line for dataset in outlook.datasets for line in _dataset(dataset)]
    lines += [line for study in outlook.studies for line in _study(study)]
    room = f"{outlook.needed / _GB:,.1f} GB, of {outlook.free / _GB:,.1f} GB that are free"
    lines.append(f"disk: about {room}." if outlook.fits else f"disk: TOO SMALL: about {room}.")
    return "\n".join(lines)


def _dataset(dataset: DatasetOutlook) -> list[str]:
    hours = "of unknown length" if dataset.hours is None else f"about {_length(dataset.hours)} of audio"
    lines = [f"dataset {dataset.name}: {dataset.tracks:,} tracks, {hours}, {dataset.ignored:,} other files passed over"]
    classes = [f"{name or '(no class)'} {count:,}" for name, count in list(dataset.classes.items())[:_NAMED]]
    more = len(dataset.classes) - len(classes)
    lines.append(f"  {', '.join(classes)}{f' and {more:,} more' if more else ''}")
    lines += _some([f"  {notice}" for notice in dataset.notices])
    if dataset.looked_at:
        end = ":" if dataset.refused else "."
        lines.append(f"  {len(dataset.refused):,} of {dataset.looked_at:,} files looked at will be refused{end}")
    return lines + _some([f"    {title}  {reason}  {message}" for title, reason, message in dataset.refused])


def _length(hours: float) -> str:
    return f"{hours:,.1f} h" if hours >= 1 else f"{60 * hours:.1f} min"


def _some(lines: list[str]) -> list[str]:
    omitted = len(lines) - _NAMED
    return lines if omitted <= 1 else [*lines[:_NAMED], f"    ... and {omitted:,} more"]


def _study(study: StudyOutlook) -> list[str]:
    return [
        f"study {study.name} on {study.dataset}: {study.settings:,} settings under {study.protocols} "
        f"protocol{'' if study.protocols == 1 else 's'}: "
        f"{study.runs:,} runs, up to {study.slices:,} slices"
    ]
