"""Loss and metrics of cells in the table of settings."""

import numpy as np
import pytest

from genreflow.evaluation import tags
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
