"""Made-up tables of any names, as the figures of the studies take them."""

from itertools import pairwise

import numpy as np
import pandas as pd
from printed_tables import confusions

NAN = float("nan")
SIMPLE = ["rock", "jazz", "pop"]
HARD = [
    "$\\frac{$",
    "<b>bold</b>",
    "x" * 40,
    "日本語のジャンルの名前",
    "=cmd()\x1b[0m\u202e",
    'O\'Brien & "co"',
    "a name of several words that goes on and on",
    "conv_bidirectional_lstm_attention",
    *"abcd",
]


def scores(names: list[str], *, lost: str | None = None) -> pd.DataFrame:
    """A row a name and role; of the test there is an interval, and nothing at all of the lost one."""
    rows = []
    for place, name in enumerate(names):
        for role, value in (("train", 0.95), ("validation", 0.8), ("test", 0.75)):
            value = NAN if name == lost else value - 0.03 * place
            low, high = (value - 0.04, value + 0.05) if role == "test" else (NAN, NAN)
            rows.append({"name": name, "role": role, "value": value, "low": low, "high": high, "published": 0.8})
    return pd.DataFrame(rows)


def ranks(names: list[str], metrics: list[str], *, lost: str | None = None) -> pd.DataFrame:
    rows = []
    for place, name in enumerate(names):
        for number, metric in enumerate(metrics):
            value = NAN if name == lost else 0.9 - 0.4 * number - 0.004 * place
            row = {"name": name, "metric": metric, "value": value, "low": value - 0.01, "high": value + 0.02}
            rows.append(row | {"published": value + 0.01, "published_low": NAN, "published_high": NAN})
    return pd.DataFrame(rows)


def sweeps(series: list[str], numbers: tuple[float, ...] = (5, 10, 20, 30, 40, 55, 70, 100)) -> pd.DataFrame:
    rows = []
    for place, name in enumerate(series):
        for x in numbers:
            for role, top in (("train", 1.0), ("test", 0.6)):
                value = top - 0.3 * np.exp(-x / 20) - 0.02 * place
                row = {"series": name, "role": role, "x": x, "value": value, "low": value - 0.03, "high": value + 0.03}
                rows.append(row | {"published": 0.62 if (role, x) == ("test", 55) else NAN})
    return pd.DataFrame(rows)


def pairs(names: list[str]) -> pd.DataFrame:
    verdicts = {"better": (0.05, 0.02, 0.08), "worse": (-0.05, -0.09, -0.01), "same": (0.01, -0.02, 0.04)}
    rows = []
    for place, (first, second) in enumerate(zip(names, [*names[1:], names[0]], strict=True)):
        verdict, (difference, low, high) = list(verdicts.items())[place % 3]
        row = {"first": first, "second": second, "difference": difference, "low": low, "high": high}
        rows.append(row | {"verdict": verdict})
    return pd.DataFrame(rows)


def history(models: list[str], *, folds: int = 3, epochs: int = 12, lost: str | None = None) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "model": model,
                "setting": "",
                "fold": str(fold),
                "epoch": epoch,
                "loss": NAN if model == lost else 2 / epoch + 0.1 * fold,
                "validation_loss": NAN if model == lost else 2.5 / epoch + 0.1 * fold,
            }
            for model in models
            for fold in range(1, folds + 1)
            for epoch in range(1, epochs + 1)
        ]
    )


def tags(models: list[str], names: list[str], *, lost: str | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return curves of both kinds, and areas; the lost tag has no positive."""
    curves, areas = [], []
    grid = np.linspace(0, 1, 40)
    for m, model in enumerate(models):
        for t, tag in enumerate(names):
            if tag == lost:
                areas.append({"model": model, "tag": tag, "roc_auc": NAN, "pr_auc": NAN, "share": 0.0})
                continue
            power = 0.1 + 0.9 * ((3 * m + 7 * t) % 11) / 11
            rates = {"false_positive_rate": grid, "true_positive_rate": grid**power}
            precision = 1 - 0.8 * power * grid
            curves.append(pd.DataFrame({"model": model, "tag": tag, **rates, "recall": grid, "precision": precision}))
            area = {"roc_auc": 1 / (1 + power), "pr_auc": float(np.mean(precision[1:])), "share": 0.2}
            areas.append({"model": model, "tag": tag, **area})
    return pd.concat(curves, ignore_index=True), pd.DataFrame(areas)


def bins(states: list[str], count: int = 10) -> pd.DataFrame:
    edges = np.linspace(0, 1, count + 1)
    rows = []
    for place, state in enumerate(states):
        for number, (low, high) in enumerate(pairwise(edges)):
            full = number > 0
            values = {
                "confidence": (low + high) / 2 if full else NAN,
                "accuracy": low * (1 - 0.2 * place) if full else NAN,
            }
            rows.append({"state": state, "low": low, "high": high, **values, "count": 100 * number})
    return pd.DataFrame(rows)


def points(classes: list[str], *, spread: float) -> pd.DataFrame:
    """Classes on a spiral about the middle; the published ones are a little off."""
    angle, radius = np.arange(len(classes)) * 2.4, spread * np.sqrt(np.arange(len(classes)))
    precision, recall = 0.6 + radius * np.sin(angle), 0.6 + radius * np.cos(angle)
    ours = {"class": classes, "precision": precision, "recall": recall}
    return pd.DataFrame(ours | {"published_precision": precision - 0.06, "published_recall": recall + 0.03})


def compared(classes: list[str]) -> pd.DataFrame:
    rows = confusions(classes, ["here", "", "published"]).pivot(
        index=["true", "predicted"], columns="model", values="share"
    )
    rows = rows.rename(columns={"here": "share"})[["share", "published"]].reset_index()
    order = {name: place for place, name in enumerate(classes)}
    return rows.sort_values(["true", "predicted"], key=lambda column: column.map(order), ignore_index=True)


def decisions(songs: list[str], classes: list[str]) -> pd.DataFrame:
    counts = np.random.default_rng(0).multinomial(100, np.full(len(classes), 1 / len(classes)), len(songs))
    return pd.DataFrame(
        [
            {"song": song, "class": name, "count": count}
            for song, row in zip(songs, counts, strict=True)
            for name, count in zip(classes, row, strict=True)
        ]
    )


def channels(layers: dict[str, int]) -> pd.DataFrame:
    return pd.DataFrame([{"layer": layer, "channel": 7 * c} for layer, count in layers.items() for c in range(count)])
