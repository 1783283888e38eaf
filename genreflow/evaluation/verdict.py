"""The verdict on a model: how its accuracy stands against trivial answers and the audit of leakage.

Every text that judges a model takes its words from here: report, overview, closing lines of a run, model card.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from genreflow.folds.properties import LEAK, PROPERTIES
from genreflow.store.text import count

Standing = Literal["sound", "doubtful", "leaky", "open"]
MOST_COMMON = "the most common class"
# Check of the audit -> what leaks; "they" are the tested tracks.
_LEAKS = {
    "tracks": "other segments of them are trained on",
    "duplicates": "copies of them are trained on",
    "groups": "other tracks of their groups (albums or artists) are trained on",
    "artists": "other tracks of their artists are trained on",
    "pretraining": "a network that the models start from was trained on them",
}


@dataclass(frozen=True)
class Verdict:
    """Conclusion from a score.

    Attributes
    ----------
    standing
        ``leaky``: tested tracks are known from training; ``doubtful``: a trivial answer is as good, or the files reveal
        the class; ``sound``: neither; ``open``: there is no accuracy to judge.
    sentence
        Conclusion; empty where there is nothing to judge.
    baseline, baseline_name
        Accuracy of the best trivial answer, and what it rests on: `MOST_COMMON`, or a property of the files.
    leak
        What leaks, as a clause: "other tracks of their groups (albums or artists) are trained on"; empty if nothing.
    """

    standing: Standing
    sentence: str
    baseline: float | None
    baseline_name: str
    leak: str = ""


NO_VERDICT = Verdict("open", "", None, MOST_COMMON)


def verdict_on(
    facts: Mapping[str, Any], leakage: pd.DataFrame | None, elsewhere: Sequence[Mapping[str, Any]] = ()
) -> Verdict:
    """Return the verdict on the accuracy of tracks.

    Parameters
    ----------
    facts
        ``accuracy, low, high``, None where they are missing, and ``baseline``, the share of the most common class.
    leakage
        Audit of the protocol (`genreflow.folds.leakage.leakage`); None if there is none.
    elsewhere
        Accuracies on other datasets, rows of the table `cross_dataset`. A model that is not shown to beat chance there
        is ``doubtful``, whatever it reaches at home.
    """
    checks = leakage if leakage is not None else pd.DataFrame(columns=["check", "what", "share", "verdict", "message"])
    best, name = _best_trivial(facts.get("baseline"), checks)
    leaks = checks[(checks["verdict"] == LEAK) & (checks["check"] != "encoding")]
    if len(leaks):
        sentence = (
            f"This result is too high by an unknown amount: {count(len(leaks), 'check')} found a leak from training "
            f"to tested tracks. {leaks['message'].iloc[0]}"
        )
        return Verdict("leaky", sentence, best, name, _LEAKS[leaks["check"].iloc[0]])
    if facts.get("accuracy") is None or best is None:
        return Verdict("open", "", best, name)
    standing, conclusion = _compared(facts["accuracy"], facts["low"], facts["high"], best, name, checks)
    if standing == "sound" and not all(beats_chance(row) for row in elsewhere if row["tracks"]):
        standing = "doubtful"
    trivial = f"Always predicting {name}" if name == MOST_COMMON else f"The {name} of the file alone"
    return Verdict(standing, f"{trivial} gives {_percent(best)}{conclusion}.", best, name)


def beats_chance(row: Mapping[str, Any]) -> bool:
    """Return whether the accuracy on another dataset, a row of `cross_dataset`, is shown to exceed its baseline."""
    return pd.notna(row["accuracy_low"]) and row["accuracy_low"] > row["baseline"]


def _compared(
    accuracy: float, low: float | None, high: float | None, best: float, name: str, checks: pd.DataFrame
) -> tuple[Standing, str]:
    """Return the standing of an accuracy beside the best trivial one, and the rest of the sentence on both."""
    learned = f"the model may have learned the {name} instead of the music"
    if name != MOST_COMMON and best >= (accuracy if low is None else low):
        return "doubtful", f", which is as good: {learned}"
    if low is None or high is None:
        return "doubtful", "; there are too few tracks to decide whether the model is better"
    if high < best:
        return "doubtful", "; the whole interval lies below, so the model is worse than this baseline"
    if low <= best:
        return (
            "doubtful",
            "; the interval includes it, so these tracks do not show that the model has learned anything",
        )
    if ((checks["verdict"] == LEAK) & (checks["check"] == "encoding")).any():
        return "doubtful", f", far more than chance: {learned}, at least in part"
    return "sound", "; the whole interval lies above, so the model has learned to distinguish classes"


def _best_trivial(baseline: float | None, checks: pd.DataFrame) -> tuple[float | None, str]:
    """Return accuracy and name of the best trivial answer; a property of files counts where it tells something."""
    best, name = baseline, MOST_COMMON
    encoding = checks[(checks["check"] == "encoding") & (checks["verdict"] != "ok")]
    for what, share in zip(encoding["what"], encoding["share"], strict=True):
        if best is None or share > best:
            best, name = float(share), PROPERTIES.get(what, what)
    return best, name


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
