"""The words beside the figures of a study: what each is called, what is to be seen in it, and where it is shown."""

import math
import re
from collections.abc import Mapping
from typing import Any

from genreflow.figures import limits
from genreflow.store.text import sanitize_name

_CAPTIONS = {
    "input": "What a model is fed of one track: one segment of it, as it is stored.",
    "architecture": "Each block is a layer's output, the time axis vertical; an arc is a skip connection.",
    "bars": (
        "Left: mean slice accuracy over folds (bar), its 95 % interval over tracks (black), each fold (dot), the "
        "published mean with its standard deviation over test files (diamond, grey) where there is one, and the "
        "majority baseline (dashed). Right: training accuracy an epoch, its range over folds, and published values "
        "(dotted markers) where there are any."
    ),
    "ranking": (
        "A dot a value with its 95 % interval, the best on top; an open diamond is a published number, the dashed line "
        "what needs no model."
    ),
    "sweep": (
        "Solid: tested slices with 95 % intervals over tracks; dashed: training slices; an open diamond is a published "
        "number."
    ),
    "losses": (
        "Training loss (solid) and, where tracks were watched, validation loss (dashed) an epoch: mean over runs and "
        "range."
    ),
    "differences": (
        "Difference of track accuracies of each pair on the tracks that both judged, with its 95 % interval; told "
        "apart where chance explains it in less than 5 %, corrected for the number of pairs (Holm)."
    ),
    "grouped": (
        "Accuracy of training slices in the last epoch, of validation and of tested slices (with their 95 % interval "
        "over tracks); an open diamond is a published number."
    ),
    "confusions": "Rows are true classes, columns predicted ones. A cell holds a count and its share of the row.",
    "training_confusions": (
        "What the model says of the slices that it was trained on, dropout off: how much it knows by heart."
    ),
    "published": "Percentage points of the row more (blue) or less (orange) than printed; below, both shares.",
    "triple": (
        "Rows are true classes, columns predicted ones. Each stripe of a cell is the share of the row (%) that one of "
        "the models puts there."
    ),
    "precision_recall": "A dot a class; an open diamond is a published number.",
    "roc": "A line a tag, the mean of all thick; the dotted diagonal is chance. Tracks, by the mean of their segments.",
    "pr": "A line a tag, the mean of all thick. Tracks, by the mean of their segments.",
    "areas": "Bars begin at chance: 0.5, or the share of tracks that have the tag (black mark).",
    "reliability": (
        "How often slices are right that are given a probability: on the dotted diagonal it is what it says. ECE is "
        "the mean distance from it. A temperature is fitted to validation slices, where there are any."
    ),
    "filters": (
        "Inputs found by gradient ascent from noise: what the first channels of each convolution answer most to. Each "
        "has its own scale of colours."
    ),
    "snippets": (
        "Of how many of 100 random snippets of a song each class is the answer, the song's own class being marked; of "
        "many classes, the commonest answers. The model was not trained on these songs."
    ),
    "analysis": "Of all tracks of the dataset, or of a fair draw of them; of many classes or tags, the commonest.",
    "diagram": "A drawing, not a result.",
    "training": "Training loss and training slice accuracy an epoch: mean over folds and range.",
    "confusion": "Rows are true classes, columns predicted ones. A cell holds a count and its share of the row.",
    "right_and_wrong": (
        "The surest right and the surest wrong slice of the class that is mistaken most often, on one colour scale."
    ),
}


_OVERVIEW = (
    "The whole matrix as colors: rows are true classes, columns predicted ones. Below it, how many classes are "
    "recognized how often. Right: the most confused pairs, true class first; confusion.csv has every cell."
)
# Figures that show something else of many classes or tags: from which number on, and what.
_OF_MANY = {
    "confusion": (limits.MOST_CLASSES, _OVERVIEW),
    "confusions": (limits.MOST_CLASSES, _OVERVIEW),
    "training_confusions": (
        limits.MOST_CLASSES,
        f"{_OVERVIEW} It is of the slices that the model was trained on, dropout off: how much it knows by heart.",
    ),
    "published": (
        limits.MOST_CLASSES,
        "The cells whose share of the true class differs most from the printed one: true class first.",
    ),
    "triple": (
        limits.MOST_CLASSES,
        "The pairs of classes that the models confuse most, true class first; each mark is the share of the true class "
        "that one of the models puts there.",
    ),
    "precision_recall": (
        limits.MOST_CLASSES,
        "Each dot is one class; those with the lowest F1 have names. Open diamonds are published numbers.",
    ),
    "roc": (
        limits.MOST_LINES,
        "The mean of all tags is thick; half of the tags lie in the dark band, nine tenths in the pale one; the best "
        "and the worst tag have lines. The dotted diagonal is chance. Tracks, by the mean of their segments.",
    ),
    "pr": (
        limits.MOST_LINES,
        "The mean of all tags is thick; half of the tags lie in the dark band, nine tenths in the pale one; the best "
        "and the worst tag have lines. Tracks, by the mean of their segments.",
    ),
    "areas": (
        limits.MOST_BARS,
        "The best and the worst tags. Bars begin at chance: 0.5, or the share of tracks that have the tag (black "
        "mark).",
    ),
}
# What an experiment's figure shows, as its title says it.
_OF_EXPERIMENT = {
    "bars": "accuracies and training",
    "ranking": "ranking",
    "sweep": "value by value",
    "losses": "losses",
    "differences": "differences of pairs",
    "grouped": "training, validation and test",
    "confusions": "confusion",
    "training_confusions": "confusion of training slices",
    "published": "ours less the published confusion",
    "triple": "confusion of several models",
    "precision_recall": "precision and recall",
    "roc": "ROC curves",
    "pr": "precision-recall curves",
    "areas": "areas under the curves",
}
_HARMLESS = str.maketrans("<>{}", "‹›()")
_OF_HEADLINE = ("confusion", "reliability", "right_and_wrong")
# The section of a study's page that figures of a kind are in.
_SECTIONS = {
    "diagram": "Methods",
    "input": "What the network sees",
    "analysis": "What the dataset is like",
    "architecture": "Architecture",
    "experiment": "Experiments",
    "training": "Results",
    "confusion": "Confusion",
    "reliability": "Calibration",
    "right_and_wrong": "What the network sees",
    "filters": "What the network sees",
    "snippets": "What the network sees",
}

# The tables of a study that people read: the section of its page that they are in, and their titles.
TABLES = {
    "audit": ("Data audit", "Tracks, groups and slices of each class"),
    "warnings": ("Data audit", "Doubts and notes on the tracks that are used"),
    "copies": ("Data audit", "Tracks that are there more than once"),
    "settings": ("Results", "Accuracy of each setting"),
    "runs": ("Results", "All runs"),
    "scores": ("Results", "Every metric"),
    "tags": ("Results", "Areas under the curves of each tag"),
    "experiments": ("Experiments", "The values compared"),
    "comparisons": ("Experiments", "All pairs of values"),
    "calibration": ("Calibration", "How often slices are right, by probability"),
    "confusion": ("Confusion", "Cells of the confusion matrices"),
    "classes": ("Confusion", "Precision, recall and F1 of each class"),
    "tracks": ("Confusion", "Every tested track"),
    "holdout": ("Holdout", "Every track of the holdout"),
    "label_issues": ("Suspects", "Labels that may be wrong, and copies"),
}


def title_of(shown: Mapping[str, str], study: Mapping[str, Any]) -> str:
    """Return the title of a figure; `shown` and `study` are what the plan tells of it and of its study."""
    match shown["kind"]:
        case "experiment":
            experiment = study["experiments"][shown["experiment"]]
            value = f", {experiment['values'][int(shown['number'])][0]}" if "number" in shown else ""
            return f"{experiment['title']}{value}: {_OF_EXPERIMENT[shown['figure']]}"
        case "analysis":
            what = shown["figure"].replace("_", " ").capitalize()
            return f"{what}, input {shown['input']}" if shown["input"] else what
    return {
        "input": f"Input {shown.get('input')}",
        "architecture": f"Architecture of {shown.get('model')}",
        "training": "Training curves",
        "confusion": f"Confusion at {shown.get('level')} level",
        "reliability": "Are probabilities right?",
        "diagram": shown.get("figure", "").capitalize(),
        "filters": "What filters respond to",
        "snippets": f"Random snippets of songs, {shown.get('name')}",
        "right_and_wrong": "A right and a wrong slice",
    }[shown["kind"]]


def caption_of(shown: Mapping[str, str], study: Mapping[str, Any]) -> str:
    """Return what is to be seen in a figure; of many classes some figures show another thing than of few."""
    what = shown["figure"] if shown["kind"] == "experiment" else shown["kind"]
    most, of_many = _OF_MANY.get(what, (math.inf, ""))
    return of_many if _n_classes(shown, study) > most else _CAPTIONS[what]


def _n_classes(shown: Mapping[str, str], study: Mapping[str, Any]) -> int:
    """Return how many classes or tags the settings that a figure shows know; 0 where it shows none."""
    numbers = {(each["model"], each["setting"]): each["values"]["classes"] for each in study.get("settings", ())}
    places = [(study["headline"]["model"], study["headline"]["setting"])] if study["headline"] else []
    if shown["kind"] == "experiment":
        places = [tuple(place) for _, *place in study["experiments"][shown["experiment"]]["values"]]
    return max((numbers.get(place, 0) for place in places), default=0)


def section_of(shown: Mapping[str, str]) -> str:
    """Return the title of the section of the study's page that a figure is in."""
    return "Holdout" if shown.get("level") == "holdout" else _SECTIONS[shown["kind"]]


def label_of(title: str, study: Mapping[str, Any]) -> str:
    """Return a title for Snakemake's report, which says so where the music of the study is a stand-in.

    That report writes labels into a script as they are, and takes braces for wildcards: brackets stand for both.
    """
    title = sanitize_name(title).translate(_HARMLESS)
    return f"{title} (stand-in music)" if study["standin"] else title


def rst_of(shown: Mapping[str, str], study: Mapping[str, Any]) -> dict[str, str]:
    """Return what a caption of Snakemake's report is made of: reStructuredText in which no name is markup.

    Returns
    -------
    ``title``, ``caption``, ``study`` and, of figures that are of one protocol, ``protocol``; else that is empty.
    """
    chosen = study["headline"] if shown["kind"] in _OF_HEADLINE else None
    protocol = study["protocols"][chosen["protocol"]]["title"] if chosen else ""
    words = {"title": title_of(shown, study), "caption": caption_of(shown, study), "study": study["title"]}
    return {name: _escaped(text) for name, text in (words | {"protocol": protocol}).items()}


def _escaped(text: str) -> str:
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in " ".join(text.split()))
    return re.sub(r"([^\w ]|_)", r"\\\1", shown)
