"""The files that the rules of a study read and write."""

from collections.abc import Sequence

from genreflow.plan.studies import StudyPlan
from genreflow.project import layout
from genreflow.project.layout import LOG, RunId, filled
from genreflow.store.runs import MODEL, PREDICTIONS


def run_files(study: StudyPlan, patterns: Sequence[str] = layout.RUN_FILES) -> list[str]:
    """Return the files of all runs."""
    return [path for run in study.runs for path in files_of_run(study, run, patterns)]


def evaluated_files(study: StudyPlan) -> list[str]:
    """Return the files of all runs that tables are made of: all but the weights."""
    return run_files(study, [pattern for pattern in layout.RUN_FILES if not pattern.endswith(MODEL)])


def search_files(study: StudyPlan, *patterns: str) -> list[str]:
    """Return files of a search, one for each fold; none where there is no search."""
    return (
        []
        if study.search is None
        else [path for fold in study.search.folds for path in study.search.files(fold, *patterns)]
    )


def trial_files(study: StudyPlan) -> list[str]:
    """Return the files of all trials."""
    return [] if study.search is None else [path for fold in study.search.folds for path in study.search.trials(fold)]


def trained_run(study: StudyPlan, run: RunId) -> dict[str, str]:
    """Return the files of a run that is examined by itself, and those that it was trained with."""
    job = study.job(run.model_setting)
    info, weights, *_ = files_of_run(study, run, layout.RUN_FILES)
    return {"weights": weights, "info": info, "index": job.index, "folds": job.folds}


def predictor_files(study: StudyPlan) -> dict[str, str | list[str]]:
    """Return the weights of the final model, and the predictions of its setting's runs, which calibrate it."""
    folder, runs = layout.STUDY.format(study=study.name), study.recorded_runs
    return {
        "model": f"{folder}/{runs[-1].path}/{MODEL}",
        "record": [f"{folder}/{run.path}/{PREDICTIONS}" for run in runs],
    }


def final_audio(study: StudyPlan) -> list[str]:
    """Return the shards of normalized audio of the dataset that the final model is trained on."""
    assert study.final is not None
    dataset = study.protocols[study.final.protocol].dataset
    return [layout.AUDIO.format(dataset=dataset.name, shard=shard) for shard in dataset.shards]


def cross_dataset_files(study: StudyPlan, *patterns: str) -> list[str]:
    """Return files on every other dataset that the final model is tested on."""
    return [path for name in study.cross_datasets for path in filled(patterns, study=study.name, dataset=name)]


def protocol_files(study: StudyPlan, *patterns: str) -> list[str]:
    """Return files of every protocol under which something is trained."""
    return [path for name in study.used_protocols for path in filled(patterns, study=study.name, protocol=name)]


def headline_audit(study: StudyPlan) -> list[str]:
    """Return the audit of the protocol of the headline's setting; none where nothing is trained."""
    if study.headline is None:
        return []
    return [f"{layout.LEAKAGE.format(study=study.name, protocol=study.headline.protocol)}.parquet"]


def inspected_files(study: StudyPlan) -> list[str]:
    """Return the tables on models and datasets by themselves."""
    settings = study.settings
    patterns = [layout.FILTERS] if settings.filters else []
    patterns += [f"{layout.ANALYSIS}/{table}.parquet" for table in layout.ANALYSIS_TABLES if settings.analysis]
    snippets = [layout.SNIPPETS.format(study=study.name, snippets=name) + ".parquet" for name in settings.snippets]
    return filled(patterns, study=study.name) + snippets


def figure_files(study: StudyPlan, *suffixes: str, folder: str = layout.FIGURES) -> list[str]:
    """Return the files of all figures in a folder of the study."""
    folder = folder.format(study=study.name)
    return [f"{folder}/{figure}.{suffix}" for figure in study.figures for suffix in suffixes]


def logs_of(study: StudyPlan) -> dict[str, list[str]]:
    """Return stage -> the logs of the jobs that the study's results come from, in the order of the pipeline.

    For training these are the logs of single runs and of all folds of a setting, whichever were written.
    """
    own, inputs = {"study": study.name}, [*study.fed_inputs, *study.cross_datasets.values()]
    datasets = list({plan.dataset.name: plan.dataset for plan in inputs}.values())
    shards = [(dataset, {"dataset": dataset.name, "shard": shard}) for dataset in datasets for shard in dataset.shards]
    settings = list(dict.fromkeys(run.model_setting for run in study.runs))
    inspections = [LOG["map_library"]]
    inspections += [LOG["predict_snippets"].replace("{snippets}", name) for name in study.settings.snippets]
    inspections += [LOG["visualize_filters"]] if study.settings.filters else []
    inspections += [LOG["describe_dataset"]] if study.settings.analysis else []
    return {
        "synthesize tracks": [
            LOG["synthesize_tracks"].format(**names) for dataset, names in shards if dataset.is_synthetic
        ],
        "normalize audio": [LOG["normalize_audio"].format(**names) for _, names in shards],
        "find copies": [LOG["find_duplicates"].format(dataset=dataset.name) for dataset in datasets],
        "cut slices": [
            LOG["embed_slices" if plan.is_embedding else "cut_slices"].format(
                **plan.names, shard=shard, suffix=plan.suffix
            )
            for plan in inputs
            for shard in plan.dataset.shards
        ],
        "index": [LOG["index_dataset"].format(**plan.names) for plan in inputs],
        "assign folds": protocol_files(study, LOG["assign_folds"]),
        "audit leakage": protocol_files(study, LOG["audit_leakage"]),
        "train": [
            *(path for run in study.runs for path in files_of_run(study, run, [LOG["train_run"]])),
            *(LOG["train_folds"].format(**own, model_setting=setting) for setting in settings),
        ],
        **_search_logs(study),
        "inspect": filled(inspections, **own),
        **_cross_dataset_logs(study),
        "evaluate": [LOG["evaluate_study"].format(**own)],
        "draw figures": [LOG["draw_figure"].format(**own, figure=figure) for figure in study.figures],
    }


def _search_logs(study: StudyPlan) -> dict[str, list[str]]:
    if study.search is None:
        return {}
    trials = [LOG["run_trial"].replace("{trial}", name) for name in study.search.trial_names]
    patterns = [LOG["assign_inner_folds"], *trials, LOG["choose_setting"]]
    return {"search": search_files(study, *patterns)}


def _cross_dataset_logs(study: StudyPlan) -> dict[str, list[str]]:
    logs = cross_dataset_files(study, LOG["judge_cross_dataset"])
    return {"judge other datasets": logs} if logs else {}


def files_of_run(study: StudyPlan, run: RunId, patterns: Sequence[str]) -> list[str]:
    """Return files of one run."""
    return filled(patterns, study=study.name, model_setting=run.model_setting, fold=run.name)
