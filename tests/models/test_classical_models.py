"""Fitted models predict what scikit-learn's do, from plain tensors that anybody may have tampered with."""

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from genreflow.models import estimator, registry
from genreflow.models.classical import held_out, rounded_down
from genreflow.models.standardize import Standardized
from genreflow.models.summary import layers

FITTED = [name for name, entry in registry.MODELS.items() if entry.is_estimator]
SMALL = {"random_forest": {"trees": 7, "depth": 26}, "svm": {"C": 10.0, "gamma": 0.0}}
D = 5


def songs(n=90, classes=(0, 1, 2), seed=0, each=3):
    """Return segments of songs of `each`, their classes and songs: noise around a place of each class, overlapping."""
    rng = np.random.default_rng(seed)
    groups = np.arange(n) // each
    targets = np.asarray(classes)[groups % len(classes)]
    places = np.random.default_rng(9).normal(size=(10, D))
    arrays = places[targets] + rng.normal(size=(n // each + 1, D))[groups] + 0.3 * rng.normal(size=(n, D))
    return arrays.astype(np.float32), targets, groups


def fit(name, data, n_outputs=3, seed=0, threads=1, **options):
    arrays, targets, groups = data
    model = registry.build(name, n_outputs, input_shape=(arrays.shape[1],), **SMALL.get(name, {}) | options)
    model.fit(arrays, targets, groups=groups, seed=seed, threads=threads)
    return model.eval()


def predict(model, arrays):
    with torch.inference_mode():
        return model(torch.from_numpy(arrays)).softmax(dim=1).numpy()


@pytest.fixture(scope="module", params=FITTED)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def model(name):
    return fit(name, songs())


class TestAsScikitLearn:
    """The same probabilities, to a millionth, on segments that were not trained on."""

    @pytest.mark.parametrize("seed", range(3))
    @pytest.mark.parametrize("options", [{}, {"trees": 30, "depth": 3}])
    def test_random_forest(self, seed, options):
        arrays, targets, _ = songs(seed=seed)
        settings = {"trees": 7, "depth": 26} | options
        expected = RandomForestClassifier(settings["trees"], max_depth=settings["depth"], random_state=seed)
        expected.fit(arrays, targets)
        result = fit("random_forest", songs(seed=seed), seed=seed, **settings)
        queries = songs(600, seed=9)[0]
        np.testing.assert_allclose(predict(result, queries), expected.predict_proba(queries), atol=1e-6)

    def test_random_forest_at_its_thresholds(self):
        """Numbers at, right below and right above a threshold go where scikit-learn sends them."""
        arrays, targets, _ = songs()
        arrays = arrays.round(1)  # so that thresholds, half-way between two, are often not in single precision
        expected = RandomForestClassifier(7, max_depth=26, random_state=0).fit(arrays, targets)
        result = fit("random_forest", (arrays, targets, targets))
        at = np.concatenate([tree.tree_.threshold[tree.tree_.feature == 0] for tree in expected.estimators_])
        at = at.astype(np.float32)
        around = np.concatenate([at, np.nextafter(at, np.float32(-9)), np.nextafter(at, np.float32(9))])
        queries = np.tile(arrays[:1], (len(around), 1))
        queries[:, 0] = around
        np.testing.assert_allclose(predict(result, queries), expected.predict_proba(queries), atol=1e-6)

    @pytest.mark.parametrize("neighbors", [1, 15, 90])
    def test_neighbors(self, neighbors):
        arrays, targets, _ = songs()
        expected = KNeighborsClassifier(neighbors).fit(arrays, targets)
        queries = songs(600, seed=9)[0]
        result = fit("knn", songs(), neighbors=neighbors)
        np.testing.assert_allclose(predict(result, queries), expected.predict_proba(queries), atol=1e-6)

    @pytest.mark.parametrize("classes", [(0, 1, 2), (0, 1)])
    @pytest.mark.parametrize("C", [1.0, 0.05])
    def test_logistic_regression(self, classes, C):
        arrays, targets, _ = songs(classes=classes)
        expected = LogisticRegression(C=C, max_iter=10_000).fit(arrays, targets)
        queries = songs(600, seed=9)[0]
        result = fit("logistic_regression", songs(classes=classes), n_outputs=len(classes), C=C)
        np.testing.assert_allclose(predict(result, queries), expected.predict_proba(queries), atol=1e-6)

    @pytest.mark.parametrize("options", [{}, {"C": 0.5, "gamma": 0.2}])
    def test_support_vectors(self, options):
        arrays, targets, groups = songs(150)
        machine = SVC(C=options.get("C", 10.0), gamma=options.get("gamma", 1 / (D * arrays.astype(float).var())))
        splits = held_out(targets, groups, 5)
        expected = OneVsRestClassifier(CalibratedClassifierCV(machine, cv=splits, ensemble=False)).fit(arrays, targets)
        queries = songs(600, seed=9)[0]
        result = fit("svm", (arrays, targets, groups), **options)
        np.testing.assert_allclose(predict(result, queries), expected.predict_proba(queries), atol=1e-6)


class TestFit:
    def test_easy_classes_are_told_apart(self, model):
        arrays, targets, _ = songs(seed=5)
        assert (predict(model, arrays).argmax(axis=1) == targets).mean() > 0.7

    def test_logits_are_finite_log_probabilities(self, name, model):
        logits = model(torch.from_numpy(np.concatenate([songs()[0], 1e4 * songs(seed=1)[0], np.zeros((1, D), "f4")])))
        assert logits.dtype == torch.float32
        assert logits.isfinite().all()
        if name == "probe":  # whose logits are those of tags as well
            logits = logits.log_softmax(dim=1)
        torch.testing.assert_close(logits.exp().sum(dim=1), torch.ones(len(logits)), atol=1e-6, rtol=0)

    def test_a_class_without_a_segment_gets_next_to_nothing(self, name):
        result = predict(fit(name, songs(classes=(1, 3)), n_outputs=5), songs()[0])
        assert result.shape == (90, 5)
        assert result[:, [0, 2, 4]].max() < 1e-6
        np.testing.assert_allclose(result.sum(axis=1), 1, atol=1e-6)

    @pytest.mark.parametrize("n", [1, 2, 30])
    def test_a_single_class_gets_everything(self, name, n):
        result = predict(fit(name, songs(n, classes=(1,), each=1)), songs()[0])
        assert result[:, 1].min() > 1 - 1e-6

    def test_a_class_may_have_a_single_segment(self, name):
        arrays, targets, groups = songs()
        data = (np.concatenate([arrays, [[50] * D]]).astype("f4"), np.append(targets, 3), np.append(groups, 99))
        result = predict(fit(name, data, n_outputs=4), songs(seed=3)[0])
        assert np.isfinite(result).all()
        assert result[:, 3].max() < 0.5

    def test_segments_that_are_all_alike_teach_how_often_each_class_is(self, name):
        targets = np.repeat([0, 1], [20, 10])
        result = predict(fit(name, (np.zeros((30, D), "f4"), targets, np.arange(30)), 2), np.zeros((1, D), "f4"))
        assert np.isfinite(result).all()
        assert result[0, 0] > result[0, 1]

    def test_the_number_of_threads_changes_nothing(self, name, model):
        other = fit(name, songs(), threads=2).state_dict()
        assert all(torch.equal(tensor, other[key]) for key, tensor in model.state_dict().items())

    def test_the_seed_decides_what_is_random(self):
        def first(seed):
            return fit("random_forest", songs(), seed=seed).thresholds.tolist()

        assert first(1) == first(1) != first(2)


class TestAsANetwork:
    def test_what_is_written_and_read_gives_the_same_results(self, name, model):
        """Behind its standardization, into a model that was never estimator."""
        network = Standardized(model, (D,), "element")
        stored = safetensors.torch.save(network.state_dict())
        fresh = registry.build(name, 3, input_shape=(D,), **SMALL.get(name, {}))
        fresh = Standardized(fresh, (D,), "element").eval()
        fresh.load_state_dict(safetensors.torch.load(stored))
        x = torch.from_numpy(songs(seed=2)[0])
        assert torch.equal(network(x), fresh(x))
        assert not list(estimator.problems(fresh))

    def test_a_segment_is_judged_by_itself(self, model, monkeypatch):
        x = torch.from_numpy(songs(seed=2)[0])
        together = model(x)
        torch.testing.assert_close(together[4:5], model(x[4:5]), rtol=0, atol=1e-6)
        monkeypatch.setattr(estimator, "_MAX_DISTANCES", 200)  # a few at a time
        torch.testing.assert_close(together, model(x), rtol=0, atol=1e-6)
        assert model(x[:0]).shape == (0, 3)

    def test_lower_precision_around_it_changes_nothing(self, model):
        x = torch.from_numpy(songs(seed=2)[0])
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(model(x), model(x))
            within = model(x)
        assert torch.equal(within, model(x))

    def test_it_is_drawn_as_one_block_that_says_how_large_it_has_become(self, name, model):
        titles = {
            "knn": "15 nearest of 90 segments",
            "random_forest": f"7 trees, depth ≤ 26, {len(model.state_dict().get('thresholds', ())):,} nodes",
            "svm": f"3 machines, {len(model.state_dict().get('vectors', ())):,} support vectors",
            "logistic_regression": "3 × 5 weights",
            "probe": "3 × 5 weights",
        }
        assert layers(model, (D,)) == [{"name": titles[name], "shape": [3], "parameters": 0, "joins": None}]

    def test_before_the_fit_nothing_is_likelier_than_anything_else(self, name):
        if name != "knn":  # whose only segment is of class 0
            fresh = registry.build(name, 3, input_shape=(D,))
            np.testing.assert_allclose(predict(fresh, songs()[0]), 1 / 3, rtol=1e-6)


class TestNeighbors:
    def test_of_equally_near_segments_the_first_are_nearer(self):
        """Ten copies of one segment, of classes 1 0 0 0 …; the nearest one is the first of them."""
        arrays = np.concatenate([np.zeros((10, D)), np.ones((10, D))]).astype("f4")
        targets = np.array([1, *[0] * 9, *[2] * 10])
        result = predict(fit("knn", (arrays, targets, targets), neighbors=1), np.zeros((1, D), "f4"))
        assert result.argmax() == 1
        result = predict(fit("knn", (arrays, targets, targets), neighbors=12), np.zeros((1, D), "f4"))
        np.testing.assert_allclose(result, [[9 / 12, 1 / 12, 2 / 12]], atol=1e-6)

    def test_all_vote_where_there_are_fewer_than_wanted(self):
        result = predict(fit("knn", songs(12), neighbors=15), songs()[0])
        np.testing.assert_allclose(result, np.tile([6 / 12, 3 / 12, 3 / 12], (90, 1)), atol=1e-6)


class TestHeldOut:
    @settings(deadline=None)
    @given(
        labels=st.lists(st.tuples(st.integers(0, 4), st.integers(1, 4)), min_size=1, max_size=12), n=st.integers(2, 6)
    )
    def test_songs_stay_whole_and_every_class_is_left(self, labels, n):
        """Every segment is held out once, no song is on both sides; a class of two songs or more is always kept."""
        targets = np.concatenate([[label] * size for label, size in labels])
        groups = np.concatenate([[f"{number:x}"] * size for number, (_, size) in enumerate(labels)])
        splits = held_out(targets, groups, n)
        assert len(splits) == min(n, len(labels))
        assert sorted(np.concatenate([out for _, out in splits])) == list(range(len(targets)))
        of_class = [label for label, _ in labels]
        for kept, out in splits:
            assert not set(groups[kept]) & set(groups[out])
            assert len(kept) + len(out) == len(targets)
            assert {label for label in of_class if of_class.count(label) > 1} <= set(targets[kept])


class TestRoundedDown:
    @given(
        threshold=st.floats(-1e30, 1e30),
        x=arrays_of.arrays(np.float32, 20, elements=st.floats(-(2.0**100), 2.0**100, width=32)),
    )
    def test_what_is_above_stays_above(self, threshold, x):
        near = np.float32(threshold)
        x = np.append(x, [near, np.nextafter(near, np.float32(np.inf)), np.nextafter(near, np.float32(-np.inf))])
        [rounded] = rounded_down(np.array([threshold]))
        assert rounded.dtype == np.float32
        assert ((x > rounded) == (x.astype(np.float64) > threshold)).all()


class TestTampered:
    """What is loaded may come from anywhere: it is refused in words, or predicts something; it never hangs."""

    @pytest.fixture
    def forest(self):
        return fit("random_forest", songs())

    @pytest.mark.parametrize(
        ("buffer", "place", "value", "message"),
        [
            ("following", (0, 0), 10**9, "none of the"),
            ("following", (0, 1), -1, "none of the"),
            ("following", (3, 1), 0, "deeper than 26"),
            ("roots", 0, -(2**62), "none of the"),
            ("descriptors", 0, D, f"none of the {D}"),
            ("descriptors", 2, -1, f"none of the {D}"),
            ("shares", (4, 1), 3.0, "shares"),
            ("shares", (4, 1), float("nan"), "shares"),
        ],
    )
    def test_forests_that_are_none(self, forest, buffer, place, value, message):
        getattr(forest, buffer)[place] = value
        assert message in " ".join(forest.problems())

    def test_a_forest_of_circles_ends(self, forest):
        forest.following[:] = forest.following.flip(0).roll(1, 0)
        assert list(forest.problems())
        assert predict(forest, songs()[0]).shape == (90, 3)

    def test_a_chain_deeper_than_allowed_is_refused(self, forest):
        n = len(forest.following)
        forest.following[:] = torch.arange(1, n + 1).clamp_max(n - 1)[:, None]
        assert "deeper" in " ".join(forest.problems())

    @settings(max_examples=60)
    @given(data=st.data())
    def test_no_indices_do_harm(self, data):
        forest = registry.build("random_forest", 2, input_shape=(3,), trees=2, depth=4)
        n = data.draw(st.integers(1, 6))
        index = st.integers(-1, n) if data.draw(st.booleans()) else st.integers(0, n - 1)
        state = {
            "roots": torch.tensor(data.draw(st.lists(index, min_size=2, max_size=2))),
            "descriptors": torch.tensor(data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))),
            "thresholds": torch.zeros(n),
            "following": torch.tensor(data.draw(st.lists(index, min_size=2 * n, max_size=2 * n))).reshape(n, 2),
            "shares": torch.full((n, 2), 0.5),
        }
        forest.load_state_dict(state)
        if not list(forest.problems()):
            assert predict(forest, np.zeros((2, 3), "f4")).tolist() == [[0.5, 0.5]] * 2

    @pytest.mark.parametrize("value", [3, -1, 2**62])
    def test_neighbors_of_no_class(self, value):
        model = fit("knn", songs())
        model.classes[7] = value
        assert list(model.problems()) == ["a segment is of none of the 3 classes"]

    def test_lengths_that_do_not_go_together_are_not_loaded(self, name, model):
        for buffer, tensor in model.state_dict().items():
            for shape in {(0, *tensor.shape[1:]), (*tensor.shape, 1), (len(tensor) + 1, *tensor.shape[1:])}:
                fresh = registry.build(name, 3, input_shape=(D,), **SMALL.get(name, {}))
                state = {**model.state_dict(), buffer: torch.zeros(shape, dtype=tensor.dtype)}
                with pytest.raises(RuntimeError, match=f"size mismatch for {buffer}"):
                    fresh.load_state_dict(state)
