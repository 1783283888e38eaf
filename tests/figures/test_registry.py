"""Figures are declared once, beside the functions that draw them."""

import subprocess
import sys
from dataclasses import replace

import pytest

from genreflow.errors import UserError
from genreflow.figures.registry import StudyTraits, draw, entries, entry_of, planned_figures, title_of

CLASSES = StudyTraits(
    inputs={"mel": ("band", "time"), "numbers": ("quantity",)},
    analyzed=["mel", "numbers"],
    models=["cnn", "forest"],
    networks=["cnn"],  # a forest has no layers to draw
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
        "analysis-importances-numbers", "analysis-forest-importances-numbers", "analysis-quantities-numbers",
        "analysis-projections-numbers",
        "architecture-cnn",
        "ranking-pooling", "confusion-pooling-1", "confusion-pooling-2", "bars-depth",
        "reliability", "confusion-slice", "confusion-track", "confusion-holdout", "right-and-wrong", "snippets-genre",
    ]  # fmt: skip


def test_where_a_track_is_one_slice_there_is_one_matrix():
    planned = planned_figures(replace(CLASSES, one_slice=True))
    assert [name for name in planned if name.startswith("confusion-")][2:] == ["confusion-track", "confusion-holdout"]


def test_each_figure_of_an_analysis_has_a_caption_of_its_own():
    captions = [entry.caption for (kind, _), entry in entries().items() if kind == "analysis"]
    assert captions and len(captions) == len(set(captions)) and all(len(caption) > 50 for caption in captions)


def test_titles_name_what_the_study_names():
    study = {
        "titles": {"no_energy": "without energy", "mel": "spectrogram"},
        "experiments": {"left_out": {"title": "Left out", "values": [("no_energy, 0.2", "m", "s")]}},
    }
    spec = {"kind": "experiment", "figure": "confusions", "experiment": "left_out", "number": "0"}
    assert title_of(spec, study) == "Left out, without energy, 0.2: confusion"
    assert title_of({"kind": "input", "input": "mel"}, study) == "Input spectrogram"


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
