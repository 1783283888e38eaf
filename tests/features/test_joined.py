"""Vectors of several inputs, joined to one."""

import numpy as np
import pytest
import soxr
from musical_sounds import RATE, music

from genreflow.config.inputs import InputSettings, Joined, read_front_end
from genreflow.config.inputs import joined as join
from genreflow.features.front_end import FrontEnd
from genreflow.features.shapes import segment_shape

SEGMENTS = {"kind": "split", "seconds": 1.0, "count": 3}
MEANS = InputSettings.model_validate({"front_end": {"kind": "descriptors"}, "segments": SEGMENTS})
LOW = InputSettings.model_validate(
    {"front_end": {"kind": "descriptors", "set": "means36", "sample_rate": 16_000}, "segments": SEGMENTS}
)


def test_vectors_stand_side_by_side_each_at_its_own_rate():
    given, samples = join({"means": MEANS, "low": LOW}), music()[:RATE]
    result = FrontEnd.of(given.front_end).transform(samples)
    assert (given.front_end.sample_rate, segment_shape(given), result.shape) == (RATE, (61,), (61,))
    np.testing.assert_array_equal(result[:25], FrontEnd.of(MEANS.front_end).transform(samples))
    low = soxr.resample(samples, RATE, 16_000, quality="HQ")
    np.testing.assert_array_equal(result[25:], FrontEnd.of(LOW.front_end).transform(low))


def test_names_are_unique_and_parts_are_described():
    front_end = FrontEnd.of(join({"means": MEANS, "low": LOW}).front_end)
    assert len(set(front_end.rows())) == 61
    assert front_end.describe() == (
        "vectors of 25 descriptors each (set means25); and of 36 descriptors each (set means36)"
    )


def test_settings_are_read_as_they_were_written():
    settings = Joined(parts=(MEANS.front_end, LOW.front_end))
    assert read_front_end(settings.model_dump(mode="json")) == settings


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"segments": SEGMENTS | {"count": 4}}, "low has other segments than means"),
        ({"standardize": "element"}, "low has other standardize than means"),
        ({"front_end": {"kind": "logmel"}}, "only vectors can be joined, and low gives none"),
    ],
)
def test_inputs_that_differ_otherwise_are_refused_by_name(change, message):
    other = InputSettings.model_validate(LOW.model_dump() | change)
    with pytest.raises(ValueError, match=message):
        join({"means": MEANS, "low": other})
