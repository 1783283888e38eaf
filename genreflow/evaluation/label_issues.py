"""Label issues: labels that are likely wrong, and copies of recordings, ordered by suspicion.

Labels are checked by confident learning (Northcutt, Jiang and Chuang 2021, Confident learning: estimating uncertainty
in dataset labels, Journal of Artificial Intelligence Research 70): a label is suspect if a model that was not trained
on the track gives another class at least the mean probability that tracks of that class get. This alone flags a third
of all labels for a model with an accuracy of one half, so flags are weighted: the *score* is the lead of the other
class over the label, times how far the model is better than chance when it predicts that class as confidently. Each tag
is checked by itself, as present or absent. A suspect label is not necessarily an error.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from genreflow.evaluation.out_of_fold import OutOfFold, out_of_fold
from genreflow.evaluation.registry import StudyTable, frame_of
from genreflow.evaluation.runs import Run, finished
from genreflow.folds.roles import FINAL
from genreflow.store.text import count

LABEL_ISSUES = (
    "kind", "track_id", "title", "label", "suggested", "score", "probability", "label_probability", "right",
    "settings", "agree", "other_id", "other_title", "reason",
)  # fmt: skip
MIN_SCORE = 0.4
_NUMBERS = ("score", "probability", "label_probability", "right", "settings", "agree")
_ORDER = ("conflict", "label", "copy")
_COPIES = {
    "bytes": "It has the same bytes as {}",
    "samples": "It has the same samples as {}",
    "recording": "It is the same recording as {} ({} of the bits of their fingerprints agree)",
}


def label_issues_table(
    study: Mapping[str, Any],
    runs: Sequence[Run],
    *,
    settings: pd.DataFrame,
    areas: pd.DataFrame,
    index: pd.DataFrame,
    pairs: pd.DataFrame,
) -> tuple[pd.DataFrame, list[str]]:
    """Return suspect labels and copies, `LABEL_ISSUES`, and sentences that introduce them.

    Parameters
    ----------
    study
        The study from the plan: ``headline``, whose setting decides, ``protocols``, and ``checked``, the tracks whose
        label a listener has confirmed or corrected: they are not suspect.
    runs
        All runs of the study. Other settings than the headline's count as votes for or against a suggestion.
    settings, areas
        The tables `settings` and `tags`. A model that they do not show to be better than chance flags nothing.
    index
        The index of the headline's dataset: ``track_id, title, label, tags, verdict``.
    pairs
        Its copies, as from `genreflow.datasets.duplicates.find_pairs`.

    Returns
    -------
    table, sentences
        Copies with different classes come first (``conflict``), then suspect labels (``label``, a row per track, or per
        track and tag), then other copies (``copy``); each kind is sorted by score. `right` is the share of tracks with
        that label among those for which the model predicts it as confidently. An absent tag is written ``not <tag>``.
    """
    suspects, sentences = _label_issues(study, runs, settings, areas)
    suspects["title"] = suspects["track_id"].map(index.set_index("track_id")["title"])
    copies = _copy_issues(index.set_index("track_id"), pairs, _keeps_copies_together(study))
    table = _frame([*suspects.to_dict("records"), *copies])
    table["order"] = table["kind"].map(_ORDER.index)
    table = table.sort_values(
        ["order", "score", "title", "suggested", "other_title"], ascending=[True, False, True, True, True]
    )
    return table[list(LABEL_ISSUES)].reset_index(drop=True), [*sentences, _copies_sentence(copies)]


def find_label_issues(proba: np.ndarray, label: np.ndarray) -> pd.DataFrame:
    """Return the items with a suspect label: ``item, suggested, score, right, alike, usual``, in their order.

    Parameters
    ----------
    proba, label
        Out-of-fold probabilities [n, K] and labels [n].

    Returns
    -------
    `suggested` is the most probable class, if it differs from the label and its probability is at least the mean of the
    items with that label. `alike` counts the items for which the model predicts the class as confidently, `right` is
    the share of them with that label, and `usual` the share of all items. The `score` is the lead of the suggested
    class over the label, times (right - usual) / (1 - usual); it is at least `MIN_SCORE`.
    """
    rows, suggested, highest = np.arange(len(label)), proba.argmax(axis=1), proba.max(axis=1)
    is_labeled = np.eye(proba.shape[1], dtype=bool)[label]
    counts = is_labeled.sum(axis=0)
    expected = np.divide((proba * is_labeled).sum(axis=0), counts, out=np.ones(len(counts)), where=counts > 0)
    # Rounded, so that the mean of equal numbers equals that number.
    is_confident = highest.round(9) >= expected[suggested].round(9)
    alike = np.bincount(suggested[is_confident], minlength=len(counts))
    hits = np.bincount(label[is_confident & (suggested == label)], minlength=len(counts))
    usual = counts / max(1, len(label))
    right = np.divide(hits, alike, out=np.zeros(len(counts)), where=alike > 0)
    skill = np.divide(right - usual, 1 - usual, out=np.zeros(len(counts)), where=usual < 1)
    score = (highest - proba[rows, label]) * skill[suggested]
    of_class = {"right": right, "alike": alike, "usual": usual}
    columns = {name: values[suggested] for name, values in of_class.items()}
    issues = pd.DataFrame({"item": rows, "suggested": suggested, "score": score, **columns})
    return issues[is_confident & (suggested != label) & (score >= MIN_SCORE)].reset_index(drop=True)


def _label_issues(
    study: Mapping[str, Any], runs: Sequence[Run], settings: pd.DataFrame, areas: pd.DataFrame
) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows of kind ``label``, and the sentences that introduce them."""
    headline = study["headline"]
    if headline is None:
        return _frame([]), ["No model was evaluated, so labels were not checked."]
    by_setting = _by_setting(runs, study["protocols"])
    setting = (headline["model"], headline["setting"])
    predicted = out_of_fold(by_setting.pop(setting, []))
    if predicted is None:
        return _frame([]), ["No track has out-of-fold predictions, so labels were not checked."]
    scores = areas if predicted.is_tagged else settings
    is_able = _is_able(predicted, scores[(scores["model"] == setting[0]) & (scores["setting"] == setting[1])])
    if not is_able.any():
        return _frame([]), [_unable(predicted)]
    issues = _tag_issues(predicted, is_able) if predicted.is_tagged else _class_issues(predicted)
    is_checked = issues["track_id"].isin(study["checked"])
    issues, checked = issues[~is_checked].reset_index(drop=True), issues.loc[is_checked, "track_id"].nunique()
    others = [out_of_fold(members, calibrated=False) for members in by_setting.values()] if len(issues) else []
    issues["settings"], issues["agree"] = _agreement(issues, [other for other in others if other is not None])
    issues["reason"] = [_reason(row) for row in issues.to_dict("records")]
    return issues.assign(kind="label"), [*_sentences(issues, predicted, is_able), *_checked_sentence(checked)]


def _by_setting(runs: Sequence[Run], protocols: Mapping[str, Mapping[str, Any]]) -> dict[tuple[str, str], list[Run]]:
    """Return the finished runs with out-of-fold tracks by model and setting; final runs, with the holdout, come last.

    Runs whose segments were divided are left out, because other segments of a test track were trained on.
    """
    by_setting: dict[tuple[str, str], list[Run]] = {}
    for run in sorted(runs, key=lambda run: run["fold"] == FINAL):
        if finished(run) and protocols[run["protocol"]]["folds"]["unit"] == "track":
            by_setting.setdefault((run["model"], run["setting"]), []).append(run)
    return by_setting


def _is_able(predicted: OutOfFold, scores: pd.DataFrame) -> np.ndarray:
    """Return for which classes or tags the model is better than chance, bool [K]; all classes or none.

    `scores` are the rows of the setting in the table `settings`, or in `tags`.
    """
    if predicted.is_tagged:
        return np.isin(predicted.classes, scores.loc[scores["roc_auc_low"] > 0.5, "tag"].to_list())
    return np.full(len(predicted.classes), bool((scores["track_mean_low"] > scores["baseline"]).any()))


def _class_issues(predicted: OutOfFold) -> pd.DataFrame:
    label = predicted.truth.argmax(axis=1)
    issues = find_label_issues(predicted.proba, label)
    item, suggested = issues["item"].to_numpy(), issues["suggested"].to_numpy()
    names = np.asarray(predicted.classes, object)
    return issues.assign(
        is_present=True,
        label=names[label[item]],
        suggested=names[suggested],
        probability=predicted.proba[item, suggested],
        label_probability=predicted.proba[item, label[item]],
        name=names[suggested],
        track_id=predicted.track_id[item],
    )


def _tag_issues(predicted: OutOfFold, is_able: np.ndarray) -> pd.DataFrame:
    parts = []
    for number in np.flatnonzero(is_able):
        has, proba, name = predicted.truth[:, number].astype(int), predicted.proba[:, number], predicted.classes[number]
        issues = find_label_issues(np.stack([1 - proba, proba], axis=1), has)
        is_present = issues["suggested"].to_numpy() == 1
        present = proba[issues["item"]]
        parts.append(
            issues.assign(
                label=np.where(~is_present, name, f"not {name}"),
                suggested=np.where(is_present, name, f"not {name}"),
                is_present=is_present,
                probability=np.where(is_present, present, 1 - present),
                label_probability=np.where(is_present, 1 - present, present),
                name=name,
                track_id=predicted.track_id[issues["item"]],
            )
        )
    return pd.concat(parts, ignore_index=True)


def _agreement(issues: pd.DataFrame, others: Sequence[OutOfFold]) -> tuple[np.ndarray, np.ndarray]:
    """Return how many other settings predicted each suspect, and how many of them agree with the suggestion."""
    predicted_by, agree = np.zeros(len(issues)), np.zeros(len(issues))
    for other in others:
        row = pd.Index(other.track_id).get_indexer(issues["track_id"])
        column = pd.Index(other.classes).get_indexer(issues["name"])
        is_known = (row >= 0) & (column >= 0)
        predicted_by += is_known
        is_present = issues["is_present"].to_numpy(bool)[is_known]
        agree[is_known] += other.answers[row[is_known], column[is_known]] == is_present
    return predicted_by, agree


def _reason(row: Mapping[str, Any]) -> str:
    text = f"A model that was not trained on it gives {_percent(row['probability'])} to {row['suggested']!r} and "
    text += f"{_percent(row['label_probability'])} to its label {row['label']!r}. "
    text += f"{_percent(row['right'])} of {count(int(row['alike']), 'track')} with such a prediction are "
    text += f"labeled {row['suggested']!r}, and {_percent(row['usual'])} of all tracks."
    if row["settings"]:
        text += f" Other settings that agree: {int(row['agree'])} of {int(row['settings'])}."
    return text


def _sentences(issues: pd.DataFrame, predicted: OutOfFold, is_able: np.ndarray) -> list[str]:
    suspects, tracks = issues["track_id"].nunique(), count(len(predicted.track_id), "track")
    verb = "has" if suspects == 1 else "have"
    if predicted.is_tagged:
        tested = "all" if is_able.all() else f"{is_able.sum()} of"
        sentences = [
            f"{suspects:,} of {tracks} {verb} a suspect tag, present or absent, by a model that was not trained on the "
            f"track ({count(len(issues), 'suspect tag')}).",
            f"The model checked {tested} {count(len(is_able), 'tag')}: those that it distinguishes better than chance.",
        ]
    else:
        state = "as predicted"
        if predicted.temperature > 1:
            state = f"calibrated with temperature {predicted.temperature:.2f}, fitted to other tracks"
        sentences = [
            f"{suspects:,} of {tracks} {verb} a suspect label, by a model that was not trained on the track.",
            f"Probabilities are means over slices, {state}.",
        ]
    return [*sentences, "The model may be wrong as well: listen before you change a label."]


def _checked_sentence(tracks: int) -> list[str]:
    if not tracks:
        return []
    verb = "is" if tracks == 1 else "are"
    return [f"{count(tracks, 'more track')} {verb} not listed, because a listener has checked the label."]


def _unable(predicted: OutOfFold) -> str:
    baseline = "chance for any tag" if predicted.is_tagged else "always predicting the most common class"
    return f"The model is not shown to be better than {baseline}, so labels were not checked."


def _keeps_copies_together(study: Mapping[str, Any]) -> bool:
    """Return whether the folds of the headline's protocol keep copies of a recording, which form a group, together."""
    name = study["headline"]["protocol"] if study["headline"] else next(iter(study["protocols"]))
    folds = study["protocols"][name]["folds"]
    return folds["group"] and folds["scheme"] != "given"


def _copy_issues(tracks: pd.DataFrame, pairs: pd.DataFrame, kept_together: bool) -> list[dict[str, Any]]:
    """Return a row per pair of copies; `tracks` is the index by track id."""
    known = pairs[pairs["a"].isin(tracks.index) & pairs["b"].isin(tracks.index)]
    return [_pair(tracks.loc[pair.a], tracks.loc[pair.b], pair, kept_together) for pair in known.itertuples()]


def _pair(one: pd.Series, other: pd.Series, pair: Any, kept_together: bool) -> dict[str, Any]:
    # Tracks that have tags have no class.
    in_conflict = bool(one["label"] and other["label"]) and one["label"] != other["label"]
    text = _COPIES[pair.kind].format(other["title"], _percent(pair.similarity))
    text += f", which is labeled {other['label']!r}: one of the labels is wrong. " if in_conflict else ". "
    return {
        "kind": "conflict" if in_conflict else "copy",
        "track_id": pair.a,
        "title": one["title"],
        "label": one["label"],
        "suggested": other["label"] if in_conflict else "",
        "score": pair.similarity,
        "other_id": pair.b,
        "other_title": other["title"],
        "reason": text + _use([one["verdict"], other["verdict"]], kept_together),
    }


def _use(verdicts: Sequence[str], kept_together: bool) -> str:
    used = sum(verdict != "quarantine" for verdict in verdicts)
    if used < len(verdicts):
        return "Only one of them is used." if used else "Neither is used."
    return f"Both are used, {'always' if kept_together else 'not always'} on one side of a fold."


def _copies_sentence(copies: Sequence[Mapping[str, Any]]) -> str:
    if not copies:
        return "No copies of a recording were found."
    conflicts = sum(row["kind"] == "conflict" for row in copies)
    verb = "is" if len(copies) == 1 else "are"
    return f"{count(len(copies), 'pair')} of tracks {verb} the same recording, {conflicts:,} with different labels."


def _frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    text = [name for name in LABEL_ISSUES if name not in _NUMBERS]
    return frame_of(rows, LABEL_ISSUES).astype(dict.fromkeys(_NUMBERS, float) | dict.fromkeys(text, object))


def _percent(share: float) -> str:
    """Return a share in whole per cent, with a decimal close to 0 and 1, so that only certainty reads 0 or 100 %."""
    return f"{100 * share:.{0 if 0.01 <= share <= 0.99 or share in (0, 1) else 1}f} %"


TABLES = (
    StudyTable(
        "label_issues",
        lambda results: results.label_issues[0],
        LABEL_ISSUES,
        section="Label issues",
        title="Suspect labels and copies",
        caption=(
            "Each row is a track with a suspect label, or a pair of copies, the most suspicious first; ``reason`` "
            "explains why, with the numbers behind it. Listen before you change a label."
        ),
    ),
)
