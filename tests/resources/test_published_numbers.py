"""Published numbers: every file parses, says what it measures, and agrees with what else is known of its study."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from genreflow.config.load import read_yaml
from genreflow.models.registry import MODELS
from genreflow.synthetic.genres import GTZAN, WESTERN

HOME = Path(__file__).parents[2] / "resources/published"
STUDIES = ("psytrance", "western8", "genre_mood", "tagging", "feature_maps")

COLUMNS = [
    "item", "experiment", "model", "axis", "value", "role", "level", "metric", "n", "score", "low", "high", "sd",
    "protocol", "source", "remark",
]  # fmt: skip
CLAIM_COLUMNS = ["item", "claim", "experiment", "value", "than", "metric", "least", "most", "source", "remark"]
KEY = ["item", "experiment", "model", "axis", "value", "role", "level", "metric"]
FUSIONS = {"fusion"}
ROLES = {"train", "validation", "test", "holdout"}
LEVELS = {"slice", "track"}
SHARES = {
    "accuracy", "accuracy_mean_probability", "binary_accuracy", "precision_class_0", "recall_class_0", "roc_auc_macro",
    "pr_auc_macro",
}  # fmt: skip
METRICS = SHARES | {"accuracy_difference", "loss", "mse_class_index"}


def read(name):
    text = dict.fromkeys(["axis", "value", "class", "true", "predicted", "remark"], str)
    return pd.read_csv(
        HOME / f"{name}.csv",
        dtype=text,
        keep_default_na=False,
        na_values={"n": "", "score": "", "low": "", "high": "", "sd": ""},
    )


@pytest.fixture(scope="module")
def scores():
    return {study: read(f"{study}_scores") for study in STUDIES}


@pytest.fixture(scope="module")
def western8():
    """Hits, true and predicted counts of each class, by table."""
    cells = read("western8_confusion")
    hits = cells[cells["true"] == cells["predicted"]].set_index(["item", "true"])["count"]
    true = cells[cells["predicted"] == ""].set_index(["item", "true"])["count"]
    predicted = cells[cells["true"] == ""].set_index(["item", "predicted"])["count"]
    counts = pd.DataFrame({"hits": hits, "true": true, "predicted": predicted})
    assert len(cells) == 3 * len(counts)
    return counts.rename_axis(["item", "class"])


@pytest.mark.parametrize("path", sorted(HOME.glob("*.csv")), ids=lambda path: path.stem)
def test_every_file_is_utf8_with_a_source_in_every_row(path):
    table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    assert len(table) and not table.duplicated().any()
    assert (table["source"] != "").all()
    assert not table.apply(lambda cells: cells.str.strip() != cells).any(axis=None)


@pytest.mark.parametrize("study", STUDIES)
class TestScores:
    def test_have_one_row_for_each_thing_measured(self, scores, study):
        assert list(scores[study].columns) == COLUMNS
        assert not scores[study].duplicated(KEY).any()

    def test_name_what_is_known(self, scores, study):
        table = scores[study]
        assert set(table["metric"]) <= METRICS
        assert set(table["role"]) <= ROLES
        assert set(table["level"]) <= LEVELS
        assert set(table["model"]) <= MODELS.keys() | FUSIONS
        assert (table[["item", "experiment", "protocol", "source"]] != "").all(axis=None)

    def test_are_shares_where_they_are_shares(self, scores, study):
        table = scores[study]
        shares = table.loc[table["metric"].isin(SHARES), ["score", "low", "high"]]
        assert ((shares.isna()) | ((shares >= 0) & (shares <= 1))).all(axis=None)
        assert table[["score", "low", "high"]].notna().any(axis=1).all()
        assert not (table["low"] > table["score"]).any()
        assert not (table["high"] < table["score"]).any()

    def test_name_options_that_their_model_has(self, scores, study):
        table = scores[study]
        assert ((table["axis"] == "") == (table["value"] == "")).all()
        for row in table[table["model"].isin(MODELS)].itertuples():
            option = MODELS[row.model].options.get(row.axis)
            if option is not None:
                value = type(option.default)(row.value)
                assert option.problem(value) is None, row

    def test_are_of_sets_that_are_counted(self, scores, study):
        n = scores[study]["n"].dropna()
        assert (n % 1 == 0).all() and (n > 0).all()


class TestPsytrance:
    def test_a_mean_is_that_of_its_folds(self):
        table = read("psytrance_folds")
        folds = table.filter(regex=r"^fold_\d$")
        np.testing.assert_allclose(folds.mean(axis=1), table["mean"], atol=1.1e-4)

    def test_scores_are_those_of_the_figures(self, scores):
        test, train = (
            scores["psytrance"].query("role == @role and item != 'Analysis'").set_index(["experiment", "value"])
            for role in ("test", "train")
        )
        figures = read("psytrance_folds").set_index(["experiment", "value"])
        assert test.index.equals(figures.index) and train.index.equals(figures.index)
        assert test["score"].equals(figures["mean"]) and test["sd"].equals(figures["sd"])
        assert train["score"].equals(figures["train_accuracy"])

    def test_the_holdout_is_the_confusion_matrix(self, scores):
        cells = read("psytrance_holdout")
        row = scores["psytrance"].query("role == 'holdout'").iloc[0]
        hits = cells.loc[cells["true"] == cells["predicted"], "count"].sum()
        assert (row["n"], hits) == (cells["count"].sum(), 43)
        assert row["score"] == pytest.approx(hits / row["n"], abs=5e-5)

    def test_no_setting_reached_what_the_text_says_none_did(self, scores):
        table = scores["psytrance"].query("role == 'test'")
        assert table["score"].max() < table["high"].max() == 0.7


class TestWestern8:
    @pytest.mark.parametrize(
        ("item", "experiment", "hits", "tracks"),
        [("Table 1", "models", 500, 800), ("Table 3", "table_3", 79, 158)],
    )
    def test_decoded_counts_have_both_margins_and_the_accuracy(self, scores, western8, item, experiment, hits, tracks):
        counts = western8.loc[item]
        assert counts.sum().to_dict() == {"hits": hits, "true": tracks, "predicted": tracks}
        table = scores["western8"].query("metric == 'accuracy' and model == 'western8_cnn' and score.notna()")
        row = table[table["experiment"] == experiment].squeeze()
        assert (row["n"], row["score"]) == (tracks, hits / tracks)

    def test_decoded_counts_give_the_printed_precision_and_recall(self, western8):
        """Printed with four digits, now rounded, now cut."""
        classes = read("western8_classes").pivot(index=["item", "class"], columns="metric", values=["score", "n"])
        counts = western8.loc[classes.index]
        np.testing.assert_allclose(counts["hits"] / counts["predicted"], classes["score", "precision"], atol=1.01e-4)
        np.testing.assert_allclose(counts["hits"] / counts["true"], classes["score", "recall"], atol=1.01e-4)
        assert (classes["n", "precision"] == counts["predicted"]).all()
        assert (classes["n", "recall"] == counts["true"]).all()

    def test_decoded_supports_are_those_of_the_split(self, western8):
        """500 tracks a class in alphabetical order, divided as scikit-learn does with ``random_state=0``."""
        tested = np.random.RandomState(0).permutation(4_000)[:800]
        assert western8.loc["Table 1", "true"].tolist() == np.bincount(tested // 500).tolist()

    def test_classes_are_those_of_the_stand_in(self, western8):
        assert western8.loc["Table 1"].index.tolist() == list(WESTERN)

    def test_the_forest_is_twelve_and_a_half_points_behind(self, scores):
        table = scores["western8"].set_index("item")
        assert (
            table.loc["Table 2"].query("metric == 'accuracy'")["score"].item() - table.loc["Figure 4", "score"] == 0.125
        )


class TestGenreMood:
    def test_genre_test_accuracies_are_counts_of_999_segments(self, scores):
        """So the split was of segments: of 999 clips, 10 segments each, a tenth is no whole number of clips."""
        test = scores["genre_mood"].query("experiment == 'genre' and role == 'test'")
        assert len(test) == 7 and set(test["n"]) == {999}
        counts = (test["score"] * 999).round()
        assert (counts / 999).round(4).tolist() == test["score"].tolist()

    def test_what_is_no_count_is_remarked(self, scores):
        table = scores["genre_mood"].query("role != 'train'")
        error = (table["score"] - (table["score"] * table["n"]).round() / table["n"]).abs()
        odd = table[error > 1e-4]
        assert odd["remark"].str.contains("no count").all()
        assert sorted(odd["score"]) == [0.5753, 0.5868, 0.5913]

    def test_parts_are_all_segments(self, scores):
        parts = scores["genre_mood"].drop_duplicates(["experiment", "role"]).groupby("experiment")["n"].sum()
        assert parts.to_dict() == {"genre": 9_990, "mood": 9_000}

    def test_each_task_has_seven_models(self, scores):
        table = scores["genre_mood"].groupby(["experiment", "role"])[["model", "value"]].agg(len)
        assert (table["model"] == 7).all() and len(table) == 6


class TestTagging:
    def test_eight_models_have_nine_numbers_each(self, scores):
        table = scores["tagging"].query("experiment == 'models'")
        assert set(table.groupby(["model", "value"]).size()) == {9} and len(table) == 72

    def test_precision_and_recall_are_of_label_0(self, scores):
        """A network that never gives a tag is right about the zeros: all of them, and they alone."""
        table = scores["tagging"].query(
            "model == 'tagging_waveform_rnn' and value == 'lstm' and item == 'Metrics table'"
        )
        result = table.set_index("metric")["score"]
        assert result["recall_class_0"] == 1
        assert result["precision_class_0"] == result["binary_accuracy"]

    def test_the_last_table_is_of_the_validation_clips(self, scores):
        """Its accuracies are those of Table 4.1, cut where those are rounded."""
        table = scores["tagging"].query("metric == 'binary_accuracy' and role == 'validation'")
        pairs = table.pivot(index=["model", "value"], columns="item", values="score")
        difference = pairs["Table 4.1"] - pairs["Metrics table"]
        assert len(pairs) == 8 and difference.between(0, 1.01e-4).all()

    def test_the_literature_has_two_numbers_of_twelve_models(self, scores):
        table = scores["tagging"].query("experiment == 'literature'")
        pairs = table.pivot(index=["model", "value"], columns="metric", values="score")
        assert pairs.shape == (12, 2) and pairs.notna().all(axis=None)
        assert set(pairs.index.get_level_values("model")) == {
            n for n, entry in MODELS.items() if entry.study == "won2020"
        }
        assert (pairs["roc_auc_macro"] > pairs["pr_auc_macro"]).all()


class TestFeatureMaps:
    @pytest.fixture
    def matrices(self):
        cells = read("feature_maps_confusion")
        return {
            model: rows.pivot(index="true", columns="predicted", values="percent")
            for model, rows in cells.groupby("model")
        }

    def test_every_row_sums_up_to_100(self, matrices):
        assert matrices.keys() == {"net_stft", "net_music", "fusion"}
        for matrix in matrices.values():
            assert matrix.index.tolist() == matrix.columns.tolist() == list(GTZAN)
            assert (matrix.sum(axis=1) == 100).all()

    def test_diagonals_are_those_of_the_paper(self, matrices):
        assert np.diag(matrices["net_stft"]).tolist() == [87, 98, 91, 86, 83, 94, 91, 82, 85, 80]
        assert np.diag(matrices["net_music"]).tolist() == [100, 98, 88, 88, 93, 94, 98, 84, 88, 62]
        assert np.diag(matrices["fusion"]).tolist() == [98, 100, 92, 92, 92, 94, 92, 86, 88, 76]

    def test_accuracies_of_table_1_are_its_diagonals(self, scores, matrices):
        derived = scores["feature_maps"].query("item == 'Table 1'").set_index("model")["score"]
        for model, matrix in matrices.items():
            assert derived[model] == pytest.approx(np.diag(matrix).mean() / 100)

    def test_the_matrix_of_the_fusion_is_even(self, matrices):
        assert (matrices["fusion"] % 2 == 0).all(axis=None)
        assert not (matrices["net_stft"] % 2 == 0).all(axis=None)

    def test_intervals_are_symmetric(self, scores):
        table = scores["feature_maps"].query("item == 'Table 2'")
        np.testing.assert_allclose(table["low"] + table["high"], 2 * table["score"])
        assert len(table) == 4


@pytest.mark.parametrize("study", STUDIES)
def test_every_other_claim_says_where_it_stands_and_what_decides_it(study):
    claims = pd.read_csv(HOME / f"{study}_claims.csv", dtype=str, keep_default_na=False)
    assert list(claims.columns) == CLAIM_COLUMNS and len(claims) > 5
    assert (claims[["item", "claim", "source"]] != "").all(axis=None) and claims["claim"].is_unique
    experiments = read_yaml(HOME.parents[1] / f"studies/{study}.yaml")["experiments"]
    for row in claims.to_dict("records"):
        if row["experiment"]:
            assert row["experiment"] in experiments
            assert (row["than"] != "") != (row["metric"] != "") and (row["metric"] or row["value"])
            assert (row["least"] + row["most"] != "") == (row["metric"] != "")
        else:
            assert row["remark"], f"{row['claim']}: nothing decides it, and nothing says why"
