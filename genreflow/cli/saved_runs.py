"""Finished runs, read back from results folders to be compared.

A run's folder stands for itself, a setting's for its cross-validated runs, and a study's for the setting that its
report is about.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from genreflow.cli.console import quoted
from genreflow.cli.path_checks import check_existence
from genreflow.errors import UserError
from genreflow.evaluation import study
from genreflow.evaluation.runs import Run, finished
from genreflow.folds.roles import FINAL, HOLDOUT, TEST, TRAIN
from genreflow.project.layout import parse_fold, run_folders, settings_below, study_of_run
from genreflow.store.parquet import read_frame
from genreflow.store.runs import HISTORY, PREDICTIONS, RUN, read_run

_NEEDED = ("model", "fold", "status", "classes", "tags", "dataset", "seconds", "device", "kept_epoch", "training")
_LONE = "no folds"


@dataclass(frozen=True)
class ComparedRun:
    """One of what is compared.

    Attributes
    ----------
    letter, path
        What it is called, and what was given.
    folder, model, setting
        The results of its study, and its names there.
    protocol
        Name of the folds it was made with; empty where they are not found.
    homes
        The folders of its runs.
    runs
        Its runs under its letter as a model: the evaluation then tells it from the others. A final run counts as one
        that tested its holdout.
    folds
        The fold table, whose ``protocol`` is one for all sides that share it.
    """

    letter: str
    path: Path
    folder: Path
    model: str
    setting: str
    protocol: str
    homes: list[Path]
    runs: list[Run]
    folds: pd.DataFrame

    @property
    def info(self) -> list[Mapping[str, Any]]:
        """What was written down of each run."""
        return [run["info"] for run in self.runs]

    @cached_property
    def tested(self) -> frozenset[str]:
        """The tracks that judge it."""
        return frozenset(track for run in self.runs if finished(run) for track in _tested(run, TEST))

    def titles(self) -> pd.Series:
        """Return the titles of its tracks by their ids, as far as the tables of its study know them."""
        path = self.folder / "tables" / "tracks.parquet"
        known = (
            read_frame(path, "table", ["track_id", "title"])
            if path.exists()
            else pd.DataFrame(columns=["track_id", "title"])
        )
        return known.drop_duplicates("track_id").set_index("track_id")["title"]


def read(letter: str, given: str) -> ComparedRun:
    """Read what a path stands for.

    Raises
    ------
    UserError
        When there is no finished run, it is damaged, or it was made by another version.
    """
    path = Path(given)
    check_existence(path)
    homes = [home.resolve() for home in _homes(path)]
    infos = [_info(home) for home in homes]
    folder = _study_folder(homes[0])
    *_, model, setting, _ = homes[0].parts
    places = [
        {"model": letter, "setting": setting, "protocol": "", "path": str(home.relative_to(folder)),
         "fold": str(info["fold"]), "repeat": parse_fold(home.name)[1]}
        for home, info in zip(homes, infos, strict=True)
    ]  # fmt: skip
    runs = study.read_runs(folder, {"runs": places, "protocols": {"": {"folds": {"scheme": "stratified"}}}})
    name, folds = _folds(folder, runs)
    runs = _told_apart([_as_tested(run) for run in runs], protocol := f"{folder}/{name}")
    folds = _as_tested_folds(folds).assign(protocol=protocol)
    side = ComparedRun(letter, path, folder, model, setting, "" if name == _LONE else name, homes, runs, folds)
    if not side.tested:
        raise UserError(f"{given} was tested on no tracks, so there is nothing to compare. Name its setting's folder.")
    return side


def _homes(path: Path) -> Iterator[Path]:
    """Yield the folders of the runs that a path stands for, in the order of folds."""
    if path.is_dir() and (path / "runs").is_dir():
        path = _headline(path)
    if (path / RUN).exists():
        yield path
        return
    homes = run_folders(path)
    chosen = [home for home in homes if parse_fold(home.name)[0] != FINAL] or homes
    if not chosen:
        raise UserError(_no_run(path))
    yield from chosen


def _no_run(path: Path) -> str:
    if (path / "model.json").exists():
        return f"{path} is an exported model, which has no predictions. Compare the run that it was made of."
    settings = settings_below(path)
    if settings:
        return f"{path} is neither a run nor a setting nor a study. Name one: {quoted(settings[0])}"
    return f"{path} holds no finished run. `genreflow status` tells how far a run has come."


def _headline(folder: Path) -> Path:
    """Return the setting that a study's report is about: the final model's if the folds have it too, else the first."""
    settings = settings_below(folder / "runs")
    if len(settings) < 2:
        return settings[0] if settings else folder
    for setting in settings:
        folds = [parse_fold(home.name)[0] for home in run_folders(setting)]
        if FINAL in folds and len(folds) > 1:
            return setting
    table = folder / "tables" / "settings.parquet"
    if table.exists():
        first = read_frame(table, "table").iloc[0]
        return folder / "runs" / first["model"] / first["setting"]
    names = ", ".join(quoted(setting) for setting in settings[:3])
    raise UserError(f"{folder} has {len(settings):,} settings, and no tables yet that say which is meant: {names} ...")


def _info(home: Path) -> dict[str, Any]:
    info = read_run(home, files=(HISTORY, PREDICTIONS))
    if missing := [name for name in _NEEDED if name not in info]:
        raise UserError(f"{home / RUN} lacks {', '.join(missing)}. `genreflow run` makes the run again.")
    return info


def _study_folder(home: Path) -> Path:
    study = study_of_run(home)
    if study is None:
        raise UserError(f"{home} has been moved: a run is read from its place, results/STUDY/runs/MODEL/SETTING/.")
    return study


def _folds(folder: Path, runs: Sequence[Run]) -> tuple[str, pd.DataFrame]:
    """Return the protocol that all runs were made with, by the tracks they tested, and its table."""
    for path in sorted(folder.glob("protocols/*/folds.parquet")):
        table = study.read_folds([path])
        if all(_fits(run, table) for run in runs):
            return path.parent.name, table
    tested = pd.concat([run["predictions"].filter(["track_id", "role", "label"]) for run in runs], ignore_index=True)
    lone = tested.drop_duplicates("track_id")
    return _LONE, lone.assign(group=lone["track_id"], fold="")


def _fits(run: Run, table: pd.DataFrame) -> bool:
    mine = table[table["fold"].astype(str) == run["fold"]]
    tested = mine.loc[mine["role"] == (HOLDOUT if run["fold"] == FINAL else TEST), "track_id"]
    trained = mine.loc[mine["role"] == TRAIN, "track_id"]
    judged = _tested(run, HOLDOUT if run["fold"] == FINAL else TEST)
    return set(tested) == set(judged) and trained.nunique() == run["info"]["dataset"]["tracks"][TRAIN]


def _tested(run: Run, role: str) -> pd.Series:
    said = run["predictions"]
    return said.loc[said["role"] == role, "track_id"]


def _as_tested(run: Run) -> Run:
    """Return a final run as one that tested its holdout; any other as it is."""
    if run["fold"] != FINAL:
        return run
    said = run["predictions"]
    return Run(**run | {"fold": HOLDOUT, "predictions": said.assign(role=said["role"].replace(HOLDOUT, TEST))})


def _as_tested_folds(folds: pd.DataFrame) -> pd.DataFrame:
    return folds.assign(fold=folds["fold"].astype(str).replace(FINAL, HOLDOUT))


def _told_apart(runs: Sequence[Run], protocol: str) -> list[Run]:
    """Return runs with their protocol; where folds test a track twice, each is a round of its own."""
    tested = pd.concat([run["predictions"].assign(repeat=run["repeat"], fold=run["fold"]) for run in runs])
    tested = tested[tested["role"] == TEST].drop_duplicates(["repeat", "fold", "track_id", "slice"])
    is_partition = not tested.duplicated(["repeat", "track_id", "slice"]).any()
    rounds = [str(run["repeat"]) if is_partition else f"{run['repeat']} {run['fold']}" for run in runs]
    here = {"setting": "", "protocol": protocol}
    return [Run(**run | here | {"round": name}) for run, name in zip(runs, rounds, strict=True)]
