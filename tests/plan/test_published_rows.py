"""Every published number stands in a table beside a number of ours, in the full size of its study."""

import numpy as np
import pandas as pd
import pytest
from test_study_files import HOME, STUDIES, make_datasets

from genreflow.analysis import tags
from genreflow.config.load import read_yaml
from genreflow.evaluation.claims import NOT_REPRODUCED, OPEN, claims_table
from genreflow.evaluation.comparisons import PAIRS
from genreflow.evaluation.published_details import details_table
from genreflow.evaluation.study import read_published
from genreflow.evaluation.tables import CLASSES, CONFUSION, HISTORY, RUNS, SETTINGS, TRACKS
from genreflow.plan.make import validate_config

PUBLISHED = HOME / "resources/published"
OURS = 0.5


@pytest.fixture(scope="module")
def plans(tmp_path_factory):
    work = tmp_path_factory.mktemp("published")
    make_datasets(work / "music")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(work)
        config = read_yaml(HOME / "config.yaml") | {"studies": list(STUDIES), "size": "full"}
        return validate_config(config, home=HOME, look=True)[0].studies


def filled(facts, published):
    """Return the tables of a study in which every number is `OURS`."""
    names = pd.DataFrame(
        [{name: each[name] for name in ("model", "setting", "protocol")} for each in facts["settings"]]
    )
    epochs = pd.DataFrame({"epoch": range(1, 51), "fold": "1", "repeat": 0})
    labels = pd.DataFrame({"class": known_classes(published)})
    cells = labels.rename(columns={"class": "true"}).merge(labels.rename(columns={"class": "predicted"}), how="cross")
    pairs = [
        {"experiment": name, "a": str(a), "b": str(b)}
        for name, experiment in facts["experiments"].items()
        for place, (a, *_) in enumerate(experiment["values"])
        for b, *_ in experiment["values"][place + 1 :]
    ]
    holdout = cells.rename(columns={"predicted": "predicted_majority"}).assign(correct=True)
    scores = pd.DataFrame(
        {"metric": ["track_class_index_mse", "track_binary_accuracy", "track_precision_0", "track_recall_0"]}
    )
    return {
        "settings": names.reindex(columns=SETTINGS).fillna(OURS),
        "runs": names.merge(pd.DataFrame({"fold": [str(n) for n in range(1, 11)]}), how="cross")
        .reindex(columns=RUNS)
        .fillna(OURS),
        "history": names.merge(epochs, how="cross").reindex(columns=HISTORY).fillna(OURS),
        "classes": names.merge(labels, how="cross").assign(level="track").reindex(columns=CLASSES).fillna(OURS),
        "confusion": names.merge(cells, how="cross").assign(level="track").reindex(columns=CONFUSION).fillna(OURS),
        "comparisons": pd.DataFrame(pairs).reindex(columns=["experiment", *PAIRS]).fillna(OURS),
        "scores": names.merge(scores, how="cross").assign(value=OURS),
        "holdout": holdout.reindex(columns=TRACKS).fillna("of all"),
    }


def known_classes(published):
    """Return the classes that published tables name."""
    names = [frame[column] for frame in published.values() for column in ("class", "true") if column in frame]
    return sorted({str(name) for column in names for name in column.dropna()})


@pytest.fixture(params=STUDIES)
def case(request, plans):
    facts = plans[request.param].facts
    published = read_published(sorted(PUBLISHED.glob(f"{request.param}_*.csv")), request.param)
    return facts, published, filled(facts, published)


def test_every_published_score_stands_beside_one_of_ours(case):
    facts, published, tables = case
    claims = claims_table(facts, published, tables)
    numbers = claims.tail(len(published["scores"]))
    missing = numbers[numbers["ours"].isna()]
    assert missing[["item", "claim"]].to_numpy().tolist() == []
    other = numbers["why"].isin(["under another protocol"])
    assert numbers.loc[other, "claim"].tolist() == []


def test_every_claim_is_in_the_table_and_one_without_a_number_says_why(case):
    facts, published, tables = case
    claims = claims_table(facts, published, tables).head(len(published["claims"]))
    assert claims["claim"].tolist() == published["claims"]["claim"].tolist()
    assert set(claims.loc[claims["ours"].isna(), "verdict"]) <= {OPEN}
    assert (claims["why"] != "").all() and NOT_REPRODUCED not in set(claims.loc[claims["ours"].isna(), "verdict"])


def test_every_published_detail_stands_beside_one_of_ours(case):
    facts, published, tables = case
    details = details_table(facts, published, tables)
    for topic in published.keys() - {"scores", "claims", "tags", "correlations", "quantities"}:
        own = details[details["topic"] == topic]
        assert own["ours"].notna().all(), own[own["ours"].isna()].to_string()
        a_row = 8 if topic == "folds" else 1  # mean, deviation and training accuracy, and each of five folds
        assert len(own) == a_row * len(published[topic])


def test_published_tags_and_their_correlations_stand_in_the_analysis():
    published = read_published(sorted(PUBLISHED.glob("tagging_*.csv")), "tagging")
    index = pd.DataFrame({"track_id": ["a", "b"], "tags": [["guitar"], ["rock"]], "slices": 1, "seconds": 1.0})
    index["label"] = ""
    marked = tags.membership(index)
    counts = tags.counts(index, marked, published["tags"])
    assert set(counts["tag"]) >= set(published["tags"]["tag"])
    assert np.nansum(counts["published_tracks"]) == published["tags"]["tracks"].sum()
    pairs = tags.correlated_pairs(marked, tags.correlations(marked, most=50), published["correlations"])
    assert sorted(pairs["published_phi"].dropna()) == sorted(published["correlations"]["phi"])


def test_the_files_of_published_numbers_are_all_of_a_known_topic():
    """A file of another topic would be read by nobody."""
    known = {
        "scores",
        "claims",
        "classes",
        "confusion",
        "folds",
        "curves",
        "holdout",
        "tags",
        "correlations",
        "quantities",
    }
    topics = {path.stem.removeprefix(f"{study}_") for study in STUDIES for path in PUBLISHED.glob(f"{study}_*.csv")}
    assert topics == known
