"""The cost of a study: the time of each stage, and how long its runs used a GPU."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from genreflow.store.costs import attempts
from genreflow.store.text import count, rough_duration

COST = ("stage", "jobs", "recorded", "seconds", "gpu_seconds", "median", "longest", "spent")
TRAIN, SEARCH, ALL = "train", "search", "all"
_NOTABLE = 1.05  # ratio of the time of all attempts to that of the last ones from which it is mentioned


def cost_table(
    logs: Mapping[str, Sequence[str]], runs: pd.DataFrame, trials: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return the cost of each stage, `COST`, in the order of `logs`, and a last row `ALL`.

    Parameters
    ----------
    logs
        Stage -> logs of the jobs behind its products; `genreflow.store.costs` holds the times of these jobs.
    runs
        The table `runs`, which holds the times of runs even if their logs are gone.
    trials
        The table `trials`, likewise for those of a search.

    Returns
    -------
    `jobs` of a stage (for training its runs, for a search its trials), and the number whose time is `recorded`.
    `seconds` is the wall-clock time of the last job of each product, summed as if one ran after the other;
    `gpu_seconds` is that of runs on a GPU; `median` and `longest` are of single jobs. `spent` is the time of all
    attempts on record, which includes repeated and failed ones, and interrupted ones if they were recorded. Times that
    are not on record are NaN.
    """
    trained = runs[runs["device"] != ""]  # fusions train nothing
    own = {TRAIN: trained}
    if trials is not None and len(trials):
        own[SEARCH] = trials.assign(device=trials["device"].replace("", "cpu"))
    rows = []
    for stage, paths in logs.items():
        jobs = pd.DataFrame([_recorded(path) for path in paths], columns=["seconds", "wasted"], dtype=float)
        rows.append(_row(stage, own.get(stage, jobs.assign(device="cpu")), jobs["wasted"].sum()))
    table = pd.DataFrame([row for row in rows if row["jobs"]], columns=list(COST))
    return pd.concat([table, pd.DataFrame([_total(table)])], ignore_index=True)[list(COST)]


def sentences(table: pd.DataFrame, runs: pd.DataFrame) -> list[str]:
    """Return a `cost_table` in sentences; `runs` is the table `runs`."""
    total = table.iloc[-1]
    if not total["recorded"]:
        return ["No time is on record."]
    devices = sorted(set(runs["device"]) - {"", "cpu"})
    text = [f"The jobs behind these results take {rough_duration(total['seconds'])}, one after the other."]
    gpu = f"Runs used a GPU ({', '.join(devices)}) for {rough_duration(total['gpu_seconds'])}."
    text.append(gpu if devices else "No GPU was used.")
    if total["spent"] > _NOTABLE * total["seconds"]:
        text.append(f"Including repeated, failed and interrupted jobs, it took {rough_duration(total['spent'])}.")
    if missing := int(total["jobs"] - total["recorded"]):
        stages = table.loc[table["recorded"] < table["jobs"], "stage"].iloc[:-1]
        text.append(
            f"The time of {missing:,} of {count(int(total['jobs']), 'job')} is not on record ({', '.join(stages)})."
        )
    if resumed := int(runs["resumed"].sum()):
        text.append(f"{count(resumed, 'run')} resumed after an interruption; the time before it is not included.")
    return [*text, "Dataset stages that several studies share are counted in full."]


def _recorded(log: str) -> tuple[float, float]:
    """Return the time of a job's last finished attempt (NaN without a record), and the time of all other attempts."""
    records = attempts(log)
    seconds = next((attempt["seconds"] for attempt in reversed(records) if attempt["done"]), np.nan)
    return seconds, sum(attempt["seconds"] for attempt in records) - np.nan_to_num(seconds)


def _row(stage: str, jobs: pd.DataFrame, wasted: float) -> dict[str, object]:
    seconds = jobs["seconds"]
    total = seconds.sum(min_count=1)
    return {
        "stage": stage,
        "jobs": len(jobs),
        "recorded": int(seconds.notna().sum()),
        "seconds": total,
        "gpu_seconds": float(seconds[jobs["device"] != "cpu"].sum()),
        "median": seconds.median(),
        "longest": seconds.max(),
        "spent": np.nansum([total, wasted]) or np.nan,
    }


def _total(table: pd.DataFrame) -> dict[str, object]:
    sums = table[["jobs", "recorded", "seconds", "gpu_seconds", "spent"]].sum()
    jobs = {name: int(sums[name]) for name in ("jobs", "recorded")}
    return sums.to_dict() | jobs | {"stage": ALL, "median": np.nan, "longest": table["longest"].max()}
