"""The settings of a run: config.yaml, then the files of ``--configfile``, then the values of ``--config``.

Snakemake merges these deeply, so that a dataset of the user's would keep keys of a shipped one of the same name. All
commands and the workflow take them from here instead.
"""

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from genreflow.config.checked import Place
from genreflow.config.load import Parsed, merged, parse, parse_file
from genreflow.config.names import PROJECT_FILE
from genreflow.errors import Gathering, Problems, UserError

_ENTRY = re.compile(r"([A-Za-z_][\w-]*\w)=(.*)", re.DOTALL)


@dataclass(frozen=True)
class Layer:
    """The values of one file, or of the command line."""

    source: str
    values: Mapping[str, Any]
    is_shipped: bool = False


class Config(dict[str, Any]):
    """Merged values that remember which file set them; the later of two layers goes before the earlier.

    A dataset with a ``layout`` replaces an earlier one of its name; without one, it changes that. Other mappings are
    merged, and all else is replaced. `faults` are the errors in the YAML of the files.
    """

    def __init__(self, layers: Sequence[Layer], faults: Iterable[UserError] = ()) -> None:
        super().__init__()
        self.layers: list[Layer] = []
        self.faults = list(faults)
        for layer in layers:
            whole = _whole_datasets(layer.values)
            self.layers = [*(_without(earlier, whole) for earlier in self.layers), layer]
        for layer in self.layers:
            self.update(merged(self, layer.values))

    def source_of(self, place: Place) -> str:
        """Return the file that sets a place, or as much of the way there as any does."""
        return max(self.layers, key=lambda layer: (_depth(layer.values, place), self.layers.index(layer))).source

    def raise_faults(self) -> None:
        """Raise the errors in the YAML of the files, if any."""
        Gathering(self.faults).raise_any()

    @property
    def own_layers(self) -> list[Layer]:
        """The layers of the user, without the shipped file."""
        return [layer for layer in self.layers if not layer.is_shipped]

    def problems(self, sentences: Mapping[Place, str]) -> Iterable[Problems]:
        """Yield the sentences on some places, those of each file together."""
        by_source: dict[str, list[str]] = {}
        for place, sentence in sentences.items():
            by_source.setdefault(self.source_of(place), []).append(sentence)
        return (Problems(f"{source}:", own) for source, own in by_source.items())


def config_from(values: Mapping[str, Any]) -> Config:
    """Return values that have been merged already."""
    return values if isinstance(values, Config) else Config([Layer("config", values)])


def load_config(
    home: Path | None,
    files: Iterable[str | Path] = (),
    entries: Iterable[str] = (),
    given: Mapping[str, Any] | None = None,
) -> Config:
    """Read the settings of a run.

    Parameters
    ----------
    home
        Folder of config.yaml; None where the files replace it.
    files
        Files that change it, in this order.
    entries
        ``key=value``, where the value is YAML.
    given
        Values that another workflow has read.
    """
    own = [(relative(file), _parse_own(file)) for file in files]
    own += [_parse_entry(entry) for entry in entries]
    shipped = [] if home is None else [("config.yaml", parse_file(home / "config.yaml"))]
    if project := next((parsed for source, parsed in own if Path(source).name == PROJECT_FILE), None):
        _take_studies_from(project, [parsed for _, parsed in own], shipped)
    read = [*shipped, *own]
    layers = [
        Layer(source, _values(parsed), is_shipped=number < len(shipped)) for number, (source, parsed) in enumerate(read)
    ]
    layers += [] if given is None else [Layer("config", given)]
    return Config(layers, [error for source, parsed in read if (error := parsed.error(source))])


def _values(parsed: Parsed) -> dict[str, Any]:
    return parsed.values if isinstance(parsed.values, dict) else {}


def _parse_own(file: str | Path) -> Parsed:
    """Read a file of the user's, which says something."""
    parsed = parse_file(file)
    if parsed.values == {} and not parsed.problems:
        return Parsed(whole="is empty. `genreflow init` writes the settings of a project.")
    return parsed


def _take_studies_from(project: Parsed, own: Iterable[Parsed], shipped: Iterable[tuple[str, Parsed]]) -> None:
    """Leave out the shipped studies beside a project, and report one that names none."""
    for _, parsed in shipped:
        _values(parsed).pop("studies", None)
    if not project.whole and not any("studies" in _values(parsed) for parsed in own):
        project.problems.append("studies: this key is missing. It names what to run, as in `studies: [quick]`.")


def _parse_entry(entry: str) -> tuple[str, Parsed]:
    match = _ENTRY.fullmatch(entry)
    if match is None:
        return f"--config {entry}", Parsed(whole="is not `key=value`.")
    key, text = match.groups()
    parsed = parse(text)
    if parsed.whole:
        return f"--config {key}", parsed
    return "--config", Parsed({key: parsed.values}, [f"{key}: {problem}" for problem in parsed.problems])


def _whole_datasets(values: Mapping[str, Any]) -> set[str]:
    """Return the datasets with a layout, which replace others of their names."""
    datasets = values.get("datasets")
    if not isinstance(datasets, Mapping):
        return set()
    return {name for name, dataset in datasets.items() if isinstance(dataset, Mapping) and "layout" in dataset}


def _without(layer: Layer, names: Container[str]) -> Layer:
    """Return a layer without some of its datasets."""
    datasets = layer.values.get("datasets")
    if not isinstance(datasets, Mapping):
        return layer
    rest = {name: dataset for name, dataset in datasets.items() if name not in names}
    return replace(layer, values={**layer.values, "datasets": rest})


def _depth(values: Any, place: Place) -> int:
    depth = 0
    for step in place:
        if isinstance(values, Mapping) and step in values:
            values, depth = values[step], depth + 1
        else:
            break
    return depth


def relative(path: str | Path) -> str:
    """Return a path as it is seen from the working folder, if it is below that."""
    here, path = Path.cwd(), Path(path)
    return str(path.relative_to(here)) if path.is_absolute() and path.is_relative_to(here) else str(path)
