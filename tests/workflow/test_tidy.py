"""`genreflow tidy`: what nothing needs any more is counted, and deleted when asked to; nothing else is."""

import json

import pytest

pytestmark = pytest.mark.end_to_end

TIDY = ("genreflow", "tidy")


def test_what_nothing_needs_is_counted_and_deleted_when_asked_to(project):
    code, printed = project.run(front=TIDY)
    assert code == 0, printed
    assert "All files are needed." in printed

    results = project.work / "results/tiny"
    before = set(results.glob("audio/**/*.*")) | set(results.glob("slices/*/s*"))
    (project.work / "music/low/0.wav").unlink()  # its normalized track stays
    project.edit("my.yaml", "shard_size: 4", "shard_size: 3")  # shards split
    code, printed = project.run(front=TIDY)
    assert code == 2 and "was made with other settings or tracks" in printed, printed

    project.build("slices")
    code, printed = project.run("--json", front=TIDY)
    assert code == 0, printed
    message = json.loads(printed[printed.index("{") : printed.rindex("}") + 1])["datasets"]["tiny"]
    unneeded = {project.work / name for name in message["files"]}
    assert sum(path.suffix == ".ogg" for path in unneeded) == 1
    assert unneeded < before
    assert all(path.exists() for path in unneeded)

    hashes = project.hashes()
    code, printed = project.run("--delete", front=TIDY)
    assert code == 0 and f"Deleted {len(unneeded)} files of 0.00 GB" in printed, printed
    assert not any(path.exists() for path in unneeded)
    gone = {str(path.relative_to(project.work / "results")) for path in unneeded}
    assert project.hashes() == {name: sha for name, sha in hashes.items() if name not in gone}
    assert project.jobs("slices") == {}
    assert len(list(project.work.glob("music/*/*.wav"))) == 7
