"""`genreflow doctor` looks at the machine, says one sentence each, and leaves nothing behind."""

import json
import re
import resource
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import torch

from genreflow.cli import doctor, main

HOME = Path(__file__).parents[2]


def findings(capsys):
    code = main(["doctor", "--json"])
    return code, {finding["subject"]: finding for finding in json.loads(capsys.readouterr().out)["findings"]}


def test_a_machine_that_runs_these_tests_is_well(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, result = findings(capsys)
    problems = [finding for finding in result.values() if finding["state"] == "problem"]
    assert code == 0, problems
    expected = {
        "python", "packages", "snakemake", "codecs", "ogg", "cores", "memory", "gpu", "disk for results", "writing",
        "names", "clock", "locale",
    }  # fmt: skip
    assert expected <= set(result)
    assert all(finding["message"].endswith(".") for finding in result.values())
    assert all(finding["advice"] for finding in result.values() if finding["state"] != "ok")
    assert list(tmp_path.iterdir()) == []


def test_a_line_is_state_subject_and_sentence(capsys, monkeypatch):
    monkeypatch.setattr(doctor, "CHECKS", (doctor._snakemake,))
    assert main(["doctor"]) == 0
    out, err = capsys.readouterr()
    assert out.split()[:3] == ["ok", "snakemake", "snakemake"]
    assert "No problems found. Next: genreflow init" in err


def test_a_package_that_is_missing_is_a_problem_and_one_of_another_version_a_note(capsys, monkeypatch):
    known = metadata.version

    def version(name):
        if name == "soxr":
            raise metadata.PackageNotFoundError(name)
        return "0.0.1" if name == "scipy" else known(name)

    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setattr(doctor, "CHECKS", (doctor._packages,))
    assert main(["doctor"]) == 2
    out = capsys.readouterr().out
    assert "problem  packages" in out and "Not installed: soxr. Run `make install`." in out
    assert "note     packages" in out and "scipy 0.0.1 (tested: " in out


def test_no_room_on_the_disk_has_a_code_of_its_own(capsys, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 5 * 10**7))
    monkeypatch.setattr(doctor, "CHECKS", (doctor._disk,))
    assert main(["doctor"]) == 5
    assert "0.1 GB are free" in capsys.readouterr().out


def test_a_folder_that_cannot_be_written_to_is_a_problem_of_the_machine(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(doctor, "CHECKS", (doctor._file_system,))
    monkeypatch.setattr(doctor, "_results_home", lambda: tmp_path / "gone")
    assert main(["doctor"]) == 5
    assert "Nothing can be written safely" in capsys.readouterr().out


def test_a_codec_that_is_missing_is_named(tmp_path, capsys, monkeypatch):
    from genreflow.audio import decode

    monkeypatch.setattr(decode.av, "codecs_available", decode.av.codecs_available - {"alac"})
    monkeypatch.setattr(doctor, "CHECKS", (doctor._codecs,))
    assert main(["doctor"]) == 2
    assert "Cannot be decoded: alac." in capsys.readouterr().out


def test_a_gpu_that_cannot_compute_is_a_problem_and_none_is_not(capsys, monkeypatch):
    monkeypatch.setattr(doctor, "CHECKS", (doctor._gpu,))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main(["doctor"]) == 0
    assert "networks are trained on the CPU." in capsys.readouterr().out
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "A Card")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (9 * 10**9, 10**10))
    monkeypatch.setattr(torch, "ones", raising(RuntimeError("no kernel image is available\nfor this device")))
    assert main(["doctor"]) == 2
    assert "A Card cannot compute: no kernel image is available Set" in capsys.readouterr().out


def test_the_gpu_of_a_mac_is_named(capsys, monkeypatch):
    monkeypatch.setattr(doctor, "CHECKS", (doctor._gpu,))
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    code, result = findings(capsys)
    assert code == 0 and "Apple GPU (mps)" in result["gpu"]["message"]


def test_a_gpu_that_others_use_is_worth_a_note(capsys, monkeypatch):
    monkeypatch.setattr(torch, "ones", lambda *shape, **_: torch.zeros(shape))
    for name, value in {"get_device_name": "A Card", "mem_get_info": (2 * 10**9, 10**10)}.items():
        monkeypatch.setattr(torch.cuda, name, lambda _, value=value: value)
    assert doctor._one_gpu(0).state == "note" and "2 GB of 10 GB free" in doctor._one_gpu(0).message


def raising(error):
    def broken(*_, **__):
        raise error

    return broken


def test_the_limit_of_a_control_group_counts_as_memory(capsys, monkeypatch):
    monkeypatch.setattr(doctor, "CHECKS", (doctor._memory,))
    monkeypatch.setattr(doctor, "_cgroup_limits", lambda: [3 * 10**9])
    main(["doctor"])
    assert "of 3.0 GB (a limit; the machine has" in capsys.readouterr().out


def test_limits_of_control_groups_are_read_from_all_that_enclose_the_process(tmp_path, monkeypatch):
    inner = tmp_path / "a/b"
    inner.mkdir(parents=True)
    (inner / "memory.max").write_text("max\n")
    (tmp_path / "a/memory.max").write_text("2000000\n")
    (tmp_path / "groups").write_text("0::/a/b\n")
    assert list(doctor._cgroup_limits(tmp_path / "groups", tmp_path)) == [2_000_000]


def test_a_check_that_breaks_is_a_problem_and_ends_no_other(capsys, monkeypatch):
    def broken():
        raise ImportError("libsndfile.so is missing")
        yield

    monkeypatch.setattr(doctor, "CHECKS", (broken, doctor._snakemake))
    assert main(["doctor"]) == 2
    out = capsys.readouterr().out
    assert "ImportError: libsndfile.so is missing" in out and "ok       snakemake" in out


@pytest.mark.parametrize(("most", "state"), [(64, "note"), (resource.RLIM_INFINITY, "ok")])
def test_few_open_files_are_worth_a_note(capsys, monkeypatch, most, state):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (most, most))
    monkeypatch.setattr(doctor, "CHECKS", (doctor._open_files,))
    main(["doctor"])
    assert capsys.readouterr().out.startswith(state)


def test_it_works_without_any_package_and_names_those_that_are_missing(tmp_path):
    code = (
        "import sys; sys.path = [path for path in sys.path if 'site-packages' not in path];"
        f"sys.path.insert(0, {str(HOME)!r}); sys.argv = ['genreflow', 'doctor'];"
        "from genreflow.cli import main; sys.exit(main())"
    )
    made = subprocess.run([sys.executable, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert made.returncode == 2
    [missing] = [line for line in made.stdout.splitlines() if line.startswith("problem  packages")]
    assert {"snakemake", "torch", "psutil", "pyarrow"} <= set(re.findall(r"\w+", missing))
    assert "Traceback" not in made.stderr and re.search(r"^ok +disk for results", made.stdout, re.M)
