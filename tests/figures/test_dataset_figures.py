"""Figures of a dataset show what its tables say, can be read, and take any name and number of tags."""

import numpy as np
import pandas as pd
import pytest
from legible import assert_legible, assert_saved_the_same, words

from genreflow.analysis import examples, importance, projections, signals, tags
from genreflow.figures import dataset

pytestmark = pytest.mark.filterwarnings("ignore:Glyph")  # of scripts that the drawing font lacks

HOSTILE = ["$\\frac{$", "<b>bold</b>", "x" * 40, "日本語のジャンル", "=cmd()\x1b[0m\u202e", 'O\'Brien & "co"']
TEN = ["guitar", "classical", "slow", "techno", "strings", "drums", "electronic", "rock", "fast", "piano"]
MANY = [f"tag number {place}" for place in range(188)]
PITCHES, TIMBRES = importance.PITCHES, range(1, 1 + importance.TIMBRES)
FEATURES = ["loudness", "tempo", *(f"pitch_{name}" for name in PITCHES), *(f"timbre_{n:02d}" for n in TIMBRES)]


def counts(names):
    tracks = np.rint(4_852 * np.arange(1, len(names) + 1) ** -1.6).astype(int)
    known = np.where(np.arange(len(names)) < 5, tracks * 1.1, np.nan)
    table = {"rank": np.arange(1, len(names) + 1), "tag": names, "tracks": tracks, "published_tracks": known}
    return pd.DataFrame(table).reindex(columns=tags.COUNTS)


def marked(names):
    rng = np.random.default_rng(0)
    base = rng.random((300, 1))
    return pd.DataFrame(rng.random((300, len(names))) + base < 0.7, columns=names)


def variance(names, levels=("fed", "recorded")):
    rows = []
    for level in levels:
        for place, name in enumerate(names):
            middle = 1e-3 * 2.0 ** (place if level == "recorded" else 0)
            quantiles = dict(zip(signals.QUANTILES, middle * np.array([0.1, 0.5, 1, 2, 9]), strict=True))
            rows.append({"level": level, "tag": name, "clips": 1_000 + place, **quantiles})
    return pd.DataFrame(rows, columns=signals.VARIANCE)


def spectra(names, unit="dB"):
    hertz = np.linspace(0, 8_000, 513)
    parts = [
        pd.DataFrame({"frequency_hz": hertz, "mean": place - hertz / 400}).assign(tag=name, clips=2_000, unit=unit)
        for place, name in enumerate(names)
    ]
    return pd.concat(parts)


def points(names, methods=("pca", "mds", "tsne")):
    rng = np.random.default_rng(0)
    parts = [pd.DataFrame(rng.normal(size=(90, 2)), columns=["x", "y"]).assign(method=method) for method in methods]
    return pd.concat(parts).assign(tag=np.resize(names, 90 * len(methods)), front_end="stft")


def quality():
    measures = {"pca": {"explained": 0.31}, "mds": {"stress": 0.42}, "tsne": {"divergence": 1.5}}
    rows = [{"method": method, "neighbors": 0.25, "chance": 0.1, **kept} for method, kept in measures.items()]
    return pd.DataFrame(rows, columns=projections.QUALITY)


def coefficients(names):
    rng = np.random.default_rng(0)
    table = pd.DataFrame([(tag, feature) for tag in names for feature in FEATURES], columns=["tag", "feature"])
    table["group"] = table["feature"].str.partition("_")[0]
    for column in ("coefficient", "raw_coefficient", "auc_drop"):
        table[column] = rng.normal(size=len(table))
    return table


def envelopes(names):
    times = np.arange(600) * 0.05
    wave = np.abs(np.sin(times))
    parts = [pd.DataFrame({"time_s": times, "low": -wave, "high": wave}).assign(tag=name) for name in names]
    return pd.concat(parts).reindex(columns=examples.ENVELOPES)


def pictures(names, unit="dB", sign=1):
    axes = {"frequency_hz": np.geomspace(30, 16_000, 40), "time_s": np.arange(50) * 0.1}
    table = pd.MultiIndex.from_product(axes.values(), names=axes).to_frame(index=False)
    table["level"] = np.linspace(0.001, 40, len(table)) * sign
    return pd.concat([table.assign(tag=name, unit=unit) for name in names])


def correlated(names):
    return tags.correlations(marked(names), most=50)


FIGURES = {
    "counts": lambda names, title: dataset.tag_counts(counts(names), title=title),
    "per_track": lambda names, title: dataset.tags_per_track(tags.tags_per_track(marked(names)), title=title),
    "correlation": lambda names, title: dataset.correlation(correlated(names), title=title),
    "commonest": lambda names, title: dataset.correlation(correlated(names), most=10, title=title),
    "variance": lambda names, title: dataset.variance(variance(names[:12]), title=title),
    "spectra": lambda names, title: dataset.mean_spectra(spectra(names[:12]), title=title),
    "projections": lambda names, title: dataset.projections(points(names[:12]), quality=quality(), title=title),
    "importances": lambda names, title: dataset.importances(coefficients(names[:12]), title=title),
    "waveforms": lambda names, title: dataset.waveforms(envelopes(names[:10]), title=title),
    "spectrograms": lambda names, title: dataset.spectrograms(pictures(names[:10]), title=title),
}


@pytest.mark.parametrize("names", [["one"], TEN[:2], TEN, HOSTILE, MANY], ids=["one", "two", "ten", "hostile", "many"])
@pytest.mark.parametrize("figure", FIGURES)
def test_it_can_be_read(figure, names):
    assert_legible(FIGURES[figure](names, "How it is"))


@pytest.mark.parametrize("figure", FIGURES)
def test_it_is_written_without_a_warning_as_the_same_bytes(figure, tmp_path):
    assert_saved_the_same(lambda: FIGURES[figure](TEN[:4], "$\\frac{$"), tmp_path)


@pytest.mark.parametrize(
    ("draw", "columns"),
    [
        (dataset.tag_counts, tags.COUNTS),
        (dataset.tags_per_track, tags.TAGS_PER_TRACK),
        (dataset.correlation, tags.CORRELATIONS),
        (dataset.variance, signals.VARIANCE),
        (dataset.mean_spectra, signals.SPECTRA),
        (dataset.projections, projections.PROJECTIONS),
        (dataset.importances, importance.IMPORTANCES),
        (dataset.waveforms, examples.ENVELOPES),
        (dataset.spectrograms, examples.SPECTROGRAMS),
    ],
)
def test_where_there_is_nothing_it_says_so(draw, columns):
    figure = draw(pd.DataFrame(columns=columns), title="t")
    assert not figure.axes
    assert words(figure).startswith(("No ", "There "))


def test_bars_are_as_long_as_the_counts_and_published_ones_stand_beside():
    table = counts(TEN)
    table.loc[len(table)] = {"rank": 11, "tag": "not here", "tracks": 0}
    axes = dataset.tag_counts(table, title="t").axes[0]
    assert [bar.get_width() for bar in axes.patches] == table["tracks"][:10].tolist()
    assert [text.get_text() for text in axes.get_yticklabels()] == TEN
    np.testing.assert_allclose(axes.lines[0].get_xdata()[:5], 1.1 * table["tracks"][:5])
    assert axes.get_xscale() == "log"


def test_even_numbers_are_drawn_from_zero():
    table = counts(TEN).assign(tracks=100, published_tracks=np.nan)
    axes = dataset.tag_counts(table, title="t", noun="class").axes[0]
    assert axes.get_xscale() == "linear" and axes.get_xlim()[0] == 0
    assert axes.get_xlabel() == "Tracks with the class"


def test_of_too_many_tags_the_commonest_have_bars_and_all_a_point():
    bars, curve = dataset.tag_counts(counts(MANY), title="t").axes
    assert len(bars.patches) == 50
    assert len(curve.lines[0].get_xdata()) == 188
    assert "All 188 tags" in curve.get_title(loc="left")


def test_correlations_are_numbers_where_there_is_room_and_none_with_itself():
    table = correlated(TEN)
    figure = dataset.correlation(table, title="t", most=3)
    shown = [text.get_text() for text in figure.axes[0].texts]
    phi = table.set_index(["first", "second"])["phi"]
    assert shown == [f"{phi[a, b]:.2f}".replace("0.", ".") for a in TEN[:3] for b in TEN[:3] if a != b]
    image = figure.axes[0].images[0]
    assert np.ma.getmaskarray(image.get_array()).tolist() == np.eye(3, dtype=bool).tolist()
    assert image.get_clim()[0] == -image.get_clim()[1]


def test_variances_stand_by_falling_median_as_recorded_on_one_scale():
    figure = dataset.variance(variance(TEN), title="t")
    left, right = figure.axes
    assert [text.get_text().split(" (")[0] for text in left.get_yticklabels()] == TEN[::-1]
    assert left.get_xlim() == right.get_xlim()
    medians = [line.get_xdata()[0] for line in left.lines if line.get_linewidth() == 1.6]
    np.testing.assert_allclose(medians, 1e-3 * 2.0 ** np.arange(10)[::-1])
    assert "As recorded" in words(figure) and "full scale 1" in words(figure)


def test_of_one_level_there_is_one_panel():
    assert len(dataset.variance(variance(TEN, levels=["fed"]), title="t").axes) == 1


def test_spectra_are_means_over_sixths_of_an_octave():
    figure = dataset.mean_spectra(spectra(TEN, unit="log(1 + magnitude)"), title="t")
    lines = figure.axes[0].lines
    assert len(lines) == 10
    for place, line in enumerate(lines):
        hertz, levels = line.get_data()
        np.testing.assert_allclose(levels, place - hertz / 400)
        assert hertz.min() > 20 and len(hertz) < 60
    assert "log(1 + magnitude)" in words(figure) and "Frequency (Hz)" in words(figure)


def test_every_clip_is_a_point_and_every_method_says_what_it_keeps():
    table = points(TEN)
    figure = dataset.projections(table, quality=quality(), title="t")
    for axes, method in zip(figure.axes, ("pca", "mds", "tsne"), strict=True):
        drawn = np.concatenate([part.get_offsets() for part in axes.collections])
        expected = table.loc[table["method"] == method, ["x", "y"]].to_numpy()
        np.testing.assert_allclose(np.sort(drawn, axis=0), np.sort(expected, axis=0))
    for text in ("PCA: 31 %", "MDS: stress 0.42", "t-SNE: divergence 1.50", "25 %, by chance 10 %"):
        assert text in words(figure)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == TEN


@pytest.mark.parametrize("value", ["coefficient", "auc_drop"])
def test_importances_are_cells_of_tag_and_feature(value):
    table = coefficients(TEN)
    figure = dataset.importances(table, title="t", value=value)
    shown = figure.axes[0].images[0].get_array()
    np.testing.assert_allclose(shown, table[value].to_numpy().reshape(10, 26))
    for text in ("Pitch", "Timbre", "loudness", "tempo", "F#"):
        assert text in words(figure)


def test_waveforms_share_their_scale():
    table = envelopes(TEN[:3])
    table.loc[table["tag"] == "slow", ["low", "high"]] *= 0.1
    panels = [axes for axes in dataset.waveforms(table, title="t").axes if axes.axison]
    assert [axes.get_title(loc="left") for axes in panels] == TEN[:3]
    assert {axes.get_ylim() for axes in panels} == {(-table["high"].max(), table["high"].max())}


def test_magnitudes_are_drawn_in_decibels_and_levels_as_they_are():
    magnitudes, levels = pictures(TEN[:2], unit="magnitude"), pictures(TEN[:2], unit="dB", sign=-1)
    first, second = (dataset.spectrograms(table, title="t") for table in (magnitudes, levels))
    assert first.axes[0].images[0].get_array().max() == pytest.approx(20 * np.log10(40))
    assert second.axes[0].images[0].get_array().min() == pytest.approx(-40)
    assert "Level (dB)" in words(first) and "Frequency (Hz)" in words(first)
