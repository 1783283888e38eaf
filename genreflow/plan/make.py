"""Make the plan of a run from the content of config.yaml."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from genreflow.config.checked import Checked
from genreflow.config.pipeline import Dataset, PipelineSettings
from genreflow.config.study import DEFAULT_PROTOCOL, StudySettings
from genreflow.datasets import scan
from genreflow.datasets.layouts.folders import Folders
from genreflow.errors import Gathering, Problems, UserError
from genreflow.folds import feasibility
from genreflow.folds.feasibility import is_tagged
from genreflow.folds.placement import read_placement
from genreflow.folds.roles import FINAL
from genreflow.plan.datasets import DatasetPlan, InputPlan, catalog_path, listed_before, plan_dataset
from genreflow.plan.protocols import ProtocolPlan, plan_protocol
from genreflow.plan.stages import is_of_this_scheme, key, page_code, versions
from genreflow.plan.studies import StudyPlan
from genreflow.plan.study_files import figure_files, predictor_files
from genreflow.plan.validate import Validated, published_files, validate
from genreflow.project import history, layout
from genreflow.project.layout import RunId
from genreflow.project.specs import StateFacts
from genreflow.store.digest import digest, file_sha256
from genreflow.store.parquet import read_header
from genreflow.store.regular import expand_home
from genreflow.store.walk import check_folder


@dataclass
class Plan:
    """The datasets and studies of a run."""

    settings: PipelineSettings
    datasets: dict[str, DatasetPlan]
    studies: dict[str, StudyPlan] = field(default_factory=dict)
    _before: dict[str, history.State | None] = field(default_factory=dict, init=False, repr=False)

    @property
    def inputs(self) -> list[InputPlan]:
        """Every input of every dataset."""
        return [plan for dataset in self.datasets.values() for plan in dataset.inputs.values()]

    @property
    def quarantine_key(self) -> str:
        """Key of the list of refused files."""
        return key(versions("quarantine"), [plan.index_key for plan in self.inputs])

    def page_key(self, study: str) -> str:
        """Key of the page of a study, which compares its results with those before."""
        before = self.before(study)
        return key(self.studies[study].keys.page, self.settings.report, *([] if before is None else [before.page]))

    def printed_files(self, study: str) -> list[str]:
        """Return the figures of a study for print; none unless the settings ask for them."""
        return figure_files(self.studies[study], *self.settings.figures.printed, folder=layout.PRINTED)

    def printed_key(self, study: str) -> str:
        """Key of the figures of a study for print."""
        return key(self.studies[study].keys.figures, self.settings.figures)

    def before(self, study: str) -> history.State | None:
        """Return the newest complete results of a study with other tables; None where no history is kept.

        They are the same before, during and after a run that replaces them, however often it is interrupted.
        """
        if study not in self._before:
            folder = Path(layout.STUDY.format(study=study))
            keeps = self.settings.history.keep > 0
            self._before[study] = history.before(folder, self.studies[study].keys.tables) if keeps else None
        return self._before[study]

    def page_state(self, study: str) -> StateFacts:
        """Return the keys that the page of a study records, by which its results are kept when others replace them."""
        plan, before = self.studies[study], self.before(study)
        return {
            "before": None if before is None else before.page,
            "tables": plan.keys.tables,
            "page": key(plan.keys.page, self.settings.report),
            "folds": {name: plan.keys.folds(name) for name in plan.used_protocols},
            "settings": plan.settings.untracked().model_dump(mode="json"),
        }

    def keep_replaced(self, jobs: Iterable[Any]) -> None:
        """Keep the complete results of each study of which Snakemake's jobs are about to replace a product.

        Raises
        ------
        OSError
            When nothing can be written there.
        """
        replacing = {getattr(job.wildcards, "study", "") for job in jobs if any(map(os.path.exists, job.output))}
        for name in replacing & set(self.studies):
            folder, new = Path(layout.STUDY.format(study=name)), self.page_state(name)
            history.keep(folder, limit=self.settings.history.keep, replaced_by=new["tables"], page=new["page"])

    @property
    def foreign_summaries(self) -> list[Path]:
        """The summaries of studies that this run does not build, but whose reports are here."""
        own = {layout.SUMMARY.format(study=study) for study in self.studies}
        return sorted(path for path in Path().glob(layout.SUMMARY.format(study="*")) if str(path) not in own)

    @property
    def overview_key(self) -> str:
        """Key of the page over all studies."""
        pages = {name: self.page_key(name) for name in self.studies}
        return key(page_code(), pages, {str(path): file_sha256(path) for path in self.foreign_summaries})

    @property
    def predictor_study(self) -> StudyPlan:
        """The study whose final model predicts new files; only for settings with ``predict``."""
        assert self.settings.predict is not None
        return self.studies[self.settings.predict.study]

    @property
    def predictor(self) -> RunId:
        """The final run of that study; `validate` has seen to it that there is one."""
        assert self.predictor_study.final is not None
        return RunId(self.predictor_study.final.model, self.predictor_study.final.name, FINAL)

    @property
    def predictor_files(self) -> dict[str, str | list[str]]:
        """The weights of the final model, and the predictions of its setting's runs, which calibrate it."""
        return predictor_files(self.predictor_study)

    def predictions_key(self, files: list[list]) -> str:
        """Return the key of the predictions, given `genreflow.inference.files.stamps` of the files."""
        model = self.predictor
        return key(versions("predictions"), self.predictor_study.keys.run(model.model, model.setting), files)


# Printed while there are products of an earlier release.
OTHER_KEYS = "Keys changed with this version: every product is remade once."


def made_with_other_keys(plan: Plan) -> bool:
    """Return whether a dataset has products whose keys follow an earlier scheme."""
    return any(map(_is_of_another_scheme, plan.datasets))


def _is_of_another_scheme(dataset: str) -> bool:
    try:
        return not is_of_this_scheme(read_header(layout.DUPLICATES.format(dataset=dataset)).key)
    except UserError:  # missing or damaged
        return False


def make_plan(config: Mapping[str, Any], *, home: Path, refresh: bool, writes: bool = True) -> Plan:
    """Read the studies named in `config` and plan their products.

    Parameters
    ----------
    config
        The content of config.yaml, with changes from the command line.
    home
        Folder of the Snakefile, with studies/, resources/ and workflow/scripts/.
    refresh
        List the tracks of the datasets again; otherwise take the catalogs as they are.
    writes
        Hash new tracks and update the catalogs on disk; otherwise nothing is hashed and nothing is written.

    Raises
    ------
    UserError
        With every problem of settings, paths and datasets. Nothing is written then.
    """
    check_folder(Path(layout.RESULTS))
    check_folder(Path(layout.LOGS))
    plan, listings = validate_config(config, home=home, look=refresh)
    for name, listing in listings.items():
        if writes:
            plan.datasets[name].record(listing)
        else:
            plan.datasets[name].look_up(listing)
    return plan


def check_placements(plan: Plan) -> None:
    """Read the placements of all protocols.

    Snakemake deletes a fold table before it is made again, so damage is reported while the placement can be restored.

    Raises
    ------
    Damaged
        When one is not as it was written.
    """
    for study in plan.studies.values():
        for protocol in study.used_protocols:
            read_placement(layout.PLACEMENT.format(study=study.name, protocol=protocol))


def validate_config(config: Mapping[str, Any], *, home: Path, look: bool) -> tuple[Plan, dict[str, scan.Listing]]:
    """Plan a run without reading the bytes of any track, and without writing.

    Returns
    -------
    plan, listings
        The plan, and the tracks of each dataset. Keys need the plan's datasets to record these listings first.

    Raises
    ------
    UserError
        With every problem.
    """
    validated = validate(config, home, look=look)
    settings, errors = validated.settings, validated.errors
    listings: dict[str, scan.Listing] = {}
    grouped = set(_grouped_by_artist(validated.studies.values()))
    for name in validated.datasets if look else []:
        with errors.step():
            _check_place(name, settings.datasets[name])
            listings[name] = scan.list_tracks(
                settings.datasets[name],
                raw=Path(layout.RAW_FOLDER.format(dataset=name)),
                catalog=catalog_path(name),
                reads_tags=name in grouped,
            )
    if not look:
        errors.raise_any()
    listed = {name: (listing.tracks, listing.facts["notices"]) for name, listing in listings.items()}
    plan = _plan(validated, listed if look else {name: listed_before(name) for name in validated.datasets}, home)
    errors.raise_any()
    return plan, listings


def _grouped_by_artist(studies: Iterable[StudySettings]) -> Iterator[str]:
    """Yield the datasets whose tracks a protocol keeps together by artist."""
    for study in studies:
        for protocol in study.all_protocols.values():
            if protocol.folds.get("group", study.folds.group) == "auto":
                yield protocol.dataset or study.dataset


def _plan(validated: Validated, listed: Mapping[str, tuple[pa.Table, list[str]]], home: Path) -> Plan:
    """Plan the studies without problems whose datasets are there; of others, check only the folds."""
    settings, errors = validated.settings, validated.errors
    datasets = {name: plan_dataset(name, *tracks, settings) for name, tracks in listed.items()}
    plan = Plan(settings, datasets)
    for name, study in validated.studies.items():
        own = {dataset: datasets[dataset] for dataset in study.datasets if dataset in datasets}
        if name in validated.faulty or len(own) < len(study.datasets):
            _check_folds(name, validated.faulty.get(name, Checked(study)), own, errors)
            continue
        with errors.step():
            planned = StudyPlan(
                name, study, own, _published(study.published, home), validated.absent_weights.get(name, ())
            )
            _check_runs(planned, settings.limits.max_runs)
            plan.studies[name] = planned
    return plan


def _check_place(name: str, settings: Dataset) -> None:
    """Refuse music below results/, and a folder of classes in which results/ would be taken for a class."""
    for part in getattr(settings, "parts", {}).values():
        _check_place(name, part)
    given = getattr(settings, "path", None)
    if given is None:  # the pipeline makes the music
        return
    results, music = Path(layout.RESULTS).resolve(), expand_home(given).resolve()
    if music.is_relative_to(results):
        raise UserError(
            f"datasets.{name}.path: {given!r} is inside results/, where the pipeline writes. Move the music."
        )
    if isinstance(settings, Folders) and results.is_relative_to(music):
        raise UserError(
            f"datasets.{name}.path: {given!r} holds the results folder, which would be taken for a class. "
            "Start in another folder, or move the music into one of its own."
        )


def _published(name: str | None, home: Path) -> dict[Path, str]:
    """Return the files of published numbers of a study, each with the digest of its content."""
    return {path: digest(path.name, file_sha256(path)) for path in published_files(name, home)}


def _check_runs(study: StudyPlan, most: int) -> None:
    errors = Gathering()
    for name in study.used_protocols:
        with errors.step():
            _check_protocol(study.name, study.protocols[name])
    with errors.step():
        _check_cross_datasets(study)
    with errors.step():
        study.resolver.headline  # noqa: B018 - raises where the given one is not cross-validated
    if study.n_runs > most:
        message = f"study {study.name}: it has {study.n_runs:,} runs; limits.max_runs is {most:,}."
        errors.errors.append(UserError(message))
    errors.raise_any()


def _check_cross_datasets(study: StudyPlan) -> None:
    """Refuse to test the final model on datasets whose labels it cannot give."""
    problems = []
    for name, given in study.cross_datasets.items():
        protocol = study.protocols[study.final.protocol] if study.final else next(iter(study.protocols.values()))
        if protocol.is_tagged or is_tagged(given.dataset.tracks):
            problems.append(f"tested_on: {name!r}: only classes can be tested on another dataset, and here are tags.")
        elif not set(protocol.classes) & set(given.dataset.tracks["label"]):
            problems.append(
                f"tested_on: {name!r} has none of the classes {_listed(protocol.classes)}; its own are "
                f"{_listed(sorted(set(given.dataset.tracks['label'])))}. Map them by datasets.{name}.labels.aliases."
            )
    if problems:
        raise Problems(f"study {study.name}:", problems)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:8]) + (", …" if len(names) > 8 else "")


def _check_folds(
    name: str, given: Checked[StudySettings], datasets: Mapping[str, DatasetPlan], errors: Gathering
) -> None:
    """Check the folds of a study that cannot be planned, as far as its folds and datasets are right."""
    study = given.usable
    for protocol in _protocols_named(study) if given.is_sound("folds") else []:
        settings = study.all_protocols.get(protocol)
        if settings and (settings.dataset or study.dataset) in datasets and given.is_sound("protocols", protocol):
            with suppress(UserError):  # contradictory values have been reported
                planned = plan_protocol(name, study, protocol, datasets)
                with errors.step():
                    _check_protocol(name, planned)


def _protocols_named(study: StudySettings) -> list[str]:
    """Return the protocols that are named by a study's models, experiments, final model and snippets."""
    first = next(iter(study.all_protocols))
    named = [model.protocol or first for model in study.models.values()]
    named += [str(value) for each in study.experiments.values() for value in each.vary.get("protocol", [])]
    values = [study.final or {}, *study.snippets.values()]
    named += [str(each["protocol"]) for each in values if "protocol" in each]
    return list(dict.fromkeys(named))


def _check_protocol(study: str, protocol: ProtocolPlan) -> None:
    if protocol.folds.leaves_collections_out:
        return  # has been checked when it was planned
    try:
        feasibility.check(protocol.tracks, protocol.folds)
    except UserError as error:
        where = "" if protocol.name == DEFAULT_PROTOCOL else f"protocols.{protocol.name}: "
        raise UserError(f"study {study}: {where}{error}") from None
