"""The figures of a dataset's analysis, and the drawings of a study."""

import pandas as pd
from matplotlib.figure import Figure

from genreflow.figures import dataset, diagrams
from genreflow.figures.sources import Sources
from genreflow.figures.style import notice

MOODS = {
    "Q1": ("happy", "excited"),
    "Q2": ("angry", "nervous"),
    "Q3": ("sad", "bored", "sleepy"),
    "Q4": ("relaxed", "calm"),
}
# Of a diagram of steps: what is written in each box, and what leads where.
STEPS = {
    "catalogue": "Catalogue: tracks, tags, artists",
    "audio": "Normalised audio, bad files named",
    "inputs": "Inputs: samples, spectra, numbers",
    "analysis": "Analysis: tags, spectra, projections",
    "folds": "Folds, audited for leakage",
    "train": "Training of each model",
    "evaluate": "ROC and PR curves, intervals",
    "report": "Figures and report",
}
LEADS = [
    ("catalogue", "audio"), ("audio", "inputs"), ("inputs", "analysis"), ("inputs", "folds"), ("folds", "train"),
    ("train", "evaluate"), ("evaluate", "report"), ("analysis", "report"),
]  # fmt: skip


def draw_analysis(sources: Sources, *, figure: str, input: str = "") -> Figure:
    """Draw one figure of the dataset's analysis; those of one input are told which."""
    tables, what = sources.tables, _what(sources)

    def of_input(name: str) -> pd.DataFrame:
        frame = tables[name]
        return frame[frame["input"] == input]

    def shown(name: str) -> str:
        """Say which tags a table of an input is of: of many the commonest."""
        counts, drawn = tables["tag_counts"], of_input(name)["tag"].nunique()
        is_whole = drawn >= (counts["tracks"] > 0).sum()
        return f"each {what}" if is_whole or not drawn else f"the {drawn} commonest {dataset.PLURAL[what]}"

    match figure:
        case "counts":
            return dataset.tag_counts(tables["tag_counts"], title=sources.titled(f"Tracks of each {what}"), what=what)
        case "tags_per_track":
            return dataset.tags_per_track(tables["tags_per_track"], title=sources.titled("Tags of a track"), what=what)
        case "correlation_50" | "correlation_10":
            most = min(int(figure[-2:]), len(tables["correlations"]["first"].unique()))
            title = sources.titled(f"Correlation of the {most} commonest tags")
            return dataset.correlation(tables["correlations"], title=title, most=most)
        case "variance":
            title = sources.titled(f"Variance of samples of {shown('variance')}")
            return dataset.variance(of_input("variance"), title=title, what=what)
        case "spectra":
            title = sources.titled(f"Mean spectrum of {shown('spectra')}, input «{input}»")
            return dataset.mean_spectra(of_input("spectra"), title=title)
        case "projections":
            title = sources.titled(f"Clips by likeness, input «{input}»")
            return dataset.projections(of_input("projections"), title=title, quality=of_input("projection_quality"))
        case "importances" | "forest_importances":
            value = "coefficient" if figure == "importances" else "auc_drop"
            title = sources.titled(f"What tells of {shown('importances')}")
            return dataset.importances(of_input("importances"), title=title, value=value)
        case "waveforms":
            return dataset.waveforms(of_input("envelopes"), title=sources.titled(f"A clip of {shown('envelopes')}"))
        case "spectrograms":
            title = sources.titled(f"A clip of {shown('spectrograms')}, input «{input}»")
            return dataset.spectrograms(of_input("spectrograms"), title=title)
    return notice(f"There is no figure {figure!r} of an analysis")


def draw_diagram(sources: Sources, *, figure: str) -> Figure:
    """Draw the quadrants of moods, two ways to fuse, or the steps of a study."""
    match figure:
        case "quadrants":
            return diagrams.quadrants(MOODS, title="Moods by valence and arousal")
        case "fusion":
            members = sources.study["fusions"][0]["members"]
            classes = sources.tables["classes"]["class"].unique()
            return diagrams.fusion([model for model, _ in members[:2]], list(classes), title="Two ways to fuse")
        case _:
            return diagrams.workflow(STEPS, LEADS, title="Steps of the study")


def _what(sources: Sources) -> str:
    return "tag" if next(iter(sources.study["protocols"].values()))["tags"] else "class"
