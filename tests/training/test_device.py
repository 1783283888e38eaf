import joblib
import pytest
import torch

from genreflow.errors import UserError
from genreflow.training.device import (
    choose_device,
    choose_precision,
    choose_threads,
    device_for,
    is_out_of_memory,
    missing_operations_named,
)


def test_no_more_threads_than_cpus():
    assert choose_threads(10_000) == choose_threads(None) == joblib.cpu_count()
    assert choose_threads(1) == 1


@pytest.fixture
def pretend(monkeypatch):
    """Return a function that makes torch find these kinds of GPU, the first of a compute capability."""

    def find(*kinds, capability=(8, 0)):
        monkeypatch.setattr("torch.cuda.is_available", lambda: "cuda" in kinds)
        monkeypatch.setattr("torch.backends.mps.is_available", lambda: "mps" in kinds)
        monkeypatch.setattr("torch.cuda.get_device_capability", lambda _: capability)

    return find


@pytest.mark.parametrize(
    ("kinds", "expected"), [(("cuda", "mps"), "cuda"), (("cuda",), "cuda"), (("mps",), "mps"), ((), "cpu")]
)
def test_auto_takes_an_nvidia_gpu_then_an_apple_gpu_then_the_cpu(pretend, kinds, expected):
    pretend(*kinds)
    assert choose_device("auto").type == expected


@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_a_gpu_of_the_other_kind_is_no_substitute(pretend, name):
    pretend(*{"cuda", "mps"} - {name})
    with pytest.raises(UserError, match=f"Device '{name}' is not available"):
        choose_device(name)


@pytest.mark.parametrize(
    ("device", "capability", "expected"),
    [
        ("cuda", (9, 0), torch.bfloat16),
        ("cuda", (8, 0), torch.bfloat16),
        ("cuda", (7, 5), torch.float16),  # T4
        ("cuda", (7, 0), torch.float16),  # V100
        ("cuda", (6, 1), torch.float32),  # GTX 1080
        ("mps", None, torch.float32),
    ],
)
def test_auto_is_the_precision_that_the_gpu_is_fast_in(pretend, device, capability, expected):
    pretend(device, capability=capability)
    assert choose_precision("auto", torch.device(device)) == expected
    assert choose_precision("float16", torch.device(device)) == torch.float16


def test_only_what_needs_float64_leaves_an_apple_gpu():
    mps, cuda = torch.device("mps"), torch.device("cuda")
    assert device_for(torch.nn.Linear(2, 2), mps) == mps
    estimator = torch.nn.Linear(2, 2).double()
    assert device_for(estimator, mps).type == "cpu"
    assert device_for(estimator, cuda) == cuda


def test_a_missing_operation_of_apple_gpus_is_a_sentence():
    message = "The operator 'aten::_x' is not currently implemented for the MPS device. And so on."
    with pytest.raises(UserError, match="PYTORCH_ENABLE_MPS_FALLBACK=1"), missing_operations_named(torch.device("mps")):
        raise NotImplementedError(message)
    with pytest.raises(NotImplementedError), missing_operations_named(torch.device("cpu")):
        raise NotImplementedError(message)


def test_memory_of_an_apple_gpu_may_run_out():
    assert is_out_of_memory(RuntimeError("MPS backend out of memory (MPS allocated: 8.00 GB)"))
    assert not is_out_of_memory(RuntimeError("shapes do not agree"))
