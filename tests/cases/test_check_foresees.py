"""`genreflow check` knows what a run will find: it never calls a run possible that would train nothing."""

import json
import shutil
import subprocess
import sys
import zlib

import numpy as np
import pytest
import soundfile

from genreflow.cli import main

RATE = 8_000
STUDY = """\
dataset: mine
folds: {{count: {folds}, group: true}}
models: {{psytrance_cnn: {{input: short}}, western8_cnn: {{input: long}}}}
inputs:
  short: {{segments: {{kind: midpoint, count: 2}}}}
  long:
    front_end: {{kind: logmel, sample_rate: 22050, hop: 256}}
    segments: {{kind: whole, seconds: {seconds}}}
"""
CONFIG = """\
studies: [mine.yaml]
datasets: {{mine: {{layout: folders, path: music}}}}
limits: {{max_quarantine: {most}, max_class_loss: {most_of_a_class}}}
"""


def write(path, seconds=4.0):
    """Write noise in bursts, which differ from clip to clip."""
    rng = np.random.default_rng(zlib.crc32(path.name.encode()))
    n = int(seconds * RATE)
    bursts = np.repeat(rng.uniform(0.1, 1, n // 800 + 1), 800)[:n]
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, (0.2 * bursts * rng.normal(size=n)).clip(-1, 1), RATE)


@pytest.fixture(scope="module")
def sound_music(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sound")
    for label in "abc":
        for number in range(4):
            write(folder / label / f"{label}{number}.flac")
    return folder


@pytest.fixture
def music(sound_music, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(sound_music, tmp_path / "music")
    return tmp_path / "music"


@pytest.fixture
def check(capsys, tmp_path):
    """Return a function that checks the project and returns its exit code, its outlook, and its last line."""

    def look(seconds=3.5, folds=2, most=1.0, most_of_a_class=1.0, extra=""):
        (tmp_path / "mine.yaml").write_text(STUDY.format(seconds=seconds, folds=folds) + extra)
        (tmp_path / "my.yaml").write_text(CONFIG.format(most=most, most_of_a_class=most_of_a_class))
        code = main(["check", "--json", "--configfile", "my.yaml"])
        out, err = capsys.readouterr()
        assert out, err
        assert ("A run can begin" in err) == (code == 0)
        return code, json.loads(out), err

    return look


def problems(outlook):
    return " ".join(outlook["studies"][0]["problems"])


def test_sound_music_is_green_and_all_of_it_was_decoded(music, check):
    code, outlook, closing = check()
    assert code == 0 and closing.startswith("A run can begin. Next:")
    assert outlook["is_complete"] and outlook["datasets"][0]["decoded"] == 12
    assert [given["usable"] for given in outlook["studies"][0]["inputs"]] == [12, 12]


def test_what_is_padded_is_told(music, check):
    _, outlook, _ = check(seconds=4.02)
    padded = [(given["padded"], given["longest_padding"]) for given in outlook["studies"][0]["inputs"]]
    assert padded[0] == (0, 0.0)
    assert padded[1] == (12, pytest.approx(0.02, abs=1e-4))


def test_all_clips_are_too_short_for_one_input(music, check):
    code, outlook, _ = check(seconds=10)
    assert code == 2 and "no tracks for the folds" in problems(outlook)
    assert outlook["studies"][0]["inputs"][1]["too_short"] == 12
    assert check(seconds=10, most=0.05)[0] == 4  # as the run, which looks at the limits first


def test_one_class_is_left(music, check):
    for label in "bc":
        for path in (music / label).iterdir():
            write(path, seconds=2.0)
    code, outlook, _ = check()
    assert code == 2 and "All tracks are of one class" in problems(outlook)


def test_a_class_has_fewer_groups_than_folds(music, check):
    for number in range(2):
        write(music / "c" / f"c{number}.flac", seconds=2.0)
    code, outlook, _ = check(folds=3)
    assert code == 2 and "3 folds need at least 3 tracks of every class" in problems(outlook)
    assert check(folds=2)[0] == 0


def test_a_class_that_a_protocol_asks_for_is_lost(music, check):
    for path in (music / "c").iterdir():
        path.write_text("<html>")
    protocols = "protocols: {some: {classes: [a, c]}}\n"
    code, outlook, _ = check(extra=protocols + "experiments: {e: {model: psytrance_cnn, vary: {protocol: [some]}}}\n")
    assert code == 2 and "no usable track has the class 'c'" in problems(outlook)


@pytest.mark.parametrize("most", [{"most": 0.05}, {"most_of_a_class": 0.2}])
def test_the_limits_are_exceeded_by_files_with_sound_headers(music, check, most):
    for number in range(3):
        soundfile.write(music / "c" / f"c{number}.flac", np.zeros(4 * RATE), RATE)
    code, outlook, closing = check(**most)
    assert code == 4 and "More files will be refused than the limits allow" in closing
    assert {reason for _, reason, _ in outlook["datasets"][0]["refused"]} == {"Q_SILENT"}
    assert "Q_SILENT 3" in " ".join(outlook["studies"][0]["losses"])


def test_every_file_is_damaged_behind_its_header(music, check):
    for path in music.glob("*/*"):
        content = bytearray(path.read_bytes())
        content[len(content) // 4 :] = bytes(len(content) - len(content) // 4)
        path.write_bytes(content)
    assert check(most=0.05)[0] == 4
    code, outlook, _ = check()
    assert code == 2 and len(outlook["datasets"][0]["refused"]) == 12


def test_copies_with_other_labels_refuse_each_other(music, check):
    for number in range(4):
        shutil.copy(music / "b" / f"b{number}.flac", music / "c" / f"c{number}.flac")
    code, outlook, _ = check()
    assert code == 2 and "All tracks are of one class" in problems(outlook)


def test_copies_are_one_group(music, check):
    for number in range(1, 4):
        shutil.copy(music / "c" / "c0.flac", music / "c" / f"c{number}.flac")
    code, outlook, _ = check()
    assert code == 2 and "2 folds need at least 2 groups of every class" in problems(outlook)


def test_tracks_are_silent_where_slices_are_cut(music, check):
    for path in music.glob("*/*"):
        soundfile.write(path, np.append(soundfile.read(path)[0], np.zeros(16 * RATE)), RATE)
    _, outlook, _ = check()
    assert [given["usable"] for given in outlook["studies"][0]["inputs"]] == [0, 12]


def test_a_sample_is_told_as_one_and_finds_what_all_have(music, check, monkeypatch):
    monkeypatch.setattr("genreflow.plan.forecast.DECODED_SECONDS", 20.0)
    code, outlook, closing = check()
    assert code == 0 and "judging by a sample of the files" in closing
    assert outlook["datasets"][0]["decoded"] == 5 and not outlook["is_complete"]
    for path in music.glob("*/*"):
        soundfile.write(path, np.zeros(4 * RATE), RATE)
    assert check(most=0.05, most_of_a_class=0.2)[0] == 4


def test_lengths_in_headers_are_enough_to_see_that_clips_are_too_short(music, check, monkeypatch):
    monkeypatch.setattr("genreflow.plan.forecast.DECODED_SECONDS", 0.0)
    code, outlook, _ = check(seconds=10)
    assert code == 2 and outlook["datasets"][0]["decoded"] == 4
    assert outlook["studies"][0]["inputs"][1]["too_short"] == 12


def test_a_folder_is_not_good_without_one_of_its_classes(music, capsys):
    for path in list((music / "c").iterdir())[2:]:
        path.unlink()
    for path in (music / "c").iterdir():
        path.write_text("<html>")
    assert main(["check", "music"]) == 2
    assert "Every file of c will be refused" in capsys.readouterr().err


def _too_short(music):
    for path in music.glob("*/*"):
        write(path, seconds=3.0)


def _silent(music):
    for path in music.glob("c/*"):
        soundfile.write(path, np.zeros(4 * RATE), RATE)


def _copied(music):
    for number in range(1, 4):
        shutil.copy(music / "c" / "c0.flac", music / "c" / f"c{number}.flac")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoil", "limits"),
    [(_too_short, {}), (_too_short, {"most": 0.05}), (_silent, {"most_of_a_class": 0.2}), (_copied, {})],
)
def test_a_run_stops_as_the_check_has_told(music, check, spoil, limits, tmp_path):
    spoil(music)
    code, *_ = check(**limits)
    assert code != 0
    command = [sys.executable, "-c", "import sys; from genreflow.cli import main; sys.exit(main(sys.argv[1:]))"]
    done = subprocess.run(
        [*command, "run", "--cores", "2", "--configfile", "my.yaml"], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == code
    assert not list(tmp_path.glob("results/mine/runs/**/run.json"))
