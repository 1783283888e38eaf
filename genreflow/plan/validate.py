"""Validation of the settings of a run and of all its studies: every problem is collected."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genreflow.config.checked import Checked, Place, checked
from genreflow.config.inputs import InputSettings
from genreflow.config.layers import Config, config_from, relative
from genreflow.config.load import Parsed, merged, parse_file
from genreflow.config.names import name_problem
from genreflow.config.pipeline import PipelineSettings
from genreflow.config.study import StudySettings
from genreflow.datasets.layouts.collections import with_parts
from genreflow.embeddings.sources import resolved_input
from genreflow.errors import Gathering, Problems, UserError, did_you_mean
from genreflow.plan.study_checks import study_problems
from genreflow.project import layout
from genreflow.store.regular import expand_home
from genreflow.weights.cache import command_for, is_absent

_REDUCED = "without_weights: "
# Keys of a study that hold what differs in another size.
SIZES = ("small", "medium")
# Sections of a study of which these and `without_weights` may leave entries out.
SECTIONS = ("inputs", "protocols", "models", "fusions", "experiments")


@dataclass
class Validated:
    """The settings of a run.

    Attributes
    ----------
    settings
        Those of the run, with defaults in place of wrong ones.
    studies
        Name -> settings, of every study whose file can be read. In the small and the medium size, whose names end in
        ``-small`` and ``-medium``, the values of the key of that name override the others; where public weights that it
        names are not on this machine, those of its key ``without_weights`` do. A model, input, protocol, fusion or
        experiment that is null there is left out.
    named
        Name -> how the settings of the run name the study.
    faulty
        The studies with problems.
    absent_weights
        The public weights that a study does without, of every study that does.
    errors
        All problems.
    """

    settings: PipelineSettings
    studies: dict[str, StudySettings] = field(default_factory=dict)
    named: dict[str, str] = field(default_factory=dict)
    faulty: dict[str, Checked[StudySettings]] = field(default_factory=dict)
    absent_weights: dict[str, list[str]] = field(default_factory=dict)
    errors: Gathering = field(default_factory=Gathering)

    @property
    def datasets(self) -> list[str]:
        """The datasets that studies use and the settings define."""
        return sorted(
            {name for study in self.studies.values() for name in study.datasets} & set(self.settings.datasets)
        )


@dataclass(frozen=True)
class _Source:
    """Where a study is written: in a file of its own, or in one of the settings.

    Attributes
    ----------
    title, prefix
        The file in messages, and what keys begin with there.
    path
        The file, if it has one of its own.
    given, stem, name
        The study as the settings name it, its name without ending, and that in results/.
    inline
        Its content, where it has no file of its own.
    """

    title: str
    prefix: str
    path: Path | None
    given: str
    stem: str
    name: str
    inline: Mapping[str, Any] = field(default_factory=dict)

    def error(self, problems: Iterable[str], of_name: Iterable[str] = ()) -> Problems:
        """Return problems of the study, and of its name, as an error."""
        return Problems(f"{self.title}:", [*of_name, *(f"{self.prefix}{problem}" for problem in problems)])


@dataclass(frozen=True)
class _Read:
    """What a study file says.

    Attributes
    ----------
    full, reduced
        Its settings, and those without public weights, as far as they are right; None where it has only the first.
    absent_weights
        Public weights that it does without on this machine.
    problems
        Problems of its lines and types.
    """

    full: Checked[StudySettings]
    reduced: Checked[StudySettings] | None
    absent_weights: list[str]
    problems: list[str]

    @property
    def given(self) -> Checked[StudySettings]:
        """The settings that hold on this machine."""
        return self.reduced if self.reduced is not None and self.absent_weights else self.full


def validate(values: Mapping[str, Any], home: Path, *, look: bool) -> Validated:
    """Check the settings of a run and of all its studies, without reading any music.

    Parameters
    ----------
    values
        `genreflow.config.layers.load_config`, or the content of such files.
    home
        Folder of the Snakefile, with studies/.
    look
        Check that the files to be classified exist.
    """
    config = config_from(values)
    if not all(isinstance(fault, Problems) for fault in config.faults):  # a file could not be read at all
        return Validated(PipelineSettings(), errors=Gathering(config.faults))
    verified = checked(PipelineSettings, config)
    named = config.get("datasets")
    datasets, problems = with_parts(verified.usable.datasets, named if isinstance(named, Mapping) else {})
    result = Validated(verified.usable.model_copy(update={"datasets": datasets}))
    found = verified.problems | _names(verified) | {("datasets", name): problem for name, problem in problems.items()}
    result.errors.errors += [*config.faults, *config.problems(found)]
    sources = _sources(config, verified.usable, home, result.errors)
    result.named = {source.name: source.given for source in sources}
    for source in sources:
        with result.errors.step():
            _add_study(result, config, verified, source, home)
    with result.errors.step():
        _check_use(config, result, sources, look=look)
    return result


def published_files(name: str | None, home: Path) -> list[Path]:
    """Return the files of published numbers of a study."""
    if name is None or name_problem(name):
        return []
    return sorted((home / "resources/published").glob(f"{name}*.csv"))


def _names(verified: Checked[PipelineSettings]) -> dict[Place, str]:
    return {
        ("datasets", name): f"datasets.{name}: {problem}."
        for name in verified.usable.datasets
        if (problem := name_problem(name))
    }


def _sources(config: Config, settings: PipelineSettings, home: Path, errors: Gathering) -> list[_Source]:
    """Return the sources of all studies; two of one name are refused."""
    if isinstance(settings.studies, dict):
        return [_inline(name, values, config, settings.size) for name, values in settings.studies.items()]
    sources: dict[str, _Source] = {}
    for name in settings.studies:
        with errors.step():
            source = _of_file(name, home, settings.size)
            other = sources.setdefault(source.name, source)
            if other is not source:
                raise Problems(
                    f"{config.source_of(('studies',))}:",
                    [
                        f"studies: {other.path} and {source.path} both have the name {source.stem!r} and would share "
                        f"results/{source.name}. Rename one of the files, or leave one out."
                    ],
                )
    return list(sources.values())


def _inline(name: str, values: Mapping[str, Any], config: Config, size: str) -> _Source:
    title = config.source_of(("studies", name))
    suffix, of_size = _words_of(size)
    return _Source(f"{title}{of_size}", f"studies.{name}.", None, name, name, f"{name}{suffix}", values)


def _of_file(name: str, home: Path, size: str) -> _Source:
    is_path = name.endswith((".yaml", ".yml"))
    try:
        path = expand_home(name) if is_path else home / "studies" / f"{name}.yaml"
        is_there = path.exists()
    except (OSError, RuntimeError, ValueError):  # too long, a home of nobody, a zero byte
        path, is_there = Path(name), False
    if not is_there:
        known = [p.stem for p in (home / "studies").glob("*.yaml")]
        own = f"{name}.yaml"
        hint = f" Is {own} meant? Write it with its ending." if not is_path and _is_file(own) else ""
        raise UserError(f"studies: {name!r}: there is no file {path}.{hint or did_you_mean(name, known)}")
    suffix, of_size = _words_of(size)
    return _Source(f"{relative(path)}{of_size}", "", path, name, path.stem, f"{path.stem}{suffix}")


def _words_of(size: str) -> tuple[str, str]:
    """Return the suffix of the name, and of the title, of a study of a size."""
    return ("", "") if size == "full" else (f"-{size}", f", size {size}")


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):
        return False


def _read(source: _Source, size: str) -> _Read:
    parsed = Parsed(source.inline) if source.path is None else parse_file(source.path)
    if parsed.whole:
        raise UserError(f"{source.title} {parsed.whole}")
    values = dict(parsed.values)
    sizes = {name: values.pop(name, None) for name in SIZES}
    without_weights = values.pop("without_weights", None)
    problems = list(parsed.problems)
    if size != "full":
        changes = sizes[size]
        if not isinstance(changes, dict):
            where = f"{source.title}: {source.prefix.removesuffix('.')}".removesuffix(": ")
            raise UserError(f"{where}: it has no {size} size. Give it the key `{size}`, or run it with size: full.")
        values = _changed(values, changes)
    full = checked(StudySettings, values)
    problems += full.problems.values()
    if without_weights is None:
        return _Read(full, None, [], problems)
    if not isinstance(without_weights, dict):
        problems.append(f"{_REDUCED}it must be a mapping of the settings that differ without the weights.")
        return _Read(full, None, [], problems)
    problems += _left_out_in_vain(values, without_weights)
    reduced = checked(StudySettings, _changed(values, without_weights))
    problems += [f"{_REDUCED}{each}" for each in reduced.problems.values() if each not in problems]
    return _Read(full, reduced, _absent_weights(values), problems)


def _left_out_in_vain(values: Mapping[str, Any], changes: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each entry that `without_weights` leaves out, and that is not there."""
    for section in SECTIONS:
        changed, known = changes.get(section), values.get(section)
        if isinstance(changed, dict) and isinstance(known, dict):
            for name in (name for name, value in changed.items() if value is None and name not in known):
                hint = did_you_mean(str(name), known)
                yield f"{_REDUCED}{section}: there is no {name!r} to leave out.{hint}"


def _changed(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings of a study with changes; entries of its sections that are null there are left out."""
    values = merged(values, changes)
    for section in SECTIONS:
        if isinstance(values.get(section), dict):
            values[section] = {key: value for key, value in values[section].items() if value is not None}
    return values


def _absent_weights(values: Mapping[str, Any]) -> list[str]:
    """Return the public weights that inputs name and that are not on this machine."""
    inputs = values.get("inputs")
    inputs = inputs.values() if isinstance(inputs, dict) else []
    front_ends = [each.get("front_end") for each in inputs if isinstance(each, dict)]
    models = [each.get("model") for each in front_ends if isinstance(each, dict)]
    return sorted({model for model in models if isinstance(model, str) and is_absent(model)})


def _add_study(result: Validated, config: Config, run: Checked[PipelineSettings], source: _Source, home: Path) -> None:
    settings = run.usable
    read = _read(source, settings.size)
    given, problems = read.given, read.problems
    of_name = []
    if problem := name_problem(source.name):
        is_inline = source.path is None
        of_name = [
            f"studies.{source.stem}: {problem}." if is_inline else f"{source.stem!r}: {problem}. Rename the file."
        ]
    if read.absent_weights:
        result.absent_weights[source.name] = read.absent_weights
    problems += _problems_of(read, most_runs=settings.limits.max_runs)
    if given.settings is not None:
        problems += _against_run(given, config, run)
        if (published := given.settings.published) and not published_files(published, home):
            problems.append(f"published: there is no resources/published/{published}.csv.")
        result.studies[source.name] = given.settings
    if problems or of_name:
        result.faulty[source.name] = given
        raise source.error(problems, of_name)


def _problems_of(read: _Read, *, most_runs: int) -> list[str]:
    """Return the problems of a study, here and on machines that have other weights."""
    problems: list[str] = []
    if read.full.settings is not None:
        found = [*_resolve_embeddings(read.full), *study_problems(read.full, most_runs=most_runs)]
        needless = command_for(read.absent_weights) if read.reduced is not None and read.absent_weights else None
        problems += [each for each in found if needless is None or needless not in each]
    if read.reduced is not None and read.reduced.settings is not None:
        found = [*_resolve_embeddings(read.reduced), *study_problems(read.reduced, most_runs=most_runs)]
        problems += [f"{_REDUCED}{each}" for each in found if each not in problems]
    return problems


def _resolve_embeddings(given: Checked[StudySettings]) -> Iterator[str]:
    """Read the facts of the networks of embeddings into a study; yield the problems, and leave their inputs out."""
    inputs = dict(given.usable.inputs)
    for name, settings in inputs.items():
        try:
            inputs[name] = resolved_input(settings)
        except UserError as error:
            given.left_out.add(("inputs", name, "front_end"))
            inputs[name] = InputSettings()
            yield f"inputs.{name}.front_end: {_with_stop(str(error))}"
    given.settings = given.usable.model_copy(update={"inputs": inputs})


def _with_stop(sentence: str) -> str:
    return sentence if sentence.endswith((".", "?")) else f"{sentence}."


def _against_run(given: Checked[StudySettings], config: Config, run: Checked[PipelineSettings]) -> Iterator[str]:
    """Yield the problems of a study in view of the settings of the run."""
    study = given.usable
    datasets = config.get("datasets")
    known = datasets if isinstance(datasets, Mapping) else {}
    named = {f"protocols.{name}.dataset": protocol.dataset for name, protocol in study.protocols.items()}
    for where, name in {"dataset": study.dataset, **named}.items():
        if name is not None and name not in known and given.is_sound(*where.split(".")):
            yield f"{where}: {name!r} is not under `datasets`.{did_you_mean(name, known)}"
    for name in study.tested_on:
        if name not in known:
            yield f"tested_on: {name!r} is not under `datasets`.{did_you_mean(name, known)}"
    rate = run.usable.audio.sample_rate
    for key, value in study.inputs.items():
        if value.front_end.sample_rate > rate and run.is_sound("audio"):
            yield (
                f"inputs.{key}.front_end.sample_rate: it is {value.front_end.sample_rate} Hz, but audio is "
                f"stored at {rate} Hz (audio.sample_rate). Lower the one or raise the other."
            )


def _check_use(config: Config, result: Validated, sources: list[_Source], *, look: bool) -> None:
    """Refuse datasets of the user without studies that use them, and predictions by a study that is not there."""
    problems: dict[Place, str] = {}
    own = {name: layer for layer in config.own_layers for name in _datasets_of(layer.values)}
    is_named = any("studies" in layer.values for layer in config.own_layers)
    used = {name for study in result.studies.values() for name in study.datasets}
    if own and not is_named and not used & set(own) and config.own_layers != config.layers:
        shipped = ", ".join(result.settings.studies)
        problems["datasets",] = (
            f"studies: this key is missing, so `studies: [{shipped}]` of the shipped config.yaml would run, which uses "
            f"none of the datasets here ({', '.join(own)}). Write `studies: [my_study.yaml]`: the path of a study file "
            f"of yours with `dataset: {next(iter(own))}`."
        )
    request = result.settings.predict
    if request is not None:
        names = [source.name for source in sources]
        if request.study not in names:
            hint = did_you_mean(request.study, names)
            problems["predict", "study"] = f"predict.study: {request.study!r} is not in `studies`.{hint}"
        elif (study := result.studies.get(request.study)) and (study.final is None or not study.models):
            problems["predict", "study"] = (
                f"predict.study: {request.study!r} trains no final model; give it `final: {{}}`."
            )
        # A file that vanished after it was classified does not stop a run, which drops it from the predictions.
        look = look and not Path(layout.NEW_PREDICTIONS).exists()
        if missing := [name for name in request.files if look and not _is_there(name)]:
            problems["predict", "files"] = f"predict.files: {', '.join(map(repr, missing))}: there is no such file."
    Gathering(config.problems(problems)).raise_any()


def _datasets_of(values: Mapping[str, Any]) -> list[str]:
    datasets = values.get("datasets")
    return list(datasets) if isinstance(datasets, Mapping) else []


def _is_there(name: str) -> bool:
    try:
        return Path(name).exists()
    except (OSError, ValueError):
        return False
