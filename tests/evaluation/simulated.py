"""Music and models whose true scores are known, and how often intervals and verdicts about them are right.

``python tests/evaluation/simulated.py`` prints the tables of docs/statistics.md.
"""

import sys
from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from genreflow.evaluation import tags
from genreflow.evaluation.comparisons import pairs_table
from genreflow.evaluation.intervals import accuracy_interval
from genreflow.evaluation.tags import TagPredictions

GROUPS = (10, 20, 60)
RATES = (0.02, 0.05, 0.2)


def correct_tracks(rng, groups, accuracy, alike):
    """Return whether each track is correct, and its group: groups of 1 to 30 or more tracks, each as hard as it is.

    `alike` is the correlation of two tracks of a group.
    """
    sizes = 1 + rng.geometric(0.12, groups)
    shares = np.array([accuracy, 1 - accuracy]) * (1 - alike) / alike
    hard = np.repeat(rng.beta(*shares, groups), sizes)
    return rng.random(len(hard)) < hard, np.repeat(np.arange(groups), sizes)


def tagged_tracks(rng, groups, tracks, n_tags, rate, area, alike):
    """Return predictions of tags with a true ROC-AUC, and the group of each track.

    Tags and scores of a group are alike to the degree `alike`, but not with each other: groups are as informative as
    tracks.
    """
    number = np.repeat(np.arange(groups), tracks)

    def normal():
        of_group = rng.normal(size=(groups, n_tags))[number]
        return np.sqrt(alike) * of_group + np.sqrt(1 - alike) * rng.normal(size=of_group.shape)

    has = normal() > ndtri(1 - rate)
    proba = ndtr(normal() + np.sqrt(2) * ndtri(area) * has)
    ids = np.array([f"t{track:05d}" for track in range(len(number))], object)
    names = tuple(f"tag{tag}" for tag in range(n_tags))
    return TagPredictions(ids, np.zeros(len(ids), int), has, proba, names), pd.Series(number, index=ids)


def trained_twice(rng, *, tracks, noise, repeats=1, folds=1, accuracy=0.7, lead=0.0, per_group=1, alike=0.6):
    """Return the answers of settings `a` and `b`, `lead` better, with `noise` the SD of an accuracy between trainings.

    A share `alike` of the tracks is as hard for one as for the other. Tracks come in groups of `per_group`.
    """
    number = np.arange(tracks)
    hard, of_fold, parts = rng.random(tracks), number // per_group % folds, []
    for name, own in (("a", accuracy + lead), ("b", accuracy)):
        difficulty = np.where(rng.random(tracks) < alike, hard, rng.random(tracks))
        for repeat in range(repeats):
            level = own + noise * rng.normal(size=folds)
            columns = {"track_id": number, "group": number // per_group, "fold": of_fold, "repeat": repeat}
            parts.append(pd.DataFrame(columns | {"setting": name, "correct": difficulty < level[of_fold]}))
    return pd.concat(parts, ignore_index=True)


def accuracy_rates(draws: int, groups: int, accuracy: float, alike: float) -> dict[str, float]:
    """Return ``contained``, the share of intervals with the true accuracy, and their mean ``width``."""
    ends = [
        accuracy_interval(*correct_tracks(np.random.default_rng([seed, groups]), groups, accuracy, alike))
        for seed in range(draws)
    ]
    return _rates(ends, accuracy)


def area_rates(draws: int, groups: int, rate: float, *, tracks: int, n_tags: int, area: float, alike: float = 0.3):
    """Return ``contained``, ``width`` and ``learned``, the share of intervals above one half, of the mean ROC-AUC."""
    ends = []
    for seed in range(draws):
        rng = np.random.default_rng([seed, groups])
        predictions, group = tagged_tracks(rng, groups, tracks, n_tags, rate, area, alike)
        row = tags.areas_table(predictions, groups=group).iloc[-1]
        ends.append((row["roc_auc_low"], row["roc_auc_high"]))
    known = [each for each in ends if each[0] == each[0]]
    return _rates(known, area) | {"learned": np.mean([low > 0.5 for low, _ in known])}


def better_rate(draws: int, **design) -> float:
    """Return the share of comparisons that call one of two settings better."""
    pairs = (pairs_table(trained_twice(np.random.default_rng(seed), **design), seed=seed) for seed in range(draws))
    return np.mean([pair["is_significant"].item() for pair in pairs])


def _rates(ends: Iterable[tuple[float, float]], truth: float) -> dict[str, float]:
    low, high = np.array(list(ends)).T
    return {"contained": np.mean((low <= truth) & (truth <= high)), "width": np.mean(high - low)}


def main(draws: int) -> None:
    """Print all tables; `draws` is the number of simulations of each row."""
    print("accuracy:", *("groups", "accuracy", "alike", "contained", "width"), sep="\t")
    for groups in GROUPS:
        for accuracy in (0.5, 0.7, 0.95):
            for alike in (0.05, 0.3):
                print("", groups, accuracy, alike, *_form(accuracy_rates(draws, groups, accuracy, alike)), sep="\t")
    print("areas:", *("groups", "base rate", "tags", "area", "contained", "width", "learned"), sep="\t")
    for groups in GROUPS:
        for rate in RATES:
            for n_tags in (1, 10):
                for area in (0.5, 0.8):
                    rates = area_rates(draws, groups, rate, tracks=300 // groups, n_tags=n_tags, area=area)
                    print("", groups, rate, n_tags, area, *_form(rates), sep="\t", flush=True)
    print("comparisons of equal settings:", *("noise", "folds", "repeats", "better"), sep="\t")
    for noise in (0.0, 0.01, 0.02):
        for folds in (1, 5):
            for repeats in (1, 2, 3):
                rate = better_rate(draws, tracks=1000, noise=noise, repeats=repeats, folds=folds)
                print("", noise, folds, repeats, f"{rate:.3f}", sep="\t", flush=True)


def _form(rates: dict[str, float]) -> list[str]:
    return [f"{value:.3f}" for value in rates.values()]


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
