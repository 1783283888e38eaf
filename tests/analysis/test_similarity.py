"""The nearest tracks are those with the largest cosine of standardized features."""

import numpy as np
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.preprocessing import StandardScaler

from genreflow.analysis import similarity
from genreflow.analysis.similarity import nearest, standardized

RNG = np.random.default_rng(0)


def test_features_are_standardized_and_have_length_1():
    matrix = RNG.normal(size=(30, 7)) * RNG.uniform(0.1, 100, 7) + 5
    matrix[:, 3] = 2.0  # never varies
    made, center, scale = standardized(matrix)
    expected = StandardScaler().fit_transform(matrix)
    np.testing.assert_allclose(made, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-6)
    np.testing.assert_allclose(center, matrix.mean(axis=0))
    assert np.isinf(scale[3])


def test_the_nearest_are_found_block_by_block(monkeypatch):
    monkeypatch.setattr(similarity, "_BLOCK", 7)
    made = standardized(RNG.normal(size=(40, 5)))[0]
    cosines = cosine_similarity(made) - 3 * np.eye(40)
    for row, (near, values) in enumerate(nearest(made, 4)):
        np.testing.assert_allclose(values, np.sort(cosines[row])[::-1][:4], atol=1e-6)
        np.testing.assert_allclose(cosines[row][near], values, atol=1e-6)


def test_equal_tracks_come_in_the_order_of_the_library():
    made = standardized(np.array([[0.0, 1], [0, 1], [0, 1], [5, 2]]))[0]
    near, _ = next(nearest(made, 2))
    assert near.tolist() == [1, 2]
