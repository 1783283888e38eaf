import subprocess
import sys

import pytest
import torch

from genreflow.errors import Problems, UserError
from genreflow.models import registry


def test_the_registry_is_read_without_torch():
    program = "import sys, genreflow.models.registry; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize("name", registry.MODELS)
class TestEveryModel:
    """The contract that each entry of the registry keeps."""

    def test_it_builds_with_its_defaults_and_returns_a_logit_a_class(self, name):
        shape = registry.describe(name).input_shape
        network = registry.build(name, n_outputs=3, input_shape=shape).eval()
        with torch.inference_mode():
            logits = network(torch.randn(2, *shape, generator=torch.Generator().manual_seed(0)))
        assert logits.shape == (2, 3)
        assert torch.isfinite(logits).all()

    def test_the_same_seed_gives_the_same_weights(self, name):
        shape = registry.describe(name).input_shape
        twins = []
        for _ in range(2):
            torch.manual_seed(3)
            twins.append(registry.build(name, n_outputs=2, input_shape=shape).state_dict())
        assert all(torch.equal(twins[0][key], twins[1][key]) for key in twins[0])

    def test_another_shape_is_refused(self, name):
        with pytest.raises(UserError, match=r"wants segments of .* not 1 x 2"):
            registry.build(name, n_outputs=2, input_shape=(1, 2))

    def test_one_class_is_refused(self, name):
        with pytest.raises(UserError, match="at least 2 classes"):
            registry.build(name, n_outputs=1, input_shape=registry.describe(name).input_shape)


def test_an_unknown_model_is_named_with_a_suggestion():
    with pytest.raises(UserError, match="Did you mean 'psytrance_cnn'"):
        registry.module_of("psytrance_cn")


def test_options_are_merged_with_the_defaults():
    assert registry.check_options("psytrance_cnn", {"pool": "max"}) == {
        "pool": "max",
        "dropout": 0.2,
        "orient": "time",
    }


def test_all_wrong_options_are_reported_at_once():
    with pytest.raises(Problems) as caught:
        registry.check_options("psytrance_cnn", {"pool": "maxmeen", "dropout": 1.0, "orientt": "mel"})
    text = str(caught.value)
    assert "Did you mean 'maxmean'" in text
    assert "dropout: 1.0 is not a number from 0 up to, but not including, 1" in text
    assert "Did you mean 'orient'" in text
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize("value", [True, "0.2", None, float("nan"), -0.1])
def test_dropout_must_be_a_number_in_range(value):
    with pytest.raises(Problems, match="dropout"):
        registry.check_options("psytrance_cnn", {"dropout": value})
