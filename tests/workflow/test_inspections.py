"""What a study shows of its dataset and of one model by itself."""

import pandas as pd
import pytest

from genreflow.analysis.describe import TABLES
from genreflow.project.layout import ANALYSIS_TABLES
from genreflow.store.parquet import column_arrays, read_frame, read_header, read_table

pytestmark = pytest.mark.end_to_end

ASKED = "filters: true\nsnippets: {some: {model: psytrance_cnn}}\nanalysis: [slices]\n"


def test_the_rule_names_every_table_of_the_analysis():
    assert tuple(TABLES) == ANALYSIS_TABLES


@pytest.fixture
def inspected(project):
    """A project whose study asks to look at everything, and has been built so far."""
    (project.work / "tiny.yaml").write_text((project.work / "tiny.yaml").read_text() + ASKED)
    project.build("inspect")
    return project


def test_what_is_asked_for_is_made_of_finished_models_and_once(inspected):
    results = inspected.work / "results/tiny"
    facts = read_header(results / "inspection/filters.parquet", "filters").facts
    table = read_table(results / "inspection/filters.parquet", "filters")
    assert column_arrays(table["array"], tuple(facts["shape"]), facts["dtype"]).shape == (40, 128, 128)
    assert (table["after"].to_numpy() > table["before"].to_numpy()).all()

    # The final model has heard every track, so that of the first fold is asked.
    snippets = read_frame(results / "inspection/snippets-some.parquet", "snippets")
    folds = read_frame(results / "protocols/standard/folds.parquet", "folds").query("fold == '1' and role == 'test'")
    assert set(snippets["track_id"]) <= set(folds["track_id"])
    assert snippets.groupby("song")["count"].sum().tolist() == [100, 100]

    assert {path.stem for path in (results / "analysis").glob("*.csv")} == set(TABLES)
    assert pd.read_csv(results / "analysis/tag_counts.csv")["tracks"].tolist() == [4, 4]

    assert inspected.jobs("inspect") == {}
    inspected.edit("tiny.yaml", "{some: {model: psytrance_cnn}}", "{some: {model: psytrance_cnn, pool: max}}")
    assert inspected.jobs("inspect") == {"predict_snippets": 1}
