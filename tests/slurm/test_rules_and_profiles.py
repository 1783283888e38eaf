"""What the rules declare, and what the profiles make of it, without a cluster."""

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from project import HOME, Project
from snakemake_executor_plugin_slurm.partitions import read_partition_file

PROFILES = HOME / "profiles"
REMOTE = ["slurm", "cluster-generic", "kubernetes"]
# What runs where snakemake does: seconds of work on tables with a row for each track.
LOCAL = {
    "index_dataset",
    "list_quarantine",
    "assign_folds",
    "audit_leakage",
    "write_overview",
    "assign_inner_folds",
    "choose_setting",
}


@pytest.fixture(scope="module")
def rules(tmp_path_factory) -> dict[str, dict]:
    """What each rule that does something declares, those included that only some settings bring."""
    settings = ["limits={folds_per_job: all}", "predict={study: demo, files: [.]}"]
    command = [sys.executable, str(Path(__file__).with_name("parsed_rules.py")), str(HOME / "Snakefile"), *settings]
    environment = {**os.environ, "PYTHONPATH": str(HOME)}
    folder = tmp_path_factory.mktemp("parsed")
    message = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert message.returncode == 0, message.stderr
    return json.loads(message.stdout.splitlines()[-1])


def profile(name: str) -> dict:
    return yaml.safe_load((PROFILES / name / "profile.yaml").read_text())


def test_every_rule_says_what_it_needs(rules):
    # Rules that train share a script, and embeddings that of slices.
    assert len(rules) == len(list((HOME / "workflow/scripts").glob("*.py"))) + 3
    assert [name for name, rule in rules.items() if rule["threads"] is None] == []
    needed = {"mem_mb", "runtime", "gpu"}
    assert {name: needed - set(rule["resources"]) for name, rule in rules.items()} == {name: set() for name in rules}


def test_no_rule_retries_by_itself(rules):
    """Slurm's executor would do so inside the first allocation, where nothing grows."""
    assert [name for name, rule in rules.items() if rule["retries"] is not None] == []


def test_what_is_local_is_little(rules):
    assert {name for name, rule in rules.items() if rule["local"]} == LOCAL


@pytest.mark.parametrize("name", REMOTE)
def test_a_profile_names_rules_that_there_are_and_none_that_are_local(rules, name):
    chosen = profile(name)
    named = {*chosen["groups"], *chosen.get("set-resources", {})}
    assert named <= set(rules) - LOCAL
    assert set(chosen["group-components"]) == set(chosen["groups"].values())


@pytest.mark.parametrize("name", REMOTE)
def test_a_profile_for_clusters_keeps_what_the_one_for_one_machine_says(name):
    """A workflow profile takes the place of the default one."""
    here, there = profile("default"), profile(name)
    kept = {key: value for key, value in here.items() if key not in ("cores", "resources")}
    assert {key: there[key] for key in kept} == kept
    assert there["retries"] > 0
    assert there["cores"] != "all"  # else a group asks for the cores of all its jobs together
    assert "gpu" not in there.get("resources", {})  # the cluster itself knows how many GPUs it has


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Project:
    project = Project.make(tmp_path_factory.mktemp("tiny"))
    project.edit("my.yaml", "device: cpu", "device: auto")
    return project


@pytest.mark.end_to_end
@pytest.mark.parametrize("name", REMOTE)
def test_snakemake_plans_a_run_with_a_profile(tiny, name):
    code, printed = tiny.run("--workflow-profile", name, "--dry-run", "--quiet", "host")
    assert code == 0, printed
    [training, *_] = re.findall(r"^rule train_run:\n(?:    .*\n)+", printed, re.M)
    options = dict(re.findall(r"(\w+)=(\d+)", training.partition("resources:")[2]))
    assert options["gpu"] == "1"
    assert int(options["mem_mb"]) > 1000
    assert int(options["runtime"]) > 10


@pytest.mark.end_to_end
def test_no_gpu_is_asked_for_where_none_is_used(tiny):
    code, printed = tiny.run("--dry-run", "--quiet", "host", "--config", "limits={device: cpu}")
    assert code == 0, printed
    assert set(re.findall(r"\bgpu=(\d+)", printed)) == {"0"}


def test_jobs_with_a_gpu_fit_into_the_partition_that_has_some():
    partitions = read_partition_file(PROFILES / "slurm/partitions.yaml")

    def best(**resources: int) -> str:
        scores = {
            partition.name: partition.score_job_fit(SimpleNamespace(resources=resources, threads=8))
            for partition in partitions
        }
        return max((name for name in scores if scores[name] is not None), key=scores.get)

    assert best(gpu=1, mem_mb=4000, runtime=120) == "gpu"
    assert best(gpu=0, mem_mb=4000, runtime=120) == "cpu"


KUBECTL = """\
#!{python}
import json, os, pathlib, subprocess, sys
jobs = pathlib.Path(os.environ["JOBS"])
if sys.argv[1] == "create":
    job = json.load(sys.stdin)
    job["metadata"]["name"] = f"genreflow-{{len(list(jobs.iterdir()))}}"
    [container] = job["spec"]["template"]["spec"]["containers"]
    done = subprocess.run(container["command"], cwd=container["workingDir"], stdout=sys.stderr).returncode
    job["status"] = {{"conditions": [{{"type": "Failed" if done else "Complete", "status": "True"}}]}}
    (jobs / job["metadata"]["name"]).write_text(json.dumps(job))
    print(json.dumps(job))
elif sys.argv[1] == "get":
    file = jobs / sys.argv[3]
    if not file.exists():
        sys.exit('Error from server (NotFound): jobs.batch "x" not found')
    print(file.read_text())
"""
SNAKEFILE = """\
rule all:
    input:
        expand("made/{n}", n=range(2)),


rule make:
    output:
        "made/{n}",
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 500 * attempt,
        runtime=7,
        gpu=lambda wildcards: int(wildcards.n),
    shell:
        "[ {wildcards.n} != 1 ] || [ {resources.mem_mb} != 500 ] && touch {output}"  # one fails at its first attempt
"""


@pytest.fixture
def kubectl(tmp_path, monkeypatch) -> Path:
    """A folder of Jobs, each of which a stand-in for kubectl runs to its end at once."""
    jobs, programs = tmp_path / "jobs", tmp_path / "programs"
    jobs.mkdir()
    programs.mkdir()
    (programs / "kubectl").write_text(KUBECTL.format(python=sys.executable))
    (programs / "kubectl").chmod(0o755)
    monkeypatch.setenv("JOBS", str(jobs))
    monkeypatch.setenv("PATH", os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]]))
    return jobs


@pytest.mark.end_to_end
def test_jobs_become_jobs_of_kubernetes(tmp_path, kubectl):
    """The profile's commands around a kubectl that is a stand-in; no cluster has seen them."""
    work = tmp_path / "work"
    work.mkdir()
    (work / "Snakefile").write_text(SNAKEFILE)
    command = ["snakemake", "--workflow-profile", str(PROFILES / "kubernetes"), "--seconds-between-status-checks", "1"]
    done = subprocess.run([*command, "--latency-wait", "1"], cwd=work, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    made = [json.loads(file.read_text()) for file in sorted(kubectl.iterdir())]
    options = sorted(
        (container["resources"]["requests"]["memory"], container["resources"]["limits"].get("nvidia.com/gpu", "0"))
        for job in made
        for container in job["spec"]["template"]["spec"]["containers"]
    )
    assert options == [("1000M", "1"), ("500M", "0"), ("500M", "1")]
    pods = [job["spec"]["template"]["spec"] for job in made]
    assert {pod["activeDeadlineSeconds"] for pod in pods} == {420}
    assert {pod["containers"][0]["resources"]["requests"]["cpu"] for pod in pods} == {"2"}
    assert {pod["containers"][0]["workingDir"] for pod in pods} == {str(work)}
    assert {pod["restartPolicy"] for pod in pods} == {"Never"}


@pytest.mark.parametrize("path", [*PROFILES.glob("*/*.sh"), *PROFILES.glob("*/*.py")], ids=lambda path: path.name)
def test_the_commands_of_profiles_can_be_run(path):
    assert path.stat().st_mode & stat.S_IXUSR
    assert path.read_text().startswith("#!")
