import numpy as np
import pytest
from sounds import synthesise


@pytest.fixture(scope="session")
def music() -> np.ndarray:
    samples = synthesise(4)
    samples.flags.writeable = False
    return samples
