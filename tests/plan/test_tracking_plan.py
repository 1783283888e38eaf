"""A tracker follows trainings, and is no reason to make anything again."""

from pathlib import Path

import pytest

from genreflow.config.load import read_yaml
from genreflow.errors import UserError
from genreflow.plan.make import make_plan

HOME = Path(__file__).parents[2]


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """Return a function that plans the demo with changes of its training settings, in the study and in its model."""
    monkeypatch.chdir(tmp_path)

    def plan(training, of_model):
        study = read_yaml(HOME / "studies/demo.yaml")
        study["training"] = study.get("training", {}) | training
        study["models"] = {name: {**given, "training": of_model} for name, given in study["models"].items()}
        config = read_yaml(HOME / "config.yaml") | {"studies": {"demo": study}}
        return make_plan(config, home=HOME, refresh=True, writes=False)

    return plan


@pytest.mark.parametrize("places", [({"tracking": "tensorboard"}, {}), ({}, {"tracking": "tensorboard"})])
def test_a_tracker_changes_no_key_and_no_specification(plan, places):
    plans = plan(*places), plan({}, {})
    assert plans[0].page_key("demo") == plans[1].page_key("demo")
    assert plans[0].page_state("demo") == plans[1].page_state("demo")
    tracked, plain = (each.studies["demo"] for each in plans)
    assert tracked.keys.page == plain.keys.page and tracked.keys.tables == plain.keys.tables
    for run in plain.runs:
        with_tracker, without = (study.job(run.model_setting) for study in (tracked, plain))
        assert with_tracker.spec.to_json() == without.spec.to_json()
        assert with_tracker.key == without.key
        assert (with_tracker.tracking, without.tracking) == ("tensorboard", "none")


def test_a_tracker_that_is_not_installed_is_met_before_anything_runs(plan, monkeypatch):
    monkeypatch.setattr("genreflow.plan.study_checks.find_spec", lambda name: None if name == "wandb" else True)
    with pytest.raises(UserError, match=r"training.tracking: wandb-offline needs .*: pip install wandb") as error:
        plan({"tracking": "wandb-offline"}, {})
    assert error.value.exit_code == 2


def test_the_former_key_is_named(plan):
    with pytest.raises(UserError, match="It is now called `tracking: tensorboard`"):
        plan({"tensorboard": True}, {})
