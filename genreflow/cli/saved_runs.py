"""Reading finished runs from results folders, to compare them.

A run's folder is that run, a setting's its cross-validated runs, and a study's the setting of its report.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from genreflow.cli.console import quoted
from genreflow.cli.path_checks import check_existence, usable
from genreflow.config.load import read_yaml
from genreflow.errors import UserError
from genreflow.evaluation import study
from genreflow.evaluation.changes import Point, labels_of
from genreflow.evaluation.runs import Run, finished, with_known_groups
from genreflow.folds.roles import FINAL, HOLDOUT, TEST, TRAIN
from genreflow.project import layout
from genreflow.project.history import current, name_of
from genreflow.project.layout import parse_fold, run_folders, settings_below, study_of_run
from genreflow.store.parquet import read_frame
from genreflow.store.runs import HISTORY, PREDICTIONS, RUN, read_run

_NEEDED = ("model", "fold", "status", "classes", "tags", "dataset", "seconds", "device", "kept_epoch", "training")
_LONE = "no folds"


@dataclass(frozen=True)
class ComparedRun:
    """One side of a comparison.

    Attributes
    ----------
    letter, path
        Its name in the comparison, and the path on the command line.
    folder, model, setting
        Results of its study, and its names there.
    protocol
        Name of its folds; empty if they are not found.
    homes
        Folders of its runs.
    runs
        Its runs, with its letter as the model, which distinguishes sides in the evaluation. A final run counts as one
        that tested its holdout.
    folds
        Fold table; sides with the same folds share ``protocol``.
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
        """The facts of each run."""
        return [run["info"] for run in self.runs]

    @cached_property
    def tested(self) -> frozenset[str]:
        """The tested tracks."""
        return frozenset(track for run in self.runs if finished(run) for track in _tested(run, TEST))

    @property
    def study(self) -> str:
        """Name of its study, and of the entry of its history: ``my_study@2026-11-30-1``."""
        return name_of(self.folder)

    def point(self, answers: pd.DataFrame) -> Point:
        """Return it as a point in time, given the rows of `tables.tracks_table` that are its own."""
        file = layout.within(self.folder, layout.STUDY_FILE)
        settings = read_yaml(file) if file.exists() else {}
        return Point(self.study, f"{self.model} {self.setting}", labels_of(self.folds), answers, settings)

    def titles(self) -> pd.Series:
        """Return titles by track id, as far as the tables of its study have them."""
        return _tracks(self.folder)["title"]


def read(letter: str, given: str) -> ComparedRun:
    """Read the runs of a path.

    Raises
    ------
    UserError
        When there is no finished run, or it is damaged or of another version.
    """
    path = usable(given)
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
    runs = _with_rounds([_as_tested(run) for run in runs], protocol := f"{folder}/{name}")
    folds = _as_tested_folds(folds).assign(protocol=protocol)
    side = ComparedRun(letter, path, folder, model, setting, "" if name == _LONE else name, homes, runs, folds)
    if not side.tested:
        raise UserError(f"{given} tested no tracks, so there is nothing to compare. Name the folder of its setting.")
    return side


def _homes(path: Path) -> Iterator[Path]:
    """Yield the folders of the runs of a path, in the order of folds."""
    if path.is_dir() and (path / "runs").is_dir():
        path = _headline(path)
    if (path / RUN).exists():
        yield path
        return
    homes = run_folders(path)
    homes = _present(homes)
    chosen = [home for home in homes if parse_fold(home.name)[0] != FINAL] or homes
    if not chosen:
        raise UserError(_no_run(path))
    yield from chosen


def _present(homes: Sequence[Path]) -> list[Path]:
    """Return the runs that the report of their study is about, without those of folds that there were before.

    All are returned where it is about none of them, as while a study has no report yet.
    """
    study = study_of_run(homes[0]) if homes else None
    state = None if study is None else current(study)
    own = [] if state is None else [home for home in homes if str(home.relative_to(state.folder)) in state.runs]
    return own or list(homes)


def _no_run(path: Path) -> str:
    if (path / "model.json").exists():
        return f"{path} is an exported model, which has no predictions. Compare the run that it was exported from."
    settings = settings_below(path)
    if settings:
        return f"{path} is neither a run nor a setting nor a study. Name one: {quoted(settings[0])}"
    return f"{path} holds no finished run. `genreflow status` shows the progress of a run."


def _headline(folder: Path) -> Path:
    """Return the setting of a study's report: the final model's if it was cross-validated, else the first."""
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
    raise UserError(f"{folder} has {len(settings):,} settings and no tables that rank them. Name one: {names} ...")


def _info(home: Path) -> dict[str, Any]:
    info = read_run(home, files=(HISTORY, PREDICTIONS))
    if missing := [name for name in _NEEDED if name not in info]:
        raise UserError(f"{home / RUN} lacks {', '.join(missing)}. `genreflow run` makes the run again.")
    return info


def _study_folder(home: Path) -> Path:
    study = study_of_run(home)
    if study is None:
        raise UserError(f"{home} has been moved: runs are compared in results/STUDY/runs/MODEL/SETTING/.")
    return study


def _tracks(folder: Path) -> pd.DataFrame:
    """Return title and group by track id, as far as the tables of a study have them."""
    path, columns = folder / "tables" / "tracks.parquet", ["track_id", "title", "group"]
    known = read_frame(path, "table", columns) if path.exists() else pd.DataFrame(columns=columns)
    return known.drop_duplicates("track_id").set_index("track_id")


def _folds(folder: Path, runs: Sequence[Run]) -> tuple[str, pd.DataFrame]:
    """Return name and table of the protocol whose test tracks are those of all runs."""
    for path in sorted(folder.glob("protocols/*/folds.parquet")):
        table = study.read_folds([path])
        if all(_fits(run, table) for run in runs):
            return path.parent.name, with_known_groups(table, _tracks(folder)["group"])
    tested = pd.concat([run["predictions"].filter(["track_id", "role", "label"]) for run in runs], ignore_index=True)
    lone = tested.drop_duplicates("track_id")
    return _LONE, lone.assign(group=lone["track_id"], fold="")


def _fits(run: Run, table: pd.DataFrame) -> bool:
    fold = table[table["fold"].astype(str) == run["fold"]]
    tested = fold.loc[fold["role"] == (HOLDOUT if run["fold"] == FINAL else TEST), "track_id"]
    trained = fold.loc[fold["role"] == TRAIN, "track_id"]
    judged = _tested(run, HOLDOUT if run["fold"] == FINAL else TEST)
    return set(tested) == set(judged) and trained.nunique() == run["info"]["dataset"]["tracks"][TRAIN]


def _tested(run: Run, role: str) -> pd.Series:
    slices = run["predictions"]
    return slices.loc[slices["role"] == role, "track_id"]


def _as_tested(run: Run) -> Run:
    """Return a final run as one that tested its holdout, and any other run unchanged."""
    if run["fold"] != FINAL:
        return run
    slices = run["predictions"]
    return run | {"fold": HOLDOUT, "predictions": slices.assign(role=slices["role"].replace(HOLDOUT, TEST))}


def _as_tested_folds(folds: pd.DataFrame) -> pd.DataFrame:
    return folds.assign(fold=folds["fold"].astype(str).replace(FINAL, HOLDOUT))


def _with_rounds(runs: Sequence[Run], protocol: str) -> list[Run]:
    """Return runs with their protocol; if several folds test one track, each fold is a round of its own."""
    tested = pd.concat([run["predictions"].assign(repeat=run["repeat"], fold=run["fold"]) for run in runs])
    tested = tested[tested["role"] == TEST].drop_duplicates(["repeat", "fold", "track_id", "slice"])
    is_partition = not tested.duplicated(["repeat", "track_id", "slice"]).any()
    rounds = [str(run["repeat"]) if is_partition else f"{run['repeat']} {run['fold']}" for run in runs]
    return [run | {"setting": "", "protocol": protocol, "round": name} for run, name in zip(runs, rounds, strict=True)]
