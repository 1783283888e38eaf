"""The small size of the five studies: its main models learn, and every test fold holds every class.

``GENREFLOW_SMALL_RUN`` names a folder in which they have been run already; otherwise this takes about forty minutes.
"""

import os
from pathlib import Path

import pandas as pd
import pytest
from project import HOME, Project

from genreflow.store.parquet import read_frame, read_header

pytestmark = pytest.mark.slow

# Study -> its main models.
MAIN = {
    "psytrance": ("psytrance_cnn",),
    "western8": ("western8_cnn", "random_forest"),
    "feature_maps": ("net_stft", "net_music", "fusion"),
    "genre_mood": ("conv", "end2end_gru"),
    "tagging": ("waveform_gru", "spectrogram_gru"),
}
# Their protocols that have all classes and tracks; of genre_mood those of genres.
PROTOCOLS = {
    "psytrance": ("files", "albums"),
    "western8": ("random", "artists"),
    "feature_maps": ("tenfold", "fault_filtered"),
    "genre_mood": ("random_segments", "random_songs", "fault_filtered"),
    "tagging": ("random", "folders"),
}
LEAST = 4  # tracks of each class in a test fold


@pytest.fixture(scope="module", params=MAIN)
def built(request, tmp_path_factory):
    """The name of a study, and the folder of its results."""
    if given := os.environ.get("GENREFLOW_SMALL_RUN"):
        return request.param, Path(given) / "results" / f"{request.param}-small"
    project = Project.make(tmp_path_factory.mktemp(request.param))
    (project.work / "my.yaml").write_text((HOME / "config.yaml").read_text())
    project.build("--config", f"studies=[{request.param}]", "size=small")
    return request.param, project.work / "results" / f"{request.param}-small"


def test_the_main_models_beat_the_best_constant_answer_with_their_whole_interval(built):
    """In the settings that are the study's own, under every protocol: its own and those without leakage."""
    study, results = built
    table = pd.read_csv(results / "tables/experiments.csv")
    for model in MAIN[study]:
        rows = table[table["model"] == model]
        for protocol in PROTOCOLS[study]:
            own = rows[rows["protocol"] == protocol].iloc[0]  # of the first experiment: as the study has it
            low, trivial = (
                (own["roc_auc_low"], 0.5) if study == "tagging" else (own["track_majority_low"], own["baseline"])
            )
            assert low > trivial, (model, protocol, own["setting"])


def test_every_test_fold_holds_every_class(built):
    _, results = built
    for path in sorted(results.glob("protocols/*/folds.parquet")):
        folds, facts = read_frame(path, "folds"), read_header(path, "folds").facts
        tested = folds[(folds["role"] == "test") & (folds["fold"] != "final")].drop_duplicates(["fold", "track_id"])
        if facts["tags"]:
            tags = read_frame(results.parent / "standin_tags/catalog.parquet", "catalog", ["track_id", "tags"])
            tested = tested.drop(columns="label").merge(tags, on="track_id").explode("tags")
            tested = tested.rename(columns={"tags": "label"})
        numbers = tested.groupby(["fold", "label"]).size().unstack(fill_value=0)
        numbers = numbers.reindex(columns=facts["classes"], fill_value=0)
        assert numbers.to_numpy().min() >= LEAST, (path.parent.name, numbers)
