"""The page of a study from its files: which tables, figures and texts it shows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from genreflow.config.pipeline import ReportSettings
from genreflow.datasets.index import facts_of, read_index
from genreflow.evaluation import cost, search
from genreflow.evaluation.changes import Changes, changes, read_point
from genreflow.evaluation.headline import read_headline
from genreflow.evaluation.runs import Run
from genreflow.evaluation.study import TABLES, read_runs
from genreflow.figures import style
from genreflow.figures.confusion import confused
from genreflow.figures.registry import Spec, caption_of, section_of, title_of
from genreflow.figures.sources import Tables
from genreflow.folds.roles import FINAL
from genreflow.project import history
from genreflow.project.layout import AUDIO_FOLDER
from genreflow.report import tables
from genreflow.report.blocks import Picture
from genreflow.report.charts import ChartSources, charts_of
from genreflow.report.clips import Clip
from genreflow.report.confusion_browser import ConfusionBrowser, confusion_browser, excerpt_start
from genreflow.report.methods import methods
from genreflow.report.page import Headline, Holdout, Introduced, Study
from genreflow.store.parquet import read_frame, read_header
from genreflow.store.runs import read_run
from genreflow.store.text import count

_BY_FOLDS = "each predicted by a model not trained on it"
_BY_FINAL = "holdout, predicted by the final model"
_TEMPLATES = Path(__file__).parent / "templates"


def study_page(
    study: Mapping[str, Any],
    *,
    figures: Mapping[str, Spec],
    table_paths: Sequence[str],
    headline: str,
    indexes: Sequence[str],
    quarantine: str,
    leakage: Sequence[str],
    bandwidth: Sequence[str],
    library: str,
    cross_datasets: Sequence[str],
    published: Sequence[str],
    logs: Mapping[str, Sequence[str]],
    folder: Path,
    key: str,
    state: Mapping[str, Any] | None = None,
) -> Study:
    """Return the content of a study's page.

    Parameters
    ----------
    study
        The study from the plan.
    figures
        File name of each figure and its spec; the files are ``<folder>/figures/<name>.svg``.
    table_paths, headline, indexes, quarantine
        Tables of the study, its headline, the index of each input, and the table of quarantined files.
    leakage, bandwidth
        Audits of the folds of each protocol, which their folders are named after.
    library
        Map of the library.
    cross_datasets
        Answers of the final model on the slices of other datasets, which their folders are named after.
    published
        Published numbers (CSV), of which charts show the training curves.
    logs
        Stage -> log files, beside which the times of the jobs are recorded.
    folder
        Folder of the study's results.
    key
        Key of the page, which the page shows.
    state
        What the page records of its results (`genreflow.project.specs.StateFacts`); with earlier results that it names,
        the page says what changed since.
    """
    frames = Tables(table_paths)
    content = read_headline(headline, key=frames.key_in(Path(headline).parent))
    content["sentences"] = [*content["sentences"], *study["notices"]]
    holdout_text, issues_text = content.pop("holdout"), content.pop("label_issues")
    charts = ChartSources(
        frames, study, _of_headline(frames["calibration"], study), _published_curves(published, study)
    )
    pictures = {name: _picture(name, spec, frames, study, folder, charts) for name, spec in figures.items()}
    sections: dict[str, list[Picture]] = {}
    for name, spec in figures.items():
        sections.setdefault(section_of(spec), []).append(pictures[name])
    refused = read_frame(quarantine, "quarantine")
    facts = _run_facts(study, folder)
    runs, final = _headline_runs(study, folder)
    times = cost.cost_table(logs, frames["runs"], frames["trials"])
    holdout = None
    if holdout_text:
        browser = confusion_browser(final, _BY_FINAL) if final else None
        holdout = Holdout(holdout_text, sections.get("Holdout", []), browser)
    return Study(
        title=study["title"],
        dataset=study["dataset"],
        standin=study["standin"],
        headline=Headline(**content),
        tables={
            name: _of_headline(frames[name], study) if table.of_headline else frames[name]
            for name, table in TABLES.items()
            if table.shown
        },
        quarantine=refused[refused["dataset"] == study["dataset"]],
        warned=_warned(indexes),
        notices=[*study["dataset_notices"], *_padded(indexes)],
        thresholds={name.replace("_", " "): value for name, value in study["thresholds"].items()},
        leakage=_by_protocol(leakage, "leakage", study),
        bandwidth=_by_protocol(bandwidth, "bandwidth", study),
        training=sections.get("Results", []),
        experiment_pictures={
            experiment: [pictures[name] for name, spec in figures.items() if spec.get("experiment") == experiment]
            for experiment in study["experiments"]
        },
        analysis=sections.get("Dataset analysis", []),
        calibration=sections.get("Calibration", []),
        diagrams=[_diagram(name) for name in study["diagrams"]],
        compared=_compared(study),
        confusion=sections.get("Confusion", []),
        confusion_browser=confusion_browser(runs, _BY_FOLDS) if runs else None,
        holdout=holdout,
        label_issues=Introduced(frames["label_issues"], issues_text),
        library=Introduced(read_frame(library, "map"), read_header(library, "map").facts["sentences"]),
        titles=_titles(study) | _cross_titles(frames["cross_dataset_tracks"]),
        cross_datasets=[_cross_browser(Path(path)) for path in cross_datasets if _has_rows(path)],
        search=search.sentences(frames["search"]),
        slices=sections.get("Inputs of models", []),
        architecture=sections.get("Architecture", []),
        methods=methods(study, facts),
        identity=_identity(facts, key),
        citation=[study["citation"]] if study["citation"] else [],
        cost=Introduced(times, cost.sentences(times, frames["runs"])),
        changes=_changes(study, folder, state or {}),
    )


def excerpts(
    page: Study, study: Mapping[str, Any], settings: ReportSettings, cross_tracks: Sequence[str] = ()
) -> dict[str, Clip]:
    """Return the excerpts of a page by track id, the most informative first, up to the number in `settings`.

    `cross_tracks` are the tables of the tracks of other datasets, which their folders are named after.
    """
    index = read_index(study["main_index"]).set_index("track_id")
    chosen = study["headline"]
    dataset = study["dataset"] if chosen is None else study["protocols"][chosen["protocol"]]["dataset"]
    others = {Path(path).parent.name: read_frame(path, "cross_dataset") for path in cross_tracks}
    sources = pd.concat(
        [
            index[["ogg", "seconds"]].assign(dataset=dataset),
            *(
                _named(tracks, name).set_index("track_id")[["ogg", "seconds"]].assign(dataset=name)
                for name, tracks in others.items()
            ),
        ]
    )
    panel_of = {track: panel for panel in page.panels for track in panel.answers}
    clips = {}
    for track in page.candidates()[: settings.excerpts]:
        row, seconds = sources.loc[track], settings.excerpt_seconds
        start = _excerpt_start(panel_of.get(track), track, seconds, row["seconds"])
        audio = Path(AUDIO_FOLDER.format(dataset=row["dataset"]))
        clips[track] = Clip(audio / row["ogg"], start, min(seconds, row["seconds"]))
    return clips


def page_state(study: Mapping[str, Any], state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of its results that a page records: the keys in `state`, runs and setting of the study."""
    runs = {run["path"]: run["key"] for run in study["runs"]}
    return {**state, "runs": runs, "setting": study["headline"]}


def _excerpt_start(panel: ConfusionBrowser | None, track: str, seconds: float, whole: float) -> float:
    """Return where the predicted class is most probable (s); the middle of tracks without predictions."""
    if panel is None:
        return excerpt_start((), None, seconds, whole)
    answer = panel.answers[track]
    predicted = panel.classes.index(answer.predicted) if answer.slices else None
    return excerpt_start(answer.slices, predicted, seconds, whole)


def _changes(study: Mapping[str, Any], folder: Path, state: Mapping[str, Any]) -> Changes | None:
    """Return the changes since the earlier results that a page is compared with; None where there are none."""
    earlier = next((entry for entry in history.entries(folder) if entry.page == state.get("before")), None)
    if earlier is None:
        return None
    then, now = read_point(earlier.folder, earlier.setting), read_point(folder, study["headline"])
    # The study file beside the page is written later than this.
    return changes(then, replace(now, settings=state["settings"]), seed=study["seed"])


def _headline_runs(study: Mapping[str, Any], folder: Path) -> tuple[list[Run], list[Run]]:
    """Return the cross-validated runs of the headline's setting, and the final run."""
    chosen = study["headline"]
    if chosen is None:
        return [], []
    setting = (chosen["model"], chosen["setting"])
    folds = [run for run in study["runs"] if (run["model"], run["setting"]) == setting and run["fold"] != FINAL]
    final = [run for run in study["runs"] if run["fold"] == FINAL]
    return read_runs(folder, {**study, "runs": folds}), read_runs(folder, {**study, "runs": final})


def _named(tracks: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """Return tracks with ids that no track of another dataset has."""
    return tracks.assign(track_id=f"{dataset}/" + tracks["track_id"])


def _cross_titles(tracks: pd.DataFrame) -> dict[str, str]:
    ids = tracks["dataset"] + "/" + tracks["track_id"]
    return dict(zip(ids, tracks["title"], strict=True))


def _has_rows(path: str) -> bool:
    return len(read_frame(path, "predictions", ["track_id"])) > 0


def _cross_browser(path: Path) -> ConfusionBrowser:
    """Return the confusion matrix of another dataset, as if its tracks were a holdout."""
    dataset = path.parent.name
    info = {**read_header(path, "predictions").facts, "status": "finished"}
    run = Run(
        model="", setting="", protocol="", fold=FINAL, repeat=0, round="0", info=info, history=pd.DataFrame(),
        predictions=_named(read_frame(path, "predictions"), dataset),
    )  # fmt: skip
    browser = confusion_browser([run], f"{dataset}, judged by the final model")
    assert browser is not None
    return browser


def _compared(study: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """Return the options of each experiment's settings, a row per compared value."""
    values = {(each["model"], each["setting"]): {"model": each["model"]} | each["values"] for each in study["settings"]}
    return {
        name: pd.DataFrame(
            [values[model, setting] for _, model, setting in experiment["values"]],
            index=[str(value) for value, _, _ in experiment["values"]],
        )
        for name, experiment in study["experiments"].items()
    }


def _titles(study: Mapping[str, Any]) -> dict[str, str]:
    index = read_index(study["main_index"])
    return dict(zip(index["track_id"], index["title"], strict=True))


def _picture(
    name: str,
    spec: Spec,
    frames: Mapping[str, pd.DataFrame],
    study: Mapping[str, Any],
    folder: Path,
    sources: ChartSources,
) -> Picture:
    title, caption = title_of(spec, study), caption_of(spec, study)
    table = None
    if spec["kind"] == "confusion":
        rows = frames["confusion"]
        rows = rows[rows["level"] == spec["level"]]
        if spec["level"] != "holdout":  # the holdout has rows of the final model only
            rows = _of_headline(rows, study)
        table = _confusion_values(rows) if len(rows) else None
    svg = (folder / "figures" / f"{name}.svg").read_bytes()
    return Picture(
        name,
        title=title,
        caption=caption,
        alt=f"{title}. {caption}",
        svg=svg,
        table=table,
        charts=charts_of(spec, sources),
    )


def _published_curves(published: Sequence[str], study: Mapping[str, Any]) -> pd.DataFrame | None:
    """Return the published training curves; None where there are none."""
    name = f"{study['published']}_curves"
    path = next((path for path in published if Path(path).stem == name), None)
    return None if path is None else pd.read_csv(path, dtype={"value": str})


def _diagram(name: str) -> Picture:
    """Return a diagram that explains a method; it is the same for every study."""
    title, caption = name.capitalize(), "A diagram, not a result."
    svg = (_TEMPLATES / f"{name}.svg").read_bytes()
    return Picture(f"diagram-{name}", title=title, caption=caption, alt=f"{title}. {caption}", svg=svg)


def _confusion_values(rows: pd.DataFrame) -> pd.DataFrame:
    """Return confusion rows as a square or, for many classes, the most confused pairs; the CSV file has all cells."""
    if rows["true"].nunique() <= style.MOST_CLASSES:
        return tables.matrix(rows)
    return confused(rows, most=len(rows))[["true", "predicted", "count", "share"]]


def _of_headline(frame: pd.DataFrame, study: Mapping[str, Any]) -> pd.DataFrame:
    """Return the rows of the headline's setting."""
    chosen = study["headline"]
    if chosen is None:
        return frame
    return frame[(frame[list(chosen)] == pd.Series(chosen)).all(axis=1)]


def _by_protocol(paths: Sequence[str], kind: str, study: Mapping[str, Any]) -> pd.DataFrame | None:
    """Return the tables of all protocols as one, with the title of each protocol."""
    parts = [
        read_frame(path, kind).assign(protocol=study["protocols"][Path(path).parent.name]["title"]) for path in paths
    ]
    return pd.concat(parts, ignore_index=True) if parts else None


def _padded(indexes: Sequence[str]) -> Iterator[str]:
    """Yield a sentence on each input with tracks that are a little too short for their last slice."""
    for path in indexes:
        padded = facts_of(path)["padded"]
        if padded["tracks"]:
            yield (
                f"{Path(path).parent.name}: the last slice of {count(padded['tracks'], 'track')} is padded with zeros, "
                f"at most {padded['longest']:.3g} s."
            )


def _warned(indexes: Sequence[str]) -> pd.DataFrame:
    """Return all tracks that are used in doubt in any input."""
    index = pd.concat([read_index(Path(path)) for path in indexes], ignore_index=True)
    warned = index.loc[index["verdict"] == "warn", ["title", "reason", "message"]]
    return warned.drop_duplicates().sort_values("title", ignore_index=True)


def _run_facts(study: Mapping[str, Any], folder: Path) -> dict[str, Any] | None:
    """Return run.json of the headline's first run."""
    chosen = study["headline"]
    if chosen is None:
        return None
    run = next(r for r in study["runs"] if (r["model"], r["setting"]) == (chosen["model"], chosen["setting"]))
    return read_run(folder / run["path"], key=run.get("key"))


def _identity(facts: Mapping[str, Any] | None, key: str) -> dict[str, str]:
    identity = {"Key of this page": key}
    if facts is not None:
        identity |= {
            "Key of the runs of the main setting": facts["key"],
            "Digest of its training tracks": facts["dataset"]["training_tracks"],
            "Seed": str(facts["training"]["seed"]),
            "Versions": ", ".join(f"{name} {version}" for name, version in facts["versions"].items()),
        }
    return identity
