"""Snakemake's options that execute nothing leave results as they are, times included, whatever state these are in."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from finished_project import forked, tree_of
from snakemake.cli import get_argument_parser

from genreflow.cli.snakemake_call import WITHOUT_JOBS, executes_jobs, parsed

# Options that say how, where or on what Snakemake works, or that end before it reads any file.
HOW = set(
    re.findall(
        r"\w+",
        """
    all_temp allow_ambiguity allowed_rules apptainer_args apptainer_prefix attempt batch benchmark_extended cache
    conda_base_path conda_cleanup_pkgs conda_frontend conda_not_block_search_path_envvars conda_prefix config configfile
    consider_ancient container_image cores debug debug_dag default_resources default_storage_prefix
    default_storage_provider directory draft_notebook drop_metadata edit_notebook envvars executor export_cwl
    force force_use_threads forceall forcerun group_components groups help ignore_incomplete immediate_submit
    job_deploy_sources jobname jobs jobscript keep_going keep_incomplete keep_storage_local_copies latency_wait
    local_cores local_groupid local_storage_prefix logger max_checksum_file_size max_inventory_time max_jobs_per_second
    max_jobs_per_timespan max_status_checks_per_second max_threads mode no_hooks no_subworkflows nocolor nolock
    not_retrieve_storage notebook_listen notemp omit_flags omit_from persistence_backend persistence_backend_db_url
    precommand preemptible_retries preemptible_rules printshellcmds prioritize profile queue_input_wait_time quiet
    remote_job_local_storage_prefix replace_workflow_config report_after_run report_metadata report_stylesheet
    rerun_incomplete rerun_triggers resources retries runtime_profile runtime_source_cache_path scheduler
    scheduler_greediness scheduler_solver_path scheduler_subsample seconds_between_status_checks set_resource_scopes
    set_resources set_scatter set_threads shadow_prefix shared_fs_usage show_failed_logs skip_script_cleanup snakefile
    software_deployment_method strict_dag_evaluation target_files_omit_workdir_adjustment target_jobs targets
    trust_io_cache unneeded_temp_files until use_apptainer use_conda use_envmodules verbose version
    wait_for_files wait_for_files_file wait_for_free_local_storage workflow_profile wrapper_prefix
    """,
    )
)
PLUGINS = ("cluster_generic_", "slurm_", "report_html_", "scheduler_greedy_", "scheduler_ilp_")
# What is changed by these is what they are for; with a dry run it is not.
CHANGING = {"touch", "delete_all_output", "delete_temp_output"}
VALUES = {
    "archive": ["archive.tar"],
    "cleanup_metadata": ["results/index.html"],
    "list_changes": ["params"],
    "report": ["report.html"],
    "reporter": ["html", "--report-html-path", "reporter.html"],
    "generate_unit_tests": ["unit_tests"],
}


def options_of_snakemake():
    actions = get_argument_parser()._actions
    return {each.dest: each for each in actions if not each.dest.startswith(PLUGINS)}


def test_every_option_of_snakemake_is_one_that_executes_jobs_or_one_that_does_not():
    assert not WITHOUT_JOBS & HOW
    assert set(options_of_snakemake()) == WITHOUT_JOBS | HOW


@pytest.mark.parametrize(
    ("arguments", "executes"),
    [([], True), (["--cores", "2", "audio"], True), (["-k", "-p"], True), (["--export-cwl", "x"], True),
     (["-n"], False), (["-np"], False), (["-nq"], False), (["-pn"], False), (["-kn", "audio"], False),
     (["--dryrun"], False), (["--summ"], False), (["-S"], False), (["-D"], False), (["-l"], False),
     (["--dag"], False), (["--dag", "dot"], False), (["--lint"], False), (["--unlock"], False), (["-t"], False),
     (["--delete-all-output", "-n"], False), (["--delete-all-output"], False), (["--cleanup-metadata", "x"], False),
     (["--report"], False), (["--report", "x.html", "--report-after-run"], True), (["--containerize"], False),
     (["--report", "x.html", "--report-after-run", "-n"], False), (["-nd", "elsewhere"], False)],
)  # fmt: skip
def test_whether_jobs_are_executed_is_read_as_snakemake_reads_it(monkeypatch, tmp_path, arguments, executes):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [])
    assert executes_jobs(parsed([*arguments, "--workflow-profile", "none"])[1]) is executes


@pytest.mark.parametrize("how", ["profile", "workflow-profile", "environment"])
def test_a_dry_run_may_come_from_a_profile(monkeypatch, tmp_path, how):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/config.yaml").write_text("dry-run: true\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [])
    if how == "environment":
        monkeypatch.setenv("SNAKEMAKE_PROFILE", "mine")
    given = [] if how == "environment" else [f"--{how}", "mine"]
    (tmp_path / "Snakefile").touch()
    assert not executes_jobs(parsed(["--cores", "1", "--rerun-incomplete", *given])[1])


@pytest.fixture(scope="module")
def stale(built, tmp_path_factory):
    """A project without Snakemake's records, with another setting; and with all that a run would sweep or mend."""
    project = built.copy(tmp_path_factory.mktemp("stale") / "project")
    shutil.rmtree(project.work / ".snakemake")
    project.edit("tiny.yaml", "epochs: 1", "epochs: 2")
    results = project.work / "results"
    (results / "tiny/.left-behind.tmp").touch()
    table = results / "tiny/tables/classes.parquet"
    os.utime(table, (time.time() + 1e6, time.time() + 1e6))
    copies = results / "tiny/duplicates.parquet"
    copies.rename(copies.with_name(".duplicates.parquet.damaged"))
    os.utime(project.work / "music/low/0.wav")
    return project


def flags(names):
    """Return the words of options by their names in Snakemake's parser."""
    actions = options_of_snakemake()
    return [[actions[name].option_strings[0], *VALUES.get(name, [])] for name in names]


def check_untouched(project, commands):
    before = tree_of(project.work / "results")
    message = forked(project, commands)
    changed = {
        " ".join(command): printed
        for command, (_, printed, after) in zip(commands, message, strict=True)
        if after != before
    }
    assert changed == {}
    assert tree_of(project.work / "results") == before
    return message


@pytest.mark.end_to_end
def test_looking_changes_nothing(stale):
    looks = [["-n"], ["-np"], ["-nq"], ["--summary"], ["--dag"], ["--list-rules"]]
    message = check_untouched(stale, [*(["genreflow", "run", *words] for words in looks), ["snakemake", "-n"]])
    assert [code for code, _, _ in message] == [0] * 6 + [2]
    assert re.search(r"^train_run +5$", message[0][1], re.M)
    assert "`genreflow run` with the same arguments remakes them." in message[-1][1]


# A shell that gives its arguments a working folder where nobody may write: for root, whom permissions do not hold, by a
# mount that only this process sees.
READ_ONLY = """
if [ "$(id -u)" != 0 ]; then chmod -R a-w . && exec "$@"; fi
exec unshare --mount sh -c 'mount --bind . . && mount -o remount,ro,bind . . && cd "$PWD" && exec "$@"' sh "$@"
"""
DRY_RUNS = [["snakemake", "-n"], ["genreflow", "run", "-n"]]
LOOKS = [*DRY_RUNS, ["snakemake", "--lint"], ["genreflow", "check"], ["genreflow", "status"]]
# Files that nothing needs are counted where the audio is current; elsewhere the command asks for a run.
ON_STATE = {
    "finished": [*LOOKS, ["snakemake", "--summary"], ["snakemake", "--list-rules"], ["genreflow", "tidy"]],
    "changed": DRY_RUNS,
    "new": LOOKS,
}


def look(project, words, shell=()):
    command = [*shell, str(Path(sys.executable).with_name(words[0])), *words[1:], "--configfile", "my.yaml"]
    command += ["--snakefile", str(project.home / "Snakefile")] if {"snakemake", "run"} & set(words) else []
    environment = os.environ | {"PYTHONPATH": str(project.home)}
    made = subprocess.run(command, cwd=project.work, env=environment, capture_output=True, text=True)
    return made.returncode, made.stdout + made.stderr


def new_again(project):
    for name in ("results", "logs", ".snakemake"):
        shutil.rmtree(project.work / name)


@pytest.mark.end_to_end
@pytest.mark.parametrize("state", ON_STATE)
def test_what_only_reads_works_where_nothing_can_be_written(built, tmp_path, state):
    project = built.copy(tmp_path / "project")
    if state == "new":
        new_again(project)
    elif state == "changed":
        project.add_track("low/new.wav", 77)
        project.edit("tiny.yaml", "epochs: 1", "epochs: 2")
    shell = ["sh", "-c", READ_ONLY, "sh"]
    touched = subprocess.run([*shell, "touch", "made"], cwd=project.work, capture_output=True, text=True)
    assert touched.returncode != 0 and not (project.work / "made").exists()
    for words in ON_STATE[state]:
        code, printed = look(project, words, shell)
        assert code == 0, (words, printed)
        if words[-1] == "-n" and state == "changed":
            assert "Why:\n  tiny: 1 track added.\n  tiny: epochs 2 (was 1) (all settings).\n" in printed


@pytest.mark.end_to_end
def test_what_only_reads_creates_nothing(built, tmp_path):
    project = built.copy(tmp_path / "project")
    new_again(project)
    before = sorted(project.work.rglob("*"))
    for words in LOOKS:
        assert look(project, words)[0] == 0, words
        assert sorted(project.work.rglob("*")) == before, words


@pytest.mark.slow
def test_no_option_without_jobs_changes_anything(stale):
    given = flags(sorted(WITHOUT_JOBS - CHANGING - {"deploy_sources"}))
    given += [[*words, "--dry-run"] for words in flags(sorted(CHANGING))]
    check_untouched(stale, [["genreflow", "run", *words] for words in given])
    check_untouched(stale, [["snakemake", *words] for words in given])


@pytest.mark.slow
def test_what_is_not_asked_for_stays_and_what_is_made_again_is_as_if_made_anew(stale, built, tmp_path):
    project = stale.copy(tmp_path / "project")
    runs = set(project.work.glob("results/tiny/runs/*/*/*/run.json"))
    before = {path: path.read_bytes() for path in runs}
    assert project.run("audio", "--cores", "2", front=("genreflow", "run"))[0] == 0
    assert {path: path.read_bytes() for path in runs} == before
    code, printed = project.run("--cores", "2", front=("genreflow", "run"))
    assert code == 0, printed
    undisturbed = built.copy(tmp_path / "undisturbed")
    undisturbed.edit("tiny.yaml", "epochs: 1", "epochs: 2")
    undisturbed.build()
    assert project.hashes() == undisturbed.hashes()
    assert project.jobs() == {}


@pytest.mark.slow
def test_touch_deletes_nothing(stale, tmp_path):
    project = stale.copy(tmp_path / "project")
    before = {path: content for path, (_, content) in tree_of(project.work / "results").items()}
    ((_, _, after),) = forked(project, [["genreflow", "run", "--touch", "--cores", "1"]])
    assert {path: content for path, (_, content) in after.items()} == before
