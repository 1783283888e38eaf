"""Names and places that are hard on software: the cases P01 to P15 of the catalog of bad inputs."""

import os
import shutil
from dataclasses import replace

from cases import Case, Cases, case
from recordings import SHORT, base
from surgery import chunk, chunks, riff

TWINS = ("é.wav".encode(), "e\u0301.wav".encode())
ODD = (
    " leading blank.wav", "trailing blank .wav", "it's.wav", 'say "x".wav', "`touch x`.wav", "$HOME.wav",
    "$(touch x).wav", "a;b.wav", "a&b.wav", "a|b.wav", "*.wav", "#1.wav", "%41.wav", "a,b.wav", "tab\there.wav",
    "back\\slash.wav", "-rf.wav", "..dots.wav", "~.wav", "CON.wav", "NUL.wav", "trailing.wav.", "=cmd().wav", "+1.wav",
    "@SUM(A1).wav", "!x.wav",
)  # fmt: skip
DEADLY = ("{x}.wav", "{wildcards.x}.wav", "<gt>.wav", "new\nline.wav", "carriage\rreturn.wav", "x" * 236 + ".wav")
UNICODE = ("🎵🎶.wav", "\u202egpj.wav", "zero\u200bwidth.wav", "日本語.wav", "\ufeffbom.wav")
TERMINAL = ("\x1b]0;title\x07.wav", "\x1b[31mred.wav", "\x07bell.wav", "back\x08space.wav", "\x7f.wav")
MARKUP = ("<img src=x onerror=alert(1)>.wav", "<script>alert(1)<script>.wav", "&lt;b&gt;.wav", "$\\frac{$.wav")


def bad_names() -> Cases:
    """Yield the cases; each holds the same music, in a file of its own."""
    for number, name in enumerate(TWINS):
        yield _named("P01", number, name)
    yield _named("P02", 0, b"caf\xe9.wav")
    yield _named("P02", 1, b"\xff\xfe\xfd.wav")
    for spec, names in {"P03": ODD, "P04": DEADLY, "P05": UNICODE, "P13": MARKUP, "P14": TERMINAL}.items():
        for number, name in enumerate(names):
            yield _named(spec, number, name.encode())
    yield _named("P06", 0, b"y" * 251 + b".wav")
    yield _named("P06", 1, "é".encode() * 125 + b".wav")
    yield case("P07", "too-long", "", _deep)
    yield _named("P08", 0, b"Case.wav")
    yield _named("P08", 1, b"case.wav")
    yield from _links()


def _named(spec: str, number: int, name: bytes) -> Case:
    return replace(case(spec, str(number), "", _music(f"{spec}-{number}")), name=name)


def _music(comment: str) -> bytes:
    """Return a WAV file whose bytes no other case has."""
    parts = [chunk(*part) for part in chunks(base("wav", SHORT)).items()]
    return riff(*parts, chunk(b"LIST", b"INFO" + chunk(b"ICMT", comment.encode())))


def _deep(path: bytes) -> None:
    """Make a file whose path is too long for the system to open by name: 17 folders of 250 letters."""
    os.mkdir(path)
    place = os.open(path, os.O_DIRECTORY)
    for _ in range(17):
        os.mkdir(b"d" * 250, dir_fd=place)
        deeper = os.open(b"d" * 250, os.O_DIRECTORY, dir_fd=place)
        os.close(place)
        place = deeper
    with open(os.open(b"x.wav", os.O_CREAT | os.O_WRONLY, dir_fd=place), "wb") as file:
        file.write(base("wav", SHORT))
    os.close(place)


def _links() -> Cases:
    def hard_link(path: bytes) -> None:
        with open(path + b".first", "wb") as file:
            file.write(_music("P10"))
        os.link(path + b".first", path)
        os.unlink(path + b".first")

    def outside(path: bytes) -> None:
        os.symlink(shutil.which("true") or "/bin/true", path)

    yield case("P09", "link-to-its-folder", "", lambda path: os.symlink(b".", path))
    yield case("P09", "link-to-the-root", "", lambda path: os.symlink(b"..", path))
    yield case("P10", "link-inside", "wav", lambda path: os.symlink(b"Case.wav", path))
    yield case("P10", "link-outside", "wav", outside)
    yield case("P10", "hard-link", "wav", hard_link)
