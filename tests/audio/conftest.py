import numpy as np
import pytest
from sounds import synthesize


@pytest.fixture(scope="session")
def music() -> np.ndarray:
    samples = synthesize(4)
    samples.flags.writeable = False
    return samples
