"""Loss and metrics of cells in the table of settings."""

import numpy as np
import pandas as pd
import pytest

from genreflow.evaluation import tags
from genreflow.evaluation.comparisons import pairs_table
from genreflow.evaluation.tags import TagPredictions

HAS = np.array([[True, False], [False, False], [True, True]])


def predictions(proba):
    return TagPredictions(np.array(["a", "b", "c"], object), np.zeros(3, int), HAS, np.array(proba, float), ("x", "y"))


def test_the_loss_of_tags_is_the_mean_over_cells_as_keras_computes_it():
    proba = np.array([[0.9, 0.2], [0.4, 0.1], [0.8, 0.3]])
    own = np.where(HAS, proba, 1 - proba)
    assert tags.log_loss(predictions(proba)) == pytest.approx(-np.log(own).mean())


def test_a_certain_mistake_has_a_finite_loss():
    assert tags.log_loss(predictions([[0.0, 0.0], [0.0, 0.0], [1.0, 1.0]])) == pytest.approx(
        -np.log(1e-7) / 6, rel=1e-6
    )


def random_tags(seed, n=60, k=4, skill=1.0):
    rng = np.random.default_rng(seed)
    has = np.random.default_rng(9).random((n, k)) < 0.3
    proba = 1 / (1 + np.exp(-(skill * has + rng.normal(size=has.shape)).round(1)))
    names = np.array([f"t{number:02}" for number in range(n)], object)
    return TagPredictions(names, np.zeros(n, int), has, proba, tuple("abcd"[:k]))


@pytest.mark.parametrize("seed", range(3))
def test_the_contributions_of_items_have_the_area_as_their_mean(seed):
    given = random_tags(seed)
    assert tags.shares_of_area(given).mean() == pytest.approx(tags.evaluate(given)["track_roc_auc_macro"], abs=1e-12)


def test_of_two_models_of_tags_the_better_one_is_found_by_the_layer_that_compares_classes():
    parts = []
    for setting, skill in (("gru", 3.0), ("rnn", 0.2), ("lstm", 0.2)):
        given = random_tags(len(setting) + int(skill), n=200, skill=skill)
        columns = {"track_id": given.track_id, "group": given.track_id, "correct": tags.shares_of_area(given)}
        parts.append(pd.DataFrame(columns).assign(setting=setting, fold="1", repeat=0))
    pairs = pairs_table(pd.concat(parts))
    found = {frozenset((row.a, row.b)): row.is_significant for row in pairs.itertuples()}
    assert found[frozenset(("gru", "rnn"))] and found[frozenset(("gru", "lstm"))]
    gru = pairs[(pairs["a"] == "gru") & (pairs["b"] == "rnn")].iloc[0]
    assert gru["difference"] == pytest.approx(gru["accuracy_a"] - gru["accuracy_b"]) and gru["low"] > 0
