"""The claims of a published study beside our results: what it says, what we get, and whether it holds.

Numbers come from ``<study>_scores.csv``, other claims from ``<study>_claims.csv`` (resources/published/).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import pandas as pd

from genreflow.evaluation.intervals import exact_interval
from genreflow.evaluation.published import METRICS, settings_of
from genreflow.evaluation.registry import (
    NOTHING,
    Column,
    StudyTable,
    area,
    frame_of,
    interval,
    number,
    percent,
    points,
    text_column,
)
from genreflow.evaluation.tables import PROTOCOL, holdout_summary
from genreflow.store.text import count

CLAIMS = (
    "item", "claim", "unit", "published", "published_low", "published_high", "ours", "low", "high", "model", "setting",
    "protocol", "verdict", "why", "source",
)  # fmt: skip
REPRODUCED, NOT_REPRODUCED, OPEN = "reproduced", "not reproduced", "cannot be judged here"

_SYNTHETIC = "on synthetic music"
_NOT_MEASURED = "no setting here measures it"
# Role, level and metric of a published number -> column of the table `settings`.
_COLUMNS = {
    ("test", "slice", "accuracy"): "slice_accuracy",
    ("test", "track", "accuracy"): "track_majority",
    ("test", "track", "accuracy_mean_probability"): "track_mean",
    ("train", "slice", "accuracy"): "train_accuracy",
    ("train", "track", "accuracy"): "train_accuracy",
    ("validation", "slice", "accuracy"): "validation_accuracy",
    ("test", "track", "roc_auc_macro"): "roc_auc",
    ("test", "track", "pr_auc_macro"): "pr_auc",
    # Where a study evaluates on its validation tracks alone, and chooses nothing by them, they are the test here.
    ("validation", "track", "roc_auc_macro"): "roc_auc",
    ("validation", "track", "pr_auc_macro"): "pr_auc",
    ("validation", "track", "loss"): "test_loss",
    ("train", "track", "loss"): "train_loss",
    ("train", "track", "binary_accuracy"): "train_accuracy",
}
_ENDS = {"slice_accuracy": "slice"}  # column -> prefix of its interval, if that is another
_SCORES = {published: (role, name) for name, (role, published) in METRICS.items()}
_WORDS = {
    "accuracy": "accuracy", "accuracy_mean_probability": "accuracy by mean probability", "loss": "loss",
    "binary_accuracy": "share of right tags and non-tags", "precision_class_0": "precision of the label 0",
    "recall_class_0": "recall of the label 0", "roc_auc_macro": "ROC-AUC, mean over tags",
    "pr_auc_macro": "PR-AUC, mean over tags", "mse_class_index": "squared distance of class numbers",
    "accuracy_difference": "difference of accuracies",
}  # fmt: skip
# Axis of a published difference of two values of an experiment; its value is ``value - other``, with patterns.
DIFFERENCE = "difference"
_NO_SHARES = frozenset({"loss", "mse_class_index"})
_AREAS = frozenset({"roc_auc", "pr_auc", "roc_auc_macro", "pr_auc_macro"})
_UNITS = dict.fromkeys(_NO_SHARES, "") | dict.fromkeys(_AREAS, "area")  # of a metric; of all others %


@dataclass(frozen=True)
class Value:
    """A number with its interval; what is not known is NaN."""

    value: float = np.nan
    low: float = np.nan
    high: float = np.nan

    @property
    def has_interval(self) -> bool:
        """Whether both ends are known."""
        return not (np.isnan(self.low) or np.isnan(self.high))

    @property
    def is_bound(self) -> bool:
        """Whether nothing but one end is known: at least, or at most so much."""
        return bool(np.isnan(self.value) and np.isnan(self.low) != np.isnan(self.high))


def claims_table(study: Mapping[str, Any], published: Mapping[str, pd.DataFrame], tables: Mapping[str, Any]) -> Any:
    """Return a row per claim of a published study, `CLAIMS`: other claims first, then every published number.

    Parameters
    ----------
    study
        Facts of the study from the plan.
    published
        Its published numbers (`genreflow.evaluation.study.read_published`).
    tables
        The tables ``settings, scores, history, comparisons, holdout`` of the study.
    """
    rows = [*_other_claims(study, published.get("claims"), tables), *_numbers(study, published.get("scores"), tables)]
    return frame_of(rows, CLAIMS)


def summary(claims: pd.DataFrame) -> list[str]:
    """Return a sentence on how many claims hold; nothing without claims."""
    if claims.empty:
        return []
    numbers = claims["verdict"].value_counts()
    parts = [f"{numbers.get(verdict, 0):,} {verdict}" for verdict in (REPRODUCED, NOT_REPRODUCED, OPEN)]
    return [f"{count(len(claims), 'claim')} of the study: {', '.join(parts)}."]


def judged(published: Value, ours: Value) -> tuple[str, str]:
    """Return verdict and reason on a published number: it is reproduced if the two intervals overlap.

    >>> judged(Value(0.62, 0.59, 0.65), Value(0.60, 0.55, 0.66))
    ('reproduced', 'the intervals overlap')
    """
    if np.isnan(ours.value):
        return OPEN, _NOT_MEASURED
    if not ours.has_interval:
        return OPEN, "ours has no interval"
    low, high = (published.low, published.high) if published.has_interval else (published.value, published.value)
    if np.isnan(low):
        return OPEN, "nothing was published to compare with"
    if ours.high >= low and ours.low <= high:
        return REPRODUCED, "the intervals overlap" if published.has_interval else "it lies within our interval"
    return NOT_REPRODUCED, f"ours is {'lower' if ours.high < low else 'higher'}"


# ---------------------------------------------------------------------------------------------------------------
# Numbers
# ---------------------------------------------------------------------------------------------------------------


def _numbers(
    study: Mapping[str, Any], scores: pd.DataFrame | None, tables: Mapping[str, pd.DataFrame]
) -> Iterator[dict[str, Any]]:
    for row in [] if scores is None else scores.to_dict("records"):
        facts = setting_of(study, row)
        ours = Value() if facts is None else _ours(row, facts, tables)
        if row["role"] == "holdout":
            facts, ours = None, _holdout(tables["holdout"])
        if row["axis"] == DIFFERENCE:
            value, than = row["value"].split(" - ")
            ours, *_ = _lead(tables["comparisons"], {**row, "value": value, "than": than})
        published = _published(row)
        verdict, why = judged(published, ours)
        if published.is_bound and facts is not None:
            ours, verdict, why = _bounded(study, row, published, tables)
        if facts is not None and not np.isnan(ours.value) and not facts["original"]:
            verdict, why = OPEN, "under another protocol"
        if _is_synthetic(study) and not np.isnan(ours.value):
            verdict, why = OPEN, _SYNTHETIC
        yield {
            "item": row["item"],
            "claim": _words(row),
            "unit": _UNITS.get(row["metric"], "%"),
            "published": published.value,
            "published_low": published.low,
            "published_high": published.high,
            "ours": ours.value,
            "low": ours.low,
            "high": ours.high,
            "model": facts["model"] if facts else "",
            "setting": facts["setting"] if facts else "",
            "protocol": facts["protocol"] if facts else "",
            "verdict": verdict,
            "why": why,
            "source": row["source"],
        }


def setting_of(study: Mapping[str, Any], row: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the setting that a published number belongs to: of its experiment, and of the study's protocol first."""
    compared = {
        (model, setting) for _, model, setting in study["experiments"].get(row["experiment"], {}).get("values", ())
    }
    fitting = settings_of(study["settings"], row)
    return next(
        iter(
            sorted(
                fitting,
                key=lambda facts: ((facts["model"], facts["setting"]) not in compared, not facts["original"]),
            )
        ),
        None,
    )


def _ours(row: Mapping[str, Any], facts: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> Value:
    role, level, metric = row["role"], row["level"], row["metric"]
    if column := _COLUMNS.get((role, level, metric)):
        return _cell(_of(tables["settings"], facts), column)
    if metric in _SCORES:
        measured, name = _SCORES[metric]
        own = _of(tables["scores"], facts)
        values = own.loc[own["metric"] == name, "value"] if measured == role else own["value"].head(0)
        return Value(float(values.iloc[0])) if len(values) else Value()
    return Value()


def _cell(rows: pd.DataFrame, column: str) -> Value:
    if rows.empty or pd.isna(rows[column].iloc[0]):
        return Value()
    ends = _ENDS.get(column, column)
    low, high = (float(rows[f"{ends}_{end}"].iloc[0]) if f"{ends}_{end}" in rows else np.nan for end in ("low", "high"))
    return Value(float(rows[column].iloc[0]), low, high)


def _holdout(holdout: pd.DataFrame) -> Value:
    """Return the share of right tracks of the final model, by majority vote."""
    if holdout.empty:
        return Value()
    row = holdout_summary(holdout).iloc[0]
    return Value(float(row["majority"]), row["majority_low"], row["majority_high"])


def _of(table: pd.DataFrame, facts: Mapping[str, Any]) -> pd.DataFrame:
    return table[(table["model"] == facts["model"]) & (table["setting"] == facts["setting"])]


def _published(row: Mapping[str, Any]) -> Value:
    """Return a published number with the interval that is printed, or else that of so many independent items."""
    score, low, high = (float(row[name]) for name in ("score", "low", "high"))
    if np.isnan(low) and not np.isnan(score) and not np.isnan(float(row["n"])) and row["metric"] == "accuracy":
        low, high = exact_interval(round(score * row["n"]), int(row["n"]))
    return Value(score, low, high)


def _words(row: Mapping[str, Any]) -> str:
    """Return a published number in words: ``psytrance_cnn, dropout 0.2: accuracy, test slices``."""
    if row["axis"] == DIFFERENCE:
        value, than = (part.replace("|", " or ") for part in row["value"].split(" - "))
        return f"{row['model']}, {value} minus {than}: {_WORDS[row['metric']]}, {row['role']} {row['level']}s"
    value = "" if pd.isna(row["axis"]) else f", {row['axis']} {row['value']}"
    if _published(row).is_bound:
        value += ", every setting"
    return f"{row['model']}{value}: {_WORDS[row['metric']]}, {row['role']} {row['level']}s"


# ---------------------------------------------------------------------------------------------------------------
# Other claims
# ---------------------------------------------------------------------------------------------------------------


def _other_claims(
    study: Mapping[str, Any], claims: pd.DataFrame | None, tables: Mapping[str, pd.DataFrame]
) -> Iterator[dict[str, Any]]:
    for row in [] if claims is None else claims.fillna("").to_dict("records"):
        ours, verdict, why = Value(), OPEN, row["remark"] or "no test decides it"
        published = Value()
        if row["metric"]:
            ours, verdict, why = _bound(tables["settings"], study, row)
            published = Value(low=float(row["least"] or "nan"), high=float(row["most"] or "nan"))
        elif row["value"]:
            ours, verdict, why = _lead(tables["comparisons"], row)
        if _is_synthetic(study) and not np.isnan(ours.value):
            verdict, why = OPEN, f"{_SYNTHETIC}; {why}"
        unit = _UNITS.get(row["metric"], "%") if row["metric"] else "points"
        yield {
            "item": row["item"], "claim": row["claim"], "unit": unit, "published": np.nan,
            "published_low": published.low, "published_high": published.high, "ours": ours.value, "low": ours.low,
            "high": ours.high, "model": "", "setting": "", "protocol": "", "verdict": verdict, "why": why,
            "source": row["source"],
        }  # fmt: skip


def _lead(comparisons: pd.DataFrame, row: Mapping[str, Any]) -> tuple[Value, str, str]:
    """Return the smallest lead of a value over others, and whether it is the better one by a test in every pair."""
    own = comparisons[comparisons["experiment"] == row["experiment"]]
    leads = []
    for pair in own.to_dict("records"):
        for sign, first, second in ((1, str(pair["a"]), str(pair["b"])), (-1, str(pair["b"]), str(pair["a"]))):
            is_meant = _is_one_of(first, row["value"]) and _is_one_of(second, row["than"])
            if is_meant and not _is_one_of(second, row["value"]) and not np.isnan(pair["difference"]):
                low, high = sorted((sign * pair["low"], sign * pair["high"]))
                leads.append((Value(sign * pair["difference"], low, high), bool(pair["is_significant"])))
    if not leads:
        return Value(), OPEN, _NOT_MEASURED
    least = min((lead for lead, _ in leads), key=lambda lead: lead.value)
    if all(is_significant and lead.value > 0 for lead, is_significant in leads):
        return least, REPRODUCED, "better in every pair"
    if any(is_significant and lead.value < 0 for lead, is_significant in leads):
        return least, NOT_REPRODUCED, "worse in a pair"
    return least, OPEN, "the differences may be chance"


def _is_one_of(value: str, patterns: str) -> bool:
    """Return whether a compared value fits one of some patterns: ``onsets|beats``, ``western8_cnn, *``."""
    return any(fnmatchcase(value, pattern) for pattern in patterns.split("|"))


def _bound(settings: pd.DataFrame, study: Mapping[str, Any], row: Mapping[str, Any]) -> tuple[Value, str, str]:
    """Return the value nearest to a bound, and whether all settings keep it: those of an experiment with this value."""
    values = study["experiments"].get(row["experiment"], {}).get("values", ())
    cells = [
        _cell(_of(settings, {"model": model, "setting": setting}), row["metric"])
        for value, model, setting in values
        if _is_one_of(str(value), row["value"] or "*")
    ]
    cells = [cell for cell in cells if cell.has_interval]
    if not cells:
        return Value(), OPEN, _NOT_MEASURED
    return _kept(cells, Value(low=float(row["least"] or "nan"), high=float(row["most"] or "nan")))


def _bounded(
    study: Mapping[str, Any], row: Mapping[str, Any], bound: Value, tables: Mapping[str, pd.DataFrame]
) -> tuple[Value, str, str]:
    """Return the value nearest to a published bound on every setting of a model, and whether all keep it."""
    cells = [_ours(row, facts, tables) for facts in settings_of(study["settings"], row) if facts["original"]]
    cells = [cell for cell in cells if cell.has_interval]
    return _kept(cells, bound) if cells else (Value(), OPEN, _NOT_MEASURED)


def _kept(cells: Sequence[Value], bound_of: Value) -> tuple[Value, str, str]:
    """Return the value nearest to a bound, and whether it keeps it."""
    is_upper = not np.isnan(bound_of.high)
    bound = bound_of.high if is_upper else bound_of.low
    extreme = max(cells, key=lambda cell: cell.value) if is_upper else min(cells, key=lambda cell: cell.value)
    keeps = extreme.high < bound if is_upper else extreme.low > bound
    breaks = extreme.low > bound if is_upper else extreme.high < bound
    if keeps:
        return extreme, REPRODUCED, f"the {'highest' if is_upper else 'lowest'} of {len(cells)} settings"
    if breaks:
        return extreme, NOT_REPRODUCED, f"the {'highest' if is_upper else 'lowest'} of {len(cells)} settings"
    return extreme, OPEN, "its interval includes the bound"


def _is_synthetic(study: Mapping[str, Any]) -> bool:
    return any(protocol["standin"] for protocol in study["protocols"].values())


# ---------------------------------------------------------------------------------------------------------------
# The table
# ---------------------------------------------------------------------------------------------------------------


def _shown(value: float, low: float, high: float, unit: str) -> str:
    if unit == "points":
        return points(value)
    if unit == "area" and not np.isnan(value):
        return area(value, low, high)
    if unit == "":
        return number(value)
    form = area if unit == "area" else percent
    if np.isnan(value):
        return _bounds(form, low, high)
    return percent(value) if np.isnan(low) or np.isnan(high) else interval(value, low, high)


def _bounds(form: Callable[[float], str], low: float, high: float) -> str:
    """Return ends without a value between them in words; a dash without ends."""
    if np.isnan(low) and np.isnan(high):
        return NOTHING
    if np.isnan(low):
        return f"at most {form(high)}"
    return f"at least {form(low)}" if np.isnan(high) else f"{form(low)} to {form(high)}"


TABLES: Sequence[StudyTable] = (
    StudyTable(
        "claims",
        lambda results: claims_table(results.study, results.published, results),
        CLAIMS,
        section="Claims",
        title="What the study claims, and what we get",
        caption=(
            "Each row is a claim: what was published, ours with its 95 % interval, and whether they agree. A number is "
            "reproduced where the intervals overlap; a difference, where it is significant in every pair."
        ),
        shown=(
            text_column("Item", "item"),
            text_column("Claim", "claim"),
            Column("Published (% or area)", ("published", "published_low", "published_high", "unit"), _shown),
            Column("Ours (% or area)", ("ours", "low", "high", "unit"), _shown),
            PROTOCOL,
            text_column("Verdict", "verdict"),
            text_column("Why", "why"),
        ),
    ),
)
