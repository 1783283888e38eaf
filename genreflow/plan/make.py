"""From the content of config.yaml to all that is to be built."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genreflow.config.load import read_yaml, settings_from
from genreflow.config.pipeline import PipelineSettings
from genreflow.config.study import StudySettings
from genreflow.errors import Problems, UserError, did_you_mean
from genreflow.folds import feasibility
from genreflow.models import registry
from genreflow.plan.code import assets_key, code_key
from genreflow.plan.datasets import DatasetPlan, ogg_key, plan_dataset
from genreflow.plan.studies import StudyPlan
from genreflow.store.digest import digest, file_sha256


@dataclass
class Plan:
    """All datasets and studies of a run."""

    settings: PipelineSettings
    datasets: dict[str, DatasetPlan]
    studies: dict[str, StudyPlan] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)

    @property
    def ogg_key(self) -> str:
        """The key that, with the bytes of a track, names its normalised audio."""
        return ogg_key(self.settings.audio, self.code)

    @property
    def indexes(self) -> list[tuple[str, str]]:
        """(dataset, input) of every index."""
        return [(dataset.name, name) for dataset in self.datasets.values() for name in dataset.inputs]

    @property
    def quarantine_key(self) -> str:
        """Key of the list of refused files."""
        keys = [self.datasets[dataset].inputs[name].index_key for dataset, name in self.indexes]
        return digest(self.code["list_quarantine"], keys)

    @property
    def predictor(self) -> str:
        """The final model that `snakemake predict` asks."""
        study = self.studies[self.settings.predict.study]
        return f"results/{study.name}/runs/{study.final.model}/{study.final.name}/fold-final/model.safetensors"

    @property
    def predict_key(self) -> str:
        """Key of the predictions: the model, and the names, sizes and times of the files."""
        study = self.studies[self.settings.predict.study]
        stamps = [(name, *_stamp(Path(name))) for name in self.settings.predict.files]
        return digest(self.code["predict_files"], study.run_key(study.final.model, study.final.name), stamps)


def make_plan(config: Mapping[str, Any], *, home: Path, refresh: bool) -> Plan:
    """Read the studies named in `config` and work out what is to be built.

    Parameters
    ----------
    config
        The content of config.yaml, with what the command line changed.
    home
        Folder of the Snakefile, with studies/, resources/ and workflow/scripts/.
    refresh
        Scan the datasets; otherwise read the catalogues as they are.

    Raises
    ------
    UserError
        All that is wrong with the settings, at once where possible.
    """
    settings = settings_from(PipelineSettings, config, "config")
    studies = dict(_read_study(name, home) for name in settings.studies)
    _check_names(settings, studies)
    code = {path.stem: code_key(str(path)) for path in sorted((home / "workflow/scripts").glob("*.py"))}
    code["write_report"] = digest(code["write_report"], assets_key("report"))
    datasets = {
        name: plan_dataset(
            name,
            settings.datasets[name],
            shard_size=settings.limits.shard_size,
            audio=settings.audio,
            code=code,
            refresh=refresh,
        )
        for name in sorted({study.dataset for study in studies.values()})
    }
    plan = Plan(settings, datasets, code=code)
    for name, study in studies.items():
        dataset = datasets[study.dataset]
        inputs = {key: dataset.add_input(value, code) for key, value in study.inputs.items()}
        plan.studies[name] = StudyPlan(name, study, dataset, inputs, code, _published(study.published, home))
        _check_runs(plan.studies[name], settings.limits.max_runs)
    _check_predict(plan)
    return plan


def _read_study(name: str, home: Path) -> tuple[str, StudySettings]:
    path = Path(name).expanduser() if name.endswith((".yaml", ".yml")) else home / "studies" / f"{name}.yaml"
    if not path.exists():
        known = [p.stem for p in (home / "studies").glob("*.yaml")]
        raise UserError(f"studies: {name!r}: there is no file {path}.{did_you_mean(name, known)}")
    return path.stem, settings_from(StudySettings, read_yaml(path), str(path))


def _check_names(settings: PipelineSettings, studies: Mapping[str, StudySettings]) -> None:
    problems = []
    for name in [*settings.datasets, *studies]:
        if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
            problems.append(f"{name!r}: names of datasets and studies are letters, digits, '-' and '_'")
    for name, study in studies.items():
        if study.dataset not in settings.datasets:
            hint = did_you_mean(study.dataset, settings.datasets)
            problems.append(f"study {name}: its dataset {study.dataset!r} is not under `datasets`.{hint}")
        problems.extend(
            f"study {name}: models.{model}: there is no such model.{did_you_mean(model, registry.MODELS)}"
            for model in study.models
            if model not in registry.MODELS
        )
        problems.extend(
            f"study {name}: inputs.{key}.front_end.sample_rate is {value.front_end.sample_rate} Hz, "
            f"audio.sample_rate {settings.audio.sample_rate} Hz: they must be equal"
            for key, value in study.inputs.items()
            if value.front_end.sample_rate != settings.audio.sample_rate
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
    if study.runs:
        feasibility.check(study.dataset.tracks, study.settings.folds)
    if len(study.runs) > most:
        raise UserError(f"study {study.name}: it asks for {len(study.runs):,} runs; limits.max_runs is {most:,}.")


def _check_predict(plan: Plan) -> None:
    request = plan.settings.predict
    if request is None:
        return
    if request.study not in plan.studies:
        raise UserError(
            f"predict.study: {request.study!r} is not in `studies`.{did_you_mean(request.study, plan.studies)}"
        )
    if plan.studies[request.study].final is None:
        raise UserError(f"predict.study: {request.study!r} trains no final model; give it `final: {{}}`.")
    missing = [name for name in request.files if not Path(name).exists()]
    if missing:
        raise Problems("predict.files:", [f"{name!r} does not exist" for name in missing])


def _stamp(path: Path) -> tuple[int, int]:
    """Return size and time of a file, or how many files lie below a folder and the newest of their times."""
    files = [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]
    return (
        len(files) if path.is_dir() else path.stat().st_size,
        max((file.stat().st_mtime_ns for file in files), default=0),
    )
