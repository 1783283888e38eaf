"""The tables that say more of each setting than its accuracy: every metric, tags, calibration, pairs compared."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from genreflow.evaluation import calibration, comparisons, metrics, tags
from genreflow.evaluation.runs import Run, by_setting, finished, group_of, is_tagged, judged, rounds, validated

_PLACE = ("model", "setting", "protocol")
SCORES = (*_PLACE, "metric", "value", "published")
TAGS = (*_PLACE, *tags.AREAS, "precision", "recall", "f1")
CURVES = (*_PLACE, *tags.CURVES)
CALIBRATION = (*_PLACE, "state", "temperature", "error", *calibration.RELIABILITY)
COMPARISONS = ("experiment", "protocol", *comparisons.PAIRS)


def scores_table(runs: Sequence[Run], published: pd.DataFrame) -> pd.DataFrame:
    """Return a row a metric of a setting, `SCORES`, each metric with its level in its name; means over rounds.

    Of classes: `metrics.evaluate_fully` and the calibration of slices; of tags: `tags.evaluate`, names of tags that
    could not be scored being joined by commas. `published` is what `published.published_metrics` returns.
    """
    rows = []
    for place, good in _finished(runs):
        if is_tagged(good[0]):
            found = [tags.evaluate(part) for part in rounds(good)]
            named = {name: ", ".join(value) for name, value in found[0].items() if isinstance(value, tuple)}
            found = [{name: value for name, value in each.items() if name not in named} for each in found]
        else:
            named, found = {}, [metrics.evaluate_fully(part) for part in rounds(good)]
            calibrated = pd.DataFrame([_calibrated(run) for run in good]).mean()
            found = [each | calibrated.to_dict() for each in found]
        rows += [place | {"metric": name, "value": value} for name, value in pd.DataFrame(found).mean().items()]
        rows += [place | {"metric": f"{name}: {value}", "value": np.nan} for name, value in named.items() if value]
    found = pd.DataFrame(rows, columns=list(SCORES[:-1]))
    return found.merge(published, on=["model", "setting", "metric"], how="left")[list(SCORES)]


def tags_table(runs: Sequence[Run], folds: pd.DataFrame, *, seed: int = 0, resamples: int = 500) -> pd.DataFrame:
    """Return a row a tag of a setting, `TAGS`, of the tracks of the first round; the last row is the mean over tags."""
    parts = []
    for place, good in _finished(runs):
        if is_tagged(good[0]):
            tracks, groups = tags.of_tracks(rounds(good)[0]), group_of(folds, place["protocol"])
            areas = tags.areas_table(tracks, groups, seed=seed, resamples=resamples)
            answered = tags.tags_table(tracks)[["tag", "precision", "recall", "f1"]]
            parts.append(areas.merge(answered, on="tag", how="left").assign(**place))
    return _concat(parts, TAGS)


def curves_table(runs: Sequence[Run]) -> pd.DataFrame:
    """Return the ROC and precision-recall curves of each tag of a setting, `CURVES`, of the tracks of a round."""
    parts = [
        tags.curves_table(tags.of_tracks(rounds(good)[0])).assign(**place)
        for place, good in _finished(runs)
        if is_tagged(good[0])
    ]
    return _concat(parts, CURVES)


def calibration_table(runs: Sequence[Run]) -> pd.DataFrame:
    """Return how often slices of like probability are right, `CALIBRATION`: a row a bin, setting and state.

    State is ``before`` or, where there are validation slices, ``after`` the temperature of each run was fitted to
    them; `temperature` is the median over runs, `error` the expected calibration error.
    """
    parts = []
    for place, good in _finished(runs):
        if is_tagged(good[0]) or not any(len(judged(run)) for run in good):
            continue
        states = {"before": [(judged(run), 1.0) for run in good]}
        if all(len(validated(run)) for run in good):
            temperatures = [_temperature(run) for run in good]
            states["after"] = [
                (calibration.recalibrated(judged(run), temperature), temperature)
                for run, temperature in zip(good, temperatures, strict=True)
            ]
        for state, pairs in states.items():
            proba = np.concatenate([part.proba for part, _ in pairs])
            table = calibration.reliability_table(proba, np.concatenate([part.label for part, _ in pairs]))
            told = {
                "state": state,
                "temperature": float(np.median([temperature for _, temperature in pairs])),
                "error": calibration.calibration_error(table),
            }
            parts.append(table.assign(**place, **told))
    return _concat(parts, CALIBRATION)


def comparisons_table(
    experiments: Mapping[str, Mapping[str, Any]],
    settings: Sequence[Mapping[str, Any]],
    runs: pd.DataFrame,
    tracks: pd.DataFrame,
    *,
    seed: int = 0,
) -> pd.DataFrame:
    """Return a row a pair of values of an experiment, `COMPARISONS`, both judged by the same tracks.

    Where protocols vary with something else, pairs are formed under each of them; where they alone vary, across them,
    and those without common tracks are left out.

    Parameters
    ----------
    experiments, settings
        What the plan tells of them.
    runs, tracks
        What `tables.runs_table` and `tables.tracks_table` return.
    """
    protocol_of = {(each["model"], each["setting"]): each["protocol"] for each in settings}
    parts = []
    for name, experiment in experiments.items():
        values = pd.DataFrame(experiment["values"], columns=["value", "model", "setting"])
        values["protocol"] = [protocol_of[place] for place in zip(values["model"], values["setting"], strict=True)]
        axes = experiment["axis"].split(", ")
        within = "protocol" if len(axes) > 1 and "protocol" in axes else None
        for protocol, members in values.groupby("protocol", sort=False) if within else [("", values)]:
            pairs = _pairs(members, runs, tracks, axis="" if axes[0] == "model" else axes[0], seed=seed)
            if pairs is not None:
                parts.append(pairs.assign(experiment=name, protocol=protocol))
    return _concat(parts, COMPARISONS)


def _pairs(
    values: pd.DataFrame, runs: pd.DataFrame, tracks: pd.DataFrame, *, axis: str, seed: int
) -> pd.DataFrame | None:
    """Return the pairs of some values; None where fewer than two have been judged."""
    names = values[["value", "model", "setting"]].drop_duplicates()
    items = tracks.merge(names, on=["model", "setting"]).drop(columns="setting").rename(columns={"value": "setting"})
    if items["setting"].nunique() < 2:
        return None
    items["group"] = _coarsest_groups(items)
    trained = runs[(runs["fold"] != "final") & runs["slice_accuracy"].notna()].merge(names, on=["model", "setting"])
    renamed = {"value": "setting", "slice_accuracy": "accuracy", "train_tracks": "train", "test_tracks": "test"}
    folds = trained.drop(columns="setting").rename(columns=renamed)
    found = comparisons.pairs_table(
        items[list(comparisons.ITEMS)], folds[list(comparisons.FOLDS)], axis=axis, seed=seed
    )
    return found[found["tracks"] > 0]


def _coarsest_groups(items: pd.DataFrame) -> pd.Series:
    """Return one group a track, where protocols group it differently: that of the protocol with the fewest groups."""
    numbers = items.groupby("protocol")["group"].nunique()
    coarse = items[items["protocol"] == numbers.idxmin()].drop_duplicates("track_id").set_index("track_id")["group"]
    return items["track_id"].map(coarse).fillna(items["group"])


def _finished(runs: Sequence[Run]) -> list[tuple[dict[str, str], list[Run]]]:
    """Return each setting with those of its runs that finished, and tested something."""
    found = []
    for place, members in by_setting(runs):
        good = [run for run in members if finished(run) and len(judged(run))]
        if good:
            found.append((place, good))
    return found


def _calibrated(run: Run) -> dict[str, float]:
    watched = validated(run)
    return calibration.evaluate(judged(run), watched if len(watched) else None)


def _temperature(run: Run) -> float:
    watched = validated(run)
    return calibration.fit_temperature(watched.proba, watched.label)


def _concat(parts: Sequence[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True)[list(columns)] if parts else pd.DataFrame(columns=list(columns))
