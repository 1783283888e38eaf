"""Earlier results are kept whole or not at all, take no room at first, and serve while an update is not finished."""

import errno
import json
import os
import time
from pathlib import Path

import pytest
from finished_runs import write_folds
from finished_study import RUNS, evaluate, finish, write_page

from genreflow.errors import Damaged, UserError
from genreflow.project import history, layout
from genreflow.store.runs import MODEL, read_run
from genreflow.store.sealed import read_sealed

RUN = "runs/cnn/base/fold-final"


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A finished study in the working folder, with the key `one`."""
    monkeypatch.chdir(tmp_path)
    return finish("results/mine", "one")


def update(study, key, **changes):
    """Keep the results of a study and replace them, as an update does."""
    kept = history.keep(study, limit=5, replaced_by=key)
    finish(study, key, **changes)
    return kept


def test_an_entry_is_the_study_as_it_was_and_takes_no_room(study):
    (study / "protocols/standard/placement.parquet").write_text("state")
    (study / "figures").mkdir()
    (study / "figures/a.png").write_text("figure")
    entry = history.keep(study, limit=5, replaced_by="two")
    names = {str(path.relative_to(study)) for path in study.rglob("*") if path.is_file()}
    own = {name for name in names if not name.startswith("history/")} - {"protocols/standard/placement.parquet"}
    kept = {str(path.relative_to(entry.folder)) for path in entry.folder.rglob("*") if path.is_file()}
    assert kept == own | {"study.yaml", "entry.json"}
    assert all((study / name).samefile(entry.folder / name) for name in own)
    assert history.sizes(study)[1] == (entry.folder / "entry.json").stat().st_size
    assert (entry.tables, entry.setting["model"], entry.headline["tracks"]) == ("one", "cnn", 12)
    assert entry.folder.stat().st_mode & 0o777 == study.stat().st_mode & 0o777


def test_only_what_the_history_alone_holds_counts(study):
    entry = update(study, "two")
    alone, together = history.sizes(study)
    replaced = [path for path in entry.folder.rglob("*") if path.is_file() and path.stat().st_nlink == 1]
    both_links = (entry.folder / "study.yaml").stat().st_size  # has two names in the entry
    assert alone == {entry.folder.name: together}
    assert together == sum(path.stat().st_size for path in replaced) + both_links
    assert (entry.folder / RUN / MODEL).read_text() == "weights of one"
    assert read_run(entry.folder / RUN, files=[MODEL])["key"] == "one"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda study: (study / "report/index.html").unlink(),
        lambda study: (study / "report.html").unlink(),
        lambda study: (study / "tables/headline.json").unlink(),
        lambda study: (study / RUN / "run.json").unlink(),
        lambda study: (study / RUN / MODEL).unlink(),
        lambda study: (study / RUN / "run.json").write_text("{}"),
        lambda study: evaluate(study, "two", write_folds(study, group=1, key="one")),
        lambda study: write_folds(study, group=1, key="two"),
        lambda study: write_page(study, "two"),
        lambda study: (study / "report/data/summary.json").unlink(),
    ],
)
def test_incomplete_results_are_not_kept(study, spoil):
    assert history.current(study) is not None
    spoil(study)
    assert history.current(study) is None
    assert history.keep(study, limit=5, replaced_by="two") is None
    assert not (study / "history").exists()


def test_the_same_results_are_kept_once(study):
    assert history.keep(study, limit=5, replaced_by="two") is not None
    assert history.keep(study, limit=5, replaced_by="three") is None
    assert len(history.entries(study)) == 1


def test_results_that_are_made_again_as_they_are_need_not_be_kept(study):
    assert history.keep(study, limit=5, replaced_by="one", page="one") is None
    assert history.keep(study, limit=5, replaced_by="one", page="other words") is not None


def test_nothing_is_kept_where_the_history_is_switched_off(study):
    assert history.keep(study, limit=0, replaced_by="two") is None
    assert not (study / "history").exists()


def test_the_oldest_are_removed_first(study):
    for key in ("two", "three", "four"):
        history.keep(study, limit=2, replaced_by=key)
        finish(study, key)
    assert [entry.tables for entry in history.entries(study)] == ["two", "three"]
    assert {path.name for path in (study / "history").iterdir()} == {
        entry.folder.name for entry in history.entries(study)
    }


def test_another_wording_of_the_report_does_not_push_earlier_results_out(study):
    history.keep(study, limit=1, replaced_by="two")
    finish(study, "two")
    for page in ("!", "!!"):
        assert history.keep(study, limit=1, replaced_by="two") is not None
        write_page(study, "two", page=page)
    assert [entry.tables for entry in history.entries(study)] == ["one", "two"]
    history.keep(study, limit=1, replaced_by="three")
    assert [(entry.tables, entry.page) for entry in history.entries(study)] == [("two", "two!!")]


def test_entries_are_in_the_order_in_which_they_were_kept(study):
    days = ["2026-11-30", "2026-11-30", "2026-10-01"]  # the clock was set back in the end
    for number, day in enumerate(days):
        moment = time.mktime(time.strptime(day, "%Y-%m-%d")) + 3_600
        os.utime(study / "report/index.html", (moment, moment))
        update(study, f"key {number}")
    assert [entry.folder.name for entry in history.entries(study)] == [f"2026-11-30-{number}" for number in (1, 2, 3)]
    (study / "history/2026-11-30-3").rename(study / "history/2026-11-30-10")
    assert [entry.folder.name[-2:] for entry in history.entries(study)] == ["-1", "-2", "10"]


def test_an_interrupted_entry_leaves_nothing(study, monkeypatch):
    link, calls = os.link, []

    def stopped(*arguments):
        calls.append(arguments)
        if len(calls) == 4:
            raise KeyboardInterrupt
        link(*arguments)

    monkeypatch.setattr(os, "link", stopped)
    with pytest.raises(KeyboardInterrupt):
        history.keep(study, limit=5, replaced_by="two")
    assert list((study / "history").iterdir()) == []


def test_a_half_made_entry_is_none_and_is_swept(study):
    half = study / "history/.abc.tmp"
    (half / "tables").mkdir(parents=True)
    (half / "tables/tracks.csv").write_text("x")
    unfinished = study / "history/2026-11-30-7"
    unfinished.mkdir()
    entry = history.keep(study, limit=5, replaced_by="two")
    assert [each.folder for each in history.entries(study)] == [entry.folder]
    history.sweep(study.parent)
    assert not half.exists() and entry.folder.exists()


def test_files_are_copied_where_no_link_is_possible(study, monkeypatch):
    def elsewhere(*_):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", elsewhere)
    entry = history.keep(study, limit=5, replaced_by="two")
    assert not (entry.folder / RUN / MODEL).samefile(study / RUN / MODEL)
    assert (entry.folder / RUN / MODEL).read_bytes() == (study / RUN / MODEL).read_bytes()
    assert history.sizes(study)[1] > entry.bytes


def test_a_full_disk_stops_before_anything_is_replaced(study, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "link", full)
    with pytest.raises(OSError, match="No space left"):
        history.keep(study, limit=5, replaced_by="two")
    assert history.entries(study) == []


def test_an_update_is_compared_with_the_same_results_before_during_and_after(study):
    first = history.before(study, "two")
    assert (first.tables, first.folder) == ("one", study)
    history.keep(study, limit=5, replaced_by="two")
    (study / "report/index.html").unlink()
    assert history.before(study, "two").page == first.page
    finish(study, "two")
    assert history.before(study, "two").page == first.page
    assert history.before(study, "one").tables == "two"


def test_the_newest_entry_serves_while_results_are_incomplete(study):
    path = study / RUN
    assert history.last_complete(path) == (path, None)
    entry = history.keep(study, limit=5, replaced_by="two")
    assert history.last_complete(path) == (path, None)  # nothing was replaced yet
    (path / "run.json").unlink()
    assert history.last_complete(path) == (entry.folder / RUN, entry)
    assert history.last_complete(study) == (entry.folder, entry)
    assert history.last_complete(study / "runs/cnn/base") == (entry.folder / "runs/cnn/base", entry)
    assert history.last_complete(study / "runs/cnn/new/fold-1") == (study / "runs/cnn/new/fold-1", None)
    assert history.last_complete(entry.folder / RUN) == (entry.folder / RUN, None)
    absolute = path.resolve()
    assert history.last_complete(absolute)[0] == absolute.parents[3] / entry.folder.relative_to(study) / RUN


def test_a_run_that_was_replaced_does_not_serve_beside_those_that_were_not(study):
    entry = history.keep(study, limit=5, replaced_by="two")
    other = finish("results/other", "two")
    (study / "report/index.html").unlink()
    for number, run in enumerate(RUNS):
        assert history.last_complete(study / RUN)[1] == (entry if number else None)
        for file in (other / run).iterdir():
            file.rename(study / run / file.name)
    assert history.last_complete(study / RUN) == (study / RUN, None)  # all are new, though the tables are old
    assert history.last_complete(study)[1] == entry


def test_names_of_the_command_line(study):
    entry = update(study, "two")
    name = entry.folder.name
    assert entry.name == f"mine@{name}"
    assert history.located(f"mine@{name}") == entry.folder
    assert history.located("mine") == Path("results/mine")
    assert history.located("results/mine/runs") == Path("results/mine/runs")
    assert history.located("musicnn") == Path("musicnn")
    Path("mine@x").mkdir()
    assert history.located("mine@x") == Path("mine@x")
    with pytest.raises(UserError, match=f"mine has: mine@{name}"):
        history.located("mine@2020-01-01-1")


def test_an_entry_whose_facts_are_damaged_is_left_out(study):
    entry = update(study, "two")
    facts = json.loads((entry.folder / layout.ENTRY_FACTS).read_text())
    (entry.folder / layout.ENTRY_FACTS).write_text(json.dumps(facts | {"tables": "other"}))
    assert history.entries(study) == []
    with pytest.raises(Damaged) as caught:
        history.read_entry(entry.folder)
    assert f"rm -r {entry.folder}" in caught.value.remedy


def test_the_settings_are_kept_as_a_study_file(study):
    entry = update(study, "two", batch=4)
    assert "batch: 6" in (entry.folder / "study.yaml").read_text()
    assert read_sealed(entry.folder / layout.ENTRY_FACTS)["replaced_by"] == "two"
