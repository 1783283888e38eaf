"""Complementarity of two fused models: which of them is right on which tracks (feature_maps study, section 4.4)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from genreflow.evaluation.registry import StudyTable, count_column, frame_of, number_column, percent_column, text_column

COMPLEMENTARITY = (
    "fusion", "setting", "protocol", "first", "second", "class", "tracks", "both", "only_first", "only_second",
    "neither", "either", "fused", "fused_of_one", "fused_of_none", "yule_q",
)  # fmt: skip
ALL = "(all)"


def complementarity_table(fusions: Sequence[Mapping[str, Any]], tracks: pd.DataFrame) -> pd.DataFrame:
    """Return a row per class of each fusion of two models, `COMPLEMENTARITY`, and one of all classes, `ALL`.

    Tracks are counted by whether the majority vote of each model is right; a track that is tested in several rounds
    counts in each. `either` is the share of tracks that at least one is right about, which no fusion by choice
    exceeds; `fused` is the share that the fusion is right about, of all tracks, of those that exactly one model is
    right about, and of those that none is. Yule's `yule_q` is 1 where both are right about the same tracks, 0 where
    they err independently, and -1 where they err on different ones (Kuncheva and Whitaker 2003).

    Parameters
    ----------
    fusions
        Fusions from the plan, ``model, setting, protocol, members``.
    tracks
        The table `tracks`.
    """
    rows = []
    for fusion in fusions:
        if len(fusion["members"]) != 2:
            continue
        together = _together(fusion, tracks)
        names = [model for model, _ in fusion["members"]]
        for label in [ALL, *sorted(together["true"].unique())] if len(together) else []:
            own = together if label == ALL else together[together["true"] == label]
            facts = {name: fusion[key] for name, key in (("fusion", "model"), ("setting", "setting"))}
            row = facts | {"protocol": fusion["protocol"], "first": names[0], "second": names[1], "class": label}
            rows.append(row | _counts(own))
    return frame_of(rows, COMPLEMENTARITY)


def _together(fusion: Mapping[str, Any], tracks: pd.DataFrame) -> pd.DataFrame:
    """Return ``true, first, second, fused``: whether each is right, for the tracks that all three were tested on."""
    keys = ["track_id", "fold", "repeat"]
    parts = []
    for name, (model, setting) in zip(
        ("first", "second", "fused"), [*fusion["members"], (fusion["model"], fusion["setting"])], strict=True
    ):
        own = tracks[(tracks["model"] == model) & (tracks["setting"] == setting)]
        parts.append(own.set_index(keys)["correct"].astype(bool).rename(name))
    labels = tracks.drop_duplicates("track_id").set_index("track_id")["true"]
    joined = pd.concat(parts, axis=1, join="inner")
    return joined.assign(true=labels.reindex(joined.index.get_level_values("track_id")).to_numpy())


def _counts(own: pd.DataFrame) -> dict[str, Any]:
    first, second, fused = (own[name].to_numpy(bool) for name in ("first", "second", "fused"))
    both, neither = first & second, ~first & ~second
    one = ~both & ~neither
    product, cross = both.sum() * neither.sum(), (first & one).sum() * (second & one).sum()
    return {
        "tracks": len(own),
        "both": int(both.sum()),
        "only_first": int((first & one).sum()),
        "only_second": int((second & one).sum()),
        "neither": int(neither.sum()),
        "either": float((~neither).mean()),
        "fused": float(fused.mean()),
        "fused_of_one": float(fused[one].mean()) if one.any() else np.nan,
        "fused_of_none": float(fused[neither].mean()) if neither.any() else np.nan,
        "yule_q": float((product - cross) / (product + cross)) if product + cross else np.nan,
    }


TABLES = (
    StudyTable(
        "complementarity",
        lambda results: complementarity_table(results.study["fusions"], results["tracks"]),
        COMPLEMENTARITY,
        section="Results",
        title="Who is right when: the errors of fused models",
        caption=(
            "Each row is a class of a fusion of two models: the tracks that both, one or none of them are right about, "
            "and the share of each that the fusion is right about."
        ),
        shown=(
            text_column("Fusion", "fusion"),
            text_column("Protocol", "protocol"),
            text_column("First", "first"),
            text_column("Second", "second"),
            text_column("Class", "class"),
            count_column("Tracks", "tracks"),
            count_column("Both right", "both"),
            count_column("Only the first", "only_first"),
            count_column("Only the second", "only_second"),
            count_column("Neither", "neither"),
            percent_column("Either right (%)", "either"),
            percent_column("Fusion right (%)", "fused"),
            percent_column("Fusion right where one is (%)", "fused_of_one"),
            percent_column("Fusion right where none is (%)", "fused_of_none"),
            number_column("Yule's Q", "yule_q"),
        ),
        folded=True,
    ),
)
