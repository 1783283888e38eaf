"""How long a run takes, as `genreflow check` foresees it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from genreflow.config.load import read_yaml
from genreflow.models import registry, sizes
from genreflow.models.sizes import Size
from genreflow.plan import duration, pace
from genreflow.plan.make import validate_config
from genreflow.plan.pace import GPU, Pace
from genreflow.store.costs import recorded

HOME = Path(__file__).parents[2]
CORE = Pace("a core", gmac=20, mvalues=100, mparameters=100, step_s=1e-3)
RATES = {"gmac": 30.0, "mvalues": 100.0, "mparameters": 100.0, "step_s": 1e-3}


@pytest.fixture
def planned(tmp_path, monkeypatch):
    """A function that plans the demonstration with other settings of training."""
    monkeypatch.chdir(tmp_path)

    def plan(**training):
        study = {key: value for key, value in read_yaml(HOME / "studies/demo.yaml").items() if key != "small"}
        study["training"] = {**study["training"], **training}
        return validate_config(read_yaml(HOME / "config.yaml") | {"studies": {"mine": study}}, home=HOME, look=True)[0]

    return plan


def of(plan, core=CORE):
    return duration.durations(plan, {"demo": 0.4}, {"auto": core, "float32": core})["mine"]


def test_training_takes_as_long_as_its_steps_are_many_and_the_machine_is_slow(planned):
    instant = replace(CORE, gmac=1e9, mvalues=1e9, mparameters=1e9, step_s=0)
    slow = replace(CORE, gmac=10, mvalues=50, mparameters=50, step_s=2e-3)
    start = of(planned(epochs=10), instant).core_seconds["train"]
    once, twice = (of(planned(epochs=epochs)).core_seconds["train"] - start for epochs in (10, 20))
    assert once > 10
    assert twice == pytest.approx(2 * once, rel=0.05)
    assert of(planned(epochs=10), slow).core_seconds["train"] - start == pytest.approx(2 * once, rel=1e-6)


def test_a_gpu_changes_the_time_of_training_alone(planned):
    result = of(planned(epochs=1_000))
    assert tuple(result.core_seconds) == duration.STAGES
    assert result.gpu_training < result.core_seconds["train"] / 20


def test_jobs_on_audio_take_what_those_before_took(planned, tmp_path):
    plan = planned()
    shards = plan.datasets["demo"].shards
    log = tmp_path / f"logs/demo/normalize_audio/{shards[0]}.log"
    log.parent.mkdir(parents=True)
    before = of(plan).core_seconds["audio"]
    log.touch()
    with recorded(log, since=0):  # a job that began in 1970
        pass
    assert of(plan).core_seconds["audio"] > 1e9 * len(shards) > before


def test_music_of_unknown_length_has_no_duration(planned):
    plan = planned()
    known = duration.durations(plan, {"demo": None}, {"auto": CORE, "float32": CORE})
    assert known == {}
    assert duration.core_seconds(plan, {"demo": None}, known) is None
    known = duration.durations(plan, {"demo": 0.4}, {"auto": CORE, "float32": CORE})
    total = duration.core_seconds(plan, {"demo": 0.4}, known)
    assert total == pytest.approx(sum(known["mine"].core_seconds.values()), rel=0.05)


@pytest.mark.parametrize(
    ("model", "shape", "options"),
    [
        ("psytrance_cnn", (128, 128), {"width": 0.25}),
        ("western8_cnn", (128, 735), {}),
        ("genre_mood_conv", (64, 65), {}),
        ("genre_mood_end2end", (12_000,), {}),
        ("tagging_spectrogram_rnn", (513, 64), {}),
        ("net_stft", (257, 128), {}),
    ],
)
def test_work_in_proportion_is_about_what_is_counted(model, shape, options):
    from genreflow.models.summary import multiply_adds, trainable_parameters, values

    entry = registry.describe(model)
    network = registry.build(model, entry.n_outputs, input_shape=shape, **options)
    counted = Size(trainable_parameters(network), multiply_adds(network, shape) / 1e9, values(network, shape) / 1e6)
    times = [CORE.training(size, examples=64, steps=2) for size in (sizes.scaled(entry, shape, options), counted)]
    assert 1 / 1.6 < times[0] / times[1] < 1.6


class TestThePaceOfThisMachine:
    @pytest.fixture(autouse=True)
    def measured(self, monkeypatch, tmp_path):
        """How often the pace was measured, and where it is kept."""
        self.times, self.cache = 0, tmp_path / "cache"

        def measure():
            self.times += 1
            return {"auto": RATES, "float32": RATES}

        monkeypatch.setattr(pace, "_measured", measure)
        monkeypatch.setattr(pace, "user_cache_path", lambda *_, **__: self.cache)

    def test_is_measured_once(self):
        assert pace.of_this_machine() == pace.of_this_machine()
        assert self.times == 1

    @pytest.mark.parametrize("content", ["", "[]", '{"machine": [], "measured": {"auto": {"gmac": 0}}}'])
    def test_is_measured_again_where_what_is_kept_is_of_no_use(self, content):
        pace.of_this_machine()
        (self.cache / "pace.json").write_text(content)
        assert pace.of_this_machine()["auto"].gmac == 30
        assert self.times == 2

    def test_is_measured_again_on_another_machine(self):
        pace.of_this_machine()
        facts = json.loads((self.cache / "pace.json").read_text())
        (self.cache / "pace.json").write_text(json.dumps(facts | {"machine": ["another"]}))
        pace.of_this_machine()
        assert self.times == 2

    def test_is_measured_each_time_where_nothing_can_be_kept(self):
        self.cache.write_text("a file in place of the folder")
        assert pace.of_this_machine() == pace.of_this_machine()
        assert self.times == 2


def test_a_core_is_measured_in_every_precision():
    from genreflow.training.pace import measure

    result = measure("float32")
    assert set(result) == set(RATES)
    assert all(value > 0 for value in result.values())
    assert GPU.gmac > result["gmac"]
