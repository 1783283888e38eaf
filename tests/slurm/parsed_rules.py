"""Print what the rules of the workflow declare, as Snakemake itself has read them: a JSON object, rule by rule.

Arguments: the Snakefile, and settings as for `snakemake --config`.
"""

import json
import sys
from pathlib import Path

import yaml
from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, OutputSettings, ResourceSettings


def declared(snakefile: Path, settings: dict) -> dict[str, dict]:
    """Return for each rule that does something: whether it is local, its own retries, threads, and resources."""
    with SnakemakeApi(OutputSettings()) as api:
        workflow = api.workflow(
            resource_settings=ResourceSettings(), config_settings=ConfigSettings(config=settings), snakefile=snakefile
        )._workflow
        return {
            rule.name: {
                "local": rule.ruleinfo.localrule is True,
                "retries": rule.ruleinfo.retries,
                "threads": "by wildcards" if callable(rule.ruleinfo.threads) else rule.ruleinfo.threads,
                "resources": sorted(rule.ruleinfo.resources[1]) if rule.ruleinfo.resources else [],
            }
            for rule in workflow.rules
            if rule.script
        }


if __name__ == "__main__":
    chosen = dict(item.split("=", 1) for item in sys.argv[2:])
    print(json.dumps(declared(Path(sys.argv[1]), {key: yaml.safe_load(value) for key, value in chosen.items()})))
