"""Collections, copies of datasets, manifests and playlists as they are found on people's disks."""

import csv
import os
import struct
import tempfile
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest

from genreflow.audio.container import extension_warning
from genreflow.audio.decode import decode
from genreflow.audio.probing import probe
from genreflow.audio.quality import check
from genreflow.audio.verdict import RejectedTrack
from genreflow.config.audio import AudioSettings
from genreflow.config.folds import FoldSettings
from genreflow.datasets.layouts.fma import Fma
from genreflow.datasets.layouts.folders import Folders
from genreflow.datasets.layouts.magnatagatune import MagnaTagATune
from genreflow.datasets.layouts.manifest import Manifest
from genreflow.datasets.scan import list_dataset
from genreflow.datasets.walk import AUDIO_FILES
from genreflow.errors import Problems, UserError
from genreflow.folds import feasibility
from genreflow.inference import files, playlists

SIDE_FILES = [
    "song.wav.reapeaks", "song.pkf", "song.sfk", "song.asd", "album.cue", "album.nfo", "album.sfv",
    "list.m3u", "rip.log", "notes.txt", "booklet.pdf", "cover.jpg", ".DS_Store", "._song.wav",
    "Thumbs.db", "desktop.ini", "song.mp3.tmp", "song.mp3.part", "song.mp3.crdownload", "song.mp3~", "Cover.JPG",
    "mix.rpp", "mix.als", "song.mid", "song.wvc", "folder.xmp", "album.ffp", "set.torrent",
    "~$notes.docx", "song.wav.bak", "peaks.pek",
]  # fmt: skip
SETTINGS = AudioSettings()


@pytest.fixture
def music(tmp_path):
    """Two classes of two tracks, and all side files beside those of the first."""
    for name in ("goa/1.wav", "goa/2.wav", "techno/1.wav", "techno/2.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    for name in SIDE_FILES:
        (tmp_path / "goa" / name).write_bytes(b"y")
    return tmp_path


def test_side_files_are_counted_and_no_tracks(music):
    result = list_dataset(Folders(layout="folders", path=str(music)))
    assert {track.path for track in result.tracks} == {b"goa/1.wav", b"goa/2.wav", b"techno/1.wav", b"techno/2.wav"}
    assert result.ignored == {"goa": len(SIDE_FILES)}


def test_side_files_are_not_predicted_either(music):
    assert [Path(os.fsdecode(item.path)).name for item in files.find([str(music / "goa")])] == ["1.wav", "2.wav"]


@pytest.mark.parametrize("name", ["song.wave2", "song.mp", "noext", "song.exe", "part", "1.tmpx"])
def test_what_is_not_known_as_a_side_file_is_a_track_to_be_judged(music, name):
    (music / "goa" / name).write_bytes(b"z")
    assert os.fsencode(f"goa/{name}") in {
        track.path for track in list_dataset(Folders(layout="folders", path=str(music))).tracks
    }


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "FLAC"])
def test_magnatagatune_in_another_format(tmp_path, suffix):
    clips = ["f/bach-cantatas-01-aria-0-29.mp3", "0/kiya-deep-11-x-y-0-29.mp3"]
    with open(tmp_path / "annotations_final.csv", "w", newline="") as file:
        writer = csv.writer(file, delimiter="\t")
        writer.writerow(["clip_id", "slow", "fast", "mp3_path"])
        writer.writerows([[n, 1, n, clip] for n, clip in enumerate(clips)])
    for clip in clips:
        (tmp_path / clip).parent.mkdir()
        (tmp_path / clip).with_suffix(f".{suffix}").write_bytes(clip.encode())
    result = list_dataset(MagnaTagATune(layout="magnatagatune", path=str(tmp_path)))
    assert [track.path.decode() for track in result.tracks] == [clip.replace("mp3", suffix) for clip in clips]
    assert [track.artist for track in result.tracks] == ["bach", "kiya"]
    assert "2 tracks found in another format than the published one" in result.notices


@pytest.fixture
def fma(tmp_path):
    """A table of two tracks; their files are up to the test."""
    with open(tmp_path / "tracks.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["", "set", "set", "track", "artist", "artist"])
        writer.writerow(["", "split", "subset", "genre_top", "id", "name"])
        writer.writerow(["track_id", "", "", "", "", ""])
        writer.writerows([["2", "training", "small", "Pop", "1", "A"], ["1486", "test", "small", "Rock", "2", "B"]])
    return tmp_path


def write(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())


def found_of_fma(fma):
    return list_dataset(Fma(layout="fma", path=str(fma / "clips"), metadata=str(fma / "tracks.csv")))


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "m4a"])
def test_fma_in_another_format_keeps_what_is_known_of_its_clips(fma, suffix):
    write(fma / "clips", f"000/000002.{suffix}", f"001/001486.{suffix}")
    result = found_of_fma(fma)
    assert {track.path.decode() for track in result.tracks} == {f"000/000002.{suffix}", f"001/001486.{suffix}"}
    assert [track.reason for track in result.tracks] == ["", "W_KNOWN_ISSUE"]


def test_fma_with_two_copies_of_a_clip_takes_the_published_one_and_says_so(fma):
    write(fma / "clips", "000/000002.wav", "000/000002.mp3", "001/001486.flac")
    result = found_of_fma(fma)
    assert {track.path.decode() for track in result.tracks} == {"000/000002.mp3", "001/001486.flac"}
    assert "1 further copy in another format skipped" in result.notices
    assert result.ignored == {"": 1}


def coded(codec, muxer, rate=44_100, **coding):
    """Return two seconds of noisy chord as a file."""
    handle, path = tempfile.mkstemp()
    os.close(handle)
    with av.open(path, "w", format=muxer) as media:
        stream = media.add_stream(codec, rate=rate, layout="stereo")
        for name, value in coding.items():
            setattr(stream, name, value)
        stream.codec_context.open()
        frame = av.AudioFrame.from_ndarray(sound(rate), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = rate, 0
        context = stream.codec_context
        resampler = av.AudioResampler(format=context.format, frame_size=context.frame_size or 4096)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            media.mux(stream.encode(part))
        media.mux(stream.encode(None))
    content = Path(path).read_bytes()
    os.unlink(path)
    return content


def sound(rate, seconds=2.0):
    time, rng = np.arange(int(seconds * rate)) / rate, np.random.default_rng(0)
    chord = sum(np.sin(2 * np.pi * hertz * time) for hertz in (220, 277, 330)) / 10
    return np.ascontiguousarray(np.stack([chord, chord]) + rng.normal(0, 0.02, (2, len(time))), np.float32)


def one_bit(rate=2_822_400, seconds=1.25):
    """Return a tone as bits whose density is the signal."""
    tone = 0.4 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate)
    steps = np.floor(np.cumsum((tone + 1) / 2))
    bits = np.diff(steps, prepend=0).astype(np.uint8)
    return bits[: len(bits) // 32_768 * 32_768]


def dsf():
    bits = one_bit()
    blocks = np.packbits(bits, bitorder="little").reshape(-1, 4096)
    data = np.repeat(blocks, 2, axis=0).tobytes()  # a block of each channel in turn
    form = b"fmt " + struct.pack("<QIIIIIIQII", 52, 1, 0, 2, 2, 2_822_400, 1, len(bits), 4096, 0)
    data = b"data" + struct.pack("<Q", 12 + len(data)) + data
    return b"DSD " + struct.pack("<QQQ", 28, 80 + len(data), 0) + form + data


def dff():
    def chunk(name, content):
        return name + struct.pack(">Q", len(content)) + content + bytes(len(content) % 2)

    channels = chunk(b"CHNL", b"\0\2SLFTSRGT")
    kind = chunk(b"CMPR", b"DSD \x0enot compressed\0")
    prop = chunk(b"PROP", b"SND " + chunk(b"FS  ", struct.pack(">I", 2_822_400)) + channels + kind)
    body = (
        b"DSD "
        + chunk(b"FVER", b"\x01\x05\0\0")
        + prop
        + chunk(b"DSD ", np.repeat(np.packbits(one_bit()), 2).tobytes())
    )
    return b"FRM8" + struct.pack(">Q", len(body)) + body


FORMATS = {
    "webm": lambda: coded("libopus", "webm", 48_000),
    "mka": lambda: coded("flac", "matroska"),
    "mkv": lambda: coded("aac", "matroska"),
    "wv": lambda: coded("wavpack", "wv"),
    "tta": lambda: coded("tta", "tta"),
    "wma": lambda: coded("wmav2", "asf", bit_rate=128_000),
    "opus": lambda: coded("libopus", "opus", 48_000),
    "caf": lambda: coded("pcm_s16be", "caf"),
    "aac": lambda: coded("aac", "adts"),
    "m4a": lambda: coded("alac", "ipod"),
    "mp2": lambda: coded("mp2", "mp2"),
    "dsf": dsf,
    "dff": dff,
}


WITHOUT_LENGTH = ("opus", "aac", "mp2")  # half of such a file is a whole one


@pytest.fixture(scope="module")
def coded_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("formats")
    for suffix, make in FORMATS.items():
        (folder / f"song.{suffix}").write_bytes(make())
    return folder


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_file_is_decoded_and_nothing_is_said_against_it(coded_files, suffix):
    coded_file = coded_files / f"song.{suffix}"
    decoded = decode(str(coded_file), max_seconds=60, thresholds=SETTINGS.thresholds)
    expected = 1.25 if coded_file.suffix in (".dsf", ".dff") else 2.0
    assert decoded.seconds == pytest.approx(expected, abs=0.06)
    output = {caution.reason for caution in check(decoded, SETTINGS)} | set(
        extension_warning(str(coded_file), decoded.container)
    )
    assert output == set()
    assert probe(str(coded_file), thresholds=SETTINGS.thresholds, max_seconds=60) == pytest.approx(expected, abs=0.1)
    assert coded_file.suffix.encode() in AUDIO_FILES | {b".mkv"}


@pytest.mark.parametrize("suffix", sorted(FORMATS.keys() - WITHOUT_LENGTH))
def test_half_of_it_is_never_taken_for_the_whole(coded_files, suffix):
    content = (coded_files / f"song.{suffix}").read_bytes()
    cut = coded_files / f"cut.{suffix}"
    cut.write_bytes(content[: len(content) // 2])
    with pytest.raises(RejectedTrack):
        check(decode(str(cut), max_seconds=60, thresholds=SETTINGS.thresholds), SETTINGS)


def test_protected_windows_media_is_refused(tmp_path):
    content = coded("wmav2", "asf", bit_rate=128_000)
    properties = bytes.fromhex("b503bf5f2ea9cf118ee300c00c205365")  # the header's extension
    assert properties in content
    path = tmp_path / "song.wma"
    path.write_bytes(content.replace(properties, bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e"), 1))
    with pytest.raises(RejectedTrack, match="encrypted"):
        decode(str(path), max_seconds=60, thresholds=SETTINGS.thresholds)


PLAIN = 'path,label\n"a, b.mp3","rock"\n"c.mp3","pop"\n'
MANIFESTS = {
    "a blank before a quote": PLAIN.replace(',"', ', "').encode(),
    "blanks on both sides of a quote": PLAIN.replace(',"', ' , "').encode(),
    "a byte order mark": b"\xef\xbb\xbf" + PLAIN.encode(),
    "semicolons": PLAIN.replace('","', '";"').replace("path,", "path;").encode(),
    "semicolons, named": b"sep=;\r\n" + PLAIN.replace('","', '";"').replace("path,", "path;").encode(),
    "bars, named": b"SEP=|\n" + PLAIN.replace('","', '"|"').replace("path,", "path|").encode(),
    "tabs": PLAIN.replace('","', '"\t"').replace("path,", "path\t").encode(),
    "UTF-16 with its mark": PLAIN.encode("utf-16"),
    "UTF-16, little": PLAIN.encode("utf-16-le"),
    "UTF-16, big": PLAIN.encode("utf-16-be"),
    "UTF-16 of Excel": ("sep=;\r\n" + PLAIN.replace('","', '";"').replace("path,", "path;")).encode("utf-16"),
    "old Macs": PLAIN.replace("\n", "\r").encode(),
}  # fmt: skip


@pytest.fixture
def listed(tmp_path):
    write(tmp_path, "a, b.mp3", "c.mp3")

    def read(content):
        (tmp_path / "list.csv").write_bytes(content)
        return list_dataset(Manifest(layout="manifest", path=str(tmp_path / "list.csv")))

    return read


@pytest.mark.parametrize("content", MANIFESTS.values(), ids=MANIFESTS)
def test_a_manifest_of_any_program_means_the_same(listed, content):
    assert [(track.path, track.label) for track in listed(content).tracks] == [(b"a, b.mp3", "rock"), (b"c.mp3", "pop")]


def test_rows_keep_their_numbers_below_a_line_that_names_the_separator(listed):
    with pytest.raises(Problems, match=r"row 4: 'c.mp3' has no label"):
        listed(b"sep=;\npath;label\na, b.mp3;rock\nc.mp3;\n")


def test_quotes_within_a_cell_are_left_alone(listed):
    with pytest.raises(UserError, match="row 3"):
        listed(b'path,label\n"a, b.mp3", "rock"\n"c.mp3" x,pop\n')


def test_without_a_header_the_first_row_is_shown(listed):
    with pytest.raises(
        Problems, match=r"columns found: 'c.mp3', 'pop'. That is a row.*put the line `path,label` before it"
    ):
        listed(b'c.mp3,pop\n"a, b.mp3",rock\n')


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"PK\x03\x04....[Content_Types].xml....xl/workbook.xml", r"an Excel workbook \(.xlsx\)"),
        (
            b"PK\x03\x04....mimetypeapplication/vnd.oasis.opendocument.spreadsheet",
            r"a LibreOffice spreadsheet \(.ods\)",
        ),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), r"an Excel workbook \(.xls\)"),
    ],
)
def test_a_workbook_is_called_one_and_the_way_to_csv_is_named(listed, content, what):
    with pytest.raises(UserError, match=f"is {what}, not CSV. Save it as CSV: in Excel by File, Save As"):
        listed(content)


def test_names_in_playlists_may_begin_with_a_number_sign(tmp_path):
    write(tmp_path, "#1 hit.mp3", "#EXTRA.mp3", "two.mp3")
    lines = "#EXTM3U\n#EXTINF:12,#1 hit\n#1 hit.mp3\n# a remark\n#EXTRA.mp3\n#PLAYLIST:best of\n#gone.mp3\ntwo.mp3\n"
    (tmp_path / "list.m3u8").write_text(lines)
    listed = [(Path(os.fsdecode(path)).name, problem) for _, path, problem in playlists.entries(tmp_path / "list.m3u8")]
    assert listed == [("#1 hit.mp3", ""), ("#EXTRA.mp3", ""), ("two.mp3", "")]


def albums(sizes):
    rows = [(f"{label}{number}", label, f"album {label}") for label, n in sizes.items() for number in range(n)]
    return pd.DataFrame(rows, columns=["track_id", "label", "group"])


def test_where_each_class_is_one_album_the_way_out_is_named_and_works():
    tracks = albums({"goa": 6, "techno": 6})
    with pytest.raises(UserError, match=r"2 groups|folds need at least 3 groups") as message:
        feasibility.check(tracks, FoldSettings(count=3))
    assert "set folds.group to false" in str(message.value)
    feasibility.check(tracks, FoldSettings(count=3, group=False))


def test_it_is_not_named_where_it_does_not_help():
    with pytest.raises(UserError) as message:
        feasibility.check(albums({"goa": 2, "techno": 6}), FoldSettings(count=3))
    assert "folds.group" not in str(message.value)
