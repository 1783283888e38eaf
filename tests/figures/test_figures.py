"""Figures show what the tables say, name their axes with units, and take any name."""

import warnings
import xml.etree.ElementTree as ElementTree

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from genreflow.figures import architecture, confusion, curves, experiments, inputs, style
from genreflow.figures.save import save

HOSTILE = ["$\\frac{$", "<b>bold</b>", "x" * 40, "日本語のジャンル", "=cmd()\x1b[0m\u202e", 'O\'Brien & "co"']
FREQUENCIES = np.geomspace(20, 20_000, 128)


def words(figure: Figure) -> str:
    figure.draw_without_rendering()
    return "\n".join(text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text")))


def experiment_tables(values: list[str], *, diverged: int | None = None) -> dict:
    rows, history, runs, published = [], [], [], []
    for place, value in enumerate(values):
        accuracy = np.nan if place == diverged else 0.7 - 0.02 * place
        key = {"model": "cnn", "setting": f"s{place}"}
        interval = {"slice_accuracy": accuracy, "slice_low": accuracy - 0.03, "slice_high": accuracy + 0.04}
        rows.append(key | interval | {"value": value, "published_mean": 0.69, "published_sd": 0.12})
        for fold in "12":
            runs.append(key | {"fold": fold, "slice_accuracy": accuracy + 0.01 * int(fold)})
            history += [key | {"fold": fold, "epoch": e, "loss": 1 / e, "accuracy": 1 - 1 / e} for e in (1, 2, 3)]
        published += [{"value": value, "epoch": epoch, "train_accuracy": 0.5} for epoch in (1, 3)]
    names = ("rows", "history", "runs", "published_curves")
    return dict(zip(names, map(pd.DataFrame, (rows, history, runs, published)), strict=True))


def confusion_rows(classes: list[str]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"true": true, "predicted": predicted, "count": count, "share": count / (len(classes) + 8)}
            for true in classes
            for predicted in classes
            for count in [9 if true == predicted else 1]
        ]
    )


def every_figure(names: list[str]) -> dict[str, Figure]:
    mel = np.random.default_rng(0).normal(-40, 10, (128, 128))
    tables = experiment_tables(names)
    layers = [architecture.Layer(name, (1, 128, 128), 2) for name in names]
    look = {"title": names[0], "hop_s": 0.02, "frequencies": FREQUENCIES}
    return {
        "mel": inputs.mel_example(mel, **look),
        "pair": inputs.right_and_wrong([mel, mel], names[:2], **look),
        "network": architecture.architecture([*layers, architecture.Layer("end", (5,), joins=0)], title=names[0]),
        "experiment": experiments.accuracies(**tables, title=names[0], axis=names[1], baseline=0.2),
        "confusion": confusion.confusion_matrix(confusion_rows(names), level="slice", title=names[0]),
        "training": curves.training_curves(tables["history"], title=names[0]),
    }


@pytest.mark.end_to_end
@pytest.mark.parametrize("names", [HOSTILE, ["rock", "jazz"], [f"class {i}" for i in range(16)]])
def test_any_name_is_saved_as_well_formed_svg_and_png_without_a_warning(names, tmp_path):
    for name, figure in every_figure(names).items():
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            save(figure, tmp_path / f"{name}.png", tmp_path / f"{name}.svg")
        root = ElementTree.parse(tmp_path / f"{name}.svg").getroot()
        assert {element.tag.rpartition("}")[2] for element in root.iter()}.isdisjoint({"script", "b", "a"})
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_figure_gives_the_same_bytes(tmp_path):
    for attempt in "ab":
        for name, figure in every_figure(["rock", "jazz"]).items():
            save(figure, tmp_path / f"{attempt}{name}.png", tmp_path / f"{attempt}{name}.svg")
    written = sorted(tmp_path.glob("a*"))
    assert len(written) == 12
    for path in written:
        assert path.read_bytes() == path.with_name("b" + path.name[1:]).read_bytes(), path.name


def test_a_dollar_sign_is_drawn_as_written(tmp_path):
    figure = confusion.confusion_matrix(confusion_rows(["$\\frac{$", "b"]), level="track", title="t")
    save(figure, tmp_path / "x.png", tmp_path / "x.svg")
    assert ">$\\frac{$ (10)<" in (tmp_path / "x.svg").read_text()


def test_axes_are_named_with_units():
    figures = every_figure(["rock", "jazz"])
    expected = {
        "mel": ["Time (s)", "Mel band, center frequency (Hz)", "Level (dB)"],
        "pair": ["Time (s)", "Mel band, center frequency (Hz)", "Level (dB)"],
        "network": ["time (128 frames)"],
        "experiment": ["Test slice accuracy (%)", "Training slice accuracy (%)", "Epoch"],
        "confusion": ["Predicted class", "True class (number of slices)", "Share of the true class (%)"],
        "training": ["Training loss (cross-entropy, nat)", "Training slice accuracy (%)", "Epoch"],
    }
    for name, labels in expected.items():
        assert [label for label in labels if label not in words(figures[name])] == []


def test_frequency_ticks_lie_at_their_bands():
    figure = inputs.mel_example(np.zeros((128, 64)), title="t", hop_s=0.02, frequencies=FREQUENCIES)
    axes = figure.axes[0]
    ticks = {label.get_text(): place for label, place in zip(axes.get_yticklabels(), axes.get_yticks(), strict=True)}
    for text, place in ticks.items():
        assert np.interp(place, np.arange(128), FREQUENCIES) == pytest.approx(float(text.replace(",", "")), rel=1e-6)
    assert "1,000" in ticks
    assert axes.get_images()[0].get_extent()[:2] == [0, 64 * 0.02]


def test_both_slices_share_one_level_scale():
    quiet, loud = np.full((128, 128), -60.0), np.full((128, 128), -5.0)
    look = {"title": "t", "hop_s": 0.02, "frequencies": FREQUENCIES}
    figure = inputs.right_and_wrong([quiet, loud], ["a", "b"], **look)
    assert [axes.get_images()[0].get_clim() for axes in figure.axes[:2]] == [(-60, -5)] * 2


def test_a_bar_is_as_high_as_its_accuracy_and_a_diverged_one_says_so():
    figure = experiments.accuracies(
        **experiment_tables(["a", "b", "c"], diverged=1), title="t", axis="x", baseline=0.25
    )
    test = figure.axes[0]
    heights = [bar.get_height() for bar in test.patches]
    assert heights[0] == pytest.approx(70)
    assert np.isnan(heights[1])
    assert "no result" in test.get_xticklabels()[1].get_text()
    assert any(np.allclose(line.get_ydata(), 25) for line in test.lines if len(line.get_ydata()) == 2)


def test_interval_and_published_value_are_drawn_where_they_are():
    figure = experiments.accuracies(**experiment_tables(["a"]), title="t", axis="x")
    ends = sorted(
        y
        for lines in figure.axes[0].collections
        if hasattr(lines, "get_segments")
        for s in lines.get_segments()
        for y in s[:, 1]
    )
    assert np.allclose(ends, sorted([67, 74, 69 - 12, 69 + 12]))


def test_nothing_published_means_no_word_of_it():
    tables = experiment_tables(["a", "b"])
    tables["rows"][["published_mean", "published_sd"]] = np.nan
    del tables["published_curves"]
    assert "published" not in words(experiments.accuracies(**tables, title="t", axis="x"))


def test_a_band_reaches_from_the_lowest_to_the_highest_fold():
    history = pd.DataFrame(
        [
            {"model": "m", "setting": "s", "fold": str(f), "epoch": 1, "loss": float(f), "accuracy": 0.1 * f}
            for f in (1, 2, 6)
        ]
    )
    loss = curves.training_curves(history, title="t").axes[0]
    assert loss.lines[0].get_ydata() == pytest.approx([3.0])
    assert loss.collections[0].get_paths()[0].get_extents().intervaly == pytest.approx([1.0, 6.0])


def test_a_cell_shows_count_and_share_and_an_absent_class_is_gray():
    rows = confusion_rows(["a", "b"])
    rows.loc[rows.true == "b", ["count", "share"]] = [0, np.nan]
    figure = confusion.confusion_matrix(rows, level="track", title="t")
    image = figure.axes[0].get_images()[0].get_array()
    assert image[0].tolist() == pytest.approx([90, 10])
    assert image.mask[1].all()
    drawn = words(figure)
    assert "90 %" in drawn
    assert "b (0)" in drawn


def test_the_psytrance_network_adds_up_to_the_published_number_of_parameters():
    """8,797,703 parameters with max+mean pooling: the author's own printed summary plus the wider first dense layer."""
    conv, dense = (256, 125, 1), (2048,)
    shapes = [((1, 128, 128), 2), (conv, 131_328), (conv, 262_400), (conv, 262_400), (conv, 262_400)]
    shapes += [((512, 125, 1), 524_800), ((768, 125, 1), 0), ((1536,), 0)]
    shapes += [(dense, 3_147_776), (dense, 4_196_352), ((5,), 10_245)]
    layers = [architecture.Layer("layer", shape, parameters) for shape, parameters in shapes]
    assert "8,797,703 parameters" in words(architecture.architecture(layers, title="CNN"))


@given(st.text(), st.integers(2, 40), st.integers(1, 3))
def test_a_label_is_printable_and_keeps_to_its_width_and_lines(text, width, lines):
    written = style.label(text, width=width, lines=lines).split("\n")
    assert len(written) <= lines
    assert all(len(line) <= width and (line == "" or line.isprintable()) for line in written)


def test_a_caption_keeps_its_lines():
    look = {"title": "t", "hop_s": 0.02, "frequencies": FREQUENCIES}
    figure = inputs.right_and_wrong([np.eye(128)], ["goa taken for dark\na track"], **look)
    assert figure.axes[0].get_title("left") == "(a) goa taken for dark\na track"


def test_a_notice_says_why_there_is_nothing():
    assert "No track is long enough" in words(style.notice("No track is long enough"))


def test_an_unknown_baseline_is_not_drawn():
    figure = experiments.accuracies(**experiment_tables(["a"]), title="t", axis="x", baseline=np.nan)
    assert "baseline" not in words(figure)


def test_an_unpaired_surrogate_is_replaced():
    assert style.label("a\ud800b", width=10) == "a\ufffdb"


def test_colors_do_not_come_twice():
    assert len(set(style.colors(range(28)).values())) == 28
