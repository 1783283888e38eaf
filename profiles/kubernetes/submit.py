#!/usr/bin/env python3
"""Make a Job of Kubernetes of a job script of Snakemake, and print its name."""

import json
import subprocess
import sys
from pathlib import Path

import yaml

GPU = "nvidia.com/gpu"
PROPERTIES = "# properties = "


def manifest(script: Path) -> dict:
    """Return job.yaml with what this script runs and needs."""
    job = yaml.safe_load(Path(__file__).with_name("job.yaml").read_text(encoding="utf-8"))
    [line] = [line for line in script.read_text(encoding="utf-8").splitlines() if line.startswith(PROPERTIES)]
    asked = json.loads(line.removeprefix(PROPERTIES))
    memory, gpus = f"{asked['resources']['mem_mb']}M", asked["resources"].get("gpu", 0)
    job["metadata"]["annotations"] = {"genreflow/job": asked.get("rule") or asked["groupid"]}
    pod = job["spec"]["template"]["spec"]
    pod["activeDeadlineSeconds"] = 60 * asked["resources"]["runtime"]  # of the pod's own life: waiting is not counted
    [container] = pod["containers"]
    container["command"] = ["/bin/sh", str(script)]
    container["workingDir"] = str(Path.cwd())
    container["resources"] = {
        "requests": {"cpu": str(asked["threads"]), "memory": memory},
        "limits": {"memory": memory, **({GPU: str(gpus)} if gpus else {})},
    }
    return job


if __name__ == "__main__":
    made = subprocess.run(
        ["kubectl", "create", "--output=json", "--filename=-"],
        input=json.dumps(manifest(Path(sys.argv[1]).resolve())), stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    metadata = json.loads(made.stdout)["metadata"]
    print(f"{metadata['namespace']}/{metadata['name']}")
