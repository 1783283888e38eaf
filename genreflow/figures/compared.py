"""The figures of an experiment: its values side by side, in the ways that studies show them."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from genreflow.figures import confusion, experiments, losses, precision_recall, scores, tagging, triple
from genreflow.figures.sources import Sources, folds_only, rows_of
from genreflow.figures.style import notice

# Figures that show a single value, and their titles.
_OF_ONE_VALUE = {
    "confusions": "{title}, {value}",
    "training_confusions": "{title}, {value}: slices trained on",
    "published": "{title}, {value}: ours less the published matrix",
    "precision_recall": "{title}, {value}",
}
MOST_MODELS = 3  # that curves of tags, and stripes of a confusion matrix, can be told apart of
_MACRO = "(macro)"


def draw_experiment(sources: Sources, *, figure: str, experiment: str, number: str = "0") -> Figure:
    """Draw one figure of an experiment.

    Parameters
    ----------
    figure
        One of `genreflow.config.study.ExperimentFigure`.
    number
        Which value, of a figure that shows a single one.
    """
    described, rows = sources.study["experiments"][experiment], sources.experiment(experiment)
    title = described["title"]
    if figure in _OF_ONE_VALUE:
        rows = rows.iloc[[int(number)]]
        title = _OF_ONE_VALUE[figure].format(title=title, value=rows["value"].iloc[0])
    title = sources.titled(title, *rows["protocol"].dropna().unique())
    if figure == "differences":
        rows = rows_of(sources.tables["comparisons"], experiment=experiment)
    return _KINDS[figure](sources, rows, title, described)


def _bars(sources: Sources, rows: pd.DataFrame, title: str, described: Mapping) -> Figure:
    curves = sources.published.get("curves")
    name = rows["experiment"].iloc[0]
    return experiments.experiment(
        rows,
        folds_only(sources.tables["history"]),
        folds_only(sources.tables["runs"]),
        None if curves is None else rows_of(curves, experiment=name),
        title=title,
        axis=described["axis"],
        baseline=_baseline(rows),
    )


def _ranking(_sources: Sources, rows: pd.DataFrame, title: str, _described: Mapping) -> Figure:
    parts, baselines = [], {}
    if rows["track_majority"].notna().any():
        parts.append(
            _measured(rows, "Track accuracy, majority vote", "track_majority", "published_track").assign(
                published_low=rows["published_low"].where(rows["published_track"].notna()),
                published_high=rows["published_high"].where(rows["published_track"].notna()),
            )
        )
        baselines["Track accuracy, majority vote"] = _baseline(rows)
        if rows["published_track_mean"].notna().any():
            metric = "Track accuracy, mean probability"
            means = _measured(rows, metric, "track_mean", "published_track_mean")
            parts.append(means.assign(published_low=np.nan, published_high=np.nan))
            baselines[metric] = _baseline(rows)
    for column, metric in (("roc_auc", "ROC-AUC, mean of tags"), ("pr_auc", "PR-AUC, mean of tags")):
        if rows[column].notna().any():
            published = rows[f"published_{column}"].fillna(rows[f"published_validation_{column}"])
            measured = _measured(rows.assign(printed=published), metric, column, "printed")
            parts.append(measured.assign(published_low=np.nan, published_high=np.nan))
    if not parts:
        return notice(f"{title}: nothing was judged")
    if "ROC-AUC, mean of tags" in {part["metric"].iloc[0] for part in parts}:
        baselines["ROC-AUC, mean of tags"] = 0.5
        return scores.ranking(pd.concat(parts), title=title, percent=False, baselines=baselines)
    known = {metric: value for metric, value in baselines.items() if value is not None}
    return scores.ranking(pd.concat(parts), title=title, baselines=known)


def _baseline(rows: pd.DataFrame) -> float | None:
    """Return the majority baseline; None where protocols have several."""
    known = rows["baseline"].dropna().round(6).unique()
    return float(known[0]) if len(known) == 1 else None


def _measured(rows: pd.DataFrame, metric: str, column: str, published: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "name": rows["value"],
            "metric": metric,
            "value": rows[column],
            "low": rows[f"{column}_low"],
            "high": rows[f"{column}_high"],
            "published": rows[published],
        }
    )


def _grouped(_sources: Sources, rows: pd.DataFrame, title: str, _described: Mapping) -> Figure:
    roles = {
        "train": ("train_accuracy", "published_train"),
        "validation": ("validation_accuracy", "published_validation"),
        "test": ("slice_accuracy", "published_mean"),
    }
    parts = [
        pd.DataFrame(
            {
                "name": rows["value"],
                "role": role,
                "value": rows[ours],
                "low": rows["slice_low"] if role == "test" else np.nan,
                "high": rows["slice_high"] if role == "test" else np.nan,
                "published": rows[theirs],
            }
        )
        for role, (ours, theirs) in roles.items()
        if rows[[ours, theirs]].notna().any(axis=None)
    ]
    if not parts:
        return notice(f"{title}: nothing was judged")
    return scores.grouped(pd.concat(parts), title=title, score="Slice accuracy", baseline=_baseline(rows))


def _sweep(sources: Sources, rows: pd.DataFrame, title: str, described: Mapping) -> Figure:
    """Draw accuracies over the number that varies; of inputs it is their length, of protocols their tracks."""
    facts = {(each["model"], each["setting"]): each["values"] for each in sources.study["settings"]}
    axes = [axis for axis in described["axis"].split(", ") if axis != "model"]
    key, axis = {
        "input": ("seconds", "Length of a segment (s)"),
        "protocol": ("tracks", "Tracks"),
    }.get(axes[0], (axes[0], axes[0].replace("_", " ").capitalize()))
    places = list(zip(rows["model"], rows["setting"], strict=True))
    numbers = [facts[place].get(key) for place in places]
    series = [", ".join([place[0], *(f"{name} {facts[place][name]}" for name in axes[1:])]) for place in places]
    tested = pd.DataFrame(
        {
            "series": series,
            "role": "test",
            "x": pd.to_numeric(pd.Series(numbers), errors="coerce").to_numpy(),
            "value": rows["slice_accuracy"].to_numpy(),
            "low": rows["slice_low"].to_numpy(),
            "high": rows["slice_high"].to_numpy(),
            "published": rows["published_mean"].fillna(rows["published_track"]).to_numpy(),
        }
    )
    trained = tested.assign(
        role="train", value=rows["train_accuracy"].to_numpy(), low=np.nan, high=np.nan, published=np.nan
    )
    found = pd.concat([tested, trained]).dropna(subset="x")
    if found.empty:
        return notice(f"{title}: {described['axis']} is no number")
    spread = found["x"].max() / max(found["x"].min(), 1e-9)
    return scores.sweep(
        found, title=title, axis=axis, score="Slice accuracy", logarithmic=spread >= 30, baseline=_baseline(rows)
    )


def _losses(sources: Sources, rows: pd.DataFrame, title: str, _described: Mapping) -> Figure:
    history = folds_only(sources.of_settings("history", rows))
    named = history.assign(model=history["name"], setting="")
    return losses.losses(named, title=title)


def _differences(_sources: Sources, rows: pd.DataFrame, title: str, _described: Mapping) -> Figure:
    if rows.empty:
        return notice(f"{title}: nothing can be compared")
    prefix = rows["protocol"].where(rows["protocol"] == "", rows["protocol"] + ": ")
    verdict = np.where(rows["difference"] > 0, "better", "worse")
    pairs = pd.DataFrame(
        {
            "first": prefix + rows["a"],
            "second": rows["b"],
            "difference": rows["difference"],
            "low": rows["low"],
            "high": rows["high"],
            "verdict": np.where(rows["is_significant"].astype(bool), verdict, "same"),
        }
    )
    return scores.differences(pairs, title=title, score="Track accuracy")


def _confusions(sources: Sources, rows: pd.DataFrame, title: str, _described: Mapping) -> Figure:
    cells = rows_of(sources.of_settings("confusion", rows), level="slice")
    if cells.empty:
        return notice(f"{title}: nothing was predicted")
    return confusion.confusion_matrix(cells, level="slice", title=title)


def _training_confusions(sources: Sources, rows: pd.DataFrame, title: str, _described: Mapping) -> Figure:
    cells = rows_of(sources.of_settings("confusion", rows), level="training slice")
    if cells.empty:
        return notice(f"{title}: not predicted; set training.predict_training")
    return confusion.confusion_matrix(cells, level="slice", title=title)


def _published(sources: Sources, rows: pd.DataFrame, title: str, _described: Mapping) -> Figure:
    """Draw the matrix of one value less the printed one; classes of other music may have other names."""
    cells = rows_of(sources.of_settings("confusion", rows), level="track")
    printed, place = sources.published.get("confusion"), rows.iloc[0]
    network = next(
        each["network"]
        for each in sources.study["settings"]
        if (each["model"], each["setting"]) == (place["model"], place["setting"])
    )
    if printed is None or "percent" not in printed or cells.empty:
        return notice(f"{title}: there is nothing to compare")
    mine = rows_of(printed, experiment=place["experiment"], model=network)
    both = cells.merge(mine[["true", "predicted", "percent"]], on=["true", "predicted"], how="left")
    return triple.difference(both.assign(published=both["percent"] / 100), title=title, level="track")


def _triple(sources: Sources, rows: pd.DataFrame, title: str, _described: Mapping) -> Figure:
    cells = rows_of(sources.of_settings("confusion", rows.head(MOST_MODELS)), level="track")
    return triple.triple(cells.assign(model=cells["name"]), title=title, level="track")


def _precision_recall(sources: Sources, rows: pd.DataFrame, title: str, _described: Mapping) -> Figure:
    classes = rows_of(sources.of_settings("classes", rows), level="track")
    printed = sources.published.get("classes")
    for score in ("precision", "recall"):
        known = {}
        if printed is not None and rows["published_track"].notna().any():
            mine = printed[(printed["experiment"] == rows["experiment"].iloc[0]) & (printed["metric"] == score)]
            known = dict(zip(mine["class"], mine["score"], strict=False))
        classes[f"published_{score}"] = classes["class"].map(known).astype(float)
    return precision_recall.precision_recall(classes, title=title, level="track")


def _roc(sources: Sources, rows: pd.DataFrame, title: str, _described: Mapping) -> Figure:
    names = {"x": "false_positive_rate", "y": "true_positive_rate"}
    return tagging.roc_curves(_curves(sources, rows, "roc").rename(columns=names), _areas(sources, rows), title=title)


def _pr(sources: Sources, rows: pd.DataFrame, title: str, _described: Mapping) -> Figure:
    curves = _curves(sources, rows, "pr").rename(columns={"x": "recall", "y": "precision"})
    return tagging.pr_curves(curves, _areas(sources, rows), title=title)


def _tag_areas(sources: Sources, rows: pd.DataFrame, title: str, _described: Mapping) -> Figure:
    return tagging.tag_areas(_areas(sources, rows), title=title)


def _curves(sources: Sources, rows: pd.DataFrame, curve: str) -> pd.DataFrame:
    curves = rows_of(sources.of_settings("curves", rows.head(MOST_MODELS)), curve=curve)
    return curves.assign(model=curves["name"])


def _areas(sources: Sources, rows: pd.DataFrame) -> pd.DataFrame:
    areas = sources.of_settings("tags", rows.head(MOST_MODELS))
    areas = areas[areas["tag"] != _MACRO]
    return areas.assign(model=areas["name"], share=areas["base_rate"])


_KINDS: dict[str, Callable[[Sources, pd.DataFrame, str, Mapping], Figure]] = {
    "bars": _bars,
    "ranking": _ranking,
    "grouped": _grouped,
    "sweep": _sweep,
    "losses": _losses,
    "differences": _differences,
    "confusions": _confusions,
    "training_confusions": _training_confusions,
    "published": _published,
    "triple": _triple,
    "precision_recall": _precision_recall,
    "roc": _roc,
    "pr": _pr,
    "areas": _tag_areas,
}
