"""Datasets that a final model is tested on: what is planned, and what is refused."""

import pytest
import yaml

from genreflow.config.load import read_yaml
from genreflow.errors import UserError
from genreflow.plan import stages
from genreflow.plan.make import validate_config
from genreflow.plan.studies import StudyPlan

STUDY = {"dataset": "home", "models": {"psytrance_cnn": {}}, "folds": {"count": 2}}


@pytest.fixture
def planned(tmp_path, monkeypatch, pytestconfig):
    """Return a function from changes of a study, and the classes of the other dataset, to the planned study."""
    monkeypatch.chdir(tmp_path)

    def of(changes, classes=("a", "b")):
        for name, labels in (("home", ("a", "b")), ("away", classes)):
            rows = [f"{number}.wav,{labels[number % 2]}" for number in range(12)]
            (tmp_path / name).mkdir()
            for number in range(12):
                (tmp_path / name / f"{number}.wav").touch()
            (tmp_path / name / "tracks.csv").write_text("\n".join(["path,label", *rows]))
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump({**STUDY, **changes}))
        values = read_yaml(pytestconfig.rootpath / "config.yaml") | {
            "studies": ["mine.yaml"],
            "datasets": {name: {"layout": "manifest", "path": f"{name}/tracks.csv"} for name in ("home", "away")},
        }
        plan, listings = validate_config(values, home=pytestconfig.rootpath, look=True)
        for name, listing in listings.items():
            plan.datasets[name].look_up(listing)
        return plan.studies["mine"]

    return of


def test_the_input_of_the_final_model_is_cut_of_the_other_dataset_too(planned):
    study = planned({"tested_on": ["away"]})
    given = study.cross_datasets["away"]
    assert given.dataset.name == "away" and given.name == study.input_of(study.final).name
    assert list(given.dataset.inputs) == [given.name]


def test_testing_elsewhere_changes_no_training(planned):
    study = planned({"tested_on": ["away"]})
    without = study.settings.model_copy(update={"tested_on": []})
    assert "tested_on" not in without.model_dump()
    plain = StudyPlan(study.name, without, study.datasets, study.published)
    assert plain.keys.trained(plain.final) == study.keys.trained(study.final)
    assert plain.keys.figures != study.keys.figures and plain.cross_datasets == {}


def test_another_way_to_judge_changes_the_tables_and_no_run(planned, monkeypatch):
    study = planned({"tested_on": ["away"]})
    keys = [(study.keys.cross_dataset("away"), study.keys.tables, study.keys.trained(study.final))]
    version = stages.version
    monkeypatch.setattr(stages, "version", lambda name: version(name) + (name == "cross_dataset"))
    again = StudyPlan(study.name, study.settings, study.datasets, study.published)
    keys.append((again.keys.cross_dataset("away"), again.keys.tables, again.keys.trained(again.final)))
    assert [before == after for before, after in zip(*keys, strict=True)] == [False, False, True]


@pytest.mark.parametrize(
    ("changes", "classes", "message"),
    [
        ({"tested_on": ["nowhere"]}, ("a", "b"), "tested_on: 'nowhere' is not under `datasets`"),
        ({"tested_on": ["home"]}, ("a", "b"), "models are trained on 'home'"),
        ({"tested_on": ["away", "away"]}, ("a", "b"), "'away' is given twice"),
        ({"tested_on": ["away"], "final": None}, ("a", "b"), "this study trains none"),
        ({"tested_on": ["away"]}, ("x", "y"), "'away' has none of the classes a, b; its own are x, y"),
    ],
)
def test_what_cannot_be_tested_is_refused_before_anything_runs(planned, changes, classes, message):
    with pytest.raises(UserError, match=message):
        planned(changes, classes)
