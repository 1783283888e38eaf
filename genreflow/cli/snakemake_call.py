"""Calling Snakemake in this process, and whether it executes jobs, by its options as it reads them itself."""

import argparse
import io
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from functools import cache

# Options with which Snakemake prints, writes a file of its own, deletes what it is asked to, or touches; it executes
# no job. Their names are those of its parser's results.
WITHOUT_JOBS = frozenset(
    {
        "archive", "cleanup_metadata", "cleanup_shadow", "conda_cleanup_envs", "conda_create_envs_only",
        "container_cleanup_images", "containerize", "d3dag", "dag", "delete_all_output", "delete_temp_output",
        "deploy_sources", "detailed_summary", "dryrun", "filegraph", "generate_unit_tests", "lint", "list_changes",
        "list_conda_envs", "list_input_changes", "list_params_changes", "list_rules", "list_target_rules",
        "list_untracked", "print_compilation", "report", "reporter", "rulegraph", "summary", "touch", "unlock",
    }
)  # fmt: skip
_AFTER_JOBS = frozenset({"report", "reporter"})  # with --report-after-run


def parsed(arguments: Sequence[str]) -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    """Return Snakemake's parser and options: combined, shortened, of a profile or of the environment.

    Raises
    ------
    SystemExit
        When Snakemake refuses the arguments, and after `--help` and `--version`.
    """
    from snakemake import cli

    sys.argv = ["snakemake", *arguments]
    try:
        return _parsed(*arguments)
    except Exception as error:
        cli.print_exception(error)
        raise SystemExit(1) from None


@cache
def _parsed(*arguments: str) -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    from snakemake import cli

    return cli.parse_args(list(arguments))


def executes_jobs(options: argparse.Namespace) -> bool:
    """Tell whether Snakemake would execute jobs with these options; nothing else may change results beforehand."""
    without = WITHOUT_JOBS - (_AFTER_JOBS if options.report_after_run else frozenset())
    return all(getattr(options, name, None) in (None, False) for name in without)


def process_executes_jobs() -> bool:
    """Tell the same of the snakemake that this process is; of one without a command line, that it does."""
    nowhere = io.StringIO()
    try:
        with redirect_stdout(nowhere), redirect_stderr(nowhere):
            _, options = _parsed(*sys.argv[1:])
    except (Exception, SystemExit):
        return True
    return executes_jobs(options)


def call(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Let Snakemake do what its options ask for; return its exit code."""
    from snakemake import cli

    try:
        return 0 if cli.args_to_api(options, parser) else 1
    except Exception as error:
        cli.print_exception(error)
        return 1
