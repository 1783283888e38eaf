"""A study of which every part is there, with names as one likes."""

import pandas as pd

from genreflow.evaluation import changes
from genreflow.report import page
from genreflow.report.blocks import Picture
from genreflow.report.charts import Chart, Series
from genreflow.report.confusion_browser import Answer, ConfusionBrowser, SliceAnswer
from genreflow.report.data import Excerpt

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}",
    "</style></title><b>",
    "javascript:alert(1)",
    "$\\frac{$",
    "=HYPERLINK('http://evil.example')",
    "\x1b]0;x\x07\u202e",
    "日本語",
]
TAME = [f"name {i}" for i in range(len(HOSTILE))]
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"/>'


def study(names: list[str]) -> page.Study:
    one, two, *_ = names
    picture = Picture("figure", one, two, names[2], SVG, pd.DataFrame({two: names, "share": 0.5}), charts(names))
    key = {"model": names[3], "setting": names[4]}
    accuracy = {"slice_accuracy": 0.694, "slice_low": 0.66, "slice_high": 0.72, "train_accuracy": 0.81}
    ids = [f"{number:016x}" for number in range(len(names))]
    tracks = pd.DataFrame(
        [
            key | {"fold": "1", "track_id": track, "title": name, "true": one, "correct": False}
            for track, name in zip(ids, names, strict=True)
        ]
    )
    browser = confusion_browser(names, ids)
    places = {f"{method}_{axis}": [float(i) for i in range(len(ids))] for method in ("pca", "tsne") for axis in "xy"}
    near = {f"near_{rank}": ids[rank:] + ids[:rank] for rank in (1, 2)}
    near |= {f"similarity_{rank}": 1.0 - rank / 10 for rank in (1, 2)}
    label_issues = tracks[["track_id", "title"]].assign(
        kind="label", label=one, suggested=two, score=0.9, other_title=names, reason=names
    )
    published = {"published_mean": 0.6942, "published_sd": 0.1241, "difference": -0.0002}
    return page.Study(
        title=one,
        headline=page.Headline(names, 926, 6, 920, 27_600, 5, 212, 0.2, "slice", 0.694, 0.66, 0.72),
        tables={
            "audit": pd.DataFrame([{"class": name, "tracks": 184, "groups": 40, "slices": 5520} for name in names]),
            "warnings": pd.DataFrame({"reason": "W_LONG", "tracks": 2, "share": 0.1, "title": names, "message": names}),
            "copies": pd.DataFrame(
                {"recording": "0f", "title": names, "class": names, "verdict": "warn", "message": names},
            ),
            "settings": pd.DataFrame([key | accuracy | {"baseline": 0.2, "folds": 5, "diverged": 0}]),
            "runs": pd.DataFrame(
                [key | accuracy | {"fold": "1", "status": "finished", "seconds": 290.0, "device": one}]
            ),
            "experiments": pd.DataFrame(
                [key | accuracy | published | {"experiment": one, "title": one, "axis": two, "value": two}]
            ),
            "classes": pd.DataFrame(
                [key | {"level": "slice", "class": name, "f1": 0.7, "support": 9} for name in names]
            ),
            "tracks": tracks,
            "holdout": tracks,
        },
        quarantine=pd.DataFrame(
            [{"dataset": one, "title": name, "reason": "Q_EMPTY", "message": name} for name in names]
        ),
        warned=pd.DataFrame({"title": names, "reason": "W_LONG", "message": names}),
        notices=names,
        thresholds={one: 1.5},
        leakage=pd.DataFrame(
            {
                "check": "artists",
                "fold": "1",
                "what": names,
                "tracks": 3,
                "share": 0.1,
                "verdict": "leak",
                "message": one,
            }
        ),
        bandwidth=pd.DataFrame(
            {"class": names, "tracks": 9, "p10": 15_000.0, "median": 16_000.0, "p90": 20_000.0, "codecs": names}
        ),
        training=[picture],
        experiment_pictures={one: [picture]},
        compared={one: pd.DataFrame({"dropout": [0.2, 0.5], "pool": names[:2], "batch": 300}, index=names[:2])},
        confusion=[picture],
        confusion_browser=browser,
        holdout=page.Holdout(names, [picture], confusion_browser(names, ids[:3])),
        label_issues=page.Introduced(label_issues, names),
        library=page.Introduced(
            pd.DataFrame({"track_id": ids, "title": names, "label": names, **places, **near}), names
        ),
        titles=dict(zip(ids, names, strict=True)),
        slices=[picture],
        architecture=[picture],
        methods=names,
        identity=dict(zip(names, names, strict=True)),
        citation=names,
        cost=page.Introduced(pd.DataFrame({"stage": names, "jobs": 3, "seconds": 290.0}), names),
        changes=made_up_changes(names, ids),
    )


def charts(names: list[str]) -> list[Chart]:
    """Bars with intervals and a published point, and two lines by epoch."""
    bars = Series(names[0], "bar", 0, names[:2], [60.0, 40.0], [55.0, 30.0], [65.0, 50.0], ["40 tracks", "40 tracks"])
    lines = [Series(name, "line", place, [1, 2, 3], [20, 40, 60 + place]) for place, name in enumerate(names[:2])]
    return [
        Chart(names[0], names[1], "Accuracy (%)", [bars, Series(names[1], "point", 1, names[:2], [50.0, None])],
              names=names[:2], y_most=100),
        Chart(names[1], "Epoch", "Accuracy (%)", lines, y_most=100),
    ]  # fmt: skip


def made_up_changes(names: list[str], ids: list[str]) -> changes.Changes:
    """Since last time a class and a setting changed; the first track became wrong, the second right."""

    def point(name, labels, right, setting):
        answers = pd.DataFrame(
            {
                "track_id": ids,
                "title": names,
                "group": ids,
                "fold": "1",
                "repeat": 0,
                "true": names[0],
                "correct": right,
                "predicted_majority": [names[0] if each else names[1] for each in right],
            }
        )
        return changes.Point(name, "cnn base", pd.Series(labels, index=ids), answers, {setting: names[2]})

    rest = [True] * (len(ids) - 2)
    before = point("mine@2026-11-30-1", [*names[1:], names[1]], [True, False, *rest], names[3])
    return changes.changes(before, point("mine", names, [False, True, *rest], names[4]))


def confusion_browser(names: list[str], ids: list[str]) -> ConfusionBrowser:
    """Every track is of another class, and taken for the next one."""
    output = [(number, (number + 1) % len(names)) for number in range(len(ids))]
    slices = [SliceAnswer(2.0, 0, 0.4), SliceAnswer(4.5, 1, 0.9)]
    return ConfusionBrowser(
        names[0],
        names,
        names,
        "True class",
        "Predicted class",
        {cell: [(track, 0.87)] for track, cell in zip(ids, output, strict=True)},
        {
            track: Answer(names[true], names[predicted], 0.87, slices)
            for track, (true, predicted) in zip(ids, output, strict=True)
        },
        frozenset((number, number) for number in range(len(names))),
        names,
    )


def media(made: page.Study) -> page.Media:
    """Return places of all that the page shows."""
    return page.Media(
        {picture.name: f"media/{picture.name}.svg" for picture in made.pictures},
        {track: Excerpt(f"media/{track}.ogg", 3.0) for track in made.candidates()},
        {"tracks": "data/tracks.csv"},
    )


def html_of(made: page.Study) -> str:
    """Return its page."""
    return page.render(made, media(made))
