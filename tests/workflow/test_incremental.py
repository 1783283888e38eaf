"""What a change makes run again: counted by real Snakemake."""

import ast
import os
import re
import shutil

import pytest

from genreflow.plan.make import OTHER_KEYS

pytestmark = pytest.mark.end_to_end

BELOW_INDEX = {
    "index_dataset": 1,
    "list_quarantine": 1,
    "map_library": 1,
    "assign_folds": 1,
    "audit_leakage": 1,
    "train_run": 5,
    "evaluate_study": 1,
    "draw_figure": 7,
    "write_report": 1,
    "write_overview": 1,
}
ONE_SHARD = {"normalize_audio": 1, "cut_slices": 1, "find_duplicates": 1}


def test_nothing_changed_nothing_runs(project):
    assert project.jobs() == {}


def test_touching_everything_runs_nothing(project):
    for folder in (project.home, project.work / "music"):
        for path in folder.rglob("*"):
            os.utime(path)
    code, printed = project.run("--dry-run")
    assert code == 0 and "tiny: 8 files with another size or date, not hashed yet." in printed
    assert "Nothing to be done" in project.build()


def test_a_copied_project_has_nothing_to_do(project):
    shutil.rmtree(project.work / ".snakemake")
    assert project.jobs() == {}


@pytest.mark.slow
def test_a_change_is_seen_where_snakemake_has_lost_its_records(project, tmp_path):
    """As after results were moved without .snakemake: what they are of stands in them."""
    undisturbed = project.copy(tmp_path / "undisturbed")
    undisturbed.edit("tiny.yaml", "batch: 6", "batch: 8")
    undisturbed.build()

    shutil.rmtree(project.work / ".snakemake")
    assert project.jobs() == {}
    project.edit("tiny.yaml", "batch: 6", "batch: 8")
    code, printed = project.run("--cores", "2")
    assert code == 2
    assert "products, such as results/tiny/" in printed and "Snakemake has no record of them" in printed
    assert "Traceback" not in printed
    code, printed = project.run("--cores", "2", front=("genreflow", "run"))
    assert code == 0, printed
    assert project.hashes() == undisturbed.hashes()
    assert project.jobs() == {}


def test_an_added_track_runs_its_shard_and_what_depends_on_the_dataset(project):
    project.add_track("low/new.wav", 77)
    counts = project.jobs()
    audio, slices = counts.pop("normalize_audio"), counts.pop("cut_slices")
    # Where the shard is full it splits in two.
    assert audio == slices and audio in (1, 2)
    assert counts == BELOW_INDEX | {"find_duplicates": 1}


def test_a_removed_track_runs_its_shard(project):
    (project.work / "music/low/0.wav").unlink()
    assert project.jobs() == ONE_SHARD | BELOW_INDEX


def test_a_replaced_track_of_the_same_size_and_time_runs_its_shard(project):
    path = project.work / "music/low/0.wav"
    stamp = path.stat()
    project.add_track("low/0.wav", 99)
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert path.stat().st_size == stamp.st_size
    before = project.hashes()
    project.build("audio")  # a dry run reads no bytes, and takes the file for the same
    changed = {name for name, digest in project.hashes().items() if before.get(name) != digest}
    assert len([name for name in changed if name.startswith("tiny/audio/s")]) == 1
    rest = {rule: number for rule, number in (ONE_SHARD | BELOW_INDEX).items() if rule != "normalize_audio"}
    assert project.jobs().items() >= (rest.items() - {("find_duplicates", 1)})


def test_a_track_moved_to_another_class_is_another_track(project):
    shutil.move(project.work / "music/low/0.wav", project.work / "music/high/moved.wav")
    counts = project.jobs()
    assert 1 <= counts.pop("normalize_audio") <= 3 and 1 <= counts.pop("cut_slices") <= 3
    assert counts == BELOW_INDEX | {"find_duplicates": 1}


def test_an_added_grid_value_runs_its_runs_alone(project):
    project.edit("tiny.yaml", "pool: [mean, max]", "pool: [mean, max, maxmean]")
    assert project.jobs() == {
        "train_run": 2,
        "evaluate_study": 1,
        "draw_figure": 7,
        "write_report": 1,
        "write_overview": 1,
    }


def test_an_experiment_that_meets_known_settings_trains_nothing(project):
    project.edit("tiny.yaml", "experiments:", "experiments:\n  again: {vary: {pool: [max]}}")
    assert project.jobs() == {"evaluate_study": 1, "draw_figure": 8, "write_report": 1, "write_overview": 1}


def test_a_training_value_runs_every_run(project):
    project.edit("tiny.yaml", "batch: 6", "batch: 8")
    assert project.jobs() == {
        "train_run": 5,
        "evaluate_study": 1,
        "draw_figure": 7,
        "write_report": 1,
        "write_overview": 1,
    }


def test_a_front_end_value_runs_slices_and_below(project):
    project.edit("tiny.yaml", "segments: {kind: midpoint, count: 2}", "segments: {kind: midpoint, count: 1}")
    counts = project.jobs()
    assert "normalize_audio" not in counts
    assert counts.pop("cut_slices") > 1
    # Where a track is one slice, the confusion of slices is that of tracks.
    assert counts == BELOW_INDEX | {"draw_figure": BELOW_INDEX["draw_figure"] - 1}


def with_another_input(project, count):
    more = f"  maps: {{front_end: {{kind: maps}}, segments: {{kind: sliding, count: {count}}}}}\nfolds:"
    project.edit("tiny.yaml", "folds:", more)
    project.edit("tiny.yaml", "psytrance_cnn: {", "psytrance_cnn: {input: slices, ")
    counts = project.jobs()
    assert counts.pop("cut_slices") > 1
    return counts


def test_an_added_input_runs_that_input_alone(project):
    # No model is fed it, so none is trained; figures and report show it.
    shown = {"evaluate_study": 1, "draw_figure": 8, "write_report": 1, "write_overview": 1}
    assert with_another_input(project, 2) == {"index_dataset": 1, "list_quarantine": 1} | shown


@pytest.mark.slow
def test_another_value_of_one_input_runs_that_input_alone(project):
    with_another_input(project, 2)
    project.build()
    project.edit("tiny.yaml", "count: 2}}\nfolds:", "count: 1}}\nfolds:")
    counts = project.jobs()
    assert counts.pop("cut_slices") == len(list(project.work.glob("results/tiny/maps/*/s*.h5"))) > 1
    # No model is fed it. Figures and report show it.
    shown = {"evaluate_study": 1, "draw_figure": 8, "write_report": 1, "write_overview": 1}
    assert counts == {"index_dataset": 1, "list_quarantine": 1} | shown


def test_a_raised_version_runs_its_stage_and_what_is_below(project):
    project.raise_version("genreflow/figures/registry.py")
    assert project.jobs() == {"draw_figure": 7, "write_report": 1, "write_overview": 1}
    project.raise_version("genreflow/features/spectrogram.py")  # which nothing is fed
    assert project.jobs() == {"draw_figure": 7, "write_report": 1, "write_overview": 1}
    project.raise_version("genreflow/features/mel.py")
    counts = project.jobs()
    assert counts.pop("cut_slices") > 1
    assert counts == BELOW_INDEX


def test_a_template_of_the_report_runs_the_report_alone(project):
    project.edit("genreflow/report/templates/page.html", "<body", "<!-- changed --><body")
    assert project.jobs() == {"write_report": 1, "write_overview": 1}


def test_the_code_of_a_network_runs_its_runs_and_below(project):
    project.edit("genreflow/models/psytrance.py", "FILTERS = 256", "FILTERS = 128")
    assert project.jobs() == {
        "train_run": 5,
        "evaluate_study": 1,
        "draw_figure": 7,
        "write_report": 1,
        "write_overview": 1,
    }


def test_another_model_in_the_registry_runs_nothing(project):
    project.edit("genreflow/models/registry.py", "MODELS = {", "MORE = 1\nMODELS = {")
    assert project.jobs() == {}


class Reworded(ast.NodeTransformer):
    """Other words in docstrings, in the text of errors and in descriptions of settings."""

    def visit_Expr(self, node):
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            node.value.value += " In other words."
        return self.generic_visit(node)

    def visit_Raise(self, node):
        return self.reworded(node)

    def visit_keyword(self, node):
        return self.reworded(node) if node.arg == "description" else self.generic_visit(node)

    def reworded(self, node):
        for part in ast.walk(node):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                part.value += " (in other words)"
        return node


def test_other_words_and_comments_anywhere_in_the_code_run_nothing(project):
    for path in [*project.home.glob("genreflow/**/*.py"), *project.home.glob("workflow/scripts/*.py")]:
        tree = Reworded().visit(ast.parse(path.read_text(encoding="utf-8")))
        path.write_text(f"# another comment\n{ast.unparse(tree)}\n", encoding="utf-8")
    project.edit("genreflow/errors.py", "Did you mean", "Do you mean")
    project.edit("genreflow/audio/quality.py", "silent", "without a sound")
    assert "in other words" in (project.home / "genreflow/config/audio.py").read_text()
    assert project.jobs() == {}


def test_title_and_description_of_a_study_write_its_page_alone(project):
    project.edit("tiny.yaml", "title: Tiny", "title: Tiniest\ndescription: Two chords.\ncitation: Ours.")
    assert project.jobs() == {"write_report": 1, "write_overview": 1}
    project.edit("genreflow/report/page.py", "No file was quarantined.", "No file is in quarantine.")
    assert project.jobs() == {"write_report": 1, "write_overview": 1}


def test_results_of_an_earlier_release_are_made_once_more_and_a_line_says_why(project):
    """As a release with other keys would find these."""
    project.edit("genreflow/plan/stages.py", "KEYS_VERSION = 3", "KEYS_VERSION = 4")
    code, printed = project.run("--dry-run")
    assert code == 0, printed
    assert printed.count(OTHER_KEYS) == 1
    counts = {name: int(count) for name, count in re.findall(r"^(\w+_\w+)\s+(\d+)$", printed, re.M)}
    assert counts.pop("normalize_audio") == counts.pop("cut_slices") > 1
    assert counts == BELOW_INDEX | {"find_duplicates": 1}


def test_keys_and_comments_of_the_settings_may_change_place(project):
    lines = (project.work / "my.yaml").read_text().splitlines()
    (project.work / "my.yaml").write_text(
        "# a comment\n" + "\n".join(reversed(lines[:1] + lines[3:])) + "\n" + "\n".join(lines[1:3]) + "\n"
    )
    assert project.jobs() == {}
