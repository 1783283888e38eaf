"""Which labels are likely wrong, and which tracks are there twice: what to listen to first.

Labels are doubted by confident learning (Northcutt, Jiang and Chuang 2021, Confident learning: estimating uncertainty
in dataset labels, Journal of Artificial Intelligence Research 70): a track is in doubt where a model that was not
trained on it gives another class at least the probability that it gives to the tracks of that class on average. By
this alone a model that is right every second time doubts a third of all labels. So the doubt has to weigh something as
well: its *score* is the lead of the other class over the label, times how much better than chance the model is right
where it names that class as surely. Of tags each is judged by itself, as present or not. A suspect is no error: it is
worth a listen.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from genreflow.evaluation.out_of_fold import OutOfFold, out_of_fold
from genreflow.evaluation.runs import Run, finished
from genreflow.folds.roles import FINAL

SUSPECTS = (
    "kind", "track_id", "title", "label", "suggested", "score", "probability", "label_probability", "right",
    "settings", "agree", "other_id", "other_title", "reason",
)  # fmt: skip
LEAST_SCORE = 0.4
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
    """Return doubtful labels and copies, `SUSPECTS`, and what is to be said of them.

    Parameters
    ----------
    study
        What the plan tells of the study: ``headline``, the setting whose word counts, and ``protocols``.
    runs
        All of the study. Of settings other than the headline's it is told how many agree.
    settings, areas
        What `tables.settings_table` and `score_tables.tags_table` return: a model that they do not show to be better
        than chance doubts nothing.
    index
        The index of the headline's dataset: ``track_id, title, label, tags, verdict``.
    pairs
        Its copies, as `genreflow.datasets.duplicates.find_pairs` returns them.

    Returns
    -------
    table, sentences
        Copies with different classes first (``conflict``), then each ``label`` in doubt, a row a track, or a track and
        tag, then other copies (``copy``); of each kind the most suspicious first. `right` is the share of those
        tracks of which the model says so as surely that are labelled so. A tag that is absent is called ``not <tag>``.
    """
    doubted, told = _label_issues(study, runs, settings, areas)
    doubted["title"] = doubted["track_id"].map(index.set_index("track_id")["title"])
    copies = _copy_issues(index.set_index("track_id"), pairs, _keeps_copies_together(study))
    table = _frame([*doubted.to_dict("records"), *copies])
    table["order"] = table["kind"].map(_ORDER.index)
    table = table.sort_values(
        ["order", "score", "title", "suggested", "other_title"], ascending=[True, False, True, True, True]
    )
    return table[list(SUSPECTS)].reset_index(drop=True), [*told, _pairs_told(copies)]


def find_label_issues(proba: np.ndarray, label: np.ndarray) -> pd.DataFrame:
    """Return the items whose label is in doubt: ``item, suggested, score, right, alike, usual``, in their order.

    Parameters
    ----------
    proba, label
        Probabilities [n, K] by models that did not see the item's label, and labels [n].

    Returns
    -------
    `suggested` is the most probable class, where that is not the label and where its probability is not below the mean
    of the items labelled so. For so many items, ``alike``, does the model say this as surely, and the share `right` of
    them are labelled so; of all items it is ``usual``. The `score` is the lead of its probability over the label's,
    times `right` as far as that is better than chance, (right - usual) / (1 - usual); it is `LEAST_SCORE` or more.
    """
    rows, suggested, highest = np.arange(len(label)), proba.argmax(axis=1), proba.max(axis=1)
    is_labelled = np.eye(proba.shape[1], dtype=bool)[label]
    counts = is_labelled.sum(axis=0)
    expected = np.divide((proba * is_labelled).sum(axis=0), counts, out=np.ones(len(counts)), where=counts > 0)
    # Rounded, so that the mean of equal numbers is that number.
    is_sure = highest.round(9) >= expected[suggested].round(9)
    alike = np.bincount(suggested[is_sure], minlength=len(counts))
    hits = np.bincount(label[is_sure & (suggested == label)], minlength=len(counts))
    usual = counts / max(1, len(label))
    right = np.divide(hits, alike, out=np.zeros(len(counts)), where=alike > 0)
    better = np.divide(right - usual, 1 - usual, out=np.zeros(len(counts)), where=usual < 1)
    score = (highest - proba[rows, label]) * better[suggested]
    of_class = {"right": right, "alike": alike, "usual": usual}
    columns = {name: values[suggested] for name, values in of_class.items()}
    found = pd.DataFrame({"item": rows, "suggested": suggested, "score": score, **columns})
    return found[is_sure & (suggested != label) & (score >= LEAST_SCORE)].reset_index(drop=True)


def _label_issues(
    study: Mapping[str, Any], runs: Sequence[Run], settings: pd.DataFrame, areas: pd.DataFrame
) -> tuple[pd.DataFrame, list[str]]:
    """Return the suspects of kind ``label``, and what is to be said of them."""
    wanted = study["headline"]
    if wanted is None:
        return _frame([]), ["No model was evaluated, so there is none that could doubt a label."]
    by_place = _by_place(runs, study["protocols"])
    place = (wanted["model"], wanted["setting"])
    said = out_of_fold(by_place.pop(place, []))
    if said is None:
        return _frame([]), ["No track was judged by a model that knew nothing of it, so no label can be doubted."]
    scores = areas if said.is_tagged else settings
    able = _able(said, scores[(scores["model"] == place[0]) & (scores["setting"] == place[1])])
    if not able.any():
        return _frame([]), [_unable(said)]
    found = _tag_issues(said, able) if said.is_tagged else _class_issues(said)
    others = [out_of_fold(members, calibrated=False) for members in by_place.values()] if len(found) else []
    found["settings"], found["agree"] = _agreement(found, [other for other in others if other is not None])
    found["reason"] = [_reason(row) for row in found.to_dict("records")]
    return found.assign(kind="label"), _told(found, said, able)


def _by_place(runs: Sequence[Run], protocols: Mapping[str, Mapping[str, Any]]) -> dict[tuple[str, str], list[Run]]:
    """Return by model and setting the runs whose tracks were not trained on, slices of them included.

    Among them is the final run, which is judged by the holdout.
    """
    found: dict[tuple[str, str], list[Run]] = {}
    for run in sorted(runs, key=lambda run: run["fold"] == FINAL):
        if finished(run) and protocols[run["protocol"]]["folds"]["unit"] == "track":
            found.setdefault((run["model"], run["setting"]), []).append(run)
    return found


def _able(said: OutOfFold, scores: pd.DataFrame) -> np.ndarray:
    """Return of which classes or tags the model is shown to know something, bool [K]; of classes all or none.

    `scores` are the rows of the setting in `settings_table` or, of tags, in `tags_table`.
    """
    if said.is_tagged:
        return np.isin(said.classes, scores.loc[scores["roc_auc_low"] > 0.5, "tag"].to_list())
    return np.full(len(said.classes), bool((scores["track_mean_low"] > scores["baseline"]).any()))


def _class_issues(said: OutOfFold) -> pd.DataFrame:
    label = said.truth.argmax(axis=1)
    found = find_label_issues(said.proba, label)
    item, suggested = found["item"].to_numpy(), found["suggested"].to_numpy()
    names = np.asarray(said.classes, object)
    return found.assign(
        wanted=True,
        label=names[label[item]],
        suggested=names[suggested],
        probability=said.proba[item, suggested],
        label_probability=said.proba[item, label[item]],
        name=names[suggested],
        track_id=said.track_id[item],
    )


def _tag_issues(said: OutOfFold, able: np.ndarray) -> pd.DataFrame:
    parts = []
    for number in np.flatnonzero(able):
        has, present = said.truth[:, number].astype(int), said.proba[:, number]
        found = find_label_issues(np.stack([1 - present, present], axis=1), has)
        wanted = found["suggested"].to_numpy() == 1
        given = present[found["item"]]
        name = said.classes[number]
        found["label"], found["suggested"] = (np.where(side, name, f"not {name}") for side in (~wanted, wanted))
        parts.append(
            found.assign(
                wanted=wanted,
                probability=np.where(wanted, given, 1 - given),
                label_probability=np.where(wanted, 1 - given, given),
                name=name,
                track_id=said.track_id[found["item"]],
            )
        )
    return pd.concat(parts, ignore_index=True)


def _agreement(found: pd.DataFrame, others: Sequence[OutOfFold]) -> tuple[np.ndarray, np.ndarray]:
    """Return how many other settings judged each suspect, and how many of them say what is suggested."""
    judged_by, agree = np.zeros(len(found)), np.zeros(len(found))
    for other in others:
        place = pd.Index(other.track_id).get_indexer(found["track_id"])
        column = pd.Index(other.classes).get_indexer(found["name"])
        known = (place >= 0) & (column >= 0)
        judged_by += known
        agree[known] += other.answers[place[known], column[known]] == found["wanted"].to_numpy(bool)[known]
    return judged_by, agree


def _reason(row: Mapping[str, Any]) -> str:
    text = f"A model that was not trained on it gives {_percent(row['probability'])} to {row['suggested']!r} and "
    text += f"{_percent(row['label_probability'])} to its label, {row['label']!r}. "
    text += f"Of {_count(int(row['alike']), 'track')} of which it says so as surely, {_percent(row['right'])} are "
    text += f"labelled {row['suggested']!r}, of all tracks {_percent(row['usual'])}."
    if row["settings"]:
        text += f" Other settings that agree: {int(row['agree'])} of {int(row['settings'])}."
    return text


def _told(found: pd.DataFrame, said: OutOfFold, able: np.ndarray) -> list[str]:
    judged_by = "each judged by a model that was not trained on it"
    what = f"{found['track_id'].nunique():,} have a label that the model doubts"
    if said.is_tagged:
        known = "all" if able.all() else f"{able.sum()}"
        what = f"{found['track_id'].nunique():,} have, or lack, a tag that the model doubts ({len(found):,} doubts). "
        what += f"It was asked about {known} of {_count(len(able), 'tag')}: those that it tells better than chance"
    sentences = [f"Of {_count(len(said.track_id), 'track')}, {judged_by}, {what}."]
    if not said.is_tagged:
        calibrated = f"tempered (temperature {said.temperature:.2f}, fitted to other tracks)"
        state = calibrated if said.temperature > 1 else "as the models gave them"
        sentences.append(f"Probabilities are means over slices, {state}.")
    return [*sentences, "A suspect is no error: the model may be wrong as well. Listen before you change a label."]


def _unable(said: OutOfFold) -> str:
    what = "than chance at any tag" if said.is_tagged else "than always answering the commonest class"
    return f"The model is not shown to be better {what}, so it is not asked which labels are wrong."


def _keeps_copies_together(study: Mapping[str, Any]) -> bool:
    """Return whether the folds of the headline's protocol never part a group, which copies of a recording are."""
    name = study["headline"]["protocol"] if study["headline"] else next(iter(study["protocols"]))
    folds = study["protocols"][name]["folds"]
    return folds["group"] and folds["scheme"] != "given"


def _copy_issues(tracks: pd.DataFrame, pairs: pd.DataFrame, kept_together: bool) -> list[dict[str, Any]]:
    """Return a row a pair of copies; `tracks` is the index by track id."""
    known = pairs[pairs["a"].isin(tracks.index) & pairs["b"].isin(tracks.index)]
    return [_pair(tracks.loc[pair.a], tracks.loc[pair.b], pair, kept_together) for pair in known.itertuples()]


def _pair(one: pd.Series, other: pd.Series, pair: Any, kept_together: bool) -> dict[str, Any]:
    # Tracks that have tags have no class.
    in_conflict = bool(one["label"] and other["label"]) and one["label"] != other["label"]
    text = _COPIES[pair.kind].format(other["title"], _percent(pair.similarity))
    text += f", which is labelled {other['label']!r}: one of the labels is wrong. " if in_conflict else ". "
    return {
        "kind": "conflict" if in_conflict else "copy",
        "track_id": pair.a,
        "title": one["title"],
        "label": one["label"],
        "suggested": other["label"] if in_conflict else "",
        "score": pair.similarity,
        "other_id": pair.b,
        "other_title": other["title"],
        "reason": text + _fate([one["verdict"], other["verdict"]], kept_together),
    }


def _fate(verdicts: Sequence[str], kept_together: bool) -> str:
    used = sum(verdict != "quarantine" for verdict in verdicts)
    if used < len(verdicts):
        return "Only one of them is used." if used else "Neither is used."
    return f"Both are used, {'always' if kept_together else 'not always'} on one side of a fold."


def _pairs_told(copies: Sequence[Mapping[str, Any]]) -> str:
    if not copies:
        return "No recording was found twice."
    different = sum(row["kind"] == "conflict" for row in copies)
    return f"{_count(len(copies), 'pair')} of tracks are one recording, {different:,} of them with different labels."


def _frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(list(rows), columns=list(SUSPECTS))
    text = [name for name in SUSPECTS if name not in _NUMBERS]
    return frame.astype(dict.fromkeys(_NUMBERS, float) | dict.fromkeys(text, object))


def _percent(share: float) -> str:
    """Return a share in whole per cent; with a decimal near 0 and 1, which only certainty is."""
    return f"{100 * share:.{0 if 0.01 <= share <= 0.99 or share in (0, 1) else 1}f} %"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
