"""Figures are declared once, beside the functions that draw them."""

import subprocess
import sys

import pytest

from genreflow.errors import UserError
from genreflow.figures.registry import StudyTraits, draw, entries, entry_of, planned_figures

CLASSES = StudyTraits(
    inputs={"mel": ("band", "time"), "numbers": ("quantity",)},
    analyzed=["mel", "numbers"],
    models=["cnn"],
    experiments={"pooling": (["ranking", "confusions"], 2), "depth": (["bars"], 3)},
    classifies=True,
    headline_axes=("band", "time"),
    has_holdout=True,
    snippets=["genre"],
)


def test_plans_read_the_declarations_without_matplotlib():
    code = (
        "import sys; from genreflow.figures.registry import entries; entries();"
        "print([name for name in ('matplotlib', 'PIL', 'scipy', 'torch', 'sklearn') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_study_has_the_figures_that_its_traits_ask_for_in_the_order_of_the_page():
    assert list(planned_figures(CLASSES)) == [
        "input-mel", "input-numbers",
        "analysis-counts", "analysis-spectrograms-mel", "analysis-spectra-mel", "analysis-projections-mel",
        "analysis-importances-numbers", "analysis-forest-importances-numbers", "analysis-projections-numbers",
        "architecture-cnn",
        "ranking-pooling", "confusion-pooling-1", "confusion-pooling-2", "bars-depth",
        "reliability", "confusion-slice", "confusion-track", "confusion-holdout", "right-and-wrong", "snippets-genre",
    ]  # fmt: skip


def test_a_study_without_models_has_no_results_to_draw():
    assert list(planned_figures(StudyTraits(inputs={"mel": ("band", "time")}))) == ["input-mel"]


def test_a_study_without_experiments_has_training_curves():
    assert "training" in planned_figures(StudyTraits(inputs={}, models=["cnn"], has_epochs=True))
    assert "training" not in planned_figures(CLASSES)


def test_figures_of_tags_need_tags():
    tags = planned_figures(StudyTraits(inputs={"mel": ("band", "time")}, analyzed=["mel"], has_tags=True))
    assert {"analysis-tags-per-track", "analysis-correlation-50", "analysis-correlation-10"} <= set(tags)
    assert tags["analysis-counts"] == {"kind": "analysis", "figure": "counts", "input": ""}


@pytest.mark.parametrize("entry", entries().values(), ids=lambda entry: f"{entry.kind} {entry.name}".strip())
def test_a_declaration_is_complete(entry):
    assert entry.title and entry.section and entry.reads
    assert entry.caption.endswith(".") and (entry.crowded is None or entry.crowded[1].endswith("."))
    assert entry_of({"kind": entry.kind} | ({"figure": entry.name} if entry.name else {})) is entry


def test_an_unknown_figure_is_a_mistake_of_the_user():
    with pytest.raises(UserError, match="There is no figure 'experiment pie'"):
        draw({"kind": "experiment", "figure": "pie"}, None)


def test_models_without_epochs_have_no_training_curves():
    assert "training" not in planned_figures(StudyTraits(inputs={}, models=["svm"]))
