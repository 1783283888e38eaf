"""Settings that follow the data where a study file says nothing, and inputs that are joined."""

import pytest

from genreflow.config.layers import Config, Layer
from genreflow.errors import UserError
from genreflow.plan.make import validate_config

VECTORS = """
inputs:
  means: {front_end: {kind: descriptors}, segments: {kind: split}, standardize: element}
  texture: {front_end: {kind: descriptors, set: texture}, segments: {kind: split}, standardize: element}
"""


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """Return a function that plans a study of some tracks in two classes."""
    monkeypatch.chdir(tmp_path)

    def plan(text, tracks=10):
        for number in range(tracks):
            path = tmp_path / "music" / "ab"[number % 2] / f"{number}.mp3"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        (tmp_path / "mine.yaml").write_text(f"dataset: music\n{text}", encoding="utf-8")
        datasets = {"music": {"layout": "folders", "path": "music"}}
        config = Config([Layer("my.yaml", {"studies": ["mine.yaml"], "datasets": datasets})])
        return validate_config(config, home=tmp_path, look=True)[0].studies["mine"]

    return plan


@pytest.mark.parametrize(("count", "width"), [(10, 0.25), (100, 0.5), (2_000, 1.0)])
def test_the_width_of_a_network_follows_its_training_slices(plan, count, width):
    text = f"models: {{psytrance_cnn: {{}}}}\ninputs: {{slices: {{segments: {{count: {count}}}}}}}"
    assert plan(text).headline.options["width"] == width
    assert plan(f"{text}\n".replace("{}", "{options: {width: 0.7}}", 1)).headline.options["width"] == 0.7


def test_inputs_are_joined_in_every_place_that_names_one(plan):
    study = plan(
        f"{VECTORS}\nmodels: {{probe: {{input: [means, texture]}}}}\n"
        "experiments: {inputs: {vary: {input: [means, texture, means+texture]}}}"
    )
    shapes = {name: study.job(f"probe/{name}").spec.input for _, name in study.resolver.cross_validated}
    assert [part.set for part in shapes["input=means+texture"].front_end.parts] == ["means25", "texture"]
    assert shapes["input=means"].front_end.set == "means25"
    assert len({study.keys.run("probe", name) for name in shapes}) == 3
    assert study.input_plan("means+texture").names["kind"] == "descriptors"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("[means, textur]", "models.probe.input: 'textur' is not among the inputs. Did you mean"),
        ("[means, mel]", "models.probe.input: only vectors can be joined, and mel gives none"),
        ("[means, short]", "models.probe.input: short has other segments than means"),
    ],
)
def test_inputs_that_cannot_be_joined_are_named(plan, given, message):
    text = f"{VECTORS}  mel: {{}}\n  short: {{front_end: {{kind: descriptors}}, segments: {{kind: split, count: 3}}}}\n"
    with pytest.raises(UserError) as caught:
        plan(f"{text}models: {{probe: {{input: {given}}}}}")
    assert message in str(caught.value)
