"""Flipped bits in products: noticed, named, and made good without redoing what was made before."""

import os
import re

import pytest

pytestmark = pytest.mark.end_to_end

GENREFLOW = ("genreflow", "run")
VERIFY = ("genreflow", "verify")
KINDS = [
    "tiny/audio/s*.parquet",
    "tiny/audio/ogg/*/*.ogg",
    "tiny/duplicates.parquet",
    "tiny/slices/*/s*.parquet",
    "tiny/slices/*/index.parquet",
    "tiny/protocols/standard/folds.parquet",
    "tiny/runs/*/*/fold-1/model.safetensors",
    "tiny/runs/*/*/fold-2/predictions.parquet",
    "tiny/report/media/*.mp3",
]


def flip(path):
    """Change one bit in the middle of a file, as a disk would: its size and times stay."""
    stamp, content = path.stat(), bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0b100
    path.write_bytes(content)
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))


def first(project, pattern):
    return min((project.work / "results").glob(pattern))


def test_a_flipped_bit_in_each_kind_of_product_is_found_and_repaired(project, built):
    code, printed = project.run(front=VERIFY)
    assert code == 0, printed
    assert " 0 damaged" in printed

    broken = [first(project, pattern) for pattern in KINDS]
    for path in broken:
        flip(path)
    code, printed = project.run(front=VERIFY)
    assert code == 5
    assert f"{len(broken)} damaged" in printed
    assert all(f"{path.relative_to(project.work)} is damaged" in printed for path in broken)

    code, printed = project.run("--repair", "--cores", "2", front=VERIFY)
    assert code == 0, printed
    assert project.hashes() == built.hashes()
    assert project.jobs() == {}
    assert not [path for path in project.work.glob("results/**/*") if path.name.startswith(".")]


def test_a_repaired_shard_runs_nothing_that_was_made_from_it(project, built):
    flip(first(project, "tiny/slices/*/s*.parquet"))
    flip(first(project, "tiny/audio/ogg/*/*.ogg"))
    code, printed = project.run("--repair", "--cores", "2", front=VERIFY)
    assert code == 0, printed
    assert project.hashes() == built.hashes()
    assert project.jobs() == {}


_SLICES = ("tiny/slices/*/s*.parquet", "tiny.yaml", "batch: 6", "batch: 8")
_AUDIO = ("tiny/audio/ogg/*/*.ogg", "tiny.yaml", "count: 2}\nfolds", "count: 1}\nfolds")


@pytest.mark.parametrize(
    ("front", "pattern", "file", "old", "new"),
    [
        (GENREFLOW, *_SLICES),
        (("snakemake",), *_AUDIO),
        (GENREFLOW, *_AUDIO),
        (("snakemake",), *_SLICES),
    ],
)
@pytest.mark.slow
def test_a_run_that_meets_damage_names_it_and_the_same_command_then_succeeds(project, front, pattern, file, old, new):
    """Undisturbed, the same change of settings ends in the same products."""
    undisturbed = project.copy(project.work.parents[1] / "undisturbed")
    undisturbed.edit(file, old, new)
    undisturbed.build()

    damaged = first(project, pattern)
    flip(damaged)
    project.edit(file, old, new)
    code, printed = project.run("--cores", "2", front=front)
    assert code == (5 if front == GENREFLOW else 1)
    assert f"{damaged.name} is damaged" in printed
    assert "Traceback" not in printed
    code, printed = project.run("--cores", "2", front=front)
    assert code == 0, printed
    assert project.hashes() == undisturbed.hashes()
    assert project.jobs() == {}


def test_a_damaged_catalog_is_made_again_as_the_settings_are_read(project, built):
    flip(project.work / "results/tiny/catalog.parquet")
    assert "Nothing to be done" in project.build()
    assert project.hashes() == built.hashes()


@pytest.mark.slow
def test_a_forged_run_and_files_of_another_are_put_aside_by_the_job_that_reads_them_and_made_again(project):
    again = ("tables", "--cores", "2", "--forcerun", "evaluate_study")
    one, two = (project.work / f"results/tiny/runs/psytrance_cnn/pool=mean/fold-{fold}" for fold in (1, 2))
    message, kept = one / "run.json", (one / "predictions.parquet").read_bytes()
    message.write_text(message.read_text().replace('"high",\n    "low"', '"low",\n    "high"'))
    (two / "predictions.parquet").write_bytes(kept)
    for damaged in (message, two / "predictions.parquet"):
        code, printed = project.run(*again, front=GENREFLOW)
        assert code == 5 and f"{damaged.relative_to(project.work)} is damaged" in printed, printed
        assert "Traceback" not in printed
    code, printed = project.run(*again, front=GENREFLOW)
    assert code == 0 and re.search("making .* damaged products? again", printed), printed
    code, printed = project.run(front=VERIFY)
    assert code == 0, printed


def test_a_damaged_placement_stops_a_run_before_folds_are_deleted_and_is_restored(project, built):
    placement, folds = (first(project, f"tiny/protocols/standard/{name}.parquet") for name in ("placement", "folds"))
    flip(placement)
    code, printed = project.run("--cores", "2", front=GENREFLOW)
    assert code == 5
    assert "placement.parquet is damaged" in printed and "genreflow verify --repair" in printed
    assert folds.exists() and placement.exists()

    code, printed = project.run("--repair", "--cores", "2", front=VERIFY)
    assert code == 0, printed
    assert project.hashes() == built.hashes()
    assert project.jobs() == {}
