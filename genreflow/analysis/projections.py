"""Clips as points in a plane: do those of a tag lie together? (tagging study, Figures 3.1.9 and 3.1.10).

A clip is the array of its middle slice as a model is fed it, samples or spectrogram, without further summary; of
descriptors, whose units differ, each is standardized first. Of arrays of more than a MiB only the first part of the
time is used. All three methods start from the products of the clips with each other, so that their arrays are held
once and no larger matrix than clips by clips is needed:

- ``pca``: principal components, exact.
- ``mds``: metric multidimensional scaling of Euclidean distances (SMACOF), started from the classical solution.
- ``tsne``: t-SNE (Barnes-Hut) of the same distances, started from the principal components.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.manifold import MDS, TSNE

from genreflow.analysis.clips import Clip, Source, drawn
from genreflow.store.shards import FULL_SCALE

PROJECTIONS = ["input", "front_end", "method", "track_id", "tag", "x", "y"]
QUALITY = ["input", "front_end", "method", "clips", "explained", "stress", "divergence", "neighbors", "chance"]
MOST_CLIPS = 500
LEAST_CLIPS = 3
MOST_BYTES = 2**20
PERPLEXITY = 30.0
_BLOCK = 8_192  # values of each clip that are multiplied together

Points = tuple[np.ndarray, dict[str, float]]


class Projections:
    """Projections of some clips of an input.

    Parameters
    ----------
    source
        An input of any front-end.
    tags
        The clips that are shown, by `track_id`, and the tag that each is shown with, see `shown_with`.
    seed
        Of MDS and t-SNE.
    """

    def __init__(self, source: Source, tags: Mapping[str, str], *, seed: int) -> None:
        self.source, self.tags, self.seed = source, tags, seed
        self.arrays: dict[str, np.ndarray] = {}

    def add(self, clip: Clip) -> None:
        """Add a clip to the statistics."""
        if clip.track_id in self.tags:
            array = clip.stored[clip.middle]
            steps = MOST_BYTES // (array[..., 0].size * array.itemsize)
            self.arrays[clip.track_id] = array[..., : max(1, steps)].ravel()

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return `PROJECTIONS` as ``projections``, `QUALITY` as ``projection_quality``; nothing of fewer than 3 clips.

        Of each method: the share of the variance that the plane ``explained`` (PCA), Kruskal's ``stress`` (MDS), the
        Kullback-Leibler ``divergence`` (t-SNE); and for all the share of clips whose nearest of the ``neighbors`` in
        the plane is shown with the same tag, beside that of a ``chance`` neighbor.
        """
        tracks = sorted(self.arrays)
        if len(tracks) < LEAST_CLIPS:
            return {}
        scaled = self.source.axes == ("quantity",)
        products = centered_products([self.arrays[track] for track in tracks], scaled=scaled)
        if not products.trace() > 0:
            return {}
        if self.source.axes == ("time",):
            products /= FULL_SCALE**2
        tags = np.array([self.tags[track] for track in tracks], dtype=object)
        kind = {"input": self.source.name, "front_end": self.source.front_end.settings.kind}
        points, quality = [], []
        for method, project in METHODS.items():
            plane, measures = project(products, self.seed)
            named = {"track_id": tracks, "tag": tags, "x": plane[:, 0], "y": plane[:, 1]}
            points.append(pd.DataFrame(named).assign(method=method, **kind))
            quality.append({**kind, "method": method, "clips": len(tracks), **measures, **_agreement(plane, tags)})
        return {
            "projections": pd.concat(points, ignore_index=True)[PROJECTIONS],
            "projection_quality": pd.DataFrame(quality, columns=QUALITY),
        }


def shown_with(marked: pd.DataFrame, *, seed: int, most: int = MOST_CLIPS) -> dict[str, str]:
    """Draw at most so many clips that bear any tag, and return the rarest tag of each, which is the most specific."""
    rarest_first = marked[marked.columns[::-1]]
    bearing = rarest_first[rarest_first.any(axis=1)]
    return bearing.loc[drawn(bearing.index, most, seed)].idxmax(axis=1).to_dict() if len(bearing) else {}


def centered_products(arrays: list[np.ndarray], *, scaled: bool = False) -> np.ndarray:
    """Return the scalar products of arrays [d] with each other after the mean of all is taken off, float64 ``[n, n]``.

    Parameters
    ----------
    arrays
        Of one length and any type.
    scaled
        Divide each of the d values by its deviation over all arrays first; what never varies counts nothing.
    """
    products = np.zeros((len(arrays), len(arrays)))
    for start in range(0, len(arrays[0]), _BLOCK):
        block = np.stack([array[start : start + _BLOCK] for array in arrays]).astype(np.float64)
        block -= block.mean(axis=0)
        if scaled:
            deviation = block.std(axis=0)
            block /= np.where(deviation > 0, deviation, 1)
        products += block @ block.T
    return products


def pca(products: np.ndarray, _: int = 0) -> Points:
    """Return the first two principal components [n, 2] from centered products, and the variance that they explain.

    The largest coordinate of each component is positive.
    """
    values, vectors = np.linalg.eigh(products)
    values, vectors = np.maximum(values[:-3:-1], 0), vectors[:, :-3:-1]
    return upright(vectors) * np.sqrt(values), {"explained": values.sum() / products.trace()}


def upright(components: np.ndarray) -> np.ndarray:
    """Return components [n, k], whose signs are arbitrary, with the largest coordinate of each positive."""
    largest = np.abs(components).argmax(axis=0)
    return components * np.sign(components[largest, np.arange(components.shape[1])])


def mds(products: np.ndarray, seed: int) -> Points:
    """Return points [n, 2] whose distances are near to those of the clips, and Kruskal's ``stress``, 0 at best."""
    method = MDS(
        metric="precomputed", init="classical_mds", n_init=1, normalized_stress=True, random_state=seed, n_jobs=1
    )
    plane = method.fit_transform(_unit_distances(products))
    return plane, {"stress": float(method.stress_)}


def tsne(products: np.ndarray, seed: int) -> Points:
    """Return points [n, 2] whose neighbors are those of the clips, and the ``divergence`` that is left."""
    return _tsne(_unit_distances(products), pca(products)[0], seed, metric="precomputed")


def tsne_of_points(points: np.ndarray, seed: int) -> Points:
    """Do so with points [n, k] in place of clips, the first two coordinates being their principal components."""
    return _tsne(points, points[:, :2], seed, metric="euclidean")


def perplexity(n: int) -> float:
    """Return how many neighbors of each of n points count in t-SNE, so to speak."""
    return min(PERPLEXITY, (n - 1) / 3)


METHODS: dict[str, Callable[[np.ndarray, int], Points]] = {"pca": pca, "mds": mds, "tsne": tsne}


def _tsne(data: np.ndarray, start: np.ndarray, seed: int, *, metric: str) -> Points:
    start = (1e-4 * start / start[:, 0].std()).astype(np.float32)
    method = TSNE(metric=metric, init=start, perplexity=perplexity(len(data)), random_state=seed, n_jobs=1)
    plane = method.fit_transform(data)
    return plane.astype(np.float64), {"divergence": float(method.kl_divergence_)}


def _unit_distances(products: np.ndarray) -> np.ndarray:
    """Return Euclidean distances with a mean of 1: the methods' thresholds are for such."""
    lengths = np.diag(products)
    distances = np.sqrt(np.maximum(lengths[:, np.newaxis] + lengths - 2 * products, 0))
    np.fill_diagonal(distances, 0)
    return distances / distances.mean()


def _agreement(plane: np.ndarray, tags: np.ndarray) -> dict[str, Any]:
    distances = np.square(plane[:, np.newaxis] - plane).sum(axis=2)
    np.fill_diagonal(distances, np.inf)
    _, sizes = np.unique(tags.astype(str), return_counts=True)
    chance = (sizes * (sizes - 1)).sum() / (len(tags) * (len(tags) - 1))
    return {"neighbors": float((tags[distances.argmin(axis=1)] == tags).mean()), "chance": float(chance)}
