import subprocess
import sys

import pytest

from genreflow.config.inputs import InputSettings
from genreflow.errors import Problems, UserError
from genreflow.models import registry
from genreflow.models.entry import Choice, Count, Number


def test_the_registry_is_read_without_torch():
    program = "import sys, genreflow.models.registry; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_an_unknown_model_is_named_with_a_suggestion():
    with pytest.raises(UserError, match="Did you mean 'psytrance_cnn'"):
        registry.module_of("psytrance_cn")


def test_options_are_merged_with_the_defaults():
    assert registry.check_options("psytrance_cnn", {"pool": "max"}) == {
        "pool": "max",
        "dropout": 0.2,
        "orient": "time",
        "width": "auto",
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


def test_an_input_that_does_not_suit_is_named_with_what_would():
    given = InputSettings.model_validate({"front_end": {"kind": "stft"}, "segments": {"kind": "sliding"}})
    with pytest.raises(UserError, match="takes logmel of 128 x 128, not stft"):
        registry.check_input("psytrance_cnn", given)


@pytest.mark.parametrize(
    ("option", "good", "bad"),
    [
        (Choice(96, (96, 128), ""), [96, 128], [64, "96", True, None]),
        (Number(0.5, 0, 1, ""), [0, 0.99], [1, -0.1, "0.5", True]),
        (Count(3, 1, 9, ""), [1, 9], [0, 10, 2.5, True, "3"]),
    ],
)
def test_options_say_what_they_may_not_be(option, good, bad):
    assert not any(option.problem(value) for value in good)
    assert all(option.problem(value) for value in bad)
