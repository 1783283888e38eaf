import json
import os

import numpy as np
import pytest
import soundfile
from little_model import CLASSES, RATE, sound, write_predictions, write_run

from genreflow.errors import UserError
from genreflow.inference import tables
from genreflow.inference.files import Item, find
from genreflow.inference.tracks import FOREIGN, SEEN, UNKNOWN, UNSURE, Predictor, slices_table, tracks_table


def judge(model, *files):
    predictor = Predictor(str(model), device="cpu", cores=1)
    return predictor, predictor.predict_tracks([str(file) for file in files])


@pytest.fixture(scope="module")
def message(run, music):
    """What the model says of new pieces, of two that it was trained on, and of a sine."""
    files = [music / "new", music / "train/low-03.flac", music / "train/high-03.flac", music / "other"]
    predictor, judged = judge(run, *files)
    return predictor, {track.file.rsplit("/", 1)[-1]: track for track in judged}


def test_new_pieces_get_their_labels(message):
    _, tracks = message
    new = {name: track.label for name, track in tracks.items() if name[-7:-5] in ("50", "51", "52")}
    assert len(new) == 6
    assert all(label == name.split("-")[0] for name, label in new.items())


def test_training_tracks_are_known_again_and_new_ones_are_not(message):
    _, tracks = message
    seen = {name for name, track in tracks.items() if SEEN in track.reason.split()}
    assert seen == {"low-03.flac", "high-03.flac"}
    assert tracks["low-03.flac"].label == "low"


def test_what_sounds_unlike_the_training_tracks_is_unknown(message):
    _, tracks = message
    foreign = {name for name, track in tracks.items() if FOREIGN in track.reason.split()}
    assert foreign == {"sine-00.flac"}
    track = tracks["sine-00.flac"]
    assert track.label == UNKNOWN and track.best in CLASSES and track.distance > 1


def test_the_same_samples_in_another_file_are_known_again(run, music, tmp_path):
    samples, rate = soundfile.read(music / "train/low-05.flac", dtype="int16")
    soundfile.write(tmp_path / "renamed.wav", samples, rate)
    _, [track] = judge(run, tmp_path / "renamed.wav")
    assert SEEN in track.reason.split()


def test_slices_vote_and_are_counted(message):
    _, tracks = message
    track = tracks["low-50.flac"]
    assert track.counts == {"high": 0, "low": 6} and track.share == 1.0
    assert len(track.slices) == 6 and (track.slices["label"] == "low").all()
    assert np.allclose(np.diff(track.slices["start_s"]), 0.2)
    assert np.allclose(track.slices[list(CLASSES)].sum(axis=1), 1, atol=1e-6)


def test_without_a_record_nothing_is_called_unsure_and_that_is_said(message):
    predictor, tracks = message
    assert not any(UNSURE in track.reason for track in tracks.values())
    assert "too few tracks were held out" in tables.calibration_note(predictor)


def test_what_is_more_likely_wrong_than_right_is_unknown(halves, music, tmp_path):
    folder = write_run(tmp_path / "runs/halves/base/fold-1")
    # Its record: sure, and right as often as a coin.
    write_predictions(folder, [[0.9, 0.1], [0.1, 0.9]] * 50, ["high", "low", "low", "high"] * 25)
    predictor, [track] = judge(folder, music / "new/low-50.flac")
    assert track.label == UNKNOWN and track.best == "low" and UNSURE in track.reason.split()
    assert track.probability == pytest.approx(0.5, abs=0.02)
    assert "better than a guess" in tables.calibration_note(predictor)


def test_a_run_of_an_older_version_is_used_and_said_to_know_nothing(halves, music, tmp_path):
    predictor, [track] = judge(write_run(tmp_path / "old"), music / "train/low-03.flac")
    assert track.label == "low" and SEEN not in track.reason and track.distance is None
    assert "older genreflow" in tables.calibration_note(predictor)


def test_tags_are_those_above_their_thresholds(halves, music, tmp_path):
    folder = write_run(tmp_path / "tagged", tags=True)
    levels = Predictor(str(folder), device="cpu", cores=1)
    [prepared] = list(levels.prepare(find([str(music / "new/low-50.flac")])))
    high, low = levels.proba(prepared.stored).mean(axis=0)
    assert low > high
    for thresholds, label in (((high / 2, low / 2), "low, high"), ((0.99, low / 2), "low"), ((0.999, 0.999), UNKNOWN)):
        proba = np.repeat([[t - 0.01 for t in thresholds], [t + 0.01 for t in thresholds]], 20, axis=0)
        write_predictions(folder, proba.clip(0, 1), [[]] * 20 + [list(CLASSES)] * 20, tags=True)
        _, [track] = judge(folder, music / "new/low-50.flac")
        assert track.label == label
        assert track.share is None and track.best == "low"


def test_bad_files_cost_themselves(run, music, tmp_path):
    (tmp_path / "bad.mp3").write_bytes(b"no music" * 100)
    (tmp_path / "empty.flac").touch()
    soundfile.write(tmp_path / "short.wav", sound("low", 1)[: RATE // 10], RATE)
    soundfile.write(tmp_path / "silence.wav", np.zeros(3 * RATE), RATE)
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "list.m3u").write_text(f"{music}/new/low-50.flac\nnowhere.mp3\n")
    predictor, judged = judge(run, tmp_path, tmp_path / "list.m3u")
    codes = {track.file.rsplit("/", 1)[-1]: track.reason for track in judged if not track.is_usable}
    assert codes == {
        "bad.mp3": "Q_NOT_AUDIO",
        "empty.flac": "Q_EMPTY",
        "short.wav": "Q_TOO_SHORT",
        "silence.wav": "Q_SILENT",
        "pipe.wav": "Q_NOT_FILE",
        "nowhere.mp3": "Q_MISSING",
    }
    assert judged[-2].label == "low"
    text = tables.as_text(predictor, judged)
    assert "not classified: Line 2 of list.m3u: there is no such file. (Q_MISSING)" in text


def test_files_given_twice_are_heard_once_and_in_order(run, music):
    given = [str(music / "new/low-51.flac"), str(music / "new"), str(music / "new/low-51.flac")]
    names = [os.fsdecode(item.path).rsplit("/", 1)[-1] for item in find(given)]
    assert names[0] == "low-51.flac" and len(names) == 6 and names[1:] == sorted(names[1:])


def test_what_is_not_there_is_named_all_at_once(music, tmp_path):
    with pytest.raises(UserError, match=r"(?s)one\.mp3 does not exist.*two\.mp3 does not exist"):
        find([str(music), str(tmp_path / "one.mp3"), str(tmp_path / "two.mp3")])
    with pytest.raises(UserError, match="There is no music"):
        find([str(tmp_path)])
    with pytest.raises(UserError, match="does not exist"):
        find(["x" * 5_000])


def test_hidden_files_and_covers_of_a_folder_are_passed_over(tmp_path):
    for name in (".hidden.mp3", "cover.jpg", "list.m3u", "song.mp3", "no extension"):
        (tmp_path / name).write_bytes(b"x")
    assert [item.title.rsplit("/", 1)[-1] for item in find([str(tmp_path)])] == ["no extension", "song.mp3"]


def test_any_name_can_be_shown(run, tmp_path):
    name = os.fsencode(tmp_path) + b"/caf\xe9 \x1b]0;x.wav"
    soundfile.write(tmp_path / "plain.wav", sound("high", 60), RATE)
    os.rename(tmp_path / "plain.wav", name)
    predictor = Predictor(str(run), device="cpu", cores=1)
    [track] = [predictor.predict_track(prepared) for prepared in predictor.prepare([Item(name)])]
    assert track.label == "high"
    text = tables.as_text(predictor, [track])
    assert text.isprintable() or all(line.isprintable() for line in text.splitlines())


def test_what_is_told_to_programs_is_plain_json(message):
    predictor, tracks = message
    everything = json.loads(json.dumps(tables.as_json(predictor, list(tracks.values())), allow_nan=False))
    [sine] = [track for track in everything["tracks"] if track["file"].endswith("sine-00.flac")]
    assert sine["label"] == UNKNOWN and FOREIGN in sine["reason"] and len(sine["slices"]) == 6
    assert everything["model"]["classes"] == list(CLASSES)


def test_tables_have_a_row_a_track_and_a_row_a_slice(message):
    _, tracks = message
    judged = list(tracks.values())
    assert len(tracks_table(judged)) == 9
    slices = slices_table(judged, CLASSES)
    assert list(slices.columns) == ["file", "slice", "start_s", "label", *CLASSES]
    assert len(slices) == sum(len(track.slices) for track in judged)
    assert list(slices_table([], CLASSES).columns) == list(slices.columns)


def test_a_histogram_has_a_bar_for_what_slices_say(message):
    _, tracks = message
    lines = tables.histogram(tracks["low-50.flac"]).splitlines()
    assert lines[0].endswith("6 slices") and len(lines) == 2
    assert lines[1].split() == ["low", "█" * 30, "6"]


def test_a_picture_a_track(message, tmp_path):
    from genreflow.inference.histograms import draw

    predictor, tracks = message
    [path] = draw(tmp_path, predictor, [tracks["low-50.flac"]])
    assert path.name == "001-low-50.png" and path.read_bytes().startswith(b"\x89PNG")
