import sys

import numpy as np
import pytest
import soundfile
from little_model import RATE, SECONDS, write_flat_run, write_run

from genreflow.errors import UserError
from genreflow.figures.explained import explanation
from genreflow.inference import explain as module
from genreflow.inference.explain import COLUMNS, explain
from genreflow.inference.tracks import Predictor
from genreflow.models.registry import MODELS


@pytest.fixture(scope="module")
def predictor(run):
    return Predictor(str(run), device="cpu", cores=1)


@pytest.fixture(scope="module")
def result(predictor, music):
    return explain(predictor, str(music / "new/low-50.flac"), bands=4)


def test_there_is_a_row_a_patch_and_patches_tile_every_slice(result):
    effects = result.effects
    assert tuple(effects.columns) == COLUMNS
    assert effects["slice"].nunique() == 6
    for number, rows in effects.groupby("slice"):
        start = result.prediction.slices["start_s"][number]
        assert rows["start_s"].min() == pytest.approx(start) and rows["end_s"].max() == pytest.approx(start + SECONDS)
        area = ((rows["end_s"] - rows["start_s"]) * (rows["high_hz"] - rows["low_hz"])).sum()
        assert area == pytest.approx(SECONDS * RATE / 2)


def test_what_decides_is_found(result):
    """The model says `low` by low bands loud and high bands soft; both are so in this piece."""
    assert result.of == "low"
    by_band = result.effects.groupby("low_hz")["effect"].mean()
    assert (by_band > 0).all()
    assert result.prediction.best == "low"


def test_effects_are_those_of_the_model_known_by_heart(predictor, result, music):
    """Its log-odds of `low` are 0.1 (mean of low bands - mean of high bands): a patch's effect is a sum over it."""
    [prepared] = list(predictor.prepare(module.find([str(music / "new/low-50.flac")])))
    array, usual = prepared.stored[0].astype(float), predictor.training_profile.mean_spectrum.astype(float)[:, None]
    first = result.effects[result.effects["slice"] == 0]
    signs, count = np.where(np.arange(16) < 8, 0.1, -0.1)[:, None], 8 * 8
    expected = [(signs * (array - usual))[rows].sum() / count for rows in np.split(np.arange(16), 4)]
    assert len(first) == 4  # slices of 0.2 s are one patch long
    np.testing.assert_allclose(first["effect"], expected, atol=2e-4)


def test_another_class_can_be_asked_about(predictor, result, music):
    other = explain(predictor, str(music / "new/low-50.flac"), of="high", bands=4)
    np.testing.assert_allclose(other.effects["effect"], -result.effects["effect"], atol=1e-4)


def test_integrated_gradients_of_a_linear_model_are_its_occlusion(predictor, result, music):
    other = explain(predictor, str(music / "new/low-50.flac"), method="integrated_gradients", bands=4)
    np.testing.assert_allclose(other.effects["effect"], result.effects["effect"], atol=2e-4)


def test_saliency_is_the_gradient(predictor, music):
    other = explain(predictor, str(music / "new/low-50.flac"), method="saliency", bands=4)
    np.testing.assert_allclose(other.effects["effect"], 0.1 * 4 / 8, atol=1e-5)  # 4 x 8 values of weight 0.1 / (8 x 8)


def test_without_captum_gradients_are_refused_in_a_sentence(predictor, music, monkeypatch):
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(UserError, match="pip install captum"):
        explain(predictor, str(music / "new/low-50.flac"), method="saliency")


def test_tags_are_explained_one_at_a_time(halves, music, tmp_path):
    tagged = Predictor(str(write_run(tmp_path / "tagged", tags=True)), device="cpu", cores=1)
    result = explain(tagged, str(music / "new/low-50.flac"), of="high", bands=2)
    by_band = result.effects.groupby("low_hz")["effect"].apply(lambda each: np.abs(each).max())
    assert by_band.iloc[0] == pytest.approx(0, abs=1e-5)  # its log-odds know nothing of low bands
    assert by_band.iloc[1] > 0.01


@pytest.mark.parametrize(
    ("file", "of", "message"),
    [
        ("new", None, "holds 6 files"),
        ("new/low-50.flac", "lo", "Did you mean 'low'"),
        ("silence.wav", None, "Q_SILENT"),
        ("nowhere.wav", None, "does not exist"),
    ],
)
def test_mistakes_are_told_in_a_sentence(predictor, music, file, of, message):
    soundfile.write(music / "silence.wav", np.zeros(3 * RATE), RATE)
    with pytest.raises(UserError, match=message):
        explain(predictor, str(music / file), of=of)


def test_the_picture_shows_spectrogram_moments_bands_and_votes(result):
    figure = explanation(
        result.effects, result.prediction.slices, result.levels, of=result.of, title="a song", begin_s=result.begin_s,
        column_s=result.column_s, seconds=result.seconds, frequencies=result.frequencies,
    )  # fmt: skip
    labels = {axes.get_ylabel() for axes in figure.axes} | {axes.get_xlabel() for axes in figure.axes}
    assert {"Frequency (Hz)", "Effect of\nthe moment", "Probability\nin a slice", "Effect of the band"} <= labels
    spectrogram = figure.axes[0]
    begin, end = result.prediction.slices["start_s"].iloc[[0, -1]] + [0, SECONDS]
    assert spectrogram.get_xlim() == pytest.approx((begin, end), abs=0.05)


INPUTS = {
    "waveform": ({"front_end": {"kind": "waveform"}, "segments": {"kind": "sliding", "seconds": 0.5, "hop": 0.25}}, 1),
    "stft": ({"front_end": {"kind": "stft"}, "segments": {"kind": "split", "seconds": 0.8, "count": 2}}, 8),
    "maps": ({"front_end": {"kind": "maps"}, "segments": {"kind": "sliding", "seconds": 1, "hop": 0.5, "count": 2}}, 8),
    "descriptors": (
        {"front_end": {"kind": "descriptors"}, "segments": {"kind": "split", "seconds": 1, "count": 2}},
        25,
    ),
}


@pytest.mark.parametrize("kind", INPUTS)
def test_every_kind_of_input_can_be_explained_and_drawn(kind, music, tmp_path, monkeypatch):
    given, bands = INPUTS[kind]
    entry, folder = write_flat_run(tmp_path / "run", given)
    monkeypatch.setitem(MODELS, "flat", entry)
    result = explain(Predictor(str(folder), device="cpu", cores=1), str(music / "new/low-50.flac"))
    assert result.effects["band"].nunique() == bands
    assert np.isfinite(result.effects["effect"]).all() and (result.effects["effect"] != 0).any()
    figure = explanation(
        result.effects, result.prediction.slices, result.levels, of=result.of, title="a song", begin_s=result.begin_s,
        column_s=result.column_s, seconds=result.seconds, frequencies=result.frequencies,
    )  # fmt: skip
    figure.savefig(tmp_path / f"{kind}.png")
