"""`genreflow history`: list the earlier results of studies, kept before runs replaced them."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genreflow.cli import options as shared
from genreflow.cli.console import info, print_json, print_result, quoted
from genreflow.cli.exits import Exit
from genreflow.cli.path_checks import check_existence
from genreflow.cli.places import entered, project_folder
from genreflow.errors import UserError
from genreflow.evaluation.changes import changes, read_point
from genreflow.evaluation.headline import read_headline
from genreflow.project import history, layout
from genreflow.project.history import Entry, State
from genreflow.store.text import count, listing, printable, rough_bytes

# `held` are the bytes that the history, or an entry, alone holds.
_UNITS = {"held": "bytes", "tracks": "tracks", "accuracy": "share", "low": "share", "high": "share"}
_NAMED = 3
_HEADINGS = ("", "tracks", "accuracy", "only here", "changed since the one above")


@dataclass(frozen=True)
class Row:
    """Results of a study at one time; `bytes` are those that this entry alone holds, None for the present ones."""

    name: str
    folder: str
    finished: str | None
    headline: Mapping[str, Any]
    changed: Sequence[str]
    bytes: int | None


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = (
        "List the earlier results of studies, the oldest first. Each is a folder like that of the study, made of hard "
        "links, and its name can be given to compare, predict, explain and export."
    )
    parser.add_argument("study", nargs="?", help="a study in results/ (default: all that have a history)")
    shared.json(parser)


def run(options: argparse.Namespace) -> int:
    """Print the entries; return 0.

    Raises
    ------
    UserError
        When there is no such study, or a table is damaged.
    """
    with entered(project_folder()):
        return _list(options)


def _list(options: argparse.Namespace) -> int:
    if options.study is None:
        check_existence(Path(layout.RESULTS))
        homes = sorted(path.parent for path in Path().glob(layout.EARLIER.format(study="*")))
    else:
        homes = [history.located(options.study)]
        check_existence(homes[0])
    studies = {home.name: rows_of(home) for home in homes}
    together = {home.name: history.sizes(home)[1] for home in homes}
    for folder in (folder for home in homes for folder in _unreadable(home)):
        info(f"{folder} is damaged or of another version, so nothing uses it. `rm -r {quoted(folder)}` removes it.")
    if options.json:
        print_json("history", {"studies": _as_plain(studies, together)}, **_UNITS)
        return Exit.OK
    for name, rows in studies.items():
        print(name)
        print("\n".join(_grid(rows)))
    number = sum(row.bytes is not None for rows in studies.values() for row in rows)
    if not number:
        print_result("There are no earlier results: the next run that replaces results keeps them.")
        return Exit.OK
    newest = next(row.name for rows in studies.values() for row in reversed(rows) if row.bytes is not None)
    size = rough_bytes(sum(together.values()))
    print_result(
        f"{count(number, 'entry', 'entries')} of earlier results, which hold {size} that nothing else needs.",
        following=f"genreflow compare {newest} {newest.partition('@')[0]}",
    )
    return Exit.OK


def _unreadable(study: Path) -> list[Path]:
    known = {entry.folder for entry in history.entries(study)}
    return [folder for folder in history.folders(study) if folder not in known]


def rows_of(study: Path) -> list[Row]:
    """Return the entries of a study, the oldest first, and its present results if they are complete.

    Raises
    ------
    UserError
        When the folder holds no study.
    """
    entries, now = history.entries(study), history.current(study)
    states: list[State] = [*entries, *([] if now is None else [now])]
    if not states and not (study / "runs").is_dir() and not (study / "protocols").is_dir():
        raise UserError(f"{study} holds no results of a study. `genreflow status` lists the studies.")
    alone, _ = history.sizes(study)
    rows: list[Row] = []
    for number, state in enumerate(states):
        changed = [] if not number else _changed(states[number - 1], state)
        if isinstance(state, Entry):
            headline, finished = state.headline, state.finished
        else:
            headline, finished = read_headline(layout.within(study, layout.HEADLINE), key=state.tables), None
        size = alone.get(state.folder.name) if isinstance(state, Entry) else None
        rows.append(Row(state.name, str(state.folder), finished, headline, changed, size))
    return rows


def _changed(before: State, after: State) -> list[str]:
    if before.tables == after.tables:
        return ["the words of the report"]
    then, now = (read_point(state.folder, state.setting) for state in (before, after))
    return changes(then, now).causes or ["code"]


def _grid(rows: Sequence[Row]) -> list[str]:
    cells = [_HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    ]


def _cells(row: Row) -> tuple[str, ...]:
    size = "" if row.bytes is None else rough_bytes(row.bytes)
    name = row.name if row.bytes is not None else f"{row.name} (now)"
    changed = printable(listing(row.changed, _NAMED))
    return name, f"{row.headline['tracks']:,}", _accuracy(row.headline), size, changed


def _accuracy(headline: Mapping[str, Any]) -> str:
    value, low, high = (headline.get(name) for name in ("accuracy", "low", "high"))
    if value is None:
        return "-"
    return f"{value:.3f}" + ("" if low is None or high is None else f" [{low:.3f}, {high:.3f}]")


def _as_plain(studies: Mapping[str, Sequence[Row]], together: Mapping[str, int]) -> dict[str, Any]:
    names = ("tracks", "accuracy", "low", "high")
    return {
        study: {
            "held": together[study],
            "results": [
                {
                    "name": row.name,
                    "folder": row.folder,
                    "is_present": row.bytes is None,
                    "finished": row.finished,
                    **{name: row.headline.get(name) for name in names},
                    "changed": list(row.changed),
                    "held": row.bytes,
                }
                for row in rows
            ],
        }
        for study, rows in studies.items()
    }
