"""What the Snakefile does as it is read: settings, plan, and the preparation of Snakemake for a run.

Where the Snakefile is a module of another workflow, that one keeps its own signals, messages and way of reading, and
its ``config:`` holds the settings.
"""

import atexit
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from genreflow.cli.exits import guarded
from genreflow.cli.snakemake_call import (
    explain_jobs,
    only_read,
    process_dry_runs,
    process_executes_jobs,
    process_writes_report,
)
from genreflow.config.layers import Config, load_config
from genreflow.config.names import PROJECT_FILE
from genreflow.gpus import let_mps_fall_back
from genreflow.job import let_jobs_import
from genreflow.plan.make import OTHER_KEYS, Plan, check_placements, made_with_other_keys, make_plan
from genreflow.plan.reasons import reasons
from genreflow.plan.staleness import REBUILD_STALE, force_stale
from genreflow.plan.unsettled import retry_unsettled
from genreflow.project.find import is_there
from genreflow.project.shipped import shipped
from genreflow.shutdown import IGNORE_INTERRUPTS, signals_passed_on
from genreflow.store.writable import stand_in

Result = TypeVar("Result")


@dataclass(frozen=True)
class Reading:
    """The reading of the Snakefile by a process of Snakemake: that of the user, or one around a job.

    Attributes
    ----------
    workflow
        Snakemake's object of this name.
    """

    workflow: Any

    @property
    def is_module(self) -> bool:
        """Whether the Snakefile is read as a module of another workflow."""
        return not self.workflow.modifier.is_main_snakefile()

    @property
    def is_main_process(self) -> bool:
        """Whether this is the process that the user started, and not one around a job."""
        return bool(self.workflow.is_main_process)

    def prepare(self, shell: Any) -> None:
        """Give libraries places to write to, let jobs import genreflow, and pass signals on to them."""
        methods = getattr(self.workflow.deployment_settings, "deployment_method", ())
        isolated = process_executes_jobs() and any(method.name == "CONDA" for method in methods)
        let_jobs_import(isolated=isolated)
        let_mps_fall_back()
        stand_in()
        if self.is_main_process and not self.is_module:
            shell.prefix(IGNORE_INTERRUPTS)
            relay = ExitStack()
            relay.enter_context(signals_passed_on())
            atexit.register(relay.close)

    def config(self, given: Mapping[str, Any]) -> Config:
        """Return the settings: config.yaml, a project in the working folder, ``--configfile`` and ``--config``.

        Snakemake's merge would mix datasets of one name. A module has config.yaml and its ``config:`` alone.

        Parameters
        ----------
        given
            Snakemake's ``config``.
        """
        if self.is_module and self.workflow.modifier.skip_configfile:
            return load_config(shipped(), given=given)
        settings = self.workflow.config_settings
        files = [] if self.is_module else list(settings.configfiles)
        project = Path(PROJECT_FILE).absolute()
        if is_there(project) and project not in files:
            files.insert(0, project)
        if self.is_module:
            return load_config(shipped(), files)
        return load_config(None if settings.replace_workflow_config else shipped(), files, settings.config_args or [])

    def plan(self, given: Mapping[str, Any]) -> Plan:
        """Plan the run; see `config` for `given`. A mistake ends the process with a sentence and an exit code.

        Only the process that the user started lists the music; jobs read the catalog that it wrote.
        """
        return _or_exit(lambda: self._plan(self.config(given)))

    def keep_replaced(self, plan: Plan) -> None:
        """Keep the results that the jobs of this run are about to replace: an update never costs a good result."""
        if self.is_main_process and process_executes_jobs():
            _or_exit(lambda: plan.keep_replaced(self.workflow.dag.needrun_jobs()))

    def _plan(self, config: Config) -> Plan:
        writes = process_executes_jobs()
        plan = make_plan(config, home=shipped(), refresh=self.is_main_process, writes=writes)
        if not self.is_main_process:
            return plan
        if not self.is_module:
            only_read(self.workflow)
            if process_dry_runs():
                explain_jobs(self.workflow, lambda: reasons(plan))
        if made_with_other_keys(plan):
            print(OTHER_KEYS, file=sys.stderr)
        if writes:
            check_placements(plan)
        force_stale(plan, self.workflow)
        if writes and os.environ.get(REBUILD_STALE) == "1":
            retry_unsettled(plan)
        return plan


def captions_folder() -> Path | None:
    """Return a folder for captions, which Snakemake's report reads from files only; None where no report is made."""
    if not process_writes_report():
        return None
    folder = TemporaryDirectory(prefix="genreflow-captions-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


def _or_exit(action: Callable[[], Result]) -> Result:
    """Return the result of `action`; a mistake ends the process with a sentence and an exit code."""
    results: list[Result] = []

    def act() -> int:
        results.append(action())
        return 0

    if code := guarded(act):
        raise SystemExit(code)
    return results[0]
