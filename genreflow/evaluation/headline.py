"""The conclusions of a study: the numbers at the top of its report, and sentences that interpret them."""

import os
from collections.abc import Mapping
from typing import Any

import pandas as pd

from genreflow.errors import Damaged
from genreflow.evaluation import cross_dataset
from genreflow.evaluation.verdict import MOST_COMMON, Verdict, beats_chance, verdict_on
from genreflow.store.sealed import SEAL, read_sealed, write_sealed
from genreflow.store.text import count

_KIND = "headline"


def headline(
    audit: pd.DataFrame,
    setting: Mapping[str, Any] | None = None,
    leakage: pd.DataFrame | None = None,
    elsewhere: pd.DataFrame | None = None,
    *,
    divided: int = 0,
) -> dict[str, Any]:
    """Return the numbers at the top of a report and the sentences that interpret them.

    Parameters
    ----------
    audit
        The table `audit`.
    setting
        The row of the table `settings` that the report is about; None if nothing was trained.
    leakage
        Audit of its protocol; None if there is none.
    elsewhere
        The table `cross_dataset`; what it says comes first.
    divided
        Number of groups on both sides of a fold (`genreflow.evaluation.runs.divided_groups`).

    Returns
    -------
    ``sentences, files, quarantined, tracks, slices, classes, groups, baseline, level, accuracy, low, high, standing,
    baseline_name, elsewhere``; the last is a list of ``dataset, tracks, accuracy, low, high, standing``, one of each
    other dataset. The accuracy is that of tracks by majority vote, the baseline that of the best trivial answer
    (`genreflow.evaluation.verdict`). Values that do not exist are None, `groups` also if every track is its own group,
    and `classes` if tracks have tags. All values are plain Python objects.
    """
    is_tested = setting is not None and pd.notna(setting["track_majority"])
    is_ranked = setting is not None and pd.notna(setting["roc_auc"])
    if setting is None or not (is_tested or is_ranked):
        tracks, slices, groups = int(audit["accepted"].sum() + audit["warned"].sum()), int(audit["slices"].sum()), None
    else:
        tracks, slices, groups = (int(setting[name]) for name in ("tracks", "slices", "groups"))
    values = setting if setting is not None and is_tested else {}
    facts = {
        "files": int(audit["tracks"].sum()),
        "quarantined": int(audit["quarantined"].sum()),
        "tracks": tracks,
        "slices": slices,
        "classes": None if is_ranked else int((audit["tracks"] > 0).sum()),
        "groups": groups if groups is not None and groups < tracks else None,
        "baseline": _number(values.get("baseline")),
        "level": "track" if is_tested else "",
        "accuracy": _number(values.get("track_majority")),
        "low": _number(values.get("track_majority_low")),
        "high": _number(values.get("track_majority_high")),
    }
    others = [] if elsewhere is None else elsewhere.to_dict("records")
    verdict = verdict_on(facts, leakage, others)
    facts |= {"standing": verdict.standing, "baseline": verdict.baseline, "baseline_name": verdict.baseline_name}
    if setting is None or not (is_tested or is_ranked):
        sentences = [_no_result(setting)]
    else:
        sentences = (_tag_result if is_ranked else _class_result)(facts, setting, verdict, divided)
    first = [sentence for row in others for sentence in cross_dataset.sentences(row)]
    elsewhere_facts = [_elsewhere(row) for row in others if row["tracks"]]
    return {"sentences": [*first, *sentences, _data(facts)], **facts, "elsewhere": elsewhere_facts}


def write_headline(path: str | os.PathLike, content: Mapping[str, Any], *, key: str) -> None:
    """Write a headline as sealed JSON."""
    write_sealed(path, {"kind": _KIND, "key": key, **content})


def read_headline(path: str | os.PathLike, *, key: str | None = None) -> dict[str, Any]:
    """Return the content of a headline.

    Raises
    ------
    Damaged
        When the file was changed after it was written, or has another key than `key`.
    """
    content = read_sealed(path)
    if content.get("kind") != _KIND or key not in (None, content.get("key")):
        raise Damaged(path, "it is the headline of other tables")
    return {name: value for name, value in content.items() if name not in ("kind", "key", SEAL)}


def holdout_sentences(summary: Mapping[str, Any]) -> list[str]:
    """Return a row of `tables.holdout_summary` as sentences."""
    tracks, correct = int(summary["tracks"]), int(summary["majority_correct"])
    sentences = [
        f"By majority vote, the final model predicts {correct} of {count(tracks, 'holdout track')} correctly: "
        f"{_accuracy(summary['majority'], summary['majority_low'], summary['majority_high'])}. "
        "It was not trained on any of them.",
        f"By mean probability, it predicts {int(summary['mean_correct'])} correctly: "
        f"{_accuracy(summary['mean'], summary['mean_low'], summary['mean_high'])}.",
    ]
    if pd.notna(summary["published"]):
        sentences.append(
            f"The study reports {int(summary['published_correct'])} of {int(summary['published_tracks'])} "
            f"({_percent(summary['published'])}) on its own tracks."
        )
    return sentences


def _class_result(facts: Mapping[str, Any], setting: Mapping[str, Any], verdict: Verdict, divided: int) -> list[str]:
    folds, diverged = int(setting["folds"]), int(setting["diverged"])
    apart = "" if verdict.standing == "leaky" else " Each track was predicted by a model that was not trained on it."
    sentences = [
        f"The track accuracy by majority vote is {_accuracy(facts['accuracy'], facts['low'], facts['high'])}, for "
        f"{count(facts['tracks'], 'track')} in {count(facts['classes'], 'class', 'classes')}{_but(verdict)}.{apart}",
        verdict.sentence,
        "By the mean probability of its slices instead of votes, the track accuracy is "
        f"{_accuracy(setting['track_mean'], setting['track_mean_low'], setting['track_mean_high'])}.",
        f"The slice accuracy is {_accuracy(setting['slice_accuracy'], setting['slice_low'], setting['slice_high'])}, "
        f"for {count(facts['slices'], 'slice')} of these tracks.",
        *_rounds(setting),
        _independence(facts, divided),
    ]
    if diverged:
        sentences.append(_diverged(diverged, folds))
    return sentences


def _tag_result(facts: Mapping[str, Any], setting: Mapping[str, Any], judged: Verdict, divided: int) -> list[str]:
    """Return the sentences on a model of tags."""
    low = float(setting["roc_auc_low"])
    verdict = "The interval includes it, so these tracks do not show that the model has learned anything."
    if low > 0.5:
        verdict = "The whole interval lies above, so the model has learned to distinguish tags."
    elif low != low:
        verdict = "There are too few tracks to decide whether the model is better."
    diverged = int(setting["diverged"])
    sentences = [
        f"The mean ROC-AUC over tags is {_area(setting, 'roc_auc')}, for {count(facts['tracks'], 'track')} that the "
        f"models were not trained on{_but(judged)}. Chance gives 0.5. {verdict}",
        *([judged.sentence] if judged.sentence else []),
        f"The mean PR-AUC over tags is {_area(setting, 'pr_auc')}.",
        *_rounds(setting),
        _independence(facts, divided),
    ]
    if diverged:
        sentences.append(_diverged(diverged, int(setting["folds"])))
    return sentences


def _area(setting: Mapping[str, Any], name: str) -> str:
    area, low, high = (float(setting[f"{name}{end}"]) for end in ("", "_low", "_high"))
    return f"{area:.3f}" + (f" (95 % interval {low:.3f} to {high:.3f})" if low == low else "")


def _rounds(setting: Mapping[str, Any]) -> list[str]:
    """Return the sentence on values that are means over several rounds of runs."""
    rounds = setting["rounds"]
    if pd.isna(rounds) or rounds < 2:
        return []
    return [f"Each value is the mean over {int(rounds)} rounds of runs, and its interval is that of the mean."]


def _diverged(diverged: int, folds: int) -> str:
    return f"{diverged} of {count(folds, 'fold')} diverged and {_is(diverged)} excluded from all results."


def _but(verdict: Verdict) -> str:
    """Return the clause on a leak, or on a trivial answer that is as good; empty if there is neither."""
    if verdict.standing == "leaky":
        return f", but tested tracks are known from training: {verdict.leak}"
    if verdict.standing == "doubtful" and verdict.baseline is not None and verdict.baseline_name != MOST_COMMON:
        return f", but the {verdict.baseline_name} of the file alone gives {_percent(verdict.baseline)}"
    return ""


def _independence(facts: Mapping[str, Any], divided: int) -> str:
    if facts["groups"] is not None and divided:
        return (
            f"The tracks belong to {count(facts['groups'], 'group')}, and {divided:,} of all groups {_is(divided)} on "
            "both sides of a fold, so the result is too optimistic. Intervals and tests count groups, not tracks."
        )
    if facts["groups"] is not None:
        return f"The tracks belong to {count(facts['groups'], 'group')}, and no group is on both sides of a fold."
    return (
        "Every track counts as its own group: if tracks of one artist or album are on both sides of a fold, the result "
        "is too optimistic."
    )


def _no_result(setting: Mapping[str, Any] | None) -> str:
    if setting is None:
        return "No model was evaluated, so there is no accuracy to report."
    if setting["diverged"] == setting["folds"]:
        folds = "the only fold" if setting["folds"] == 1 else f"all {int(setting['folds'])} folds"
        return f"Training diverged in {folds}, so there is no accuracy to report."
    return "No test track has predictions, so there is no accuracy to report."


def _elsewhere(row: Mapping[str, Any]) -> dict[str, Any]:
    ends = {end: _number(row[f"accuracy_{end}"]) for end in ("low", "high")}
    return {
        "dataset": row["dataset"],
        "tracks": int(row["tracks"]),
        "accuracy": float(row["accuracy"]),
        **ends,
        "standing": "sound" if beats_chance(row) else "doubtful",
    }


def _data(facts: Mapping[str, Any]) -> str:
    files, quarantined = facts["files"], facts["quarantined"]
    if not files:
        return "The dataset has no files."
    if not quarantined:
        return "The only file is usable." if files == 1 else f"All {files:,} files are usable."
    return (
        f"{quarantined:,} of {count(files, 'file')} ({_percent(quarantined / files)}) "
        f"{_is(quarantined)} quarantined and not used."
    )


def _accuracy(share: float, low: float | None, high: float | None) -> str:
    if low is None or high is None or pd.isna(low):
        return f"{_percent(share)} (no interval: too few tracks)"
    return f"{_percent(share)} (95 % interval {100 * low:.1f} to {_percent(high)})"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def _number(value: float | None) -> float | None:
    return None if value is None or pd.isna(value) else float(value)
