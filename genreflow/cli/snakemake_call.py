"""Calling Snakemake in this process: its options as it parses them, and a terminal that may be closed.

As a module (``python -m genreflow.cli.snakemake_call``) it is Snakemake for `genreflow run`, and ends with that.
"""

import argparse
import atexit
import ctypes
import errno
import io
import logging
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TextIO

from genreflow.errors import did_you_mean
from genreflow.project.shipped import import_folder
from genreflow.store.text import sanitize

# Options with which Snakemake prints, writes a file of its own, deletes on request, or touches, and executes no job.
# Their names are those of its parser's results.
WITHOUT_JOBS = frozenset(
    {
        "archive", "cleanup_metadata", "cleanup_shadow", "conda_cleanup_envs", "conda_create_envs_only",
        "container_cleanup_images", "containerize", "d3dag", "dag", "delete_all_output", "delete_temp_output",
        "deploy_sources", "detailed_summary", "dryrun", "filegraph", "generate_unit_tests", "lint", "list_changes",
        "list_conda_envs", "list_input_changes", "list_params_changes", "list_rules", "list_target_rules",
        "list_untracked", "print_compilation", "report", "reporter", "rulegraph", "summary", "touch", "unlock",
    }
)  # fmt: skip
# Those of them that change nothing at all, so that they may work beside a run and without permission to write.
READ_ONLY = frozenset(
    {
        "d3dag", "dag", "detailed_summary", "dryrun", "filegraph", "lint", "list_changes", "list_input_changes",
        "list_params_changes", "list_rules", "list_target_rules", "list_untracked", "print_compilation", "rulegraph",
        "summary",
    }
)  # fmt: skip
_AFTER_JOBS = frozenset({"report", "reporter"})  # with --report-after-run
LOGGER = "genreflow"  # of runs, unless another one is asked for
_HOME = str(import_folder())  # where Snakemake finds it among its plugins, however genreflow is installed
_PROFILE_NOTE = "Using workflow specific profile"  # printed at every start
_OF_ITSELF = re.compile(r"Config file .* is extended by|Assuming unrestricted|Building DAG|This was a dry-run")
_USAGE_ERROR = re.compile(r"^\S+: error: (.*)", re.MULTILINE | re.DOTALL)
_UNKNOWN_OPTION = re.compile(r"unrecognized arguments: (-\S+)")
_UNKNOWN_TARGET = re.compile(r"(\x1b\[\d+m)*MissingRuleException:\n(in .*\n)?No rule to produce (?P<target>\S+) \(if")
_SET_PARENT_DEATH_SIGNAL = 1  # of prctl(2)
# Messages about a failed job; the job itself has printed the reason.
JOB_FAILURE = re.compile(
    r"(\x1b\[\d+m)*(\[[^\]]+\]\n)?(Error in (rule|group) |RuleException:|CalledProcessError|Removing output files of "
    r"failed job|Exiting because a job execution failed|WorkflowError:\nAt least one job did not complete)"
)


class LastingOutput(io.TextIOBase):
    """A stream for Snakemake's messages that a closed pipe or terminal does not end.

    Snakemake's logging thread dies of a closed pipe, and the run then waits for it forever (``genreflow run | head``).
    So the stream, and those of jobs started later, lead to nowhere once nobody reads. Messages about failed jobs are
    withheld in `withheld`.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.withheld: list[str] = []
        self._skips_end = False

    def write(self, text: str) -> int:
        """Write text and return its length."""
        if self._skips_end and text == "\n":  # Snakemake's handler writes the end of a line by itself
            self._skips_end = False
        elif JOB_FAILURE.match(text):
            self.withheld.append(text)
            self._skips_end = True
        else:
            unknown = _UNKNOWN_TARGET.match(text)
            words = text if unknown is None else _no_target(unknown["target"])
            self._do(lambda: self._stream.write(words))
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        self._do(self._stream.flush)

    def fileno(self) -> int:
        """Return its file descriptor."""
        return self._stream.fileno()

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return self._stream.isatty()

    @property
    def encoding(self) -> str:  # type: ignore[override]  # read-only in io, whatever typeshed has
        """Its encoding."""
        return self._stream.encoding

    def _do(self, action: Callable[[], object]) -> None:
        try:
            action()
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.EIO):
                raise
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


@contextmanager
def lasting_output() -> Iterator[list[str]]:
    """Let standard output and error outlive their readers; yield the list of withheld messages."""
    output, errors = LastingOutput(sys.stdout), LastingOutput(sys.stderr)
    errors.withheld = output.withheld
    with redirect_stdout(output), redirect_stderr(errors):
        yield output.withheld


def withheld_messages() -> list[str] | None:
    """Return the list of messages withheld so far; None where output is not `lasting_output`."""
    return sys.stderr.withheld if isinstance(sys.stderr, LastingOutput) else None


def parsed(arguments: Sequence[str]) -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    """Return Snakemake's parser and options, including those of a profile and of the environment.

    Raises
    ------
    SystemExit
        When Snakemake refuses the arguments, and after `--help` and `--version`.
    """
    from snakemake import cli

    sys.argv = ["snakemake", *arguments]
    if _HOME not in sys.path:
        sys.path.append(_HOME)
    messages = io.StringIO()
    try:
        with redirect_stderr(messages):
            parser, options = _parsed(*arguments)
        options.logger = options.logger or [LOGGER]
        return parser, options
    except Exception as error:
        cli.print_exception(error)
        raise SystemExit(1) from None
    finally:
        sys.stderr.write(_of_use(messages.getvalue()))


def _of_use(messages: str) -> str:
    """Return messages of Snakemake's parser without its note on profiles, and without all its options on an error."""
    if (error := _USAGE_ERROR.search(messages)) is None:
        lines = messages.splitlines(keepends=True)
        return "".join(line for line in lines if not line.startswith(_PROFILE_NOTE))
    from snakemake import cli

    known = [name for action in cli.get_argument_parser()._actions for name in action.option_strings]
    unknown = _UNKNOWN_OPTION.match(error[1])
    hint = did_you_mean(unknown[1], known) if unknown else ""
    return f"genreflow: run: {error[1].strip()}.{hint} The options are Snakemake's: `snakemake --help` lists them.\n"


def _no_target(name: str) -> str:
    """Return the sentence for a word that Snakemake took for a target."""
    return (
        f"genreflow: run: there is no target {name}. Targets are rules (`genreflow run --list-target-rules`) and files "
        "below results/. Without a target, everything is made."
    )


@cache
def _parsed(*arguments: str) -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    from snakemake import cli

    return cli.parse_args(list(arguments))


def executes_jobs(options: argparse.Namespace) -> bool:
    """Return whether Snakemake would execute jobs with these options; otherwise nothing may change results before."""
    without = WITHOUT_JOBS - (_AFTER_JOBS if options.report_after_run else frozenset())
    return all(getattr(options, name, None) in (None, False) for name in without)


def only_reads(options: argparse.Namespace) -> bool:
    """Return whether Snakemake would change nothing with these options."""
    return any(getattr(options, name, None) not in (None, False) for name in READ_ONLY)


def only_read(snakemake: Any) -> None:
    """Let Snakemake's workflow, if it only reads, work where nothing can be written, and leave nothing behind.

    It would make folders in ``.snakemake`` even for a dry run, and refuse to plan products that it may not replace.
    """
    from snakemake import jobs, workflow
    from snakemake.logging import logger

    options, made = _own_options(), workflow.FilePersistence
    if options is None or not only_reads(options):
        return
    for handler, path in snakemake.logger_manager.logfile_handlers.items():  # there is none in a dry run
        logger.removeHandler(handler)
        handler.close()
        Path(path).unlink(missing_ok=True)
        with suppress(OSError):  # there are other files
            Path(path).parent.rmdir()
            Path(path).parents[1].rmdir()
    snakemake.logger_manager.logfile_handlers.clear()
    folder = TemporaryDirectory(prefix="genreflow-")
    atexit.register(folder.cleanup)
    for name in ("metadata", "incomplete"):
        if (records := Path(".snakemake", name).absolute()).exists():
            Path(folder.name, name).symlink_to(records)

    def elsewhere(**given: Any) -> Any:
        return made(**{**given, "path": Path(folder.name)})

    async def is_not_written(_: Any) -> None:
        pass

    workflow.FilePersistence = elsewhere
    jobs.Job.check_protected_output = is_not_written


def explain_jobs(workflow: Any, reasons: Callable[[], Sequence[str]]) -> None:
    """Let a dry run of Snakemake's `workflow` end with our reasons for its jobs, in place of names of its triggers."""
    from snakemake import dag
    from snakemake.logging import logger

    def print_reasons(planned: Any) -> None:
        if any(True for _ in planned.needrun_jobs(exclude_finished=False)):
            lines = reasons() or ["products that are not there yet, or were made with other code of genreflow."]
            logger.info("\n  ".join(["Why:", *map(sanitize, lines)]))

    dag.DAG.print_reasons = print_reasons
    workflow.log_provenance_info = lambda: None


def process_dry_runs() -> bool:
    """Return whether this process is a dry run of Snakemake."""
    options = _own_options()
    return options is not None and bool(options.dryrun)


def process_executes_jobs() -> bool:
    """Return whether this Snakemake process executes jobs; true for one without a command line."""
    options = _own_options()
    return options is None or executes_jobs(options)


def process_writes_report() -> bool:
    """Return whether this process is Snakemake and writes its own report."""
    options = _own_options()
    return options is not None and options.report is not None


def _own_options() -> argparse.Namespace | None:
    """Return the options of the Snakemake that this process runs; None if it has no command line of Snakemake."""
    nowhere = io.StringIO()
    try:
        with redirect_stdout(nowhere), redirect_stderr(nowhere):
            return _parsed(*sys.argv[1:])[1]
    except (Exception, SystemExit):
        return None


def call(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Run Snakemake with parsed options; return its exit code."""
    from snakemake import cli

    try:
        with _brief(options):
            return 0 if cli.args_to_api(options, parser) else 1
    except Exception as error:
        cli.print_exception(error)
        return 1


@contextmanager
def _brief(options: argparse.Namespace) -> Iterator[None]:
    """Leave out of a dry run what Snakemake says of itself, unless `--quiet` asks for other things than the profile."""
    from snakemake.logging import logger
    from snakemake.settings.enums import Quietness

    if not options.dryrun or options.verbose or set(options.quiet or ()) != {Quietness.RULES}:
        yield
        return
    options.quiet = {Quietness.RULES, Quietness.HOST}
    tables: list[str] = []

    def is_of_use(record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if message.startswith("Job stats:"):  # printed before and after
            tables.append(message)
            return len(tables) == 1
        return not _OF_ITSELF.match(message)

    logger.addFilter(is_of_use)
    try:
        yield
    finally:
        logger.removeFilter(is_of_use)


def main() -> int:
    """Run Snakemake for the process that started this one; both end together."""
    with suppress(AttributeError):  # only Linux has it
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    with lasting_output():
        return call(*parsed(sys.argv[1:]))


if __name__ == "__main__":
    sys.exit(main())
