"""Tables of scores beyond accuracy: all metrics, tags, calibration, and comparisons of pairs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from genreflow.evaluation import calibration, comparisons, metrics, tags
from genreflow.evaluation.predictions import Predictions
from genreflow.evaluation.registry import (
    Column,
    StudyTable,
    concat,
    count_column,
    frame_of,
    number,
    percent_column,
    points,
    text_column,
)
from genreflow.evaluation.runs import (
    SETTING,
    Run,
    by_setting,
    finished,
    group_of,
    is_tagged,
    judged,
    rounds,
    validated,
)
from genreflow.evaluation.tables import PR, PROTOCOL, ROC
from genreflow.evaluation.tags import TagPredictions

SCORES = (*SETTING, "metric", "value", "published")
ITEMS_OF_TAGS = (*SETTING, "track_id", "group", "fold", "repeat", "correct")
TAGS = (*SETTING, *tags.AREAS, "precision", "recall", "f1")
CURVES = (*SETTING, *tags.CURVES)
CALIBRATION = (*SETTING, "state", "temperature", "error", *calibration.RELIABILITY)
COMPARISONS = ("experiment", "protocol", *comparisons.PAIRS)
_OF_PROTOCOLS = frozenset({"protocol", "classes", "tracks"})  # values of a setting that its protocol decides


def scores_table(runs: Sequence[Run], published: pd.DataFrame) -> pd.DataFrame:
    """Return a row per metric of a setting, `SCORES`, means over rounds; the name of a metric includes its level.

    Classes have the metrics of `metrics.evaluate_fully` and the calibration of slices; tags have
    those of `tags.evaluate`.
    Tags that have no score are listed in the name of a metric. `published` is from `published.published_metrics`.
    """
    rows = []
    for names, sound in _finished(runs):
        lists: dict[str, tuple[str, ...]] = {}
        if is_tagged(sound[0]):
            scores = [tags.evaluate(part) for part in rounds(sound, TagPredictions)]
            lists = {name: value for name, value in scores[0].items() if isinstance(value, tuple)}
            scores = [{name: value for name, value in each.items() if name not in lists} for each in scores]
        else:
            calibrated = pd.DataFrame([_calibrated(run) for run in sound]).mean().to_dict()
            scores = [metrics.evaluate_fully(part) | calibrated for part in rounds(sound, Predictions)]
        rows += [names | {"metric": name, "value": value} for name, value in pd.DataFrame(scores).mean().items()]
        rows += [
            names | {"metric": f"{name}: {', '.join(value)}", "value": np.nan} for name, value in lists.items() if value
        ]
    frame = frame_of(rows, SCORES[:-1])
    return frame.merge(published, on=["model", "setting", "metric"], how="left")[list(SCORES)]


def tags_table(runs: Sequence[Run], folds: pd.DataFrame) -> pd.DataFrame:
    """Return a row per tag of a setting, `TAGS`, of tracks: means over rounds; the last row is the mean over tags."""
    parts = []
    for names, sound in _finished(runs):
        if is_tagged(sound[0]):
            tracks, groups = (
                [tags.of_tracks(part) for part in rounds(sound, TagPredictions)],
                group_of(folds, names["protocol"]),
            )
            areas = tags.areas_table(*tracks, groups=groups)
            parts.append(areas.merge(tags.tags_table(*tracks), on="tag", how="left").assign(**names))
    return concat(parts, TAGS)


def curves_table(runs: Sequence[Run]) -> pd.DataFrame:
    """Return the ROC and precision-recall curves of each tag, `CURVES`, for the tracks of the first round."""
    parts = [
        tags.curves_table(tags.of_tracks(rounds(sound, TagPredictions)[0])).assign(**names)
        for names, sound in _finished(runs)
        if is_tagged(sound[0])
    ]
    return concat(parts, CURVES)


def calibration_table(runs: Sequence[Run]) -> pd.DataFrame:
    """Return the accuracy of slices of similar confidence, `CALIBRATION`, a row per bin, setting and state.

    The state is ``before`` or, if there are validation slices, ``after`` the temperature of each run was fitted to
    them; `temperature` is the median over runs, `error` the expected calibration error.
    """
    parts = []
    for names, sound in _finished(runs):
        if is_tagged(sound[0]):
            continue
        states = {"before": [(judged(run, Predictions), 1.0) for run in sound]}
        if all(len(validated(run)) for run in sound):
            temperatures = [_temperature(run) for run in sound]
            states["after"] = [
                (calibration.recalibrated(judged(run, Predictions), temperature), temperature)
                for run, temperature in zip(sound, temperatures, strict=True)
            ]
        for state, pairs in states.items():
            proba = np.concatenate([part.proba for part, _ in pairs])
            table = calibration.reliability_table(proba, np.concatenate([part.label for part, _ in pairs]))
            temperature = float(np.median([temperature for _, temperature in pairs]))
            error = calibration.calibration_error(table)
            parts.append(table.assign(**names, state=state, temperature=temperature, error=error))
    return concat(parts, CALIBRATION)


def tag_items(runs: Sequence[Run], folds: pd.DataFrame) -> pd.DataFrame:
    """Return a row per test track of each setting that predicts tags, to compare them by `comparisons_table`.

    ``correct`` is the track's contribution to the macro ROC-AUC (`tags.shares_of_area`), so that accuracies are areas.
    Areas under two protocols are of other tracks, so tracks are named by their protocol.
    """
    parts = []
    for names, sound in _finished(runs):
        for run in sound if is_tagged(sound[0]) else ():
            tracks = tags.of_tracks(judged(run, TagPredictions))
            groups = group_of(folds, names["protocol"]).reindex(tracks.track_id)
            protocol = names["protocol"]
            values = {"track_id": [f"{protocol} {each}" for each in tracks.track_id], "group": groups.to_numpy()}
            values |= {"fold": run["fold"], "repeat": run["repeat"], "correct": tags.shares_of_area(tracks)}
            parts.append(pd.DataFrame(values).assign(**names))
    return concat(parts, ITEMS_OF_TAGS)


def comparisons_table(
    experiments: Mapping[str, Mapping[str, Any]],
    settings: Sequence[Mapping[str, Any]],
    runs: pd.DataFrame,
    tracks: pd.DataFrame,
    *,
    seed: int = 0,
    titles: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return a row per pair of values of an experiment, `COMPARISONS`, compared on the same tracks.

    If protocols vary together with another option, pairs are formed within each protocol, which is a question of its
    own, and between protocols for values that are equal otherwise. All settings of the study that differ in their
    protocol alone answer one question; their rows have no `experiment`. Pairs without common tracks are left out.

    Parameters
    ----------
    experiments, settings
        Experiments and settings from the plan. An experiment with ``references`` compares its values with these.
    runs, tracks
        The tables `runs` and `tracks`; with `tag_items` below, settings that predict tags are compared by their macro
        ROC-AUC.
    titles
        Names of compared values in verdicts.
    """
    plan = {_key(facts): facts for facts in settings}
    tested = [_key(row) for row in tracks[["model", "setting"]].drop_duplicates().to_dict("records")]
    tested = [key for key in plan if key in set(tested)]
    items = tracks.assign(group=_coarsest_groups(tracks), setting=_keys(tracks))
    trained = runs[(runs["fold"] != "final") & runs["slice_accuracy"].notna()]
    renamed = {"slice_accuracy": "accuracy", "train_tracks": "train", "test_tracks": "test"}
    folds = trained.assign(setting=_keys(trained)).rename(columns=renamed)
    questions = [*_questions(experiments, plan, tested), ("", "", _between_protocols(plan, tested))]
    comparer = comparisons.Comparer(items[list(comparisons.ITEMS)], folds[list(comparisons.FOLDS)], seed, titles or {})
    pairs = comparer.answers([question for _, _, question in questions])
    for column, place in (("experiment", 0), ("protocol", 1)):
        pairs[column] = pairs["question"].map({number: each[place] for number, each in enumerate(questions)})
    return pairs[list(COMPARISONS)]


def _questions(
    experiments: Mapping[str, Mapping[str, Any]], plan: Mapping[str, Mapping[str, Any]], tested: Sequence[str]
) -> Iterator[tuple[str, str, comparisons.Question]]:
    """Yield experiment, protocol and pairs of each question that experiments ask about tested settings."""
    for name, experiment in experiments.items():
        values = {f"{model} {setting}": str(value) for value, model, setting in experiment["values"]}
        values = {key: value for key, value in values.items() if key in tested}
        axes, references = experiment["axis"].split(", "), [" ".join(key) for key in experiment.get("references", ())]
        axis = "" if axes[0] == "model" else axes[0]
        is_within = len(axes) > 1 and "protocol" in axes
        protocols = dict.fromkeys(plan[key]["protocol"] for key in values) if is_within else [""]
        for protocol in protocols:
            own = [key for key in values if not is_within or plan[key]["protocol"] == protocol]
            against = next((key for key in own if key in references), None)
            yield name, protocol, comparisons.Question(comparisons.paired(own, against), values, axis)
        if is_within:
            yield name, "", comparisons.Question(_between_protocols(plan, list(values)).pairs, values, axis)


def _between_protocols(plan: Mapping[str, Mapping[str, Any]], keys: Sequence[str]) -> comparisons.Question:
    """Return the pairs of settings that differ in their protocol alone."""
    alike: dict[str, list[str]] = {}
    for key in keys:
        facts = plan[key]
        if "values" in facts:
            own = {name: value for name, value in facts["values"].items() if name not in _OF_PROTOCOLS}
            alike.setdefault(str((facts["model"], sorted(own.items(), key=str))), []).append(key)
    pairs = [pair for same in alike.values() for pair in comparisons.paired(same)]
    return comparisons.Question(pairs, _short_names([plan[key] for key in dict.fromkeys(sum(pairs, ()))]))


def _short_names(settings: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the model of each setting, by key, with those of its values that differ among settings of the model."""
    parts = {_key(facts): facts["setting"].split(",") for facts in settings}
    names = {}
    for facts in settings:
        others = [parts[_key(each)] for each in settings if each["model"] == facts["model"]]
        own = [part for part in parts[_key(facts)] if not all(part in other for other in others)]
        names[_key(facts)] = ", ".join([facts["model"], *own])
    return names


def _key(row: Mapping[str, Any]) -> str:
    return f"{row['model']} {row['setting']}"


def _keys(rows: pd.DataFrame) -> pd.Series:
    return rows["model"] + " " + rows["setting"]


def _coarsest_groups(items: pd.DataFrame) -> pd.Series:
    """Return one group per track; if protocols disagree, that of the protocol with the fewest groups."""
    known = items.drop_duplicates(["protocol", "track_id"])
    fewest = known.groupby("protocol")["group"].nunique()
    known = known.assign(groups=known["protocol"].map(fewest)).sort_values("groups", kind="stable")
    return items["track_id"].map(known.drop_duplicates("track_id").set_index("track_id")["group"])


def _finished(runs: Sequence[Run]) -> list[tuple[dict[str, str], list[Run]]]:
    """Return each setting with those of its runs that finished and have test predictions."""
    settings = [
        (names, [run for run in members if finished(run) and len(judged(run))]) for names, members in by_setting(runs)
    ]
    return [(names, sound) for names, sound in settings if sound]


def _calibrated(run: Run) -> dict[str, float]:
    validation = validated(run, Predictions)
    return calibration.evaluate(judged(run, Predictions), validation if len(validation) else None)


def _temperature(run: Run) -> float:
    validation = validated(run, Predictions)
    return calibration.fit_temperature(validation.proba, validation.label)


# Columns that name a pair of values and their difference.
_PAIR = (
    text_column("First", "a"),
    text_column("Second", "b"),
    count_column("Tracks", "tracks"),
    Column("Difference (points)", ("difference",), points),
    Column("from", ("low",), points),
    Column("to", ("high",), points),
)

TABLES = (
    StudyTable(
        "scores",
        lambda results: scores_table(results.all_runs, results.published_metrics),
        SCORES,
        section="Results",
        title="All metrics",
        caption="Each row is a metric of a setting, with the published value if there is one.",
        shown=(
            text_column("Metric", "metric"),
            Column("Value", ("value",), number),
            Column("Published", ("published",), number),
        ),
        folded=True,
        of_headline=True,
    ),
    StudyTable(
        "tags",
        lambda results: tags_table(results.all_runs, results.folds),
        TAGS,
        section="Results",
        title="Areas under the curves of each tag",
        caption=(
            "Each row is a tag: areas under its ROC and precision-recall curves with 95 % intervals, and the share of "
            "tracks that have it, which is the chance level of the PR-AUC. The table is empty if tracks have classes."
        ),
        shown=(
            text_column("Tag", "tag"),
            count_column("Tracks", "positives"),
            percent_column("Share of tracks (%)", "base_rate"),
            ROC,
            PR,
            percent_column("Precision (%)", "precision"),
            percent_column("Recall (%)", "recall"),
            percent_column("F1 (%)", "f1"),
        ),
        of_headline=True,
    ),
    StudyTable("curves", lambda results: curves_table(results.all_runs), CURVES),
    StudyTable(
        "calibration",
        lambda results: calibration_table(results.all_runs),
        CALIBRATION,
        section="Calibration",
        title="Accuracy of slices by confidence",
        caption=(
            "Each row is a bin of probabilities: the mean confidence of its slices and their accuracy, before and "
            "after a temperature was fitted to validation slices."
        ),
    ),
    StudyTable(
        "comparisons",
        lambda results: comparisons_table(
            results.study["experiments"],
            results.study["settings"],
            results["runs"],
            concat([results["tracks"], tag_items(results.all_runs, results.folds)], ITEMS_OF_TAGS),
            seed=results.seed,
            titles=results.study.get("titles"),
        ),
        COMPARISONS,
        section="Experiments",
        title="All pairs of values",
        caption=(
            "Each row is a pair of values of an experiment: the difference of their accuracies (of tags, of their mean "
            "ROC-AUC) on the tracks that both predicted, its 95 % interval and its p-value, both corrected for the "
            "number of pairs of the question (Holm). The interval excludes 0 exactly where the corrected p is below "
            "0.05. ``verdict`` is the conclusion. Rows without an experiment compare settings under two protocols."
        ),
        shown=(
            PROTOCOL,
            *_PAIR,
            Column("p, corrected", ("p_holm",), number),
            Column("Difference over folds (points)", ("fold_difference",), points),
            Column("p over folds, corrected", ("fold_p_holm",), number),
            text_column("Conclusion", "verdict"),
        ),
        folded=True,
    ),
    StudyTable(
        "protocols",
        lambda results: results["comparisons"].query("experiment == ''").drop(columns=["experiment", "protocol"]),
        comparisons.PAIRS,
        section="Results",
        title="The same setting under two protocols",
        caption=(
            "Each row compares a setting with itself under another protocol, on the tracks that both test: what it "
            "costs, or gains, to divide the tracks another way. Intervals and p-values are corrected for the number of "
            "rows (Holm)."
        ),
        shown=(
            *_PAIR,
            text_column("Conclusion", "verdict"),
        ),
        folded=True,
    ),
)
