"""Checks of augmentations against front-ends."""

from collections.abc import Iterator
from typing import Literal

from genreflow.config.inputs import Descriptors, FrontEnd, LogMel, MusicMaps, Waveform
from genreflow.config.training import TrainingSettings

# In the order in which they are done: noise is hidden by masks, and slices are mixed as they are by then.
Augmentation = Literal["shift", "gain", "noise", "mask_time", "mask_bands", "mixup"]
AUGMENTATIONS: tuple[Augmentation, ...] = ("shift", "gain", "noise", "mask_time", "mask_bands", "mixup")


def augmentation_problems(settings: TrainingSettings, front_end: FrontEnd) -> Iterator[str]:
    """Yield a sentence per option that makes no sense for slices of a front-end."""
    for name in (*AUGMENTATIONS, "crop"):
        if getattr(settings, name) and (why := _objection(name, front_end)):
            yield f"{name}: {why}. Leave it out."


def _objection(option: str, front_end: FrontEnd) -> str | None:
    match option, front_end:
        case "mixup", _:
            return None
        case "gain" | "noise", Descriptors():
            return "descriptors are quantities of several kinds, which have no level in common"
        case _, Descriptors():
            return "descriptors have neither time nor bands"
        case "mask_bands", Waveform():
            return "a waveform has no bands"
        case "gain", MusicMaps():
            return "music maps are quantities of several kinds, most of which do not depend on the level"
        case "gain", LogMel(scale="frame_minmax"):
            return "`scale: frame_minmax` has taken the level out of every frame"
        case "gain", LogMel(reference="max"):
            return "`reference: max` has taken the level out of every slice"
    return None
