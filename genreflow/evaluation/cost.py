"""What a study has cost: the time of each stage, and how long its runs held a GPU."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from genreflow.store.costs import attempts
from genreflow.store.text import rough_duration

COST = ("stage", "jobs", "recorded", "seconds", "gpu_seconds", "median", "longest", "spent")
TRAIN, ALL = "train", "all"
_MORE = 1.05  # so much more must all attempts have taken than the last ones to be worth a word


def cost_table(logs: Mapping[str, Sequence[str]], runs: pd.DataFrame) -> pd.DataFrame:
    """Return a row a stage, `COST`, in the order of `logs`, and a last one of `ALL`.

    Parameters
    ----------
    logs
        Stage -> the logs of the jobs that its products come from; `genreflow.store.costs` has what these took.
    runs
        What `tables.runs_table` returns: it knows what runs took even where their logs are gone.

    Returns
    -------
    `jobs` of a stage (in training its runs), of so many of which the time is `recorded`. `seconds` is the wall-clock
    time of the last job of each product, all added up as if one ran after the other; `gpu_seconds` that of runs that
    held a GPU; `median` and `longest` are of single jobs. `spent` is the time of all attempts on record, those included
    that were repeated, failed or, if they told, interrupted. NaN is what no record tells.
    """
    trained = runs[runs["device"] != ""]  # fusions train nothing
    rows = []
    for stage, paths in logs.items():
        tried = pd.DataFrame([_told(path) for path in paths], columns=["seconds", "vain"], dtype=float)
        rows.append(_row(stage, trained if stage == TRAIN else tried.assign(device="cpu"), tried["vain"].sum()))
    table = pd.DataFrame([row for row in rows if row["jobs"]], columns=list(COST))
    return pd.concat([table, pd.DataFrame([_sums(table)])], ignore_index=True)[list(COST)]


def sentences(table: pd.DataFrame, runs: pd.DataFrame) -> list[str]:
    """Return what a `cost_table` says, in words; `runs` is as there."""
    total = table.iloc[-1]
    if not total["recorded"]:
        return ["No time is on record."]
    said = [f"One after the other, the jobs behind these results take {rough_duration(total['seconds'])}."]
    devices = sorted(set(runs["device"]) - {"", "cpu"})
    held = f"Runs held a GPU ({', '.join(devices)}) for {rough_duration(total['gpu_seconds'])}."
    said.append(held if devices else "No GPU was used.")
    if total["spent"] > _MORE * total["seconds"]:
        said.append(
            f"With jobs that were repeated, failed or interrupted, {rough_duration(total['spent'])} were spent."
        )
    if missing := int(total["jobs"] - total["recorded"]):
        stages = table.loc[table["recorded"] < table["jobs"], "stage"].iloc[:-1]
        said.append(f"Of {missing:,} of {int(total['jobs']):,} jobs no time is on record ({', '.join(stages)}).")
    if resumed := int(runs["resumed"].sum()):
        said.append(f"{resumed:,} of the runs were resumed: what they took before that is not in their time.")
    return [*said, "Stages of a dataset that other studies share are counted in full."]


def _told(log: str) -> tuple[float, float]:
    """Return what the last finished attempt at a job took, and what all others did; NaN and 0 without a record."""
    tried = attempts(log)
    took = next((attempt["seconds"] for attempt in reversed(tried) if attempt["done"]), np.nan)
    return took, sum(attempt["seconds"] for attempt in tried) - np.nan_to_num(took)


def _row(stage: str, jobs: pd.DataFrame, vain: float) -> dict[str, object]:
    took = jobs["seconds"]
    total = took.sum(min_count=1)
    return {
        "stage": stage,
        "jobs": len(jobs),
        "recorded": int(took.notna().sum()),
        "seconds": total,
        "gpu_seconds": float(took[jobs["device"] != "cpu"].sum()),
        "median": took.median(),
        "longest": took.max(),
        "spent": np.nansum([total, vain]) or np.nan,
    }


def _sums(table: pd.DataFrame) -> dict[str, object]:
    added = table[["jobs", "recorded", "seconds", "gpu_seconds", "spent"]].sum()
    jobs = {name: int(added[name]) for name in ("jobs", "recorded")}
    return added.to_dict() | jobs | {"stage": ALL, "median": np.nan, "longest": table["longest"].max()}
