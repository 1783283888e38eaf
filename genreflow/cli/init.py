"""`genreflow init`: make a project of a folder of music, with a model that suits its size."""

import argparse
import contextlib
import os
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from genreflow.cli import options as shared
from genreflow.cli.check import outlook_text, print_outlook_result
from genreflow.cli.console import info, quoted
from genreflow.cli.path_checks import check_existence, check_folder
from genreflow.cli.places import SNAKEFILE
from genreflow.cli.schemas import CONFIG, schema_line
from genreflow.config.datasets import recognized
from genreflow.config.layers import Config, Layer, relative
from genreflow.config.load import Parsed, parse, parse_file, read_yaml, settings_from
from genreflow.config.names import PROJECT_FILE, name_problem
from genreflow.config.pipeline import LAYOUTS
from genreflow.datasets import scan
from genreflow.datasets.artists import tagged_artists
from genreflow.datasets.catalog import embedded_tags
from genreflow.errors import UserError
from genreflow.folds.feasibility import is_tagged
from genreflow.plan.advice import FEW
from genreflow.plan.check import Outlook, check
from genreflow.plan.make import validate_config
from genreflow.plan.proposal import DATASET, NARROW_HZ, SHORT_SECONDS, Proposal, typical_size
from genreflow.project import layout
from genreflow.store.atomic import write_text
from genreflow.store.regular import expand_home
from genreflow.store.text import count, listing, sanitize

_MANY_NAMED = 0.5  # share of tracks with an artist in their tags from which artists are kept together
_FEW_SHORT = 0.02  # share of tracks shorter than a segment that are left out
MUSIC_FOLDER = "music"  # the folder that is taken where none is named


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = (
        "Look at a folder of music and its tags, and write genreflow.yaml with a model that suits it. Questions are "
        "asked on a terminal only; the music is never changed."
    )
    parser.add_argument(
        "music",
        nargs="?",
        type=shared.path,
        help=f"class folders, a CSV file or a known dataset (default: {MUSIC_FOLDER})",
    )
    parser.add_argument(
        "--project", type=shared.path, default=".", metavar="FOLDER", help="folder of the project (default: this one)"
    )
    parser.add_argument("--layout", choices=sorted(set(LAYOUTS) - {"synthetic", "collections"}), help="of the music")
    parser.add_argument("--study", metavar="NAME", help="name of the study (default: genres, or tags)")
    parser.add_argument(
        "--network",
        action=argparse.BooleanOptionalAction,
        help=f"train a network as well (default: with more than {FEW} tracks a class)",
    )
    parser.add_argument("--yes", action="store_true", help="take every default, and ask nothing")
    parser.add_argument("--force", action="store_true", help="replace a genreflow.yaml that is there")


def run(options: argparse.Namespace) -> int:
    """Write the file and print what it holds, why, and how long a run takes.

    Returns
    -------
    The code of `genreflow check` with this file.

    Raises
    ------
    UserError
        When there is a project already, no music, or none that can be used.
    """
    project = Path(options.project).absolute()
    file = project / PROJECT_FILE
    if os.path.lexists(file) and not options.force and not _is_empty(file):
        raise UserError(f"{_shown(file)} is there already. --force replaces it.")
    check_folder(project)
    asks = not options.yes and sys.stdin.isatty() and sys.stderr.isatty()
    music = _music(options, project, asks=asks)
    settings = _dataset(music, options.layout)
    proposal, sizes = _proposal(settings, options)
    info(f"{_shown(music)}: layout {settings['layout']}, {sizes}.")
    if asks and not _agrees("Are these the classes?"):
        raise UserError("Nothing was written. Name another folder, or --layout: genreflow init MUSIC --layout LAYOUT")
    if asks and options.network is None:
        proposal = replace(proposal, with_network=_agrees("Train a network as well?", usually=proposal.with_network))
    info("genreflow: decoding some files, to find bad ones ...")
    with contextlib.chdir(project if project.is_dir() else Path.cwd()):
        proposal, outlook = _checked(proposal)
    text = schema_line(CONFIG) + replace(proposal, dataset=_as_seen_from(project, proposal.dataset)).text()
    print(outlook_text(outlook))
    for sentence in proposal.reasons():
        print(sentence)
    if asks and not _agrees(f"Write {_shown(file)}?"):
        raise UserError("Nothing was written.")
    project.mkdir(parents=True, exist_ok=True)
    write_text(file, text)
    info(f"Wrote {_shown(file)}.")
    go = "" if project == Path.cwd() else f"cd {quoted(_shown(project))} && "
    return print_outlook_result(outlook, following=f"{go}genreflow run")


def _is_empty(file: Path) -> bool:
    """Return whether a file of settings says nothing, so that nothing is lost with it."""
    return file.is_file() and parse_file(file) == Parsed({})


def _music(options: argparse.Namespace, project: Path, *, asks: bool) -> Path:
    """Return the folder or file of the music.

    Raises
    ------
    UserError
        When it is not there, or holds the project.
    """
    given = options.music
    if given is None and asks:
        given = _answer(f"Folder of the music, with a folder for each class [{MUSIC_FOLDER}]: ") or MUSIC_FOLDER
    elif given is None:
        given = str(project / MUSIC_FOLDER)
        if not Path(given).exists():
            raise UserError(f"There is no folder {MUSIC_FOLDER} in {_shown(project)}. Name yours: genreflow init MUSIC")
    path = expand_home(given).absolute()
    check_existence(Path(given) if given == options.music else path)
    if path.is_dir() and project.resolve().is_relative_to(path.resolve()):
        raise UserError(
            f"{given} would hold the project, and its results would be taken for music. Give the project a folder of "
            f"its own: genreflow init {quoted(given)} --project FOLDER"
        )
    return path


def _dataset(music: Path, layout_name: str | None) -> dict[str, Any]:
    """Return the settings of the dataset; its paths are absolute."""
    if layout_name is not None:
        recognized_as = LAYOUTS[layout_name].recognize(music) or {"path": str(music)}
        return {"layout": layout_name, **recognized_as}
    settings = recognized(music)
    # What no layout recognizes is class folders without tracks: their layout has a sentence on what is missing.
    return settings or {"layout": "folders", "path": str(music)}


def _proposal(settings: Mapping[str, Any], options: argparse.Namespace) -> tuple[Proposal, str]:
    """Return a proposal made from the names and tags of the files alone, and the sizes of classes in words."""
    given = settings_from(LAYOUTS[settings["layout"]], settings, _shown(Path(settings["path"])))
    listed = scan.list_tracks(given, raw=Path(layout.RAW_FOLDER.format(dataset=DATASET)), reads_tags=True).tracks
    tracks = listed.select(["label", "tags"]).to_pandas()
    named = len(tagged_artists(embedded_tags(listed)))
    tags = is_tagged(tracks)
    sizes = Counter(tracks["tags"].dropna().explode().dropna() if tags else tracks["label"])
    classes = dict(sorted(sizes.items(), key=lambda item: (-item[1], item[0])))
    study = options.study or ("tags" if tags else "genres")
    if problem := name_problem(study):
        raise UserError(f"--study {study}: {problem}.")
    if study == DATASET:
        raise UserError(f"--study {study}: the dataset has this name. Choose another.")
    network = typical_size(classes) > FEW if options.network is None else options.network
    drop = {} if tags else {name: "it has a single track" for name, size in classes.items() if size < 2}
    if len(classes) - len(drop) < 2:
        raise UserError(
            f"{_shown(Path(settings['path']))} has fewer than two classes of two tracks or more "
            f"({listing(f'{name} {size:,}' for name, size in classes.items())}), so there is nothing to tell apart."
        )
    kinds = count(len(classes), "tag") if tags else count(len(classes), "class", "classes")
    words = f"{count(len(tracks), 'track')} in {kinds}: " + listing(
        (f"{name} {size:,}" for name, size in classes.items()), 10
    )
    proposal = Proposal(settings, study, classes, has_tags=tags, with_network=network, drop=drop)
    return replace(proposal, together="artist" if named >= _MANY_NAMED * len(tracks) else "album"), words


def _checked(proposal: Proposal) -> tuple[Proposal, Outlook]:
    """Return the proposal, changed where the music does not allow it, and its outlook.

    Raises
    ------
    UserError
        When no change that is tried helps.
    """
    for easier in ("album", "nobody"):
        try:
            validate_config(_config(proposal), home=SNAKEFILE.parent, look=True)
        except UserError:
            proposal = replace(proposal, together=easier)
    outlook = check(_config(proposal), home=SNAKEFILE.parent)
    short = max((given.too_short for study in outlook.studies for given in study.inputs), default=0)
    if short > _FEW_SHORT * sum(proposal.classes.values()):
        proposal = replace(proposal, seconds=SHORT_SECONDS, with_network=False)  # whose slices are longer
        outlook = check(_config(proposal), home=SNAKEFILE.parent)
    typical = min((given.typical_slices for study in outlook.studies for given in study.inputs[:1]), default=0)
    if 0 < typical < proposal.segments:  # of clips, most would have fewer than asked for
        proposal = replace(proposal, segments=typical)
        outlook = check(_config(proposal), home=SNAKEFILE.parent)
    bandwidths = [each.bandwidth_hz for each in outlook.datasets if each.bandwidth_hz is not None]
    if proposal.with_network and any(bandwidth < NARROW_HZ for bandwidth in bandwidths):
        proposal = replace(proposal, is_narrow=True)
        outlook = check(_config(proposal), home=SNAKEFILE.parent)
    lost = {name: "no file of it can be used" for each in outlook.datasets for name in each.lost_classes}
    if lost and len(proposal.classes) - len(lost.keys() | proposal.drop.keys()) > 1:
        proposal = replace(proposal, drop={**proposal.drop, **lost})
        outlook = check(_config(proposal), home=SNAKEFILE.parent)
    return proposal, outlook


def _config(proposal: Proposal) -> Config:
    """Return the settings of a run by the proposal."""
    shipped = Layer("config.yaml", read_yaml(SNAKEFILE.parent / "config.yaml"), is_shipped=True)
    return Config([shipped, Layer(PROJECT_FILE, parse(proposal.text()).values)])


def _as_seen_from(project: Path, dataset: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a dataset with paths below the project relative to it."""
    root = str(project) + os.sep
    return {key: value.removeprefix(root) if isinstance(value, str) else value for key, value in dataset.items()}


def _shown(path: Path) -> str:
    return relative(path)


def _agrees(question: str, *, usually: bool = True) -> bool:
    answer = _answer(f"{question} [{'Y/n' if usually else 'y/N'}] ").casefold()
    return usually if not answer else answer in ("y", "yes")


def _answer(question: str) -> str:
    """Ask on the terminal; return the answer without blanks around it."""
    print(sanitize(question), end="", file=sys.stderr, flush=True)
    line = sys.stdin.readline()
    if not line:
        raise UserError("\nNothing was written.")
    return line.strip()
