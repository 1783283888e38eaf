"""Fusions as runs: what several models say together, fold by fold, judged as one model is."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from genreflow.evaluation.fusion import mean_fusion, stacking
from genreflow.evaluation.predictions import Predictions
from genreflow.evaluation.runs import DIVERGED, Run, finished, judged, validated
from genreflow.folds.roles import FINAL, TEST, VALIDATION


def fused_runs(runs: Sequence[Run], fusions: Sequence[Mapping[str, Any]]) -> list[Run]:
    """Return a run for each fold of each fusion.

    Parameters
    ----------
    runs
        Trained ones, among them all members in all folds.
    fusions
        ``model, setting, protocol, rule`` (``mean`` or ``stacking``) and ``members``, pairs of model and setting.

    Returns
    -------
    Runs without history and cost; one has diverged if one of its members has.
    """
    trained = [run for run in runs if run["fold"] != FINAL]
    found = []
    for fusion in fusions:
        names = [" ".join(place) for place in fusion["members"]]
        members = [[run for run in trained if f"{run['model']} {run['setting']}" == name] for name in names]
        found += [_fused(fusion, dict(zip(names, group, strict=True))) for group in zip(*members, strict=True)]
    return found


def _fused(fusion: Mapping[str, Any], members: Mapping[str, Run]) -> Run:
    first = next(iter(members.values()))
    is_sound = all(finished(run) for run in members.values())
    info = first["info"] | {
        "status": first["info"]["status"] if is_sound else DIVERGED,
        "seconds": {"total": 0.0},
        "device": "",
        "kept_epoch": 0,
    }
    predictions = first["predictions"].iloc[:0]
    if is_sound:
        tested = {name: judged(run) for name, run in members.items()}
        watched = {name: validated(run) for name, run in members.items()}
        if fusion["rule"] == "stacking":
            predictions = _frame(stacking(watched, tested), TEST)
        else:
            parts = [_frame(mean_fusion(tested), TEST)]
            parts += [_frame(mean_fusion(watched), VALIDATION)] if len(next(iter(watched.values()))) else []
            predictions = pd.concat(parts, ignore_index=True)
    return Run(
        **{name: fusion[name] for name in ("model", "setting", "protocol")},
        **{name: first[name] for name in ("fold", "repeat", "round")},
        info=info,
        history=first["history"].iloc[:0],
        predictions=predictions,
    )


def _frame(said: Predictions, role: str) -> pd.DataFrame:
    """Return predictions as they are stored."""
    frame = pd.DataFrame(
        {
            "track_id": said.track_id,
            "slice": said.segment,
            "label": np.asarray(said.classes, object)[said.label],
            "role": role,
        }
    )
    return frame.join(pd.DataFrame(said.proba, columns=[f"p{number}" for number in range(len(said.classes))]))
