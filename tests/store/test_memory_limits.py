import resource
import subprocess
import sys

import pytest

from genreflow.store import memory


def test_a_process_with_a_limit_gets_no_more():
    code = "from genreflow.store.memory import limit_memory; limit_memory(2**30); bytearray(2**31)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1 and "MemoryError" in done.stderr


def test_only_on_macos_may_the_system_refuse(monkeypatch):
    def refuse(*_):
        raise ValueError("current limit exceeds maximum limit")

    monkeypatch.setattr(resource, "setrlimit", refuse)
    with pytest.raises(ValueError, match="maximum"):
        memory.limit_memory(2**40)
    monkeypatch.setattr(sys, "platform", "darwin")
    memory.limit_memory(2**40)
