"""Results of which parts lie on other disks, behind links; and folders that are files, or links to nothing."""

import os
import time
from itertools import product

import pytest
from finished_project import forked, tree_of

from genreflow.cli.clock_skew import bring_to_present
from genreflow.cli.run import _sweep
from genreflow.errors import NoFolder
from genreflow.repair import missing_stages, products, set_aside_damaged, sweep
from genreflow.store.walk import check_folder, files_below

pytestmark = pytest.mark.end_to_end

LAYOUTS = {
    "results": ["results"],
    "dataset": ["results/tiny"],
    "shards": ["results/tiny/audio"],
    "all": ["results", "results/tiny", "results/tiny/audio"],
}


def move_away(folder, place):
    """Move a folder to another place, and put a link where it was."""
    place.mkdir(parents=True)
    moved = place / folder.name
    folder.rename(moved)
    folder.symlink_to(moved)


@pytest.fixture(params=[name if name == "all" else pytest.param(name, marks=pytest.mark.slow) for name in LAYOUTS])
def linked(request, built, tmp_path):
    """A finished project of which folders have been moved to other disks."""
    project = built.copy(tmp_path / "project")
    for number, name in enumerate(LAYOUTS[request.param]):
        move_away(project.work / name, tmp_path / f"disk {number}")
    return project


def damage(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0b100
    path.write_bytes(content)


def test_verify_and_tidy_follow_links(linked):
    results = linked.work / "results"
    ogg = min(results.glob("tiny/audio/ogg/*/*.ogg"))
    damage(ogg)
    unneeded = [results / "tiny/audio/ogg/ff/unneeded.ogg", results / "tiny/audio/s0101010.parquet"]
    for path in unneeded:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(ogg.read_bytes())
    before = tree_of(results)
    message = forked(linked, [["genreflow", "verify"], ["genreflow", "tidy"], ["genreflow", "tidy", "--delete"]])
    (result, printed, _), (counted, listed, kept), (deleted, _, tidied) = message
    assert result == 5 and str(ogg.relative_to(results)) in printed, printed
    assert counted == deleted == 0 and "tiny: 2 files" in listed, listed
    assert kept == before
    assert set(before) - set(tidied) == {str(path.relative_to(results)) for path in unneeded}
    assert tidied == {name: content for name, content in before.items() if name in tidied}


def checksummed(results):
    """Return the digests of products with checksums; the catalog has the times of the music, which are a copy's."""
    tree = {name: sha for name, (_, sha) in tree_of(results).items() if name.endswith((".parquet", ".ogg"))}
    return {name: sha for name, sha in tree.items() if name != "tiny/catalog.parquet"}


@pytest.mark.slow
def test_repair_follows_links(linked, built):
    results = linked.work / "results"
    damage(min(results.glob("tiny/audio/ogg/*/*.ogg")))
    damage(min(results.glob("tiny/slices/*/s*.parquet")))
    links = {path: path.readlink() for path in (results, results / "tiny", results / "tiny/audio") if path.is_symlink()}
    code, printed = linked.run("--repair", "--cores", "2", front=("genreflow", "verify"))
    assert code == 0, printed
    assert {path: path.readlink() for path in links} == links
    assert checksummed(results) == checksummed(built.work / "results")
    assert linked.jobs() == {}


@pytest.fixture(params=LAYOUTS)
def small(request, tmp_path):
    """A results folder of four files, with the links of a layout."""
    shards = tmp_path / "work/results/tiny/audio"
    shards.mkdir(parents=True)
    for name in ("s0.parquet", ".written-to.tmp", ".s1.parquet.damaged", ".mapped-1"):
        (shards / name).write_text(name)
    for number, name in enumerate(LAYOUTS[request.param]):
        move_away(tmp_path / "work" / name, tmp_path / f"disk {number}")
    return tmp_path / "work/results"


def test_what_a_run_sweeps_mends_and_dates_is_found_behind_links(small):
    shards = small / "tiny/audio"
    assert products(small) == [shards / "s0.parquet"]
    assert missing_stages(small) == [[shards / "s1.parquet"]]
    os.utime(shards / "s0.parquet", (time.time() + 1e6, time.time() + 1e6))
    assert bring_to_present(small) == 1
    assert (shards / "s0.parquet").stat().st_mtime <= time.time()
    _sweep(small)
    assert {path.name for path in files_below(small)} == {"s0.parquet", ".s1.parquet.damaged"}
    sweep(small)
    assert (shards / ".s1.parquet.damaged").exists(), "what is not made again is not deleted"
    (shards / "s1.parquet").write_text("made again")
    sweep(small)
    (shards / "s1.parquet").unlink()
    assert set_aside_damaged(shards / "s0.parquet") == [shards / "s0.parquet"]
    assert [path.name for path in files_below(small)] == [".s0.parquet.damaged"]


def test_each_real_folder_is_entered_once_and_nothing_that_holds_the_results(small):
    beside = small.parent / "beside"
    beside.mkdir()
    (beside / ".mine.tmp").touch()
    expected = [path.relative_to(small) for path in files_below(small)]
    links = {
        "up": "..",
        "self": ".",
        "root": "/",
        "tiny/back": small.resolve(),
        "tiny/audio/loop": "..",
        "twin": "tiny",
    }
    for name, target in links.items():
        (small / name).symlink_to(target, target_is_directory=True)
    result = [path.relative_to(small) for path in files_below(small)]
    assert result == expected
    _sweep(small)
    assert (beside / ".mine.tmp").exists()


def test_a_folder_twice_on_another_disk_is_entered_once(small, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/a.ogg").touch()
    for name in ("first", "second"):
        (small / name).symlink_to(tmp_path / "elsewhere")
    assert [path for path in files_below(small) if path.name == "a.ogg"] == [small / "first/a.ogg"]


@pytest.mark.parametrize("name", ["", "tiny", "tiny/audio"])
def test_a_link_to_a_disk_that_is_gone_is_no_empty_folder(small, name):
    place = small / name
    (place.unlink if place.is_symlink() else lambda: place.rename(small.parent / "gone"))()
    place.symlink_to("/nowhere/else")
    with pytest.raises(NoFolder, match=r"is a link to /nowhere/else, which is not there\. Is a disk not mounted\?"):
        list(files_below(small))


def test_a_folder_that_is_not_there_yet_is_none_that_is_missing(tmp_path):
    check_folder(tmp_path / "results")
    assert list(files_below(tmp_path / "results")) == []


def test_a_folder_that_is_none_is_told_in_words(built, tmp_path):
    """Each command works in a folder of its own in which one of its places is a file, or a link to nothing."""
    project = type(built)(tmp_path)
    project.home = built.home
    project.work.mkdir()
    (project.work / "my.yaml").write_text("studies: []\n")
    goal, commands = [], []
    for name, kind in product(("results", ".snakemake", "logs"), ("file", "link")):
        place = project.work / f"{kind} {name}" / name
        place.parent.mkdir()
        place.symlink_to("nowhere") if kind == "link" else place.touch()
        for words in (["run"], ["run", "-n"], ["tidy"], *([["verify"]] if name == "results" else [])):
            goal.append(f"{place} is a {kind}")
            commands.append(["genreflow", *words, "--directory", place.parent.name])
    for sentence, (code, printed, _) in zip(goal, forked(project, commands), strict=True):
        assert code == 5 and sentence in printed and "Traceback" not in printed, printed


def test_status_and_snakemake_say_so_too(built, tmp_path):
    project = built.copy(tmp_path / "project")
    (project.work / "results").rename(project.work / "elsewhere")
    (project.work / "results").symlink_to("nowhere")
    for code, printed, _ in forked(project, [["genreflow", "status"], ["snakemake", "-n"]]):
        assert code in (2, 5) and "results is a link to nowhere" in printed and "Traceback" not in printed, printed
