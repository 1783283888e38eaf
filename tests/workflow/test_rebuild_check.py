"""`genreflow verify --deep`: keys worked out anew, music read again, products made once more and compared."""

import json
import os
import shutil

import pytest
from project import RATE, tone
from soundfile import write

pytestmark = pytest.mark.end_to_end

DEEP = ("genreflow", "verify", "--deep")


def alter(path, old, new):
    """Change bytes of a file as a disk would: its size and times stay."""
    stamp, content = path.stat(), path.read_bytes()
    assert old in content and len(old) == len(new)
    path.write_bytes(content.replace(old, new, 1))
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))


def test_in_another_folder_what_has_no_checksum_is_made_once_more_compared_and_replaced(project, built):
    shutil.rmtree(project.work / ".snakemake")
    tables, figures = project.work / "results/tiny/tables", project.work / "results/tiny/figures"
    alter(tables / "settings.csv", b"psytrance", b"psytranse")
    alter(figures / "confusion-track.svg", b"high", b"hihg")
    alter(project.work / "results/tiny/report/index.html", b"<b>0.0 %", b"<b>9.0 %")

    code, printed = project.run("--cores", "2", "--repair", front=DEEP)
    assert code == 0, printed
    assert "products made once more are the same, 3 are not" in printed
    for name in ("tables/settings.csv", "figures/confusion-track.svg", "report/index.html"):
        assert f"results/tiny/{name} is damaged" in printed
    assert project.hashes() == built.hashes()
    assert project.jobs() == {}
    assert not list(project.work.glob(".verify-*"))


def test_what_is_damaged_is_made_again_before_anything_is_made_of_it(project, built):
    track = max(project.work.glob("results/tiny/audio/ogg/*/*.ogg"))
    content = track.read_bytes()
    middle = content[len(content) // 2 :][:4]
    alter(track, middle, bytes(byte ^ 1 for byte in middle))
    alter(project.work / "results/tiny/figures/confusion-track.svg", b"high", b"hihg")
    code, printed = project.run("--cores", "2", "--repair", front=DEEP)
    assert code == 0, printed
    assert "products made once more are the same, 1 are not" in printed
    assert project.hashes() == built.hashes()
    assert project.jobs() == {}


def test_it_says_what_is_of_other_settings_and_leaves_it(project, built):
    project.edit("tiny.yaml", "batch: 6", "batch: 8")
    code, printed = project.run(front=DEEP)
    assert code == 0, printed
    assert "products are outdated" in printed
    assert "pool=max/fold-1/run.json was made from other code, settings or tracks" in printed
    assert "slices/" not in printed.partition("not current")[2]
    assert project.hashes() == built.hashes()


def test_it_says_what_is_of_other_code(project):
    project.raise_version("genreflow/figures/registry.py")
    code, printed = project.run("--json", front=DEEP)
    assert code == 0, printed
    message = json.loads(printed[printed.index("{") : printed.rindex("}") + 1])
    assert {path.rsplit("/", 2)[1] for path in (each["path"] for each in message["outdated"])} == {"figures", "report"}


def test_music_that_changed_behind_its_size_and_times_is_found(project):
    path = project.work / "music/low/0.wav"
    stamp = path.stat()
    write(path, tone(99), RATE)
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    code, printed = project.run(front=DEEP)
    assert code == 5
    assert "music/low/0.wav changed since it was cataloged" in printed
    assert "high/" not in printed


def test_a_changed_fact_of_a_run_breaks_its_seal(project):
    [path, *_] = sorted(project.work.glob("results/tiny/runs/*/*/fold-1/run.json"))
    alter(path, b'"epochs": 1', b'"epochs": 3')
    code, printed = project.run(front=("genreflow", "verify"))
    assert code == 5
    message = path.relative_to(project.work)
    assert f"{message} is damaged (its seal is broken" in printed
    assert f"{message.with_name('model.safetensors')} cannot be checked" in printed
