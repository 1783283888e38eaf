"""The last lines of a run that did not end well: what is kept, what failed and why, and how to go on."""

import re
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import indent

from genreflow.cli.console import info, print_result
from genreflow.errors import Exit, machine_message
from genreflow.project import layout
from genreflow.store import costs
from genreflow.store.text import count
from genreflow.store.walk import files_below

# Exit codes of failed jobs; the first one that any job has is that of the run.
_PRIORITY = (Exit.MACHINE, Exit.BUG, Exit.QUARANTINE, Exit.INPUT)
# Snakemake reports its own failures as text alone, in .snakemake/log.
_KILLED = re.compile(r"died with <Signals\.SIGKILL")
_ERROR = re.compile(r"\[Errno (\d+)\]")
_STOPS = {signal.SIGINT: Exit.INTERRUPTED, signal.SIGTERM: Exit.TERMINATED, signal.SIGHUP: Exit.HUNG_UP}
_MOST_FAILURES = 5  # listed at the end


def stopped(signals: Sequence[int], command: str) -> Exit | None:
    """Print the end of a run that was stopped by a signal; return its exit code, or None if none of them stops runs."""
    stops = [number for number in signals if number in _STOPS]
    if not stops:
        return None
    info("Stopped. Finished products are kept, and trainings resume from their last checkpoints.")
    info(f"Next: {command}")
    return _STOPS[signal.Signals(stops[0])]


def failed(folder: Path, began: float, command: str, withheld: Sequence[str] = (), *, code: int = 1) -> Exit:
    """Print why a run failed that Snakemake ended with `code`, and the remedy last; return the exit code for it.

    Parameters
    ----------
    folder
        The working folder.
    began
        Start of the run (Unix time).
    command
        The command that goes on.
    withheld
        Messages of Snakemake about failed jobs, which have not been printed.
    """
    logs = folder / layout.LOGS
    reason = Exit.MACHINE if code == Exit.MACHINE else exit_code_of_jobs(logs, began)
    own_logs = _recent_logs(folder / ".snakemake/log", began)
    own = "\n".join(log.read_text(encoding="utf-8", errors="replace") for log in own_logs)
    if reason is None and any(machine_message(OSError(int(number), "")) for number in _ERROR.findall(own)):
        reason = Exit.MACHINE
    if reason is None and withheld:  # no job has left a record, so Snakemake alone knows the reason
        info("\n".join(withheld))
    recent = _recent_logs(logs, began)
    killed = [log for log in recent if costs.last_exit_code(log) is None]
    # A job that is killed as it ends has recorded that it was done.
    if killed or _KILLED.search(own):
        names = ", ".join(str(log.relative_to(folder)) for log in killed)
        info(f"A job was killed, as the system does when memory runs out{names and f' ({names})'}.")
        reason = reason or Exit.MACHINE
    for line in _failures([log for log in recent if log not in killed], folder):
        info(line)
    match reason:
        case Exit.QUARANTINE:
            print_result(
                "Too many tracks were refused, so nothing was trained: results/quarantine.csv lists each with the"
                " reason.",
                following="repair or remove these files, or raise the limit in your settings, as in"
                " `limits: {max_quarantine: 0.2}` for 20%",
            )
        case Exit.MACHINE:
            print_result(
                "Stopped by the disk, memory or permissions, see above; finished products are kept.",
                following=f"genreflow doctor, then {command}",
            )
        case Exit.BUG:
            print_result(
                "Finished products are kept.", following=f"report it with the log named above, or try {command}"
            )
        case Exit.INPUT:
            print_result("Finished products are kept.", following=f"correct that, then {command}")
    return Exit.INPUT if reason is None else reason


def exit_code_of_jobs(logs: Path, since: float) -> Exit | None:
    """Return the exit code for the jobs that failed since a moment (Unix time); None if no job left one.

    A job that was killed leaves none: it counts as stopped by the machine.
    """
    codes = {costs.last_exit_code(log) for log in _recent_logs(logs, since)}
    codes = {Exit.MACHINE if code is None else code for code in codes}
    return next((code for code in _PRIORITY if code in codes), None)


def _failures(logs: Sequence[Path], folder: Path) -> Iterator[str]:
    """Yield the log and the reason of each job that failed."""
    last = {log: costs.attempts(log)[-1] for log in logs}
    lost = {log: record for log, record in last.items() if not record["done"]}
    if lost:
        yield f"{count(len(lost), 'job')} failed:"
    for log, record in list(lost.items())[:_MOST_FAILURES]:
        yield f"  {log.relative_to(folder)}"
        yield indent(record.get("reason", "It gave no reason; the log has all that it printed."), "    ")
    if len(lost) > _MOST_FAILURES:
        yield f"  and {len(lost) - _MOST_FAILURES:,} more"


def _recent_logs(folder: Path, since: float) -> list[Path]:
    return sorted(log for log in files_below(folder) if log.suffix == ".log" and log.stat().st_mtime >= since)
