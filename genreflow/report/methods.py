"""The methods paragraphs of a report, in sentences that can go into a paper."""

from collections.abc import Mapping
from typing import Any

from genreflow.config.inputs import InputSettings
from genreflow.features.front_end import FrontEnd
from genreflow.features.shapes import needed_seconds
from genreflow.models import registry
from genreflow.store.text import count


def methods(study: Mapping[str, Any], facts: Mapping[str, Any] | None) -> list[str]:
    """Return the paragraphs on a study: its description, and the data and training of the run with these `facts`."""
    paragraphs = [study["description"]] if study["description"] else []
    if facts is None:
        return paragraphs
    folds = study["protocols"][study["headline"]["protocol"]]["folds"]
    return [*paragraphs, _of_data(facts), _of_training(folds, facts)]


def cut(settings: InputSettings) -> str:
    """Return the beginning of a sentence on how segments are cut."""
    segments = settings.segments
    seconds = f"{needed_seconds(settings):.4g} s"
    if hasattr(segments, "frames"):
        seconds = f"{segments.frames} frames ({needed_seconds(settings):.2f} s)"
    slices = f"{count(getattr(segments, 'count', 1), 'slice')} of {seconds}"
    return {
        "midpoint": f"Up to {slices} around the middle of each track",
        "beats": f"Up to {slices} around the middle of each track, each starting on a beat,",
        "onsets": f"The {slices} with the most note onsets of each track",
        "avoid_breaks": f"Up to {slices} around the middle of each track, without quiet passages,",
        "random_offset": f"One slice of {seconds} from a random second of each track",
        "sliding": f"The first {slices} of each track, one every {getattr(segments, 'hop', 0):g} s,",
        "split": f"Up to {slices}, evenly spread over each track,",
        "random": f"{slices} at random positions in each track",
        "whole": f"The first {seconds} of each track",
        "chunks": f"{slices} at equal steps through each track",
    }[segments.kind]


def _leveling(audio: Mapping[str, Any]) -> str:
    kept = audio.get("level") == "none"
    leveled = "kept at their level" if kept else f"normalized to {audio['loudness']:g} LUFS (EBU R128)"
    return f"{leveled} or, if lower, to a true peak of {audio['true_peak']:g} dBTP"


def _of_data(facts: Mapping[str, Any]) -> str:
    audio, settings = facts["audio"], InputSettings.model_validate(facts["input"])
    peak = ", each scaled to a peak of 1" if settings.peak else ""
    slices = "the slices of the training before" if facts.get("init") else "the training slices"
    standardized = {
        "none": "",
        "global": f" They were standardized by the mean and deviation of {slices}.",
        "band": f" Each band was standardized by its mean and deviation in {slices}.",
        "element": f" Each value was standardized by its mean and deviation in {slices}.",
    }[settings.standardize]
    front_end = FrontEnd.of(settings.front_end)
    remarks = "".join(f" {remark}" for remark in front_end.remarks())
    return (
        f"Tracks were mixed to mono, resampled to {audio['sample_rate']:,} Hz, {_leveling(audio)}, and stored as Ogg "
        f"Vorbis of quality {audio['quality']:g}. {cut(settings)} {_verb(settings)} turned into "
        f"{front_end.describe()}{peak}.{standardized}{remarks}"
    )


def _verb(settings: InputSettings) -> str:
    return "was" if settings.segments.kind in ("random_offset", "whole") else "were"


def division(folds: Mapping[str, Any]) -> str:
    """Return a sentence, without its full stop, on how tracks were divided."""
    grouping = "with groups (artists or albums) kept together" if folds["group"] else "without regard to groups"
    if folds["scheme"] == "given":
        return "Tracks were divided by the split that comes with the dataset"
    if folds["scheme"] == "leave_one_collection_out":
        return (
            f"Each of {folds['count']} collections was tested by models trained on the others; tracks of an artist or "
            "a recording in several of them were not tested"
        )
    if folds["scheme"] == "stratified":
        validation = "; the test tracks of the next fold served as validation tracks" if folds["validation"] else ""
        return f"Tracks were divided into {folds['count']} folds, stratified by class, {grouping}{validation}"
    shares = f"{100 * folds['test']:.3g} % for testing"
    if folds["valid"]:
        shares += f" and {100 * folds['valid']:.3g} % for choosing the best epoch"
    times = "" if folds["count"] == 1 else f" {folds['count']} times"
    if folds["unit"] == "segment":
        return (
            f"Segments, not tracks, were divided at random{times}, {shares}; segments of one track are on both "
            "sides, so accuracies are too high"
        )
    return f"Tracks were divided at random{times}, {shares}, {grouping}"


def fine_tuning(facts: Mapping[str, Any]) -> str:
    """Return sentences, each after a space, on the weights that a run started from; empty for random ones."""
    source, training = facts.get("init"), facts["training"]
    if source is None:
        return ""
    head = "its own output layer" if training["keep_head"] else "a new output layer"
    text = (
        f" Training started from the weights of {source['title']} (SHA-256 {source['sha256'][:16]}…), which was "
        f"trained on {source['data']}, with {head}."
    )
    if frozen := source["frozen"]:
        text += f" {len(frozen)} of {count(len(source['layers']), 'layer')} were kept as they were"
        if training["unfreeze_after"] is not None:
            layers = training["unfreeze_layers"]
            more = "" if layers is None else f", {count(layers, 'layer')} more every so many epochs"
            text += f" for the first {count(training['unfreeze_after'], 'epoch')}{more}"
        text += "."
    if training["layer_decay"] != 1:
        text += f" The step size of each layer was {training['layer_decay']:g} times that of the next one."
    if not source["lists_its_tracks"]:
        text += (
            " Which tracks that network was trained on is not recorded; if tracks that are tested here are among them, "
            "accuracies are too high."
        )
    return text


def _of_choice(chosen: Mapping[str, float]) -> str:
    if not chosen:
        return ""
    names = " and ".join(chosen)
    return (
        f" {names} {'was' if len(chosen) == 1 else 'were'} chosen by the cross-entropy of held-out tracks in five "
        "inner folds of the training tracks, which divide neither tracks nor groups (the table of runs lists them)."
    )


def _of_training(folds: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    training = facts["training"]
    if registry.describe(facts["model"]).is_estimator:
        method = "Each model was fitted to all training slices at once." + _of_choice(facts.get("chosen", {}))
    else:
        steps = facts["steps"] // max(1, facts["epochs"])
        sampling = {
            "balanced": "with equal numbers of each class",
            "shuffled": "in random order",
            "weighted": "sampled with equal probability of each class",
        }[training["sampling"]]
        method = (
            f"Each network was trained for {count(facts['epochs'], 'epoch')} of {count(steps, 'step')} "
            f"with {training['optimizer']} on batches of {count(training['batch'], 'slice')} {sampling}, "
            f"in {facts['precision']} on {facts['device']}.{fine_tuning(facts)}"
        )
    return (
        f"{division(folds)}. {method} Intervals are 95 % jackknife intervals over groups, "
        "or over tracks if no groups are known."
    )
