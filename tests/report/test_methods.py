import itertools
from contextlib import suppress

import pytest
from tiny_embedding import embedding

from genreflow.config.folds import FoldSettings
from genreflow.config.inputs import FRONT_ENDS, SEGMENTS, InputSettings
from genreflow.report.methods import division, fine_tuning, methods

AUDIO = {"sample_rate": 44_100, "loudness": -14.0, "true_peak": -1.0, "quality": 6.0}
TRAINING = {"optimizer": "adam", "batch": 100, "sampling": "balanced"}
STUDY = {
    "description": "",
    "headline": {"protocol": "standard"},
    "protocols": {"standard": {"folds": FoldSettings().model_dump()}},
}


def methods_of(model="psytrance_cnn", **settings):
    given = InputSettings.model_validate(settings).model_dump()
    facts = {"model": model, "audio": AUDIO, "input": given, "training": TRAINING, "epochs": 20, "steps": 300}
    return methods(STUDY, facts | {"precision": "float32", "device": "cpu"})


def inputs():
    """Yield every front-end with every segmentation that goes with it."""
    for front_end, segments in itertools.product(FRONT_ENDS, SEGMENTS):
        own = embedding().model_dump() if front_end == "embedding" else {"kind": front_end}
        given = {"front_end": own, "segments": {"kind": segments}}
        with suppress(ValueError):  # frames are counted, and there are none
            InputSettings.model_validate(given)
            yield given


@pytest.mark.parametrize("given", list(inputs()), ids=lambda given: "-".join(each["kind"] for each in given.values()))
def test_every_input_can_be_told(given):
    data, training = methods_of(**given)
    assert data.endswith(".") and training.endswith(".")
    assert "None" not in data + training


def test_the_words_for_an_input_of_each_study():
    data, _ = methods_of()
    assert "Up to 30 slices of 128 frames (2.56 s) around the middle of each track were turned into 128-band" in data
    data, _ = methods_of(
        front_end={"kind": "logmel", "sample_rate": 22_050, "hop": 512, "reference": "max"},
        segments={"kind": "random_offset"},
        peak=True,
        standardize="element",
    )
    assert "One slice of 30 s from a random second of each track was turned into" in data
    assert data.endswith(
        "(2,048-sample Hann window, hop 512 samples at 22,050 Hz, 0 to 11,025 Hz), each scaled to a peak of 1. "
        "Each value was standardized by its mean and deviation in the training slices."
    )
    data, _ = methods_of(front_end={"kind": "stft"}, segments={"kind": "sliding"})
    assert "The first 18 slices of 3 s of each track, one every 1.5 s, were turned into magnitudes of 513" in data


def test_a_brightness_that_is_always_zero_is_said_to_be():
    literal, _ = methods_of(front_end={"kind": "maps", "brightness_hz": 15_000}, segments={"kind": "sliding"})
    usual, _ = methods_of(front_end={"kind": "maps"}, segments={"kind": "sliding"})
    assert "Brightness is 0" in literal and "Brightness" not in usual


def test_what_is_fitted_was_not_trained_for_epochs():
    descriptors = {"front_end": {"kind": "descriptors"}, "segments": {"kind": "whole"}}
    _, training = methods_of("random_forest", **descriptors)
    assert "fitted to all training slices at once" in training and "epochs" not in training
    _, training = methods_of("ann", **descriptors)
    assert "20 epochs of 15 steps with adam" in training


def test_a_study_without_runs_tells_its_description_alone():
    assert methods(STUDY | {"description": "What it is."}, None) == ["What it is."]


@pytest.mark.parametrize(
    ("settings_", "words"),
    [
        (
            {"count": 10, "validation": True},
            "kept together; the test tracks of the next fold served as validation tracks",
        ),
        (
            {"scheme": "random", "count": 1, "test": 0.1, "valid": 0.1},
            "10 % for testing and 10 % for choosing",
        ),
        ({"scheme": "random", "unit": "segment", "group": False, "count": 1}, "Segments, not tracks"),
        ({"scheme": "given"}, "by the split that comes with the dataset"),
        ({"group": False}, "without regard to groups"),
    ],
)
def test_every_way_to_divide_tracks_can_be_told(settings_, words):
    assert words in division(FoldSettings(**settings_).model_dump())


def test_fine_tuning_is_told_with_its_source_and_a_warning():
    init = {"title": "cnn of study one", "sha256": "ab" * 32, "data": "2 tracks", "layers": ["a", "b", "c"]}
    training = TRAINING | {"keep_head": False, "unfreeze_after": 2, "unfreeze_layers": 1, "layer_decay": 0.8}
    text = fine_tuning({"init": init | {"frozen": ["a", "b"], "lists_its_tracks": False}, "training": training})
    assert text == (
        " Training started from the weights of cnn of study one (SHA-256 abababababababab…), which was trained on "
        "2 tracks, with a new output layer. 2 of 3 layers were kept as they were for the first 2 epochs, 1 layer more "
        "every so many epochs. The step size of each layer was 0.8 times that of the next one. Which tracks that "
        "network was trained on is not recorded; if tracks that are tested here are among them, accuracies are too "
        "high."
    )
    assert fine_tuning({"training": training}) == ""
