"""Why a run makes products again, in words."""

import pytest

from genreflow.config.pipeline import PipelineSettings
from genreflow.datasets import scan
from genreflow.plan import reasons
from genreflow.plan.datasets import catalog_path, plan_dataset


@pytest.fixture
def music(tmp_path, monkeypatch):
    """Class folders of small files, cataloged; returns a function that lists them again and names what changed."""
    monkeypatch.chdir(tmp_path)
    for name in ("low/a.wav", "low/b.wav", "high/a.wav", "high/b.wav"):
        path = tmp_path / "music" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    settings = PipelineSettings(datasets={"tiny": {"layout": "folders", "path": "music"}})
    raw = tmp_path / "raw"

    def changes():
        listing = scan.list_tracks(settings.datasets["tiny"], raw=raw)
        plan = plan_dataset("tiny", listing.tracks, [], settings)
        plan.look_up(listing)
        return list(reasons._changes(plan))

    def record():
        scan.record(scan.list_tracks(settings.datasets["tiny"], raw=raw), catalog_path("tiny"))

    return changes, record, tmp_path / "music"


def test_before_the_first_run_no_file_is_hashed(music):
    changes, _, _ = music
    assert changes() == ["tiny: 4 files not hashed yet."]
    assert not catalog_path("tiny").exists()


def test_tracks_that_came_went_and_changed_are_counted(music):
    changes, record, folder = music
    record()
    assert changes() == []
    before = catalog_path("tiny").read_bytes()
    (folder / "low/c.wav").write_text("c")
    (folder / "low/d.wav").write_text("d")
    (folder / "high/a.wav").unlink()
    (folder / "high/b.wav").write_text("another content")
    added, removed, touched = changes()
    assert (added, removed) == ("tiny: 2 tracks added.", "tiny: 1 track removed.")
    assert touched.startswith("tiny: 1 file with another size or date, not hashed yet.")
    assert catalog_path("tiny").read_bytes() == before


def test_a_copied_folder_is_taken_for_the_same(music):
    """Copying changes only the change time; the run hashes such files again and finds the same bytes."""
    changes, record, folder = music
    record()
    moved = folder / "low/a.wav"
    moved.rename(folder / "aside")
    (folder / "aside").rename(moved)
    assert changes() == []


FACTS = {
    "model": "psytrance_cnn",
    "options": {"dropout": 0.2, "pool": "mean"},
    "training": {"epochs": 5, "tracking": "none", "seed": 0},
    "input": {"front_end": {"kind": "logmel", "n_mels": 128}, "peak": False},
    "audio": {"loudness": -14.0},
    "chosen": {},
}


def test_values_that_differ_are_named_with_both():
    planned = {part: dict(FACTS[part]) for part in ("options", "training", "input", "audio")}
    planned["options"] = {"dropout": 0.3, "orient": "time"}
    planned["training"] = FACTS["training"] | {"epochs": None, "tracking": "mlflow"}
    planned["input"] = {"front_end": {"kind": "logmel", "n_mels": 96}, "peak": True}
    planned["audio"] = {"loudness": -23.0}
    assert reasons._changed_values(FACTS, "psytrance_cnn", planned) == [
        "dropout 0.3 (was 0.2)",
        "pool is gone",
        "orient time is new",
        "epochs none (was 5)",
        "input.front_end.n_mels 96 (was 128)",
        "input.peak true (was false)",
        "audio.loudness -23.0 (was -14.0)",
    ]


def test_what_a_search_has_found_is_no_difference():
    planned = {part: FACTS[part] for part in ("training", "input", "audio")} | {
        "options": {"dropout": 0.5, "pool": "mean"}
    }
    assert reasons._changed_values({**FACTS, "chosen": {"dropout": 0.2}}, "psytrance_cnn", planned) == []


def test_another_network_is_named_alone():
    assert reasons._changed_values(FACTS, "short_chunk_cnn", FACTS) == ["model short_chunk_cnn (was psytrance_cnn)"]
