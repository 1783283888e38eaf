"""What jobs are said to need covers what was measured, and grows with what they work on."""

from dataclasses import replace
from pathlib import Path

import pytest

from genreflow.config.inputs import InputSettings
from genreflow.config.load import read_yaml
from genreflow.models.registry import MODELS
from genreflow.plan import job_resources
from genreflow.plan.make import make_plan

HOME = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("plan"))
        return make_plan(read_yaml(HOME / "config.yaml"), home=HOME, refresh=True)


@pytest.fixture
def study(plan):
    return plan.studies["demo"]


def test_jobs_of_the_demo_get_what_they_took(plan, study):
    """Most memory that each job of a run of the demo held on two cores, in MB; its tracks are short."""
    assert job_resources.normalizing_mb(plan.settings) > 598
    assert all(
        job_resources.cutting_mb(given, shard) > 303 for given in study.fed_inputs for shard in given.dataset.shards
    )
    assert job_resources.training_mb(study, study.headline, plan.settings) > 1204
    assert job_resources.evaluating_mb(study) > 251
    assert job_resources.tracks_mb(*plan.datasets.values()) > 295


def test_a_track_may_take_what_the_settings_allow(plan):
    """Else the system would stop its decoder, and it would be quarantined for the memory that the job was given."""
    limits = plan.settings.limits.model_copy(update={"audio_threads": 1, "track_memory_gb": 12.0})
    assert job_resources.normalizing_mb(plan.settings.model_copy(update={"limits": limits})) > 12_000


def test_the_longest_slices_of_all_models_fit(study):
    """Cutting 32 tracks of 300 s took 780 MB for the input of self_attention (docs/benchmarks.md)."""
    [given, *_] = study.fed_inputs
    longest = replace(given, settings=InputSettings.model_validate(dict(MODELS["self_attention"].input)))
    shard, tracks = max(given.dataset.members.items(), key=lambda member: len(member[1]))
    assert job_resources.cutting_mb(longest, shard) > 780 * len(tracks) / 32


def test_a_training_needs_more_for_larger_batches_and_more_epochs(plan, study):
    small = study.headline
    large = replace(small, training=small.training.model_copy(update={"batch": 10 * small.training.batch}))
    assert (
        job_resources.training_mb(study, large, plan.settings)
        > job_resources.training_mb(study, small, plan.settings) + 1000
    )
    in_parts = replace(large, training=large.training.model_copy(update={"accumulate": 10}))
    assert job_resources.training_mb(study, in_parts, plan.settings) == job_resources.training_mb(
        study, small, plan.settings
    )
    long = replace(small, training=small.training.model_copy(update={"epochs": 200 * small.training.epochs}))
    assert job_resources.training_minutes(study, long) > job_resources.training_minutes(study, small) + 100


def test_slices_that_are_mapped_from_a_file_need_no_more_memory(plan, study):
    little = plan.settings.limits.model_copy(update={"memory_gb": 0.001})
    mapped = job_resources.training_mb(study, study.headline, plan.settings.model_copy(update={"limits": little}))
    assert mapped < job_resources.training_mb(study, study.headline, plan.settings)


def test_folds_of_an_estimator_run_side_by_side(plan, study, monkeypatch):
    limits = plan.settings.limits.model_copy(update={"train_threads": 8})
    settings = plan.settings.model_copy(update={"limits": limits})
    folds = len(study.fold_names_of(study.headline.protocol))
    assert job_resources.training_threads(study, study.headline, settings, 8) == 8
    monkeypatch.setattr(type(study.resolver), "network", lambda *_: "svm")
    assert job_resources.training_threads(study, study.headline, settings, 8) == max(1, 8 // folds)


def test_trainings_on_several_gpus_share_the_cores(plan):
    limits = plan.settings.limits.model_copy(update={"train_threads": 8})
    settings = plan.settings.model_copy(update={"limits": limits})
    threads = {(16, 4): 4, (64, 4): 8, (2, 4): 1, (16, 1): 8, (16, 0): 8, (None, 4): 8}
    assert {given: job_resources.network_threads(settings, *given) for given in threads} == threads
