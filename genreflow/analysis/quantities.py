"""Distribution of musical quantities over the tracks of each class: tempo, key clarity and others.

Sources: psytrance study, Data Preparation (beats a minute); feature_maps study, section 2.2 (key clarity).
"""

import numpy as np
import pandas as pd

from genreflow.analysis.clips import Clip, Source
from genreflow.analysis.signals import QUANTILES, distribution
from genreflow.features.maps import UNITS

QUANTITIES = [
    "input", "quantity", "unit", "tag", "clips", "mean", "sd", "least", *QUANTILES, "most", "published_least",
    "published_most",
]  # fmt: skip
TEMPO = "tempo"
_UNITS = {TEMPO: "beats/min", **UNITS}
_MOST = 40  # quantities of an input; of more, only those with a unit


class Quantities:
    """Each quantity of a track, the median over its slices of the mean over time, and its distribution in each class.

    A tempo of 0 says that there are no onsets, and does not count.

    Parameters
    ----------
    source
        An input of descriptors or music maps.
    marked
        See `genreflow.analysis.tags.membership`.
    published
        ``class, quantity, least, most``, or None.
    """

    def __init__(self, source: Source, marked: pd.DataFrame, published: pd.DataFrame | None = None) -> None:
        names = source.front_end.rows()
        self.rows = [row for row, name in enumerate(names) if name in _UNITS or len(names) <= _MOST]
        self.names = [names[row] for row in self.rows]
        self.source, self.marked, self.published = source, marked, published
        self.values: dict[str, np.ndarray] = {}

    def add(self, clip: Clip) -> None:
        """Add a clip to the statistics."""
        array = clip.array[:, self.rows].astype(np.float64)
        self.values[clip.track_id] = np.median(array if array.ndim == 2 else array.mean(axis=2), axis=0)

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return `QUANTITIES` as ``quantities``: a row per quantity and tag."""
        if not self.values or not self.names:
            return {}
        values = pd.DataFrame.from_dict(self.values, orient="index", columns=self.names)
        if TEMPO in values:
            values[TEMPO] = values[TEMPO].where(values[TEMPO] > 0)
        borne = self.marked.loc[values.index]
        rows = [
            {
                "input": self.source.name, "quantity": name, "unit": _UNITS.get(name, ""), "tag": tag,
                **distribution(values.loc[borne[tag], name]), **self._published(name, tag),
            }
            for name in self.names
            for tag in borne.columns
        ]  # fmt: skip
        return {"quantities": pd.DataFrame(rows, columns=QUANTITIES)}

    def _published(self, quantity: str, tag: str) -> dict[str, float]:
        if self.published is None:
            return {}
        own = self.published[(self.published["quantity"] == quantity) & (self.published["class"] == tag)]
        return {f"published_{end}": float(own[end].iloc[0]) for end in ("least", "most")} if len(own) else {}
