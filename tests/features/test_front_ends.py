"""Whatever holds for every front-end, by its defaults: a new one is tested here without a line."""

import numpy as np
import pytest
import torch
from musical_sounds import RATE, music
from tiny_embedding import embedding

from genreflow.analysis.summaries import summary as map_summary
from genreflow.audio.vorbis import write_ogg
from genreflow.config.inputs import FRONT_ENDS, SEGMENTS, InputSettings
from genreflow.config.training import TrainingSettings
from genreflow.errors import Problems
from genreflow.export.front_end import FrontEndModule, obstacle
from genreflow.features.front_end import AUGMENTATIONS, FrontEnd, SpectralFrontEnd
from genreflow.features.shapes import segment_shape
from genreflow.features.slices import cut, to_stored
from genreflow.plan.stages import version
from genreflow.store.shards import as_fed
from genreflow.training.augment import Augment, gain
from genreflow.training.novelty import summary as novelty_summary

SECONDS = 3.0
AMOUNTS = {"shift": 0.5, "gain": 6.0, "noise": 0.3, "mask_time": 0.5, "mask_bands": 0.5, "mixup": 0.4}


def settings_of(kind: str) -> InputSettings:
    return InputSettings(front_end=default(kind), segments=SEGMENTS["sliding"](seconds=SECONDS, count=2))


def default(kind: str):
    return embedding() if kind == "embedding" else FRONT_ENDS[kind]()


EACH = [FrontEnd.of(default(kind)) for kind in FRONT_ENDS]
# Frames of a waveform or a summary do not exist; those that are cut afterwards depend on the music around them.
FRAMED = [each for each in EACH if len(each.settings.axes) > 1 and not each.cut_after]
LEVELLED = [each for each in EACH if each.level is not None and not each.gain_problem]


def only(front_ends: list[FrontEnd]) -> pytest.MarkDecorator:
    kinds = [each.settings.kind for each in front_ends]
    return pytest.mark.parametrize("front_end", front_ends, ids=kinds, indirect=True, scope="module")


@pytest.fixture(scope="module", params=EACH, ids=FRONT_ENDS)
def front_end(request):
    return request.param


@pytest.fixture(scope="module")
def samples(front_end):
    return music(SECONDS * front_end.sample_rate / RATE)[: round(SECONDS * front_end.sample_rate)]


@pytest.fixture(scope="module")
def array(front_end, samples):
    return front_end.transform(samples)


def test_a_segment_has_the_shape_that_plans_foresee(front_end, array):
    assert array.dtype == np.float32
    assert array.shape == segment_shape(settings_of(front_end.settings.kind))
    assert len(array.shape) == len(front_end.settings.axes)
    assert np.isfinite(array).all()


def test_silence_is_finite(front_end, samples):
    assert np.isfinite(front_end.transform(np.zeros_like(samples))).all()


@only(FRAMED)
def test_frames_of_a_span_are_those_of_the_whole(front_end, samples, array):
    first, count = 20, 30
    start, stop = front_end.frame_span(first, count)
    np.testing.assert_allclose(front_end.compute(samples[start:stop]), array[:, first : first + count], atol=1e-3)


def test_what_is_stored_is_fed_again(front_end, array):
    stored = to_stored(array, settings_of(front_end.settings.kind))
    assert stored.dtype == front_end.dtype
    np.testing.assert_allclose(as_fed(stored), array, rtol=1e-3, atol=1e-3 * np.abs(array).max())


def test_rows_have_names(front_end, array):
    rows = front_end.rows()
    assert len(set(rows)) == len(rows) == front_end.n_rows or front_end.settings.axes[0] == "band"
    if front_end.settings.axes != ("time",):
        assert len(rows) == array.shape[0]


def test_it_can_be_described(front_end):
    words = front_end.describe()
    assert words and not words.endswith(".") and "None" not in words
    assert all(remark.endswith(".") for remark in front_end.remarks())


def test_it_can_be_shown(front_end, array):
    view = front_end.display(array)
    assert view.values.shape == array.shape
    assert (view.hop_s > 0) == ("time" in front_end.settings.axes)
    assert isinstance(front_end, SpectralFrontEnd) == ("band" in front_end.settings.axes)
    if isinstance(front_end, SpectralFrontEnd):
        frequencies, edges = front_end.frequencies(), front_end.band_edges(np.arange(front_end.n_rows + 1))
        assert (np.diff(frequencies) > 0).all()
        assert ((edges[:-1] <= frequencies) & (frequencies <= edges[1:])).all()
        assert front_end.unit and view.unit and view.axis
    if front_end.settings.axes == ("quantity", "time"):
        assert list(view.units) == front_end.rows()


@pytest.mark.parametrize("option", AUGMENTATIONS)
def test_an_augmentation_works_or_says_why_not(front_end, array, option):
    training = TrainingSettings(**{option: AMOUNTS[option]})
    if front_end.augmentation_problem(option):
        with pytest.raises(Problems, match=option):
            Augment(training, front_end.settings)
        return
    inputs = torch.from_numpy(np.stack([array, array[..., ::-1].copy(), array]))
    changed, _ = Augment(training, front_end.settings)(inputs, torch.eye(3), np.arange(3), epoch=0)
    assert changed.shape == inputs.shape and torch.isfinite(changed).all() and not torch.equal(changed, inputs)


@only(LEVELLED)
def test_a_gain_changes_slices_as_it_changes_the_music(front_end, samples, array):
    inputs, numbers = torch.from_numpy(array[np.newaxis]), np.array([[1.0]])  # 6 dB up, the most
    result = gain(inputs, 6.0, numbers, front_end)[0].numpy()
    expected = front_end.transform(samples * np.float32(10 ** (6 / 20)))
    is_above_floor = array > array.min() + 1e-3 * np.ptp(array)
    np.testing.assert_allclose(result[is_above_floor], expected[is_above_floor], rtol=1e-3, atol=0.01)


def test_its_torch_module_agrees_or_it_says_why_there_is_none(front_end, samples, array):
    settings = settings_of(front_end.settings.kind)
    if problem := obstacle(settings):
        assert front_end.settings.kind in problem
        return
    made = FrontEndModule(settings)(torch.from_numpy(samples[np.newaxis]))[0].numpy()
    np.testing.assert_allclose(made, as_fed(to_stored(array, settings)), rtol=2e-3, atol=1e-3 * np.abs(array).max())


def test_a_track_can_be_summed_up(front_end, array):
    settings = settings_of(front_end.settings.kind)
    assert np.isfinite(novelty_summary(to_stored(array[np.newaxis], settings), settings)).all()
    assert np.isfinite(map_summary(array[np.newaxis], front_end)).all()


def test_it_is_cut_from_a_track(front_end, tmp_path):
    write_ogg(tmp_path / "a.ogg", music(6), RATE, quality=6, serial=1)
    kind = front_end.settings.kind
    settings = settings_of(kind)
    if kind != "embedding":  # whose rate is its network's
        given = FRONT_ENDS[kind](sample_rate=min(RATE, front_end.sample_rate))
        settings = settings.model_copy(update={"front_end": given})
    slices = cut(tmp_path / "a.ogg", settings, track_id="0")
    assert slices.array.shape == (2, *segment_shape(settings))


def test_its_stage_has_a_version(front_end):
    assert version(front_end.settings.kind) >= 1


@only([each for each in EACH if not isinstance(each, SpectralFrontEnd)])
def test_bands_of_a_front_end_without_any_are_refused(front_end):
    with pytest.raises(TypeError, match="has no bands"):
        SpectralFrontEnd.of(front_end.settings)
