"""`genreflow embed` writes what the front-end computes; `genreflow similar` lists what lies nearest."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import soundfile
from tiny_embedding import PATCH_S, embedding, music, shared_bundle

from genreflow.analysis.similarity import Library
from genreflow.audio.ingest import SCHEMA, write
from genreflow.audio.normalize import normalize
from genreflow.cli import main
from genreflow.config.audio import AudioSettings
from genreflow.config.inputs import InputSettings
from genreflow.features.slices import slice_shard
from genreflow.inference import similar
from genreflow.inference.similar import choose_input
from genreflow.store.digest import file_sha256
from genreflow.store.parquet import Header, read_frame, read_header, write_table
from genreflow.store.shards import write_shard

MODEL = ["--model", str(shared_bundle())]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("embed")
    for number in range(2):
        soundfile.write(folder / f"{number}.flac", music(4.0, 22_050, seed=number), 22_050)
    (folder / "broken.mp3").write_bytes(b"no music")
    return folder


def test_a_row_per_segment(files, tmp_path, capsys):
    out = tmp_path / "embeddings.parquet"
    assert (
        main(["embed", str(files), *MODEL, "--out", str(out), "--seconds", "1", "--device", "cpu", "--cores", "1"]) == 0
    )
    frame, facts = read_frame(out, "embeddings"), read_header(out).facts
    assert list(frame.columns) == ["file", "sha256", "segment", "start_s", "seconds", "embedding"]
    assert len(frame) == 8 and frame["start_s"].tolist() == [0, 1, 2, 3] * 2
    assert frame["sha256"].iloc[0] == file_sha256(files / "0.flac")
    network = embedding().resolved
    assert (facts["sha256"], facts["layer"], facts["width"]) == (network.sha256, "penultimate", network.width)
    assert np.stack(frame["embedding"]).shape == (8, network.width)
    message = capsys.readouterr().err
    assert "broken.mp3 cannot be used:" in message and "8 segments" in message


def test_a_row_per_track_is_the_mean_of_its_segments(files, tmp_path):
    tables = []
    for per in ("segment", "track"):
        out = tmp_path / f"{per}.parquet"
        options = ["--per", per, "--layer", "output", "--device", "cpu", "--cores", "1"]
        assert main(["embed", str(files / "0.flac"), *MODEL, "--out", str(out), *options]) == 0
        tables.append(pd.read_parquet(out))
    segments, [track] = tables[0], tables[1].to_dict("records")
    np.testing.assert_allclose(track["embedding"], np.stack(segments["embedding"]).mean(axis=0), rtol=1e-5)
    assert track["segments"] == len(segments)
    assert read_header(out).facts["columns"] == ["high", "low", "mid"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.mp3", *MODEL], "nowhere.mp3 does not exist"),
        (["{0}", "--model", "nowhere"], "'nowhere' is neither the name of public weights nor a path"),
        (["{0}", *MODEL, "--seconds", "0.2"], f"a segment of 0.2 s is shorter than the {PATCH_S:g} s"),
        (["{0}", *MODEL, "--hop", "9"], "the step from one segment to the next, 9 s, is longer"),
        (["{0}", *MODEL, "--seconds", "none"], "is not a number of seconds above 0"),
        (["{broken}", *MODEL], "No file could be used; nothing was written"),
    ],
)
def test_what_cannot_be_embedded_ends_in_a_sentence(files, tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    names = {"{0}": str(files / "0.flac"), "{broken}": str(files / "broken.mp3")}
    assert main(["embed", *(names.get(each, each) for each in arguments), "--device", "cpu"]) == 2
    assert words.casefold() in capsys.readouterr().err.casefold()
    assert not list(tmp_path.iterdir())


# ---- similar ---------------------------------------------------------------------------------------------------------


def noisy(number):
    """Return a chord with little noise for even numbers, and with much for odd ones."""
    noise = np.random.default_rng(number).normal(0, 0.3 if number % 2 else 0.001, 66_150)
    return music(3.0, 22_050, seed=number / 10) + noise.astype(np.float32)


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """A project with the embeddings of six tracks, every second of which is noisy."""
    folder = tmp_path_factory.mktemp("library")
    settings = InputSettings.model_validate(
        {"front_end": embedding().model_dump(), "segments": {"kind": "split", "seconds": 1.0, "count": 2}}
    )
    rows = []
    for number in range(6):
        soundfile.write(folder / f"{number}.wav", noisy(number), 22_050)
        normalize(str(folder / f"{number}.wav"), folder / f"{number}.ogg", AudioSettings(), serial=number)
        rows.append({"track_id": f"{number:016x}", "verdict": "accept", "ogg": f"{number}.ogg"})
    place = folder / "results/music/embeddings/embedding-split-abcdef"
    place.mkdir(parents=True)
    shard = slice_shard(pd.DataFrame(rows), audio_folder=folder, settings=settings, key="k")
    write_shard(place / "s.parquet", shard)
    index = pd.DataFrame(
        {
            "track_id": [row["track_id"] for row in rows],
            "title": [f"{'ab'[number % 2]}/{number}.mp3" for number in range(6)],
            "label": ["a", "b"] * 3,
            "shard": "s",
            "slices": 2,
            "seconds": 3.0,
        }
    )
    write_table(place / "index.parquet", index, Header("index", facts={"suffix": ".parquet"}))
    soundfile.write(folder / "new.wav", noisy(7), 22_050)
    return folder


def test_the_nearest_are_as_noisy(library, monkeypatch, capsys):
    monkeypatch.chdir(library)
    assert main(["similar", "0.mp3", "--top", "2", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["track"] == "a/0.mp3"
    assert {track["title"] for track in result["tracks"]} == {"a/2.mp3", "a/4.mp3"}
    assert result["tracks"][0]["similarity"] >= result["tracks"][1]["similarity"] > 0.5


def test_a_new_file_is_compared_as_the_library_was_cut(library, monkeypatch, capsys):
    monkeypatch.chdir(library)
    assert main(["similar", "new.wav", "--top", "3"]) == 0
    printed = capsys.readouterr()
    assert [line.split()[-1] for line in printed.out.splitlines() if line.strip()[:1].isdigit()] == ["b", "b", "b"]
    assert f"Cosine similarity of embeddings of {embedding().resolved.width} values each" in printed.err


def test_a_new_file_is_normalized_as_the_library_was(library, monkeypatch):
    monkeypatch.chdir(library)
    shard = Path("results/music/audio/s.parquet")
    quiet = AudioSettings(loudness=-30.0, level="none")
    write(shard, pa.Table.from_pylist([], schema=SCHEMA), "k", quiet)
    asked = []
    prepare = similar.prepare_tracks
    monkeypatch.setattr(
        similar, "prepare_tracks", lambda items, audio, given: asked.append(audio) or prepare(items, audio, given)
    )
    try:
        assert main(["similar", "new.wav"]) == 0
    finally:
        shard.unlink()
    assert asked == [quiet]


def test_a_track_is_named_by_title_file_or_path(library, monkeypatch, capsys):
    monkeypatch.chdir(library)
    for name in ("a/4.mp3", "./a/4.mp3", "music/a/4.mp3", "4.mp3", "4"):
        assert main(["similar", name, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["track"] == "a/4.mp3"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["44.mp3"], "neither a track of results/music nor a file. Did you mean '4.mp3'?"),
        (["0.mp3", "--input", "embeding"], "There is no input 'embeding'"),
        (["0.mp3", "--study", "one"], "There is no map of a study 'one'"),
        (["0.mp3", "--top", "0"], "is not a whole number from 1 up"),
    ],
)
def test_what_cannot_be_compared_ends_in_a_sentence(library, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(library)
    assert main(["similar", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_without_a_library_there_is_a_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["similar", "0.mp3"]) == 2
    assert "Run `genreflow run` in this folder first" in capsys.readouterr().err


def test_a_library_reads_its_settings_and_tracks(library, monkeypatch):
    monkeypatch.chdir(library)
    read = Library.read(choose_input())
    assert read.features.shape == (6, embedding().resolved.width)
    np.testing.assert_allclose(np.linalg.norm(read.features, axis=1), 1, rtol=1e-5)
    assert read.input.segments.seconds == 1.0
