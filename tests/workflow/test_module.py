"""The workflow as a module of another one, and by way of `workflow/Snakefile`."""

import pytest
from project import Project

MODULE = """\
configfile: "settings.yaml"


module genreflow:
    snakefile: "{snakefile}"
    config: config


use rule * from genreflow{renamed}
"""
OTHER = """

onstart:
    genreflow.onstart()


rule count_tracks:
    input: "results/tiny/tables/tracks.csv"
    output: "tracks.txt"
    shell: "wc -l < {input} > {output}"
"""


def using(project: Project, *, renamed: str = "", snakefile: str = "../home/Snakefile", more: str = "") -> Project:
    """Return the project with a workflow of the user's that uses this one, and settings that it reads."""
    (project.work / "settings.yaml").write_text((project.work / "my.yaml").read_text())
    (project.work / "Snakefile").write_text(MODULE.format(snakefile=snakefile, renamed=renamed) + more)
    return project


def own_run(project: Project, *arguments: str) -> str:
    """Run Snakemake on the Snakefile of the user, and return its output."""
    code, printed = project.run(*arguments, snakefile=project.work / "Snakefile", configfile=None)
    assert code == 0, printed
    return printed


@pytest.mark.end_to_end
def test_a_module_plans_the_same_jobs(fresh):
    project = using(fresh(), renamed=" as music_*", snakefile="../home/workflow/Snakefile")
    printed = own_run(project, "--dry-run", "--quiet", "host")
    targets = {"music_all", "music_default"}
    own = {name: jobs for name, jobs in project.jobs_in(printed).items() if name not in targets}
    assert {name.removeprefix("music_"): jobs for name, jobs in own.items()} == project.jobs()
    assert all(name.startswith("music_") for name in own)


@pytest.mark.end_to_end
def test_a_mistake_in_the_settings_of_a_module_is_named(fresh):
    project = using(fresh())
    settings = project.work / "settings.yaml"
    settings.write_text(settings.read_text().replace("shard_size", "shard_sise"))
    code, printed = project.run("--dry-run", snakefile=project.work / "Snakefile", configfile=None)
    assert code == 2
    assert "shard_sise" in printed and "Did you mean 'shard_size'?" in printed and "Traceback" not in printed


@pytest.mark.end_to_end
def test_a_module_of_a_few_lines_builds_the_study_and_its_products_feed_other_rules(fresh):
    project = using(fresh(), more=OTHER)
    own_run(project, "--cores", "2", "all", "count_tracks")
    assert int((project.work / "tracks.txt").read_text()) > 8
    assert (project.work / "results/tiny/report/index.html").exists()
    assert project.jobs() == {}, "run by itself, the workflow finds everything current"
