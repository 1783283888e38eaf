"""Changes of a study between two points in time: its tracks, its settings, its accuracy on tracks judged both times.

Folds of two points in time differ, so a track is compared with itself: by the answer of the model that was not trained
on it, then and now. Where groups of tracks differ, tracks that are in one group at either time count as one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from genreflow.config.differences import differences
from genreflow.config.load import read_yaml
from genreflow.evaluation.comparisons import FEWEST, SIGNIFICANCE, track_difference
from genreflow.evaluation.tables import TRACKS
from genreflow.project import layout
from genreflow.project.history import name_of
from genreflow.store.parquet import read_frame
from genreflow.store.text import count, listing

CHANGED = ("track_id", "title", "true", "before", "after")
_NAMED = 6


@dataclass(frozen=True)
class Point:
    """A setting of a study at one time.

    Attributes
    ----------
    name, setting
        Name of the study and its entry, and of the model and setting.
    labels
        Label of each track that took part, by track id.
    answers
        Rows of the table `tracks` of the setting; none for tags.
    settings
        All settings of the study; empty if they are not recorded.
    row
        The setting's row of the table `settings`; empty if there is none.
    """

    name: str
    setting: str
    labels: pd.Series
    answers: pd.DataFrame
    settings: Mapping[str, Any] = field(default_factory=dict)
    row: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Changes:
    """Changes from one point in time to another.

    Attributes
    ----------
    before, after
        The two points.
    added, removed
        Tracks that took part in one of them only.
    new_classes, lost_classes
        Labels that one of them only has.
    settings
        A phrase per setting that changed.
    judged
        Accuracies of the tracks that both judged (`comparisons.track_difference`, after minus before) with the ends of
        the interval, ``low, high``; empty if there are none.
    relabeled
        Number of tracks that took part in both with different labels.
    newly_right, newly_wrong, still_wrong
        Tracks judged by both whose answer changed, `CHANGED`.
    """

    before: Point
    after: Point
    added: Sequence[str]
    removed: Sequence[str]
    new_classes: Sequence[str]
    lost_classes: Sequence[str]
    settings: Sequence[str]
    judged: Mapping[str, Any]
    relabeled: int
    newly_right: pd.DataFrame
    newly_wrong: pd.DataFrame
    still_wrong: pd.DataFrame

    @property
    def causes(self) -> list[str]:
        """What changed before anything was trained, as phrases: tracks, classes and settings."""
        phrases = [f"{count(len(self.added), 'track')} added"] if self.added else []
        phrases += [f"{count(len(self.removed), 'track')} removed"] if self.removed else []
        phrases += [f"{count(self.relabeled, 'label')} changed"] if self.relabeled else []
        phrases += [f"new: {listing(self.new_classes, _NAMED)}"] if self.new_classes else []
        phrases += [f"gone: {listing(self.lost_classes, _NAMED)}"] if self.lost_classes else []
        return [*phrases, *self.settings]

    @property
    def sentences(self) -> list[str]:
        """The changes, the most important first."""
        return [*_accuracy(self), *_answers(self), *_tracks(self), *_settings(self)]


def read_point(study: Path, setting: Mapping[str, str] | None) -> Point:
    """Read a setting from the results, or earlier results, of a study.

    Parameters
    ----------
    study
        Their folder.
    setting
        ``model, setting, protocol``; None where nothing was trained.

    Raises
    ------
    Damaged
        When a table is damaged.
    """
    file = layout.within(study, layout.STUDY_FILE)
    settings = read_yaml(file) if file.exists() else {}
    nothing = pd.Series(dtype=object), pd.DataFrame(columns=list(TRACKS))
    if setting is None:
        return Point(name_of(study), "", *nothing, settings)
    folds = layout.within(study, layout.FOLDS, protocol=setting["protocol"])
    labels = labels_of(read_frame(folds, "folds", ["track_id", "label"])) if folds.exists() else nothing[0]
    own, rows = (_of(study, table, setting) for table in ("tracks", "settings"))
    row = rows.iloc[0].to_dict() if len(rows) else {}
    return Point(name_of(study), f"{setting['model']} {setting['setting']}", labels, own, settings, row)


def labels_of(folds: pd.DataFrame) -> pd.Series:
    """Return the label of each track of a fold table, by track id."""
    return folds.drop_duplicates("track_id").set_index("track_id")["label"]


def changes(before: Point, after: Point, *, seed: int = 0) -> Changes:
    """Return the changes from one point in time to another."""
    first, second = _one_each(before.answers), _one_each(after.answers)
    both = second.index.intersection(first.index)
    first, second = first.loc[both], second.loc[both]
    table = pd.DataFrame(
        {
            "track_id": both,
            "title": second["title"].to_numpy(),
            "true": second["true"].to_numpy(),
            "before": first["predicted_majority"].to_numpy(),
            "after": second["predicted_majority"].to_numpy(),
        }
    ).astype(object)
    was, is_right = first["correct"].to_numpy(bool), second["correct"].to_numpy(bool)
    differs = (table["before"] != table["after"]).to_numpy(bool)
    common = after.labels.index.intersection(before.labels.index)
    relabeled = before.labels.loc[common].to_numpy() != after.labels.loc[common].to_numpy()
    old, new = (sorted({name for name in point.labels if name}) for point in (before, after))
    return Changes(
        before,
        after,
        added=sorted(set(after.labels.index) - set(before.labels.index)),
        removed=sorted(set(before.labels.index) - set(after.labels.index)),
        new_classes=[name for name in new if name not in old],
        lost_classes=[name for name in old if name not in new],
        settings=list(differences(before.settings, after.settings)) if before.settings and after.settings else [],
        judged=_judged(before.answers, after.answers, both, seed),
        relabeled=int(relabeled.sum()),
        newly_right=_sorted(table[~was & is_right]),
        newly_wrong=_sorted(table[was & ~is_right]),
        still_wrong=_sorted(table[~was & ~is_right & differs]),
    )


def _of(study: Path, table: str, setting: Mapping[str, str]) -> pd.DataFrame:
    frame = read_frame(layout.within(study, f"{layout.TABLES}/{table}.parquet"), "table")
    return frame[(frame["model"] == setting["model"]) & (frame["setting"] == setting["setting"])]


def _one_each(answers: pd.DataFrame) -> pd.DataFrame:
    """Return one answer a track, by track id: that of the first training."""
    ordered = answers.sort_values(["repeat", "fold"], kind="stable") if len(answers) else answers
    return ordered.drop_duplicates("track_id").set_index("track_id")


def _sorted(table: pd.DataFrame) -> pd.DataFrame:
    return table.sort_values(["true", "title", "track_id"], ignore_index=True)


def _judged(before: pd.DataFrame, after: pd.DataFrame, both: pd.Index, seed: int) -> dict[str, Any]:
    """Return the accuracies of common tracks, each group being the union of those that share a track."""
    if not len(both):
        return {}
    groups = _joined_groups(*(_one_each(answers).loc[both, "group"] for answers in (before, after)))
    own, other = (
        answers[answers["track_id"].isin(both)].assign(group=lambda rows: rows["track_id"].map(groups))
        for answers in (after, before)
    )
    facts, test = track_difference(own, other, seed=seed)
    low, high = test.interval(SIGNIFICANCE) if test else (None, None)
    return facts | {"low": low, "high": high}


def _joined_groups(before: pd.Series, after: pd.Series) -> pd.Series:
    """Return a number per track: tracks that are in one group before or after have the same."""
    from scipy.sparse import coo_array  # takes longer to load than all modules that the Snakefile needs
    from scipy.sparse.csgraph import connected_components

    old, new = pd.factorize(before)[0], pd.factorize(after)[0]
    nodes = old.max() + 1 + new.max() + 1
    edges = coo_array((np.ones(len(old)), (old, new + old.max() + 1)), shape=(nodes, nodes))
    _, number = connected_components(edges, directed=False)
    return pd.Series(number[old], index=before.index)


def _accuracy(changed: Changes) -> Iterator[str]:
    judged, rows = changed.judged, [point.row for point in (changed.before, changed.after)]
    if not judged:
        if all(pd.notna(row.get("roc_auc")) for row in rows):
            then, now = (
                f"{row['roc_auc']:.3f} ({row['roc_auc_low']:.3f} to {row['roc_auc_high']:.3f})" for row in rows
            )
            yield f"The mean ROC-AUC over tags was {then} and is {now}, each on the tracks of its own time."
        else:
            yield "No track was judged both times, so the accuracies cannot be compared."
        return
    tracks = count(judged["tracks"], "track")
    if judged["groups"] < judged["tracks"]:
        tracks += f" in {count(judged['groups'], 'group')}"
    if not any(map(len, (changed.newly_right, changed.newly_wrong, changed.still_wrong))):
        yield f"No answer changed for the {tracks} judged both times: the track accuracy is " + (
            f"{_percent(judged['accuracy_a'])} on them."
        )
        return
    yield (
        f"On the {tracks} judged both times, the track accuracy was {_percent(judged['accuracy_b'])} and is "
        f"{_percent(judged['accuracy_a'])} now: a difference of {_points(judged['difference'])}{_interval(judged)}."
    )


def _interval(judged: Mapping[str, Any]) -> str:
    if judged["low"] is None:
        return f", without an interval, as these are fewer than {FEWEST} groups"
    ends = f" (95 % interval {100 * judged['low']:.1f} to {100 * judged['high']:.1f})"
    if judged["low"] > 0:
        return f"{ends}, an improvement"
    return f"{ends}, a decline" if judged["high"] < 0 else f"{ends}, which may be chance"


def _answers(changed: Changes) -> Iterator[str]:
    right, wrong, still = (len(each) for each in (changed.newly_right, changed.newly_wrong, changed.still_wrong))
    if not right + wrong + still:
        return
    of_first = ", counted on the first training of each fold" if changed.judged["repeats"] > 1 else ""
    others = f"; {count(still, 'wrong answer')} became another wrong answer" if still else ""
    yield f"{count(right, 'track')} became right, {count(wrong, 'track')} became wrong{others}{of_first}."


def _tracks(changed: Changes) -> Iterator[str]:
    parts = [(len(changed.added), "added"), (len(changed.removed), "removed")]
    if phrases := [f"{count(number, 'track')} {_were(number)} {what}" for number, what in parts if number]:
        yield f"{' and '.join(phrases)}."
    else:
        yield "The tracks are the same."
    if changed.new_classes:
        yield f"New {'class' if len(changed.new_classes) == 1 else 'classes'}: {listing(changed.new_classes, _NAMED)}."
    if changed.lost_classes:
        one = "A class has" if len(changed.lost_classes) == 1 else "Classes have"
        yield f"{one} gone: {listing(changed.lost_classes, _NAMED)}."
    if changed.relabeled:
        yield f"{count(changed.relabeled, 'track')} {_have(changed.relabeled)} another label now."


def _settings(changed: Changes) -> Iterator[str]:
    if changed.before.setting != changed.after.setting:
        yield f"The report was about {changed.before.setting or 'no model'}, and now is about {changed.after.setting}."
    if changed.settings:
        yield f"Changed settings: {listing(changed.settings, _NAMED)}."


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


def _have(number: int) -> str:
    return "has" if number == 1 else "have"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _points(difference: float) -> str:
    return f"{100 * difference:+.1f} points"
