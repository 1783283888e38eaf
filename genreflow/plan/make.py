"""From the content of config.yaml to all that is to be built."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from genreflow.catalog import scan
from genreflow.config.datasets import Dataset, Folders, Synthetic
from genreflow.config.load import merged, read_yaml, settings_from
from genreflow.config.pipeline import PipelineSettings
from genreflow.config.study import DEFAULT_PROTOCOL, StudySettings
from genreflow.errors import Gathering, Problems, UserError, did_you_mean
from genreflow.folds import feasibility
from genreflow.models import registry
from genreflow.plan.code import assets_key, code_key
from genreflow.plan.datasets import DatasetPlan, InputPlan, catalogue_path, listed_before, plan_dataset
from genreflow.plan.studies import ProtocolPlan, StudyPlan
from genreflow.store.digest import digest, file_sha256


@dataclass
class Plan:
    """All datasets and studies of a run."""

    settings: PipelineSettings
    datasets: dict[str, DatasetPlan]
    studies: dict[str, StudyPlan] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)

    @property
    def inputs(self) -> list[InputPlan]:
        """Every input of every dataset."""
        return [plan for dataset in self.datasets.values() for plan in dataset.inputs.values()]

    @property
    def quarantine_key(self) -> str:
        """Key of the list of refused files."""
        return digest(self.code["list_quarantine"], [plan.index_key for plan in self.inputs])

    def report_key(self, study: str) -> str:
        """Key of the report of a study."""
        return digest(self.studies[study].report_key, self.settings.report)

    @property
    def summaries(self) -> list[Path]:
        """What other studies than these tell of themselves, whose reports are here."""
        found = Path("results").glob("*/report/data/summary.json")
        return sorted(path for path in found if path.parts[-4] not in self.studies)

    @property
    def overview_key(self) -> str:
        """Key of the page over all studies."""
        mine = {name: self.report_key(name) for name in self.studies}
        return digest(self.code["write_overview"], mine, {str(path): file_sha256(path) for path in self.summaries})

    @property
    def predictor(self) -> str:
        """The final model that `snakemake predict` asks."""
        study = self.studies[self.settings.predict.study]
        return f"results/{study.name}/runs/{study.final.model}/{study.final.name}/fold-final/model.safetensors"

    @property
    def predictor_record(self) -> list[str]:
        """The predictions that the final model is calibrated by: its own, and those of the folds of its setting."""
        study = self.studies[self.settings.predict.study]
        wanted = (study.final.model, study.final.name)
        runs = [run for run in study.runs if (run.model, run.setting) == wanted and not run.repeat]
        return [f"results/{study.name}/{run.path}/predictions.parquet" for run in runs]

    def predict_key(self, files: list[list]) -> str:
        """Return the key of the predictions: of the model, and of `genreflow.predict.files.stamps` of the files."""
        study = self.studies[self.settings.predict.study]
        return digest(self.code["predict_files"], study.run_key(study.final.model, study.final.name), files)


def make_plan(config: Mapping[str, Any], *, home: Path, refresh: bool) -> Plan:
    """Read the studies named in `config` and work out what is to be built.

    Parameters
    ----------
    config
        The content of config.yaml, with what the command line changed.
    home
        Folder of the Snakefile, with studies/, resources/ and workflow/scripts/.
    refresh
        Look for the tracks of the datasets; otherwise go by the catalogues as they are.

    Raises
    ------
    UserError
        All that is wrong with settings, paths and datasets, at once; nothing has been written then.
    """
    plan, listings = survey(config, home=home, look=refresh)
    for name, listing in listings.items():
        plan.datasets[name].record(listing)
    return plan


def survey(config: Mapping[str, Any], *, home: Path, look: bool) -> tuple[Plan, dict[str, scan.Listing]]:
    """Plan what `config` asks for without reading the bytes of any track, and without writing.

    Returns
    -------
    plan, listings
        The plan, whose keys are not to be asked for before its datasets have recorded the listings (by name).

    Raises
    ------
    UserError
        All that is wrong.
    """
    errors = Gathering()
    studies: dict[str, StudySettings] = {}
    settings = None
    with errors.step():
        settings = settings_from(PipelineSettings, config, "config")
    for name in settings.studies if settings else _named(config.get("studies")):
        with errors.step():
            key, study = read_study(name, home, settings.size if settings else "full")
            studies[key] = study
    if settings is None:
        errors.raise_any()
    with errors.step():
        _check_names(settings, studies)
    listings: dict[str, scan.Listing] = {}
    wanted = sorted({name for study in studies.values() for name in study.datasets} & set(settings.datasets))
    for name in wanted if look else []:
        with errors.step():
            _check_place(name, settings.datasets[name])
            listings[name] = scan.survey(settings.datasets[name], raw=catalogue_path(name).parent / "raw")
    errors.raise_any()
    listed = {name: listings[name].tracks if look else listed_before(name) for name in wanted}
    plan = _plan(settings, studies, listed, home, errors)
    if not errors.errors:
        with errors.step():
            _check_predict(plan, look=look)
    errors.raise_any()
    return plan, listings


def _plan(
    settings: PipelineSettings,
    studies: Mapping[str, StudySettings],
    listed: Mapping[str, pa.Table],
    home: Path,
    errors: Gathering,
) -> Plan:
    code = {path.stem: code_key(str(path)) for path in sorted((home / "workflow/scripts").glob("*.py"))}
    for script in ("write_report", "write_overview"):
        code[script] = digest(code[script], assets_key("report"))
    datasets = {name: plan_dataset(name, tracks, settings, code) for name, tracks in listed.items()}
    plan = Plan(settings, datasets, code=code)
    for name, study in studies.items():
        with errors.step():
            mine = {key: datasets[key] for key in study.datasets}
            planned = StudyPlan(name, study, mine, code, _published(study.published, home))
            _check_runs(planned, settings.limits.max_runs)
            plan.studies[name] = planned
    return plan


def _named(studies: Any) -> list[str]:
    return [name for name in studies if isinstance(name, str)] if isinstance(studies, list) else []


def _check_place(name: str, settings: Dataset) -> None:
    """Refuse music below results/, and a folder of classes in which results/ would be one of them."""
    if isinstance(settings, Synthetic):
        return
    results, music = Path("results").resolve(), Path(settings.path).expanduser().resolve()
    if music.is_relative_to(results):
        raise UserError(f"datasets.{name}.path: {settings.path!r} is inside results/, which is the pipeline's own.")
    if isinstance(settings, Folders) and results.is_relative_to(music):
        raise UserError(
            f"datasets.{name}.path: {settings.path!r} holds the results folder, which would be taken for a class. "
            "Start in another folder, or move the music into one of its own."
        )


def read_study(name: str, home: Path, size: str = "full") -> tuple[str, StudySettings]:
    """Return name and settings of a study: a path, or the name of a file in `home`/studies.

    What its key ``small`` says differently holds in the small size alone, whose name ends in ``-small``; a model,
    input, protocol, fusion or experiment that is null there is left out.
    """
    path = Path(name).expanduser() if name.endswith((".yaml", ".yml")) else home / "studies" / f"{name}.yaml"
    if not path.exists():
        known = [p.stem for p in (home / "studies").glob("*.yaml")]
        raise UserError(f"studies: {name!r}: there is no file {path}.{did_you_mean(name, known)}")
    values = read_yaml(path)
    small = values.pop("small", None)
    if size == "full":
        return path.stem, settings_from(StudySettings, values, str(path))
    if not isinstance(small, dict):
        raise UserError(f"{path}: it has no small size. Give it the key `small`, or run it with size: full.")
    values = merged(values, small)
    for section in ("inputs", "protocols", "models", "fusions", "experiments"):
        if isinstance(values.get(section), dict):
            values[section] = {key: value for key, value in values[section].items() if value is not None}
    return f"{path.stem}-small", settings_from(StudySettings, values, f"{path}, size small")


def _check_names(settings: PipelineSettings, studies: Mapping[str, StudySettings]) -> None:
    problems = []
    for name in [*settings.datasets, *studies]:
        if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
            problems.append(f"{name!r}: names of datasets and studies are letters, digits, '-' and '_'")
    for name, study in studies.items():
        problems.extend(
            f"study {name}: its dataset {key!r} is not under `datasets`.{did_you_mean(key, settings.datasets)}"
            for key in study.datasets
            if key not in settings.datasets
        )
        problems.extend(
            f"study {name}: models.{key}: there is no model {network!r}.{did_you_mean(network, registry.MODELS)}"
            for key, network in ((key, model.model or key) for key, model in study.models.items())
            if network not in registry.MODELS
        )
        problems.extend(
            f"study {name}: inputs.{key}.front_end.sample_rate is {value.front_end.sample_rate} Hz, "
            f"audio.sample_rate only {settings.audio.sample_rate} Hz: what is not stored cannot be read"
            for key, value in study.inputs.items()
            if value.front_end.sample_rate > settings.audio.sample_rate
        )
    if problems:
        raise Problems("config:", problems)


def _published(name: str | None, home: Path) -> dict[Path, str]:
    """Return the files of published numbers of a study, each with the digest of its content."""
    if name is None:
        return {}
    files = sorted((home / "resources/published").glob(f"{name}*.csv"))
    if not files:
        raise UserError(f"published: there is no resources/published/{name}.csv.")
    return {path: digest(path.name, file_sha256(path)) for path in files}


def _check_runs(study: StudyPlan, most: int) -> None:
    for name in study.used_protocols:
        _check_protocol(study.name, study.protocols[name])
    if len(study.runs) > most:
        raise UserError(f"study {study.name}: it asks for {len(study.runs):,} runs; limits.max_runs is {most:,}.")


def _check_protocol(study: str, protocol: ProtocolPlan) -> None:
    try:
        feasibility.check(_tracks_of(protocol), protocol.folds)
    except UserError as error:
        where = "" if protocol.name == DEFAULT_PROTOCOL else f"protocols.{protocol.name}: "
        raise UserError(f"study {study}: {where}{error}") from None


def _tracks_of(protocol: ProtocolPlan) -> pd.DataFrame:
    wanted = {"classes": protocol.settings.classes, "most": protocol.settings.tracks}
    if wanted == {"classes": None, "most": None}:
        return protocol.dataset.tracks
    from genreflow.folds.assign import select  # loads scikit-learn, which takes as long as all the rest

    return select(protocol.dataset.tracks, **wanted)


def _check_predict(plan: Plan, *, look: bool) -> None:
    """Refuse a request that cannot be met; whether its files are there is not looked at where other jobs begin."""
    request = plan.settings.predict
    if request is None:
        return
    if request.study not in plan.studies:
        raise UserError(
            f"predict.study: {request.study!r} is not in `studies`.{did_you_mean(request.study, plan.studies)}"
        )
    if plan.studies[request.study].final is None:
        raise UserError(f"predict.study: {request.study!r} trains no final model; give it `final: {{}}`.")
    missing = [name for name in request.files if look and not os.path.exists(name)]  # noqa: PTH110 - also of names too long
    if missing:
        raise Problems("predict.files:", [f"{name!r} does not exist" for name in missing])
