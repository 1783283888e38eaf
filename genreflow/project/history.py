"""Earlier results of a study, kept before a run replaces them.

An entry, ``results/<study>/history/<date>-<number>/``, has the runs, folds, tables, figures, report and settings of a
study as they were, in the same places as in the folder of the study. Products are only ever renamed into place, so an
entry consists of hard links: it takes no room until a run replaces a product. It is made aside and renamed.
"""

import errno
import os
import re
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from genreflow import __version__
from genreflow.errors import UserError
from genreflow.project import layout
from genreflow.project.find import find_project
from genreflow.store.atomic import TEMPORARY_SUFFIX
from genreflow.store.runs import read_run
from genreflow.store.sealed import SEAL, read_sealed, write_sealed
from genreflow.store.walk import files_below

_KIND, _VERSION = "history", 1
_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})-([1-9]\d*)")
_ROOMS = ("protocols", "tables", "figures", "report")
# Errors of os.link where no hard link is possible: another disk, a file system without links, or too many of a file.
_NO_LINK = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES}


@dataclass(frozen=True)
class State:
    """Complete results of a study: page, tables and runs belong together.

    Attributes
    ----------
    folder
        Where they lie: that of the study, or of an entry.
    tables, page
        Keys of its tables, and of its page but for its comparison with earlier results.
    folds, runs
        Key of the folds of each protocol, by its name, and of each run, by its folder.
    setting
        ``model, setting, protocol`` that the report is about; None where nothing was trained.
    """

    folder: Path
    tables: str
    page: str
    folds: Mapping[str, str]
    runs: Mapping[str, str]
    setting: Mapping[str, str] | None

    @property
    def name(self) -> str:
        """Name of the study, and of the entry: ``my_study``, or ``my_study@2026-11-30-1``."""
        return name_of(self.folder)


@dataclass(frozen=True)
class Entry(State):
    """Earlier results of a study.

    Attributes
    ----------
    finished, kept
        Times when its report was written, and when it was kept (ISO 8601).
    replaced_by
        Key of the tables that replaced its own.
    version
        Version of genreflow that kept it.
    headline
        Numbers of its report: ``tracks, accuracy, low, high`` and others of `genreflow.evaluation.headline`.
    bytes
        Size of its files, whether or not the study still has them.
    """

    finished: str
    kept: str
    replaced_by: str
    version: str
    headline: Mapping[str, Any]
    bytes: int


def name_of(folder: Path) -> str:
    """Return the name of a study with these results: ``my_study``, or ``my_study@2026-11-30-1`` for an entry."""
    folder = folder.resolve()
    is_entry = folder.parent.name == Path(layout.EARLIER).name and _NAME.fullmatch(folder.name)
    return f"{folder.parents[1].name}@{folder.name}" if is_entry else folder.name


def current(study: Path) -> State | None:
    """Return the results of a study that lie in its folder; None unless they are complete.

    They are complete if the page is that of the tables, and these are made of the runs and folds that are there.
    """
    pages = (layout.within(study, pattern) for pattern in (layout.PAGE, layout.SINGLE_PAGE))
    if not all(page.exists() for page in pages):  # a job deletes its products before it makes them again
        return None
    try:
        summary = read_sealed(layout.within(study, layout.SUMMARY))
        state = State(study, *(summary[name] for name in ("tables", "page", "folds", "runs", "setting")))
        return state if _is_complete(state) else None
    except (UserError, KeyError):  # missing, damaged, or of a release that recorded no history
        return None


def folders(study: Path) -> list[Path]:
    """Return the folders of all entries of a study, the oldest first."""
    places = (study / Path(layout.EARLIER).name).glob("*-*-*-*")
    return sorted((path for path in places if path.is_dir() and _NAME.fullmatch(path.name)), key=_order)


def entries(study: Path) -> list[Entry]:
    """Return the sound entries of a study, the oldest first."""
    found = []
    for folder in folders(study):
        with suppress(UserError, TypeError, KeyError):
            found.append(read_entry(folder))
    return found


def read_entry(folder: Path) -> Entry:
    """Return the entry in a folder.

    Raises
    ------
    Damaged
        When its facts are not as they were written.
    UserError
        When there are none.
    """
    facts = read_sealed(folder / layout.ENTRY_FACTS, remedy=f"Nothing makes it again; `rm -r {folder}` removes it.")
    return Entry(folder, **{name: value for name, value in facts.items() if name not in ("kind", "format", SEAL)})


def before(study: Path, tables: str) -> State | None:
    """Return the newest complete results with other tables than those with a key: what an update is compared with.

    They are the present ones, if these are about to be replaced, or else of the newest such entry.
    """
    for entry in _newest_first(study):
        if entry.tables != tables:
            return entry
    return None


def keep(study: Path, *, limit: int, replaced_by: str, page: str = "") -> Entry | None:
    """Keep the results of a study as an entry, and remove the oldest entries beyond a limit.

    Nothing is kept if the results are not complete, if the newest entry already has them, or if the same ones are about
    to be made. Of entries with the same tables, which differ in the words of the report alone, only the newest is kept.

    Parameters
    ----------
    study
        Folder of its results.
    limit
        Most entries with other tables than those that are about to be made.
    replaced_by, page
        Keys of the tables and of the page that are about to be made.

    Raises
    ------
    OSError
        When nothing can be written there.
    """
    state, known = current(study), entries(study)
    if not limit or state is None:
        return None
    if (state.tables, state.page) in [(replaced_by, page), *((entry.tables, entry.page) for entry in known[-1:])]:
        return None
    home = study / Path(layout.EARLIER).name
    home.mkdir(exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=".", suffix=TEMPORARY_SUFFIX, dir=home))
    try:
        _fill(aside, state, replaced_by)
        folder = home / _next_name(study, layout.within(study, layout.PAGE))
        aside.rename(folder)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    entry = read_entry(folder)
    same = [each for each in known if each.tables == entry.tables]
    others = [each for each in known if each.tables != entry.tables]
    room = limit - (entry.tables != replaced_by)
    for each in [*same, *others[: max(0, len(others) - room)]]:
        remove(each.folder)
    return entry


def remove(folder: Path) -> None:
    """Remove an entry; one that is partly removed does not count as an entry."""
    aside = Path(tempfile.mkdtemp(prefix=".", suffix=TEMPORARY_SUFFIX, dir=folder.parent))
    shutil.rmtree(folder.rename(aside / folder.name).parent)


def sweep(results: Path) -> None:
    """Remove entries that a killed run had half made or half removed."""
    for path in results.glob(f"*/{Path(layout.EARLIER).name}/.*{TEMPORARY_SUFFIX}"):
        shutil.rmtree(path)


def sizes(study: Path) -> tuple[dict[str, int], int]:
    """Return the bytes that each entry alone holds, by name, and those that all hold together and nothing else does."""
    known = folders(study)
    return {folder.name: freed([folder]) for folder in known}, freed(known)


def freed(removed: Iterable[Path]) -> int:
    """Return the bytes that would be free without some entries: those of files with no other link anywhere."""
    links: dict[tuple[int, int], int] = defaultdict(int)
    status: dict[tuple[int, int], os.stat_result] = {}
    for path in (path for folder in removed for path in files_below(folder)):
        facts = path.stat()
        links[facts.st_dev, facts.st_ino] += 1
        status[facts.st_dev, facts.st_ino] = facts
    return sum(facts.st_size for inode, facts in status.items() if facts.st_nlink <= links[inode])


def located(given: str) -> Path:
    """Return the folder that a word of the command line names: ``my_study@2026-11-30-1``, ``my_study``, or a path.

    Studies are those of the project that the working folder is in.

    Raises
    ------
    UserError
        When a study has no such entry; the message names those that it has.
    """
    path = Path(given)
    study, at, name = given.partition("@")
    if os.path.lexists(path) or path.name != given:
        return path
    file = find_project()
    home = Path() if file is None or file.parent == Path.cwd() else file.parent
    folder = home / layout.STUDY.format(study=study)
    if not at:
        return folder if folder.is_dir() else path
    entry = folder / Path(layout.EARLIER).name / name
    if _NAME.fullmatch(name) and entry.is_dir():
        return entry
    known = ", ".join(f"{study}@{each.name}" for each in folders(folder)) or "none"
    raise UserError(f"{given} is no entry of the history. {study} has: {known}. `genreflow history` lists them.")


def last_complete(path: Path) -> tuple[Path, Entry | None]:
    """Return a path of a study, or the same path in its newest entry while the study is being updated.

    The path stays as it is if the results of the study are complete, if the runs that it names are all there and belong
    together, or if no entry has it.
    """
    home = Path(layout.EARLIER).name
    study = next((folder for folder in (path, *path.parents) if (folder / home).is_dir()), None)
    if study is None or path.is_relative_to(study / home):
        return path, None
    inside, known = path.relative_to(study), entries(study)
    if not known or current(study) is not None or _is_whole(study, inside, known[-1].folder):
        return path, None
    entry = next((each for each in reversed(known) if (each.folder / inside).exists()), None)
    return (path, None) if entry is None else (entry.folder / inside, entry)


def _newest_first(study: Path) -> Iterator[State]:
    state = current(study)
    yield from [] if state is None else [state]
    yield from reversed(entries(study))


def _order(folder: Path) -> tuple[str, int]:
    match = _NAME.fullmatch(folder.name)
    assert match is not None
    return match[1], int(match[2])


def _next_name(study: Path, page: Path) -> str:
    """Return the name of the next entry: the day on which its page was made, or that of the newest if it is later."""
    day, number = date.fromtimestamp(page.stat().st_mtime).isoformat(), 0
    if known := folders(study):
        newest, last = _order(known[-1])
        day, number = max(day, newest), last if newest >= day else 0
    return f"{day}-{number + 1}"


def _is_complete(state: State) -> bool:
    """Return whether tables, folds and runs are those of the state; raises UserError if one is missing or damaged."""
    from genreflow.store.parquet import read_header  # with pandas, which commands load only where they need it

    folds = ((layout.within(state.folder, layout.FOLDS, protocol=name), key) for name, key in state.folds.items())
    return (
        read_sealed(layout.within(state.folder, layout.HEADLINE))["key"] == state.tables
        and all(read_header(path).key == key for path, key in folds)
        and all(_is_run(state.folder / path, key) for path, key in state.runs.items())
    )


def _is_run(folder: Path, key: str) -> bool:
    names = (Path(file).name for file in layout.RUN_FILES)
    return all((folder / name).exists() for name in names) and read_run(folder)["key"] == key


def _is_whole(study: Path, inside: Path, entry: Path) -> bool:
    """Return whether the runs of a setting are all there and of one key, as after a run with the target `train`."""
    setting = Path(*inside.parts[:3])
    names = [home.name for home in layout.run_folders(entry / setting)] if inside.parts[:1] == ("runs",) else []
    if len(setting.parts) < 3 or not names:
        return False
    try:
        return len({read_run(study / setting / name)["key"] for name in names}) == 1
    except UserError:
        return False


def _fill(aside: Path, state: State, replaced_by: str) -> None:
    """Link the files of a study into a folder, and write its facts there."""
    study, size = state.folder, 0
    for path in _files(study, state.runs):
        target = aside / path.relative_to(study)
        target.parent.mkdir(parents=True, exist_ok=True)
        _link(path, target)
        size += path.stat().st_size
    settings = layout.within(study, layout.STUDY_FILE)
    _link(settings, aside / settings.name)
    headline = read_sealed(layout.within(study, layout.HEADLINE))
    kept = ("tracks", "files", "classes", "level", "accuracy", "low", "high", "baseline", "standing")
    facts = {
        "kind": _KIND,
        "format": _VERSION,
        "tables": state.tables,
        "page": state.page,
        "folds": state.folds,
        "runs": state.runs,
        "setting": state.setting,
        "finished": _iso(layout.within(study, layout.PAGE).stat().st_mtime),
        "kept": datetime.now().astimezone().isoformat(timespec="seconds"),
        "replaced_by": replaced_by,
        "version": __version__,
        "headline": {name: headline.get(name) for name in kept},
        "bytes": size,
    }
    write_sealed(aside / layout.ENTRY_FACTS, facts)
    umask = os.umask(0)
    os.umask(umask)
    aside.chmod(0o777 & ~umask)  # mkdtemp makes folders private


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="seconds")


def _files(study: Path, runs: Iterable[str]) -> Iterator[Path]:
    """Yield the files that belong to the results; where tracks were placed is state, and no result."""
    yield layout.within(study, layout.SINGLE_PAGE)
    for folder in (*(study / path for path in runs), *(study / room for room in _ROOMS)):
        for path in files_below(folder):
            if not path.name.startswith(".") and path.name != Path(layout.PLACEMENT).name:
                yield path


def _link(path: Path, target: Path) -> None:
    try:
        os.link(path.resolve(), target)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        shutil.copy2(path, target)
