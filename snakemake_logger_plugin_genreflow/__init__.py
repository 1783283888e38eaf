"""Snakemake's logger `genreflow`: it shows a run as `genreflow.cli.progress` does. Switched on by the profile."""

from logging import LogRecord
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from genreflow.cli.run_display import harmless
from genreflow.cli.run_view import RunView, is_wanted


class LogHandler(LogHandlerBase):
    """Hands the events of a run on. Where the user asked for Snakemake's own output, it does nothing."""

    def __post_init__(self) -> None:
        settings = self.common_settings
        own = settings.dryrun or settings.verbose or settings.debug_dag or settings.printshellcmds
        self._view = None if own or not is_wanted() else RunView()

    def emit(self, record: LogRecord) -> None:
        """Hand a record on. No fault of the display ends a run."""
        if self._view is None:
            return
        with harmless():
            self._hand_on(self._view, record)

    def _hand_on(self, view: RunView, record: LogRecord) -> None:
        facts = record.__dict__
        match facts.get("event"):
            case LogEvent.RUN_INFO:
                view.begin(facts["stats"])
            case LogEvent.RESOURCES_INFO:
                view.machine(facts.get("cores"), _gpus(facts.get("provided_resources")))
            case LogEvent.JOB_INFO:
                log, gpus = next(iter(facts["log"]), ""), _gpus(facts["resources"])
                view.start(facts["jobid"], facts["rule_name"], log, facts["threads"], gpus)
            case LogEvent.JOB_FINISHED:
                view.finish(facts["job_id"])
            case LogEvent.JOB_ERROR:
                view.fail(facts["jobid"])
            case None | LogEvent.ERROR:
                view.message(record.getMessage(), record.levelno)

    def close(self) -> None:
        """End the display."""
        if self._view is not None:
            self._view.close()
        super().close()

    @property
    def writes_to_stream(self) -> bool:
        """Whether Snakemake's own messages are replaced."""
        return self._view is not None

    writes_to_file = False
    has_filter = True
    has_formatter = True
    needs_rulegraph = False


def _gpus(resources: Any) -> int:
    """Return the number of GPUs among resources, whose values Snakemake wraps at some places."""
    gpus = resources["gpu"] if resources is not None and "gpu" in resources else 0
    gpus = getattr(gpus, "value", gpus)
    return gpus if isinstance(gpus, int) else 0
