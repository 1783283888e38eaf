"""The path of a new user in a bare folder: clips, init, run, report, more clips, run, compare."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from genreflow.audio.load import load
from genreflow.store.parquet import read_frame
from genreflow.synthetic.corpus import plan, render

pytestmark = pytest.mark.end_to_end

HOME = Path(__file__).parents[2]
REAL = HOME.parent / "shared/audio"
SOURCES = {"jazz": "Kevin_MacLeod_-_Vibe_Ace", "orchestra": "Kevin_MacLeod_-_P_I_Tchaikovsky", "song": "Karissa_Hobbs"}
RATE, CLIP_S, FIRST, ADDED = 22_050, 6, 8, 1


def sounds() -> dict[str, np.ndarray]:
    """Return a minute of each class: of real tracks where they are there, else of synthetic ones."""
    if REAL.is_dir():
        paths = {label: next(REAL.glob(f"{start}*.ogg")) for label, start in SOURCES.items()}
        return {label: load(path, sr=RATE)[0][: 60 * RATE] for label, path in paths.items()}
    tracks = {track.label: track for track in plan(tracks_per_class=1, seconds=60.0, seed=0, corpus="western")}
    return {label: render(tracks[label]).mean(axis=1)[::2] for label in list(tracks)[:3]}


@pytest.fixture(scope="module")
def user(tmp_path_factory):
    """A folder with music, and clips to add."""
    folder = tmp_path_factory.mktemp("user")
    for label, samples in sounds().items():
        for number in range(FIRST + ADDED):
            path = folder / ("music" if number < FIRST else "more") / label / f"{number}.flac"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, samples[number * CLIP_S * RATE :][: CLIP_S * RATE], RATE)
    return folder


def genreflow(*arguments: str, cwd: Path) -> str:
    """Run a command, which must succeed; return what it prints."""
    done = subprocess.run(
        [Path(sys.executable).with_name("genreflow"), *arguments], cwd=cwd, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, env={**os.environ, "PYTHONPATH": str(HOME)}, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


def test_from_a_folder_of_clips_to_a_comparison(user):
    printed = genreflow("init", cwd=user)
    assert "24 tracks in 3 classes" in printed and "Next: genreflow run" in printed
    printed = genreflow("run", "--cores", "2", cwd=user / "music")  # from a folder below
    assert "report: results/genres/report/index.html" in printed
    assert (user / "results/genres/report/index.html").stat().st_size > 10_000
    assert not (user / "music/results").exists() and not (user / "music/logs").exists()
    assert accuracy(user) > 0.6, "three classes of eight clips each are not learned"

    shutil.copytree(user / "more", user / "music", dirs_exist_ok=True)
    assert "of 27" in genreflow("run", "--cores", "2", cwd=user) or "27 tracks" in genreflow("check", cwd=user)
    assert len(read_frame(user / "results/genres/tables/tracks.parquet", "table")["track_id"].unique()) == 27

    assert "genres" in genreflow("history", cwd=user / "music")
    assert "track accuracy, mean probability" in genreflow("compare", "genres", cwd=user)
    assert "All products are sound" in genreflow("verify", cwd=user / "more")
    assert "of 6 runs have ended. Reports: results/genres/report/index.html" in genreflow("status", cwd=user)


def accuracy(user: Path) -> float:
    """Return the track accuracy of the report."""
    return float(read_frame(user / "results/genres/tables/settings.parquet", "table")["track_mean"].iloc[0])
