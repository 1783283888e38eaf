"""Every study in studies/, in both sizes: what it trains, on what, and what was published of it."""

import csv
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from genreflow.config.load import read_yaml
from genreflow.datasets.layouts.gtzan import CLIPS
from genreflow.datasets.layouts.synthetic import Synthetic
from genreflow.evaluation.published import COLUMNS, published_table
from genreflow.features.shapes import segment_shape
from genreflow.figures.registry import experiment_figures
from genreflow.folds.assign import assign, select
from genreflow.models.registry import MODELS
from genreflow.plan.duration import durations
from genreflow.plan.make import validate_config
from genreflow.plan.pace import Pace

HOME = Path(__file__).parents[2]
STUDIES = ("psytrance", "western8", "genre_mood", "tagging", "feature_maps")
WESTERN = ("classical", "country", "dance", "hiphop", "jazz", "pop", "rnb", "rock")
TOP_TEN = ("guitar", "classical", "slow", "techno", "strings", "drums", "electronic", "rock", "fast", "piano")


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def make_datasets(music):
    """Write empty files where the datasets of config.yaml are looked for, in their own layouts."""
    for label in ("dark", "downtempo", "fullon", "goa", "techno"):
        for number in range(195):
            touch(music / "psytrance" / label / f"album {number // 6:02}" / f"{number:03}.mp3")
    for label in WESTERN:
        for number in range(500):
            touch(music / "western8" / label / f"album {number // 4:03}" / f"{number:03}.ogg")
    for clip, genre in CLIPS.items():
        if clip != "jazz.00054":
            touch(music / "gtzan" / genre / f"{clip}.wav")
    for number in range(900):
        touch(music / "emotion4q" / f"Q{1 + number % 4}" / f"MT{number:010}.mp3")
    make_magnatagatune(music / "magnatagatune", [*TOP_TEN, *(f"tag {number}" for number in range(178))])


def make_magnatagatune(folder, tags):
    folder.mkdir(parents=True)
    with open(folder / "annotations_final.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter="\t", quoting=csv.QUOTE_ALL)
        writer.writerow(["clip_id", *tags, "mp3_path"])
        for number in range(320):
            path = f"{number % 16:x}/artist-album {number}-01-title-0-29.mp3"
            own = {tags[number % 60], tags[number % 7]}
            writer.writerow([number, *(int(tag in own) for tag in tags), path])
            touch(folder / path)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The plans of the five studies as config.yaml has them, by size."""
    work = tmp_path_factory.mktemp("studies")
    make_datasets(work / "music")
    config = read_yaml(HOME / "config.yaml") | {"studies": list(STUDIES)}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(work)
        return {
            size: validate_config(config | {"size": size}, home=HOME, look=True)[0]
            for size in ("full", "medium", "small")
        }


@pytest.fixture(scope="module")
def plans(made):
    """The five studies, by size."""
    return {size: {name.split("-")[0]: study for name, study in plan.studies.items()} for size, plan in made.items()}


@pytest.fixture(scope="module")
def full(plans):
    return plans["full"]


@pytest.fixture(scope="module")
def small(plans):
    return plans["small"]


def scores_of(study):
    return pd.read_csv(
        HOME / f"resources/published/{study}_scores.csv", keep_default_na=False, na_values=[""], dtype={"value": str}
    )


def published(plan):
    """Return the values of experiments beside which something published stands."""
    message = plan.facts
    table = published_table(message["experiments"], message["settings"], scores_of(plan.settings.published))
    return table[table[list(COLUMNS)].notna().any(axis=1)]


def test_there_are_the_five_studies_a_demonstration_and_a_first_look():
    assert {path.stem for path in (HOME / "studies").glob("*.yaml")} == {*STUDIES, "demo", "quick"}


@pytest.mark.parametrize(
    ("study", "runs"),
    # psytrance: 8 settings on either protocol, 3 as coded, 3 segmentations, 2 networks, 5 folds each; the final one.
    # western8: 22 of the CNN, 6 of the forest, 3 of the FFNN.
    # genre_mood: 7 models on 5 protocols; one with a shift; the final one.
    # tagging: 8 models on two splits, four more on both, 12 of the literature, 5 classical ones.
    # feature_maps: 22 settings of ten folds; two networks on the fault-filtered split.
    [("psytrance", 121), ("western8", 33), ("genre_mood", 37), ("tagging", 41), ("feature_maps", 222)],
)
def test_the_full_size_trains_so_often(full, study, runs):
    assert len(full[study].runs) == runs


@pytest.mark.parametrize("study", STUDIES)
def test_the_small_size_is_a_matter_of_minutes(made, study):
    """8 minutes on two cores at most, of the machine of docs/benchmarks.md."""
    plan = made["small"]
    hours = {name: dataset.settings.seconds * dataset.tracks.shape[0] / 3600 for name, dataset in plan.datasets.items()}
    pace = Pace("a core", gmac=28, mvalues=108, mparameters=160, step_s=5e-4)
    of_study = durations(plan, hours, {"auto": pace, "float32": pace})[f"{study}-small"]
    assert sum(of_study.core_seconds.values()) <= 16 * 60, of_study


@pytest.mark.parametrize(
    ("study", "runs"), [("psytrance", 7), ("western8", 6), ("genre_mood", 11), ("tagging", 8), ("feature_maps", 5)]
)
def test_the_medium_size_has_the_main_models_one_fold_and_a_quarter_of_the_epochs(plans, study, runs):
    plan, whole = plans["medium"][study], plans["full"][study]
    assert plan.name == f"{study}-medium"
    assert len(plan.runs) == runs
    assert {run.fold for run in plan.runs} <= {"1", "final"}
    assert not any(dataset.is_synthetic for dataset in plan.datasets.values())
    for model, own in plan.settings.models.items():
        before = {**whole.settings.training.model_dump(), **whole.settings.models[model].training}
        after = {**plan.settings.training.model_dump(), **own.training}
        if not MODELS[plan.resolver.network(model)].is_estimator:
            assert before["epochs"] / 5 <= after["epochs"] <= before["epochs"] / 3, model


@pytest.mark.parametrize("study", STUDIES)
class TestBothSizes:
    def test_the_small_size_needs_no_music(self, small, study):
        plan = small[study]
        assert plan.datasets
        assert all(isinstance(dataset.settings, Synthetic) for dataset in plan.datasets.values())
        assert plan.name == f"{study}-small"

    def test_only_the_study_of_maps_keeps_the_level_of_recordings(self, full, study):
        levels = {dataset.audio.level for dataset in full[study].datasets.values()}
        assert levels == {"none" if study == "feature_maps" else "loudness"}

    def test_the_full_size_asks_for_the_datasets_of_the_study(self, full, study):
        assert not any(dataset.is_synthetic for dataset in full[study].datasets.values())

    def test_the_small_size_has_all_that_the_full_size_has(self, plans, study):
        full, small = (plans[size][study] for size in ("full", "small"))
        assert small.settings.models.keys() == full.settings.models.keys()
        assert small.settings.fusions == full.settings.fusions
        assert list(small.protocols) == list(full.protocols)
        assert small.used_protocols == full.used_protocols
        assert small.settings.experiments.keys() == full.settings.experiments.keys()
        for name, experiment in full.settings.experiments.items():
            assert small.settings.experiments[name].figures == experiment.figures
            assert small.settings.experiments[name].vary.keys() == experiment.vary.keys()
        kinds = ({(each["kind"], each.get("figure")) for each in plan.figures.values()} for plan in (full, small))
        assert next(kinds) == next(kinds)

    def test_it_says_what_it_is_and_cites_its_source(self, full, study):
        settings = full[study].settings
        assert settings.title and settings.description and settings.citation
        assert all(experiment.title for experiment in settings.experiments.values())
        assert settings.published == study

    def test_published_protocols_stand_beside_others(self, full, study):
        used = full[study].used_protocols
        original = {name for name in used if full[study].protocols[name].settings.original}
        assert original and original != set(used)

    def test_published_numbers_are_of_original_protocols_alone(self, full, study):
        plan = full[study]
        originals = {(each["model"], each["setting"]) for each in plan.facts["settings"] if each["original"]}
        assert set(published(plan)[["model", "setting"]].itertuples(index=False, name=None)) <= originals

    def test_no_published_number_that_tables_have_a_place_for_is_lost(self, full, study):
        scores, places = scores_of(study), list(COLUMNS.values())
        has_place = pd.MultiIndex.from_frame(scores[["role", "level", "metric"]]).isin(places)
        target = scores[has_place & scores["score"].notna()].drop_duplicates(
            ["experiment", "model", "axis", "value", "role", "level", "metric"]
        )
        result = published(full[study])[list(COLUMNS)].melt()["value"].dropna()
        assert sorted(result) == sorted(target["score"])


def test_every_kind_of_figure_is_drawn_by_some_study(full):
    drawn = {f for plan in full.values() for e in plan.settings.experiments.values() for f in e.figures}
    assert drawn == set(experiment_figures())
    assert {name for plan in full.values() for name in plan.settings.diagrams} == {"quadrants", "fusion", "workflow"}


@pytest.mark.parametrize(
    ("study", "values"),
    [
        ("psytrance", {"dropout": 3, "optimizer": 4, "pooling": 3}),
        ("western8", {"models": 2, "table_3": 1, "genres": 1}),
        ("genre_mood", {"genre": 7, "mood": 7}),
        ("tagging", {"models": 8, "literature": 12}),
        ("feature_maps", {"systems": 3, "literature": 2}),
    ],
)
@pytest.mark.parametrize("size", ["full", "small"])
def test_published_numbers_stand_beside_so_many_values(plans, size, study, values):
    result = Counter(published(plans[size][study])["experiment"])
    if size == "full":
        assert result == values
    else:  # with fewer values
        assert result.keys() == values.keys() and result <= Counter(values)


class TestPublishedNumbers:
    def test_of_psytrance(self, full):
        rows = published(full["psytrance"])
        rows = rows[rows["experiment"] == "optimizer"]
        optimizers = [
            full["psytrance"].resolver.of(row.model, row.setting).training.optimizer for row in rows.itertuples()
        ]
        assert optimizers == ["adadelta", "adam", "adamax", "sgd"]
        assert rows["published_mean"].tolist() == [0.6706, 0.6942, 0.6689, 0.6479]

    def test_of_western8(self, full):
        rows = published(full["western8"]).set_index(["experiment", "model"])
        assert rows["published_track"].to_dict() == {
            ("models", "western8_cnn"): 0.625,
            ("models", "random_forest"): 0.5,
            ("table_3", "western8_cnn"): 0.5,
            ("genres", "western8_cnn"): 0.79,
        }
        assert "protocol=six_genres" in rows.loc[("genres", "western8_cnn"), "setting"]
        assert "input=spectrogram_15" in rows.loc[("table_3", "western8_cnn"), "setting"]
        assert "protocol=table_3" in rows.loc[("table_3", "western8_cnn"), "setting"]

    def test_of_genre_mood(self, full):
        rows = published(full["genre_mood"])
        genre, mood = (rows[rows["experiment"] == name].set_index("model") for name in ("genre", "mood"))
        names = ["published_train", "published_validation", "published_mean"]
        assert genre.loc["conv_blstm", names].tolist() == [0.9974, 0.8248, 0.8458]
        assert genre.loc["bgru", names].tolist() == [0.9983, 0.7728, 0.7718]
        assert mood.loc["end2end_gru", names].tolist() == [0.6072, 0.4333, 0.4844]

    def test_of_tagging(self, full):
        rows = published(full["tagging"]).set_index(["experiment", "model"])
        ours = ["published_validation_roc_auc", "published_validation_pr_auc"]
        assert rows.loc[("models", "spectrogram_gru"), ours].tolist() == [0.9016, 0.6508]
        theirs = ["published_roc_auc", "published_pr_auc"]
        assert rows.loc[("literature", "fcn_128"), theirs].tolist() == [0.8994, 0.4236]
        assert rows.loc[("literature", "musicnn_96"), theirs].tolist() == [0.9106, 0.4493]

    def test_of_feature_maps(self, full):
        rows = published(full["feature_maps"]).set_index(["experiment", "model"])
        fusion = rows.loc[("systems", "fusion")]
        assert (fusion["published_track_mean"], fusion["published_track"]) == (0.905, 0.91)
        assert (fusion["published_low"], fusion["published_high"]) == (0.898, 0.922)  # of the majority vote
        assert rows.loc[("systems", "net_music"), "published_track"] == 0.896
        assert rows.loc[("literature", "svm"), "published_track"] == 0.82


class TestProtocols:
    def test_the_test_tracks_of_western8_are_those_of_the_study(self, full):
        """Supports of its Table 1, decoded: ``train_test_split(random_state=0)`` of eight blocks of 500."""
        plan = full["western8"].protocols["random"]
        folds = assign(plan.dataset.tracks, plan.folds)
        tested = folds[(folds["fold"] == "1") & (folds["role"] == "test")]
        assert tested["label"].value_counts().sort_index().to_dict() == dict(
            zip(WESTERN, (102, 117, 101, 87, 99, 91, 96, 107), strict=True)
        )

    def test_table_3_of_western8_has_158_test_tracks(self, full):
        plan = full["western8"].protocols["table_3"]
        folds = assign(plan.tracks, plan.folds)
        assert (folds["role"] == "test").sum() == 158

    def test_unbalanced_tracks_of_western8_are_fifty_to_one(self, full):
        sizes = full["western8"].protocols["unbalanced"].tracks["label"].value_counts().sort_index()
        assert (sizes["classical"], sizes["rock"]) == (500, 10)
        assert sizes.is_monotonic_decreasing

    def test_fewer_tracks_of_western8_are_a_hundred_a_class_and_160_tested(self, full):
        plan = full["western8"].protocols["fewer"]
        folds = assign(select(plan.dataset.tracks, most=plan.settings.tracks), plan.folds)
        first = folds[folds["fold"] == "1"]
        assert first["label"].value_counts().tolist() == [100] * 8
        assert (first["role"] == "test").sum() == 160

    @pytest.mark.parametrize(
        ("protocol", "sizes"),
        [
            ("random_segments", {"train": 7_992, "validation": 999, "test": 999}),
            ("mood_segments", {"train": 7_200, "validation": 900, "test": 900}),
        ],
    )
    def test_the_segments_of_genre_mood_are_as_many_as_published(self, full, protocol, sizes):
        plan = full["genre_mood"].protocols[protocol]
        folds = assign(plan.dataset.tracks.assign(slices=10), plan.folds)
        assert folds.loc[folds["fold"] == "1", "role"].value_counts().to_dict() == sizes

    def test_the_fault_filtered_split_is_one_of_genre_mood_and_of_feature_maps(self, full):
        for study in ("genre_mood", "feature_maps"):
            plan = full[study].protocols["fault_filtered"]
            folds = assign(plan.dataset.tracks, plan.folds)
            roles = folds.loc[folds["fold"] == "1", "role"].value_counts()
            assert roles.to_dict() == {"train": 442, "validation": 197, "test": 290}  # 443 where jazz.00054 is there

    def test_the_ten_folds_of_feature_maps_train_on_eighty_per_cent(self, full):
        plan = full["feature_maps"].protocols["tenfold"]
        folds = assign(plan.dataset.tracks, plan.folds)
        sizes = folds[folds["fold"] != "final"].groupby(["fold", "role"]).size().unstack()
        assert len(sizes) == 10
        assert sizes["test"].between(99, 100).all() and sizes["validation"].between(99, 100).all()

    def test_albums_of_psytrance_are_parted_as_in_the_study_and_kept_together_in_the_headline(self, full):
        plan = full["psytrance"]
        assert not plan.protocols["files"].folds.group and plan.protocols["albums"].folds.group
        assert plan.facts["headline"]["protocol"] == "albums" == plan.final.protocol
        for protocol in plan.protocols.values():
            folds = assign(protocol.dataset.tracks, protocol.folds)
            parted = folds.assign(album=folds["track_id"].map(protocol.dataset.tracks.set_index("track_id")["group"]))
            parts = parted[parted["fold"] == "1"].groupby("album")["role"].nunique()
            assert (parts.max() == 1) == (protocol.name == "albums")
            assert (folds.loc[folds["fold"] == "1", "role"] == "holdout").sum() == pytest.approx(51, abs=6)

    def test_the_analysis_of_tagging_is_of_all_tags_and_of_clips_without_any(self, full):
        dataset = full["tagging"].dataset
        assert (dataset.settings.top, dataset.settings.untagged) == (188, True)
        of_fifty = full["tagging"].protocols["top50"].classes
        every = set(dataset.tracks["tags"].explode())
        assert len(of_fifty) == 50 < len(every)
        counts = dataset.tracks["tags"].explode().value_counts()
        assert counts[of_fifty].min() >= counts[list(every - set(of_fifty))].max()

    def test_tagging_divides_clips_at_random_and_by_folder(self, full):
        plan = full["tagging"]
        for name, tags in {"random": TOP_TEN, "folders": TOP_TEN, "top50": None}.items():
            protocol = plan.protocols[name]
            assert protocol.is_tagged and len(protocol.classes) == (10 if tags else 50)
            tracks = select(protocol.dataset.tracks, classes=protocol.settings.classes)
            roles = assign(tracks, protocol.folds).query("fold == '1'")["role"]
            expected = {"train", "test"} if name == "random" else {"train", "validation", "test"}
            assert set(roles) == expected
        assert not plan.protocols["genres"].is_tagged


class TestTraining:
    def test_of_psytrance(self, full):
        training = {setting.training.steps_per_epoch for setting in full["psytrance"].resolver.cross_validated.values()}
        assert training == {92}

    def test_of_western8(self, full):
        plan = full["western8"]
        base = plan.resolver.resolve("western8_cnn", {}).training
        assert (base.batch, base.epochs, base.schedule, base.restore_best) == (200, 50, "constant", False)
        assert base.sampling == "shuffled"

    def test_of_genre_mood(self, full):
        for name in full["genre_mood"].settings.models:
            training = full["genre_mood"].resolver.resolve(name, {}).training
            assert (training.batch, training.epochs) == (32, 100)
            assert (training.early_stopping_patience, training.monitor) == (10, "loss")
            assert training.schedule == ("plateau" if name.startswith("end2end") else "constant")

    def test_of_the_models_of_tagging(self, full):
        plan = full["tagging"]
        for _, setting in plan.resolver.of_experiment(plan.settings.experiments["models"]):
            training = setting.training
            assert (training.batch, training.epochs, training.learning_rate) == (16, 10, 1e-3)
            assert (training.optimizer, training.sampling, training.crop) == ("adam", "shuffled", None)

    def test_of_the_literature_table_is_that_of_won_et_al(self, full):
        """Each on segments of the length of its own entry; the mean over 16 windows of a clip."""
        plan = full["tagging"]
        rows = plan.resolver.of_experiment(plan.settings.experiments["literature"])
        assert len(rows) == 12
        for _, setting in rows:
            training, entry = setting.training, MODELS[plan.resolver.network(setting.model)]
            given = plan.settings.inputs[setting.input]
            assert (training.schedule, training.epochs, training.batch) == ("won2020", 200, 16)
            assert (training.sampling, training.monitor, training.restore_best) == ("shuffled", "loss", True)
            assert (training.crop or segment_shape(given)[0], training.crop_windows) == (entry.input_shape[0], 16)

    def test_of_feature_maps(self, full):
        training = full["feature_maps"].resolver.resolve("net_music", {}).training
        assert (training.batch, training.epochs, training.optimizer) == (20, 40, "adadelta")
        assert (training.monitor, training.restore_best, training.sampling) == ("accuracy", True, "shuffled")


@pytest.mark.parametrize("study", STUDIES)
def test_models_are_fed_what_their_study_fed_them(full, study):
    """The study's own networks with their own front-end, segments and standardization; others as they may be."""
    plan = full[study]
    for name in plan.settings.models:
        entry, setting = MODELS[plan.resolver.network(name)], plan.resolver.resolve(name, {})
        if entry.study == study:
            assert plan.settings.inputs[setting.input] == entry.input_settings, name


def test_a_network_comes_under_several_names_where_its_options_differ(full):
    cells = {
        name: full["genre_mood"].resolver.resolve(name, {}).options.get("cell") for name in ("blstm", "bgru", "conv")
    }
    assert cells == {"blstm": "lstm", "bgru": "gru", "conv": None}
    assert (
        full["genre_mood"].resolver.network("blstm")
        == full["genre_mood"].resolver.network("bgru")
        == "genre_mood_recurrent"
    )


def test_studies_of_one_stand_in_share_its_music(small):
    shared = [name for plan in small.values() for name in plan.datasets]
    assert [name for name, number in Counter(shared).items() if number > 1] == ["standin_genres"]
    first, *others = (plan.datasets["standin_genres"] for plan in small.values() if "standin_genres" in plan.datasets)
    assert len(others) == 2 and all(other is first for other in others)


@pytest.mark.parametrize("study", STUDIES)
def test_no_two_settings_share_a_key(small, study):
    keys = {
        (place, small[study].resolver.of(*place).protocol): small[study].keys.run(*place)
        for place in small[study].resolver.cross_validated
    }
    assert len(set(keys.values())) == len(keys)
