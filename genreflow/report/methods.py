"""The methods paragraphs of a report: what was done, in sentences that can go into a paper."""

from collections.abc import Mapping
from typing import Any

from genreflow.config.inputs import InputSettings
from genreflow.features.front_end import FrontEnd
from genreflow.features.shapes import needed_seconds
from genreflow.models import registry


def methods(study: Mapping[str, Any], facts: Mapping[str, Any] | None) -> list[str]:
    """Return paragraphs on a study: its own description, then, of the run behind `facts`, data and training."""
    paragraphs = [study["description"]] if study["description"] else []
    if facts is None:
        return paragraphs
    folds = study["protocols"][study["headline"]["protocol"]]["folds"]
    return [*paragraphs, _of_data(facts), _of_training(folds, facts)]


def cut(settings: InputSettings) -> str:
    """Say where segments are cut: the beginning of a sentence."""
    segments = settings.segments
    seconds = f"{needed_seconds(settings):.4g} s"
    if hasattr(segments, "frames"):
        seconds = f"{segments.frames} frames ({needed_seconds(settings):.2f} s)"
    count = getattr(segments, "count", 1)
    return {
        "midpoint": f"Up to {count} slices of {seconds} around the middle of each track",
        "beats": f"Up to {count} slices of {seconds} around the middle of each track, each starting on a beat,",
        "onsets": f"Of each track those {count} slices of {seconds} with the most note onsets",
        "avoid_breaks": f"Up to {count} slices of {seconds} around the middle of each track, quiet passages left out,",
        "random_offset": f"One slice of {seconds} of each track, from a random whole second on,",
        "sliding": f"The first {count} slices of {seconds} of each track, one every {getattr(segments, 'hop', 0):g} s,",
        "split": f"{count} slices of {seconds}, evenly spread over each track,",
        "random": f"{count} slices of {seconds} at random places of each track",
        "whole": f"The first {seconds} of each track",
        "chunks": f"{count} slices of {seconds} at equal steps of each track",
    }[segments.kind]


def _of_data(facts: Mapping[str, Any]) -> str:
    audio, settings = facts["audio"], InputSettings.model_validate(facts["input"])
    peak = ", each brought to a peak of 1" if settings.peak else ""
    standardised = {
        "none": "",
        "global": " They were standardised by the mean and deviation of the training slices.",
        "band": " Each band was standardised by its mean and deviation in the training slices.",
        "element": " Each value was standardised by its mean and deviation in the training slices.",
    }[settings.standardise]
    front_end = FrontEnd.of(settings.front_end)
    remarks = "".join(f" {remark}" for remark in front_end.remarks())
    return (
        f"Tracks were mixed to mono, resampled to {audio['sample_rate']:,} Hz, brought to {audio['loudness']:g} LUFS "
        f"(EBU R128) unless that took the true peak above {audio['true_peak']:g} dBTP, and stored as Ogg Vorbis of "
        f"quality {audio['quality']:g}. {cut(settings)} {_verb(settings)} turned into {front_end.describe()}{peak}."
        f"{standardised}{remarks}"
    )


def _verb(settings: InputSettings) -> str:
    return "was" if settings.segments.kind in ("random_offset", "whole") else "were"


def division(folds: Mapping[str, Any]) -> str:
    """Say how tracks were divided: a sentence without its full stop."""
    grouping = "tracks of one group (artist or album) kept together" if folds["group"] else "groups not considered"
    if folds["scheme"] == "given":
        return "Tracks were divided as the dataset comes divided"
    if folds["scheme"] == "stratified":
        watched = ", of which each watched the one that the next one tests" if folds["validation"] else ""
        return f"Tracks were divided into {folds['count']} folds{watched}, stratified by class, {grouping}"
    shares = f"{100 * folds['test']:.3g} % to test"
    if folds["valid"]:
        shares += f" and {100 * folds['valid']:.3g} % to choose the best epoch by"
    times = "" if folds["count"] == 1 else f" {folds['count']} times"
    if folds["unit"] == "segment":
        return (
            f"Segments, not tracks, were divided at random{times}, {shares}; those of one track are on both sides, so "
            "accuracies are too high"
        )
    return f"Tracks were divided at random{times}, {shares}, {grouping}"


def _of_training(folds: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    training = facts["training"]
    if registry.describe(facts["model"]).is_estimator:
        how = "Each model was fitted to all training slices at once."
    else:
        steps = facts["steps"] // max(1, facts["epochs"])
        drawn = {
            "balanced": "with equal numbers of each class",
            "shuffled": "in random order",
            "weighted": "drawn so that classes are equally likely",
        }[training["sampling"]]
        how = (
            f"Each network was trained for {facts['epochs']} epochs of {steps} steps "
            f"with {training['optimizer']} on batches of {training['batch']} slices {drawn}, "
            f"in {facts['precision']} on {facts['device']}."
        )
    return (
        f"{division(folds)}; statistics count tracks, never slices. {how} Intervals are 95 % bootstrap intervals over "
        "groups, or over tracks where no groups are known."
    )
