"""What can be concluded, in plain words and honest numbers."""

import os
from collections.abc import Mapping
from typing import Any

import pandas as pd

from genreflow.errors import Damaged
from genreflow.store.sealed import SEAL, read_sealed, write_sealed

_KIND = "headline"


def headline(audit: pd.DataFrame, setting: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the numbers at the top of a report and the sentences that say what they mean.

    Parameters
    ----------
    audit
        What `tables.audit_table` returns.
    setting
        The row of `tables.settings_table` that the report is about, if anything was trained.

    Returns
    -------
    ``sentences, files, quarantined, tracks, slices, classes, groups, baseline, level, accuracy, low, high``.
    The accuracy is that of tracks by majority vote. What there is not is None, as are `groups` if every track is
    its own and `classes` where tracks have tags. All values are plain.
    """
    tested = setting is not None and pd.notna(setting["track_majority"])
    ranked = setting is not None and pd.notna(setting["roc_auc"])
    judged = tested or ranked
    facts = {
        "files": int(audit["tracks"].sum()),
        "quarantined": int(audit["quarantined"].sum()),
        "tracks": int(setting["tracks"] if judged else audit["accepted"].sum() + audit["warned"].sum()),
        "slices": int(setting["slices"] if judged else audit["slices"].sum()),
        "classes": None if ranked else int((audit["tracks"] > 0).sum()),
        "groups": int(setting["groups"]) if judged and setting["groups"] < setting["tracks"] else None,
        "baseline": _number(setting["baseline"]) if tested else None,
        "level": "track" if tested else "",
        "accuracy": _number(setting["track_majority"]) if tested else None,
        "low": _number(setting["track_majority_low"]) if tested else None,
        "high": _number(setting["track_majority_high"]) if tested else None,
    }
    tell = _tag_result if ranked else _result
    result = tell(facts, setting) if judged else [_no_result(setting)]
    return {"sentences": [*result, _data(facts)], **facts}


def write_headline(path: str | os.PathLike, told: Mapping[str, Any], *, key: str) -> None:
    """Write a headline, sealed."""
    write_sealed(path, {"kind": _KIND, "key": key, **told})


def read_headline(path: str | os.PathLike, *, key: str | None = None) -> dict[str, Any]:
    """Return what `write_headline` was given.

    Raises
    ------
    Damaged
        When it is not as it was written, or of another key than is wanted.
    """
    told = read_sealed(path)
    if told.get("kind") != _KIND or key not in (None, told.get("key")):
        raise Damaged(path, "it is the headline of other tables")
    return {name: value for name, value in told.items() if name not in ("kind", "key", SEAL)}


def holdout_sentences(summary: Mapping[str, Any]) -> list[str]:
    """Return what a row of `tables.holdout_summary` says."""
    tracks, correct = int(summary["tracks"]), int(summary["majority_correct"])
    sentences = [
        f"By majority vote the final model gets {correct} of {_count(tracks, 'holdout track')} right: "
        f"{_accuracy(summary['majority'], summary['majority_low'], summary['majority_high'])}. "
        "It was trained on none of them.",
        f"By mean probability it gets {int(summary['mean_correct'])} right: "
        f"{_accuracy(summary['mean'], summary['mean_low'], summary['mean_high'])}.",
    ]
    if pd.notna(summary["published"]):
        sentences.append(
            f"The study reports {int(summary['published_correct'])} of {int(summary['published_tracks'])} "
            f"({_percent(summary['published'])}), on tracks of its own."
        )
    return sentences


def _result(facts: Mapping[str, Any], setting: Mapping[str, Any]) -> list[str]:
    folds, diverged = int(setting["folds"]), int(setting["diverged"])
    sentences = [
        f"By majority vote of its slices, a track gets the right one of {facts['classes']} classes in "
        f"{_accuracy(facts['accuracy'], facts['low'], facts['high'])} of {_count(facts['tracks'], 'track')}, "
        "each judged by a model that was not trained on it.",
        _verdict(facts),
        f"Of single slices, {_accuracy(setting['slice_accuracy'], setting['slice_low'], setting['slice_high'])} "
        f"are right ({_count(facts['slices'], 'slice')} from {_count(facts['tracks'], 'track')}).",
        _independence(facts),
    ]
    if diverged:
        sentences.append(
            f"{diverged} of {_count(folds, 'fold')} diverged and {_is(diverged)} left out of all accuracies."
        )
    return sentences


def _tag_result(facts: Mapping[str, Any], setting: Mapping[str, Any]) -> list[str]:
    """Return what is said of tags, of which a track has any number."""
    area, low, high = (float(setting[f"roc_auc{end}"]) for end in ("", "_low", "_high"))
    interval = f" (95 % interval {low:.3f} to {high:.3f})" if low == low else ""
    verdict = "so these tracks do not show that the model has learned anything."
    if low > 0.5:
        verdict = "and the whole interval lies above that, so the model has learned to tell tags apart."
    sentences = [
        f"The area under the ROC curve, averaged over tags, is {area:.3f}{interval} on "
        f"{_count(facts['tracks'], 'track')} that the models were not trained on. By chance it is 0.5, {verdict}",
        f"The area under the precision-recall curve, averaged over tags, is {float(setting['pr_auc']):.3f} "
        f"(95 % interval {float(setting['pr_auc_low']):.3f} to {float(setting['pr_auc_high']):.3f}).",
        _independence(facts),
    ]
    if setting["diverged"]:
        sentences.append(
            f"{int(setting['diverged'])} of {_count(int(setting['folds']), 'run')} diverged and do not count."
        )
    return sentences


def _verdict(facts: Mapping[str, Any]) -> str:
    always = f"Always answering the commonest class would be right for {_percent(facts['baseline'])}"
    if facts["low"] is None:
        return f"{always}; there are too few tracks to say whether the model does better."
    if facts["low"] > facts["baseline"]:
        return f"{always}; the whole interval lies above that, so the model has learned to tell classes apart."
    if facts["high"] < facts["baseline"]:
        return f"{always}; the whole interval lies below that, so the model is worse than no model."
    return f"{always}; the interval includes that, so these tracks do not show that the model has learned anything."


def _independence(facts: Mapping[str, Any]) -> str:
    if facts["groups"] is not None:
        return f"The tracks are of {_count(facts['groups'], 'group')}, and no group is on both sides of a fold."
    return (
        "Every track counts as its own group: if tracks of one artist or album were on both sides of a fold, "
        "the accuracy is too high."
    )


def _no_result(setting: Mapping[str, Any] | None) -> str:
    if setting is None:
        return "No model was evaluated, so there is no accuracy to report."
    if setting["diverged"] == setting["folds"]:
        return f"Training diverged in {_all(int(setting['folds']))}, so there is no accuracy to report."
    return "No test track has predictions, so there is no accuracy to report."


def _data(facts: Mapping[str, Any]) -> str:
    files, quarantined = facts["files"], facts["quarantined"]
    if not files:
        return "The dataset has no files."
    if not quarantined:
        return f"All of {_count(files, 'file')} could be used."
    return (
        f"{quarantined:,} of {_count(files, 'file')} ({_percent(quarantined / files)}) "
        f"{_is(quarantined)} quarantined and took no part."
    )


def _accuracy(share: float, low: float | None, high: float | None) -> str:
    if low is None or pd.isna(low):
        return f"{_percent(share)} (no interval: too few tracks)"
    return f"{_percent(share)} (95 % interval {100 * low:.1f} to {_percent(high)})"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _all(folds: int) -> str:
    return "the only fold" if folds == 1 else f"all {folds} folds"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def _number(value: float) -> float | None:
    return None if pd.isna(value) else float(value)
