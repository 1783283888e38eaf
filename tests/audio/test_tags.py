"""Tags of files are read with all their values, whoever wrote them, and an edit of tags leaves the audio as it is."""

import random
import shutil

import mutagen
import pytest
from mutagen import apev2, id3
from tagged_files import FORMATS, write_file, write_tags

from genreflow.audio.id3 import genres_in
from genreflow.audio.packets import packets_sha256
from genreflow.audio.tags import read_tags

KINDS = (*FORMATS, "aiff")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    return {kind: write_file(folder / f"track.{kind}") for kind in KINDS}


@pytest.fixture(params=KINDS)
def file(request, files, tmp_path):
    return shutil.copy(files[request.param], tmp_path / f"track.{request.param}")


def test_all_values_of_a_field_are_read_in_every_format(file):
    write_tags(
        file, genre=["Drum & Bass", "Hip Hop"], artist=["Björk", "坂本龍一"], album_artist="Various Artists",
        album="Ænima", title="a; b", musicbrainz_artistid=["87c5dedd-371d-4571-9e1c-0a5d2c4a5e51", "x"], mood="sad",
    )  # fmt: skip
    tags = read_tags(file)
    assert tags["genre"] == ("Drum & Bass", "Hip Hop") and tags["artist"] == ("Björk", "坂本龍一")
    assert tags["album_artist"] == ("Various Artists",) and tags["album"] == ("Ænima",) and tags["title"] == ("a; b",)
    assert tags["musicbrainz_artistid"] == ("87c5dedd-371d-4571-9e1c-0a5d2c4a5e51", "x") and tags["mood"] == ("sad",)


def test_an_edit_of_tags_leaves_the_digest_of_the_audio_as_it_is(file):
    before = packets_sha256(file)
    assert len(before) == 64
    write_tags(file, genre="Goa", title="another", album="x" * 20_000)
    assert packets_sha256(file) == before
    mutagen.File(file).delete()
    assert packets_sha256(file) == before


def test_other_audio_has_another_digest(file, files):
    other = write_file(file.with_stem("other"), seed=1)
    assert packets_sha256(other) != packets_sha256(file)
    file.write_bytes(files[file.suffix[1:]].read_bytes()[:-2_000])
    assert packets_sha256(file) != packets_sha256(files[file.suffix[1:]])


def test_an_edited_header_is_another_file(files, tmp_path):
    """What a verdict depends on besides packets: here the length that a WAV file claims."""
    path = tmp_path / "a.wav"
    content = bytearray(files["wav"].read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 4] = (2 * len(content)).to_bytes(4, "little")
    content[4:8] = (2 * len(content)).to_bytes(4, "little")
    path.write_bytes(content)
    assert packets_sha256(path) != packets_sha256(files["wav"])


def test_broken_files_have_no_tags_and_never_raise(file):
    content = file.read_bytes()
    write_tags(file, genre=["A", "B"], artist="C", musicbrainz_artistid="d")
    tagged = file.read_bytes()
    rng = random.Random(file.suffix)
    for number in range(40):
        damaged = bytearray(tagged)
        for place in (rng.randrange(min(len(damaged), 600)) for _ in range(8)):
            damaged[place] = rng.randrange(256)
        file.write_bytes(damaged if number % 2 else damaged[: rng.randrange(len(content))])
        assert all(isinstance(value, str) for values in read_tags(file).values() for value in values)
        assert len(packets_sha256(file)) in (0, 64)
    file.write_bytes(b"")
    assert read_tags(file) == {} and packets_sha256(file) == ""
    assert read_tags(file.with_name("none")) == {} and packets_sha256(file.with_name("none")) == ""


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("encoding", [0, 1, 2, 3])
def test_versions_and_encodings_of_id3(files, tmp_path, version, encoding):
    path = shutil.copy(files["mp3"], tmp_path / "a.mp3")
    tags = id3.ID3()
    tags.add(id3.TPE1(encoding, ["Café Tacvba", "Zoé"]))
    tags.add(id3.TCON(encoding, ["(17)", "Goa"]))
    tags.add(id3.APIC(0, "image/jpeg", 3, "", b"\xff\xd8\xff\xe0" + bytes(200_000)))
    tags.add(id3.TALB(encoding, "Ré"))
    tags.add(id3.UFID("http://musicbrainz.org", b"a-recording"))
    tags.save(path, v2_version=version, v23_sep=None, v1=2)
    read = read_tags(path)
    assert read["artist"] == ("Café Tacvba", "Zoé") and read["genre"] == ("Rock", "Goa") and read["album"] == ("Ré",)
    assert read["musicbrainz_trackid"] == ("a-recording",)


def test_ape_tags_behind_mpeg_frames(files, tmp_path):
    path = shutil.copy(files["mp3"], tmp_path / "a.mp3")
    tags = apev2.APEv2()
    tags["Genre"], tags["Album Artist"], tags["Cover"] = (
        ["Rock", "Goa"],
        "Björk",
        apev2.APEValue(bytes(9), apev2.BINARY),
    )
    tags.save(path)
    assert read_tags(path) == {"album_artist": ("Björk",), "genre": ("Rock", "Goa")}
    assert packets_sha256(path) == packets_sha256(files["mp3"])


def test_id3_version_1_and_text_that_is_no_utf_8(files, tmp_path):
    path = tmp_path / "a.mp3"
    title, artist = "Été".encode("cp1252"), "Noir Désir".encode("cp1252")
    path.write_bytes(
        files["mp3"].read_bytes() + b"TAG" + title.ljust(30, b"\0") + artist.ljust(30, b"\0") + bytes(64) + b"\x11"
    )
    assert read_tags(path) == {"title": ("Été",), "artist": ("Noir Désir",), "genre": ("Rock",)}
    assert packets_sha256(path) == packets_sha256(files["mp3"])


@pytest.mark.parametrize(
    ("value", "genres"),
    [
        ("(17)", ["Rock"]), ("17", ["Rock"]), ("(4)Eurodisco", ["Disco", "Eurodisco"]), ("(17)(9)", ["Rock", "Metal"]),
        ("(RX)", ["Remix"]), ("((Cover", ["(Cover"]), ("1980s", ["1980s"]), ("(255)", []), ("2 Tone", ["2 Tone"]),
    ],
)  # fmt: skip
def test_numbers_of_genres(value, genres):
    assert genres_in(value) == genres
