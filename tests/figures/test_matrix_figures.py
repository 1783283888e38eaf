"""The printed tables of the studies add up, and are drawn as printed."""

import numpy as np
import pandas as pd
import pytest
import study_tables as made_up
from legible import words
from matplotlib.patches import Rectangle
from printed_tables import CONFUSIONS, GENRES, SYSTEMS, WESTERN8, WESTERN8_PRINTED, confusions, western8

from genreflow.figures import confusion, precision_recall, style


def test_table_1_of_feature_maps_adds_up():
    assert CONFUSIONS.shape == (10, 10, 3)
    assert (CONFUSIONS.sum(axis=1) == 100).all()
    np.testing.assert_allclose(CONFUSIONS.diagonal().mean(axis=1), [87.7, 89.3, 91.0])


def test_table_1_of_western8_adds_up():
    assert WESTERN8[["correct", "tracks", "answers"]].sum().tolist() == [500, 800, 800]
    computed = western8().rename(columns=lambda name: name.removeprefix("published_"))
    # .9701 for .9706 is the largest of its slips.
    np.testing.assert_allclose(computed[["precision", "recall"]], WESTERN8_PRINTED, atol=6e-4)


def test_a_cell_has_the_three_values_from_top_to_bottom():
    [axes] = confusion.models_in_one(confusions(), title="Table 1", level="track").axes
    written = {}
    for text in axes.texts:
        x, y = text.get_position()
        written.setdefault((round(y), round(x)), []).append((y, int(text.get_text())))
    drawn = {cell: [number for _, number in sorted(values)] for cell, values in written.items()}
    expected = {(i, j): list(CONFUSIONS[i, j]) for i, j in np.ndindex(10, 10) if CONFUSIONS[i, j].any()}
    assert drawn == expected
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    assert "net_STFT, net_MUSIC, FUSION2" in words(axes.figure)


def test_a_stripe_is_as_dark_as_its_share():
    [axes] = confusion.models_in_one(confusions(), title="t", level="track").axes
    stripes = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    shares = CONFUSIONS.transpose(2, 0, 1).ravel()
    light = np.array([sum(stripe.get_facecolor()[:3]) for stripe in stripes])
    order = np.argsort(shares, kind="stable")
    assert (np.diff(light[order]) <= 1e-9).all()


def test_a_class_that_a_model_has_not_seen_is_gray():
    rows = confusions()
    rows.loc[(rows["model"] == "net_MUSIC") & (rows["true"] == "Pop"), "share"] = np.nan
    [axes] = confusion.models_in_one(rows, title="t", level="track").axes
    gray = [patch for patch in axes.patches if patch.get_facecolor()[:3] == pytest.approx([0xD9 / 255] * 3)]
    assert {(round(patch.get_y(), 3)) for patch in gray} == {round(6.5 + 1 / 3, 3)}
    assert len(gray) == 10


def test_a_difference_is_ours_less_the_published_one():
    rows = made_up.compared(GENRES)  # net_STFT and FUSION2
    figure = confusion.difference(rows, title="t", level="track")
    image = figure.axes[0].get_images()[0]
    np.testing.assert_allclose(image.get_array(), CONFUSIONS[:, :, 0] - CONFUSIONS[:, :, 2])
    low, high = image.get_clim()
    assert low == -high
    written = words(figure)
    assert "\N{MINUS SIGN}11" in written  # blues: 87 less 98
    assert "87 | 98" in written
    assert "0 | 0" not in written


def test_what_only_one_side_has_is_gray():
    rows = made_up.compared(GENRES)
    rows.loc[rows["true"] == "Jazz", "published"] = np.nan
    figure = confusion.difference(rows, title="t", level="track")
    assert figure.axes[0].get_images()[0].get_array().mask[5].all()


def test_equal_matrices_have_a_scale_and_no_color():
    rows = made_up.compared(GENRES).assign(published=lambda table: table["share"])
    image = confusion.difference(rows, title="t", level="track").axes[0].get_images()[0]
    assert not image.get_array().any()
    assert image.get_clim()[1] > 0


def scatter(ours: pd.DataFrame):
    return precision_recall.precision_recall(western8().assign(**ours), title="t", level="track").axes[0]


def test_precision_against_recall_with_the_published_points():
    axes = scatter({"precision": np.linspace(0.3, 0.9, 8), "recall": np.linspace(0.9, 0.3, 8)})
    dots = next(line for line in axes.lines if line.get_marker() == "o")
    np.testing.assert_allclose(dots.get_xdata(), np.linspace(90, 30, 8))
    np.testing.assert_allclose(dots.get_ydata(), np.linspace(30, 90, 8))
    marks = next(line for line in axes.lines if line.get_marker() == "D")
    np.testing.assert_allclose(marks.get_xydata(), 100 * WESTERN8_PRINTED[["recall", "precision"]], atol=0.06)
    assert {text.get_text() for text in axes.texts} - {""} == set(WESTERN8["class"])


def test_points_on_one_spot_share_a_place_for_their_names_and_the_published_ones_are_named():
    axes = scatter({"precision": 1.0, "recall": 1.0})
    ours = [text.get_text() for text in axes.texts if text.get_color() == style.INK and text.get_text()]
    # A few lines of names, and no pile of them.
    assert ", ".join(ours[0].replace(",\n", ", ").split("\n")) == ", ".join(WESTERN8["class"])
    assert len(ours) == 1 and 1 < len(ours[0].split("\n")) <= 3
    theirs = [text.get_text() for text in axes.texts if text.get_color() == style.QUIET and text.get_text()]
    assert sorted("\n".join(theirs).split("\n")) == sorted(WESTERN8["class"])


def test_a_class_without_ours_is_named_at_the_published_point():
    axes = scatter({"precision": np.nan, "recall": np.nan})
    assert sorted("\n".join(text.get_text() for text in axes.texts).split()) == sorted(
        " ".join(WESTERN8["class"]).split()
    )


def test_systems_stand_in_the_order_of_the_table():
    rows = confusions(models=SYSTEMS[::-1])
    assert "FUSION2, net_MUSIC, net_STFT" in words(confusion.models_in_one(rows, title="t", level="track"))
