"""What an edit of the tags of files makes run again, and artists that only tags name: by real Snakemake."""

import json

import pytest
from tagged_files import write_tags

from genreflow.datasets.catalog import KIND, read
from genreflow.store.parquet import Header, read_frame, read_header, write_table

pytestmark = pytest.mark.end_to_end


def catalog(project):
    return project.work / "results/tiny/catalog.parquet"


def artist_checks(project):
    (file,) = project.work.glob("results/tiny/protocols/*/leakage.parquet")
    checks = read_frame(file, "leakage")
    return checks[checks["check"] == "artists"]


def folds(project):
    (file,) = project.work.glob("results/tiny/protocols/*/folds.parquet")
    return read_frame(file, "folds")


def test_an_edited_title_runs_nothing_and_changes_a_row_of_the_catalog(project):
    before, hashes = read(catalog(project)), project.hashes()
    write_tags(project.work / "music/low/0.wav", title="A title", comment="x" * 10_000)
    assert "Nothing to be done" in project.build()
    assert project.hashes() == hashes
    after = read(catalog(project))
    assert after["sha256"].equals(before["sha256"]) and after["packets"].equals(before["packets"])
    rows = {row["path"]: json.loads(row["embedded"]) for row in after.to_pylist()}
    assert rows.pop(b"low/0.wav")["title"] == ["A title"] and not any(rows.values())
    assert project.jobs() == {}


def test_products_of_an_earlier_release_stay(project):
    """Its catalog holds neither digests of packets nor tags."""
    table, hashes = read(catalog(project)), project.hashes()
    facts = read_header(catalog(project), KIND).facts
    old = table.drop(["packets", "embedded", "artist_group"])
    write_table(catalog(project), old, Header(KIND, version=2, facts=facts))
    assert project.jobs() == {}
    assert "Nothing to be done" in project.build()
    facts_of_files = ["sha256", "packets", "embedded"]
    assert project.hashes() == hashes
    assert read(catalog(project)).select(facts_of_files).equals(table.select(facts_of_files))


def products(project):
    """Return audio, slices, folds and models."""
    results = project.work / "results/tiny"
    patterns = ("audio/**/*.*", "slices/**/*.*", "protocols/*/folds.parquet", "runs/**/*.*")
    return sorted(path for pattern in patterns for path in results.glob(pattern))


def test_artists_of_tags_are_audited_without_training_again_and_kept_together_on_request(project):
    for label in ("low", "high"):
        for number in range(4):
            artist = ["The Planted", "Others"][number % 2] + f" {label}"
            write_tags(project.work / f"music/{label}/{number}.wav", artist=artist)
    made = {path: path.stat().st_mtime_ns for path in products(project)}
    project.build()  # a dry run reads no file, so it cannot know that the audio is the same
    assert {path: path.stat().st_mtime_ns for path in products(project)} == made
    checks = artist_checks(project)
    assert (checks["verdict"] == "leak").any() and checks["message"].str.contains("planted low").any()
    project.edit("tiny.yaml", "folds: {count: 2}", "folds: {count: 2, group: auto}")
    assert {"assign_folds", "train_run"} <= project.jobs().keys()
    assert not {"normalize_audio", "cut_slices", "index_dataset"} & project.jobs().keys()
    project.build()
    assert (artist_checks(project)["verdict"] == "ok").all()
    groups = folds(project).drop_duplicates("track_id")["group"]
    assert set(groups) == {f"artist:{name} {label}" for name in ("planted", "others") for label in ("low", "high")}
    assert project.jobs() == {}
