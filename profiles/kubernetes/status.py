#!/usr/bin/env python3
"""Say what has become of a Job of Kubernetes: running, success or failed."""

import json
import subprocess
import sys


def fate(name: str) -> str:
    """Return what has become of ``namespace/name``; while the cluster does not answer, it is running."""
    namespace, _, job = name.partition("/")
    asked = ["kubectl", "get", "job", job, f"--namespace={namespace}", "--output=json"]
    told = subprocess.run(asked, capture_output=True, text=True, check=False)
    if told.returncode:
        return "failed" if "NotFound" in told.stderr else "running"
    conditions = json.loads(told.stdout).get("status", {}).get("conditions") or []
    ended = {condition["type"] for condition in conditions if condition["status"] == "True"}
    return "success" if "Complete" in ended else "failed" if "Failed" in ended else "running"


if __name__ == "__main__":
    print(fate(sys.argv[1]))
