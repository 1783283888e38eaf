"""Every figure of the studies can be read with few names and many, of any kind, and is the same each time."""

import re
from functools import partial

import numpy as np
import pytest
import study_tables as made_up
from legible import assert_legible, assert_saved_the_same, words
from printed_tables import GENRES, SYSTEMS, confusions, western8
from study_tables import HARD, SIMPLE

from genreflow.figures import (
    calibration,
    confusion,
    curves,
    inputs,
    precision_recall,
    scores,
    snippets,
    tagging,
)

pytestmark = pytest.mark.filterwarnings("ignore:Glyph .* missing from font")

FREQUENCIES = np.geomspace(30, 11_000, 16)
TWO = ["Macro ROC-AUC of tracks", "Macro PR-AUC of tracks"]
TEN = [f"tag {number}" for number in range(10)]
FIFTY = [*HARD, *(f"tag {number}" for number in range(38))]
RANKED = partial(scores.ranking, percent=False, title="t")
COMPARED = partial(scores.differences, title="t")
SWEPT = partial(scores.sweep, axis="Epochs", score="Track accuracy")


def grid(layers: dict[str, int], title: str = "t"):
    rows = made_up.channels(layers)
    arrays = np.random.default_rng(0).normal(size=(len(rows), 16, 16))
    return inputs.filters(rows, arrays, title=title, hop_s=0.02, frequencies=FREQUENCIES)


def tagged(draw, models, tags, **lost):
    curves, areas = made_up.tags(models, tags, **lost)
    return draw(curves, areas, title="t")


CASES = {
    "grouped": lambda: scores.grouped(made_up.scores(SIMPLE), title="t", score="Slice accuracy", baseline=0.1),
    "grouped, one": lambda: scores.grouped(made_up.scores(SIMPLE[:1]), title="t", score="Slice accuracy"),
    "grouped, twelve": lambda: scores.grouped(made_up.scores(HARD, lost="b"), title=HARD[6] * 9, score="Accuracy"),
    "ranking": lambda: scores.ranking(made_up.ranks(SIMPLE, TWO[:1]), title="t", baselines={TWO[0]: 0.5}),
    "ranking, one": lambda: scores.ranking(made_up.ranks(SIMPLE[:1], TWO[:1]), title="t"),
    "ranking, twelve": lambda: RANKED(made_up.ranks(HARD, TWO, lost="b"), baselines={TWO[0]: 0.5, TWO[1]: 0.06}),
    "sweep": lambda: SWEPT(made_up.sweeps(["CNN"]), title="t", baseline=0.1),
    "sweep, one": lambda: SWEPT(made_up.sweeps(["CNN"], (800,)), title="t", logarithmic=True),
    "sweep, few": lambda: SWEPT(made_up.sweeps(["CNN"], (800, 4000)), title="t", logarithmic=True),
    "sweep, twelve": lambda: SWEPT(made_up.sweeps(HARD), title="t"),
    "differences": lambda: scores.differences(made_up.pairs(SIMPLE), title="t", score="Track accuracy"),
    "differences, one": lambda: COMPARED(made_up.pairs(SIMPLE).head(1), score="Track accuracy"),
    "differences, many": lambda: scores.differences(made_up.pairs(HARD), title="t", score="Track accuracy"),
    "losses": lambda: curves.losses(made_up.history(["CNN"], folds=1), title="t"),
    "losses, twelve": lambda: curves.losses(made_up.history(HARD, lost="b"), title="t"),
    "roc, one": lambda: tagged(tagging.roc_curves, ["d-GRU"], TEN),
    "roc, three": lambda: tagged(tagging.roc_curves, ["a", "b-LSTM", HARD[6]], [*TEN[:9], HARD[6]]),
    "pr, twelve tags": lambda: tagged(tagging.pr_curves, ["a", "b-LSTM", "c"], HARD, lost="b"),
    "pr, fifty tags": lambda: tagged(tagging.pr_curves, ["a", "b-LSTM", "c"], FIFTY, lost="b"),
    "areas": lambda: tagging.tag_areas(made_up.tags(["a"], TEN)[1], title="t"),
    "areas, fifty": lambda: tagging.tag_areas(made_up.tags(["a", "b", HARD[6]], FIFTY, lost="b")[1], title="t"),
    "calibration": lambda: calibration.reliability(
        made_up.bins(["before", HARD[6]]), {"before": 0.1, HARD[6]: 0.02}, title="t", level="slice"
    ),
    "precision and recall": lambda: precision_recall.precision_recall(
        made_up.points(GENRES, spread=0.12), title="t", level="track"
    ),
    "precision and recall, close": lambda: precision_recall.precision_recall(
        made_up.points(HARD, spread=0.03), title="t", level="track"
    ),
    "precision and recall, perfect": lambda: precision_recall.precision_recall(
        western8().assign(precision=1.0, recall=1.0), title="t", level="track"
    ),
    "triple": lambda: confusion.models_in_one(confusions(), title="t", level="track"),
    "triple, hard": lambda: confusion.models_in_one(confusions(HARD[:10], HARD[6:9]), title="t", level="slice"),
    "triple, small": lambda: confusion.models_in_one(confusions(SIMPLE, SYSTEMS[:2]), title="t", level="slice"),
    "difference": lambda: confusion.difference(made_up.compared(GENRES), title="t", level="track"),
    "difference, hard": lambda: confusion.difference(made_up.compared(HARD[:10]), title="t", level="track"),
    "difference, two": lambda: confusion.difference(made_up.compared(SIMPLE[:2]), title="t", level="track"),
    "snippets": lambda: snippets.snippets(made_up.decisions(["one", "two"], GENRES), title="t"),
    "snippets, one": lambda: snippets.snippets(made_up.decisions(["one"], SIMPLE), title="t"),
    "snippets, six": lambda: snippets.snippets(
        made_up.decisions(HARD[3:9], HARD[:10]), title="t", labels={HARD[3]: HARD[2]}
    ),
    "filters": lambda: grid({"conv 1": 8, "conv 3": 8, "conv 5": 11}),
    "filters, one": lambda: grid({HARD[6]: 1}),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_it_can_be_read(name):
    assert_legible(CASES[name]())


HOSTILE = [name for name in CASES if re.search("twelve|many|three|hard|six|close|calib|one$|quad", name)]


@pytest.mark.end_to_end
@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_written_without_a_warning_as_the_same_bytes(name, tmp_path):
    assert_saved_the_same(CASES[name], tmp_path)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: scores.grouped(made_up.scores([]).reindex(columns=["name", "role"]), title="Genre", score="Accuracy"),
        lambda: scores.ranking(made_up.ranks([], []).reindex(columns=["name", "metric"]), title="Genre"),
        lambda: SWEPT(made_up.sweeps(["CNN"]).assign(value=np.nan, published=np.nan), title="Genre"),
        lambda: scores.differences(made_up.pairs(SIMPLE).head(0), title="Genre", score="Accuracy"),
        lambda: curves.losses(made_up.history(["CNN"], lost="CNN"), title="Genre"),
        lambda: tagging.roc_curves(*(table.head(0) for table in made_up.tags(["a"], TEN)), title="Genre"),
        lambda: tagging.tag_areas(made_up.tags(["a"], TEN)[1].head(0), title="Genre"),
        lambda: calibration.reliability(made_up.bins(["a"]).head(0), {}, title="Genre", level="slice"),
        lambda: precision_recall.precision_recall(
            western8().assign(precision=np.nan, recall=np.nan, published_recall=np.nan), title="Genre", level="track"
        ),
        lambda: confusion.models_in_one(confusions().head(0), title="Genre", level="track"),
        lambda: confusion.difference(made_up.compared(GENRES).head(0), title="Genre", level="track"),
        lambda: snippets.snippets(made_up.decisions(["a"], SIMPLE).head(0), title="Genre"),
        lambda: grid({}, title="Genre"),
    ],
)  # fmt: skip
def test_where_there_is_nothing_it_says_so(draw):
    figure = draw()
    assert words(figure).startswith("Genre: ")
    assert not figure.axes


@pytest.mark.parametrize(
    ("name", "labels"),
    {
        "grouped": ["Slice accuracy (%)", "majority baseline", "95 % interval", "published"],
        "ranking, twelve": [*TWO, "here, with 95 % interval", "published"],
        "sweep": ["Track accuracy (%)", "Epochs", "training", "test"],
        "differences": ["Track accuracy, first minus second (percentage points)"],
        "losses": ["Loss (cross-entropy, nat)", "Epoch", "training", "validation"],
        "roc, one": ["False positive rate", "True positive rate"],
        "pr, twelve tags": ["Recall", "Precision"],
        "areas": ["ROC-AUC of a tag", "PR-AUC of a tag", "chance"],
        "calibration": ["Right answers (%)", "Slices", "Probability of the answer (%)"],
        "precision and recall": ["Recall of tracks (%)", "Precision of tracks (%)"],
        "triple": ["Predicted class", "True class (share of its tracks, %)"],
        "difference": ["Predicted class", "Here minus published (points)"],
        "snippets": ["Snippets of 3 s, 100 in all"],
        "filters": ["conv 3\nband (Hz)", "Time (s)", "channel 14"],
    }.items(),
)
def test_axes_and_marks_are_named_with_units(name, labels):
    written = words(CASES[name]())
    assert [label for label in labels if label not in written] == []
