import joblib
import pytest

from genreflow.errors import UserError
from genreflow.training.device import choose_device, choose_threads


def test_no_more_threads_than_cpus():
    assert choose_threads(10_000) == choose_threads(None) == joblib.cpu_count()
    assert choose_threads(1) == 1


def test_a_gpu_that_is_not_there_is_a_sentence(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert choose_device("auto").type == "cpu"
    with pytest.raises(UserError, match="finds no GPU"):
        choose_device("cuda")
