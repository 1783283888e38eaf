"""A dataset in which every name is out to do harm, and what tells whether one did.

All classes, albums, artists, files and tags are hostile; the music is in order.
"""

import base64
import csv
import html.parser
import os
import re
import urllib.parse
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from recordings import RATE, sound_file
from surgery import id3, id3_text

# Class folders, the classes they stand for, and names of classes that no folder can have.
CLASSES: tuple[tuple[str, str, str], ...] = (
    ("$(touch pwned) `touch pwned`", "$(touch pwned) `touch pwned`", "../../pwned && touch pwned"),
    ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>", "</script><img src=x onerror=alert(1)>"),
    ('=HYPERLINK("x","$\\frac{$")', '=HYPERLINK("x","$\\frac{$")', '=HYPERLINK("http://evil.example","$\\frac{$")'),
    ("{x} <gt> {{ 7 * 7 }} cafe\u0301 ", "{x} <gt> {{ 7 * 7 }} caf\u00e9", "javascript:alert(1)//caf\u00e9"),
    ("-core\x1b]0;pwned\x07\u202e", "-core\\x1b]0;pwned\\x07\\u202e", "-core %s %(x)s"),
)
FILES: tuple[bytes, ...] = (
    b"$(touch pwned)", b"`touch pwned`", b"; touch pwned;", b"| touch pwned", b"-rf", b"--help", b"&& exit", b"$HOME",
    b"<script>alert(1)", b"<img src=x onerror=alert(1)>", b'"><svg onload=alert(1)>', b"' onmouseover='alert(1)",
    b"=HYPERLINK(A1)", b"=cmd|' !A0", b"+1+1", b"@SUM(1)", b"\tTAB", b"\rCR",
    b"{x}", b"{{ 7 * 7 }}", b"{wildcards.x}", b"<gt>", b"new\nline", b"$\\frac{$", b"%s%n", b"%41",
    b"\x1b]0;pwned\x07", b"\x1b[31m", "\u202egpj".encode(), "zero\u200bwidth".encode(), "\U0001f3b5".encode(),
    b"caf\xe9", b"\xff\xfe", "\u00e9".encode(), "e\u0301".encode(), b"CON", b"NUL", b"nul.", b"..dots", b"~",
    b"w" * 236, b"a,b;c", b"say \"x\" 'y'", b"back\\slash", b"*?[x]", b"#fragment?query",
)  # fmt: skip
ALBUMS: tuple[bytes, ...] = (
    b"$(touch pwned)", b"<script>alert(1)", b"=1+1", b"{x}", b"new\nline", b"$\\frac{$", b"\x1b]0;pwned\x07", b"-rf",
    "\u202egpj".encode(), b"caf\xe9", b"v" * 240, b"' onload='alert(1)",
)  # fmt: skip
TEXTS: tuple[str, ...] = (
    "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", '=HYPERLINK("http://evil.example")',
    "$(touch pwned)", "{{ 7 * 7 }}", "\x1b]0;pwned\x07", "\u202egpj", "$\\frac{$", "../../pwned", "-1+1", "@SUM(1)",
)  # fmt: skip
KINDS = ("wav", "flac", "mp3", "ogg")


@dataclass(frozen=True)
class Hostile:
    """What was built.

    Attributes
    ----------
    labels
        The classes, as the pipeline should call them when it goes by the folders.
    manifest
        A CSV file that names the same tracks with other classes and with artists.
    manifest_labels
        The classes it names.
    names
        All hostile names: files, albums, classes, artists and tags; odd bytes as the file system's escapes.
    refused
        The path, relative to the folder, of the one file that is no music.
    """

    labels: list[str]
    manifest: Path
    manifest_labels: list[str]
    names: list[str]
    refused: bytes


def build(folder: Path, tracks_per_class: int, seconds: float) -> Hostile:
    """Write a dataset of five classes below `folder`, which holds nothing else, and a manifest beside it.

    Every second track lies in an album of two, so that there are about three groups to four tracks. The first class
    has one file more, which is refused; one track of the second class has eight bits a sample, and so a warning.
    """
    rows, names = [], {*TEXTS}
    for place, (directory, _, label) in enumerate(CLASSES):
        names |= {directory, label}
        for number in range(tracks_per_class):
            path = os.fsencode(directory) + b"/" + _below(place, number, tracks_per_class)
            names |= {os.fsdecode(step) for step in path.split(b"/")}
            few_bits = (place, number) == (1, 0)
            _write(folder, path, _track(place, number, seconds, few_bits=few_bits))
            artist = f"{TEXTS[(place + number) % len(TEXTS)]} {place}.{number // 2}"
            names.add(artist)
            rows.append([os.fsencode(path).decode("utf-8", "replace"), label, artist])
    refused = os.fsencode(CLASSES[0][0]) + b"/=cmd|' <script>alert(1)\x1b]0;pwned\x07\xe9 {x}.mp3"
    names.add(os.fsdecode(refused.split(b"/")[1]))
    _write(folder, refused, b"<script>alert(1)</script>")
    manifest = folder.with_name(f"{folder.name}.csv")
    with open(manifest, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["path", "label", "artist"], *rows])
    return Hostile(
        [shown for _, shown, _ in CLASSES], manifest, [label for *_, label in CLASSES], sorted(names), refused
    )


def _below(place: int, number: int, count: int) -> bytes:
    """Return where a track lies in its class folder; no two are alike, and the first ones have the barest names."""
    turn = place * count + number
    kind = KINDS[(place + number) % len(KINDS)]
    again = b"" if turn < len(FILES) else b" %d" % (turn // len(FILES))
    name = FILES[turn % len(FILES)] + again + b"." + kind.encode()
    if number % 4 < 2:
        return name
    return ALBUMS[(place + number // 4) % len(ALBUMS)] + b" %d/" % (number // 4) + name


def _write(folder: Path, path: bytes, content: bytes) -> None:
    whole = os.path.join(os.fsencode(folder), path)
    os.makedirs(os.path.dirname(whole), exist_ok=True)
    with open(whole, "xb") as file:
        file.write(content)


def _track(place: int, number: int, seconds: float, *, few_bits: bool) -> bytes:
    samples = tune(place, number, seconds)
    kind = KINDS[(place + number) % len(KINDS)]
    title, artist, comment = (TEXTS[(number + shift) % len(TEXTS)] for shift in range(3))
    if kind == "mp3":
        tag = id3(id3_text(b"TIT2", title), id3_text(b"TPE1", artist), id3_text(b"COMM", comment))
        return tag + sound_file(samples, kind)
    subtype = "PCM_U8" if few_bits and kind == "wav" else "PCM_S8" if few_bits and kind == "flac" else None
    return sound_file(samples, kind, subtype=subtype, tags={"title": title, "artist": artist, "comment": comment})


def tune(place: int, number: int, seconds: float) -> np.ndarray:
    """Return music, float32 [frames, 2]: notes that no other track has, in the register and rhythm of a class."""
    rng = np.random.default_rng([place, number])
    axis = np.arange(round(seconds * RATE)) / RATE
    step = (0.5, 0.25, 0.33, 0.2, 0.4)[place]
    beat = (axis / step).astype(int)
    pitches = 110 * 2 ** (place / 2 + rng.integers(0, 24, beat[-1] + 1) / 12)
    phase = 2 * np.pi * np.cumsum(pitches[beat]) / RATE
    notes = sum(np.sin(k * phase + rng.uniform(0, 6)) / k for k in (1, 2, 3, 5))
    fade = np.exp(-2 * (axis % step) / step)
    hiss = 0.15 * (1 + place) * rng.standard_normal((len(axis), 2))
    return (0.4 * np.tanh((notes * fade)[:, np.newaxis] + hiss)).astype(np.float32)


# --------------------------------------------------------------------------- what tells whether one did

_NEVER = frozenset(
    ["script", "iframe", "object", "embed", "base", "form", "link", "frame", "frameset", "applet", "foreignobject"]
)
_ADDRESSES = frozenset(["src", "href", "action", "formaction", "data", "poster", "srcset", "background", "xlink:href"])
_HARMLESS = re.compile(r"#|data:image/(svg\+xml|png|jpeg)[;,]|(\.\./){1,2}index\.html$")  # the page of all studies
_TEMPLATE_CODE = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", re.DOTALL)


class _Elements(html.parser.HTMLParser):
    """The elements of a page, each as its name and its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, attrs))


def without_own_script(page: str, script: str) -> str:
    """Return a page without our script, and without the data that it reads, in which there is no markup."""
    assert page.count(f"<script>{script}</script>") == 1
    page = page.replace(f"<script>{script}</script>", "")
    page, data = re.subn(r'<script type="application/json" id="page-data">[^<]*</script>', "", page)
    assert data <= 1
    return page


def html_violations(page: str, *templates: str, beside: Path | None = None) -> list[str]:
    """Return what a page must not hold, pictures within it included.

    These are elements that run or load anything, attributes that do, addresses other than places in the page, pictures
    in it and files `beside` it, and elements and attributes that stand in none of the templates (Jinja sources), if
    there are any.
    """
    elements = _Elements(page).elements
    allowed: dict[str, set[str]] = {}
    for template in templates:
        for tag, attributes in _Elements(_TEMPLATE_CODE.sub("", template)).elements:
            allowed.setdefault(tag, set()).update(name for name, _ in attributes)
    violations = []
    for tag, attributes in elements:
        elsewhere = [(name, value) for name, value in attributes if not _is_file(name, value, beside)]
        violations += _element_violations(tag, elsewhere)
        if templates and tag not in allowed:
            violations.append(f"<{tag}> stands in no template")
        names = {name for name, _ in attributes} - allowed.get(tag, set())
        if templates and tag in allowed and names:
            violations.append(f"<{tag}> has attributes that stand in no template: {', '.join(sorted(names))}")
        for name, value in attributes:
            if name == "src" and (value or "").startswith("data:image/svg+xml"):
                violations += svg_violations(_of_data_uri(value))
    return violations


def svg_violations(svg: bytes) -> list[str]:
    """Return what a picture must not hold: anything that runs, and addresses other than places in it."""
    violations = []
    for element in ElementTree.fromstring(svg).iter():
        attributes = [(name.rsplit("}", 1)[-1].lower(), value) for name, value in element.attrib.items()]
        violations += _element_violations(str(element.tag).rsplit("}", 1)[-1].lower(), attributes)
    return [f"in a picture: {violation}" for violation in violations]


def _element_violations(tag: str, attributes: Iterable[tuple[str, str | None]]) -> Iterator[str]:
    if tag in _NEVER:
        yield f"<{tag}>"
    for name, value in attributes:
        value = (value or "").strip()
        if name.startswith("on"):
            yield f"<{tag} {name}={value!r}>"
        elif name in _ADDRESSES and not _HARMLESS.match(value):
            yield f"<{tag} {name}={value[:60]!r}>"
        elif name == "style" and re.search(r"url\((?!['\"]?#)|expression\(|@import", value, re.IGNORECASE):
            yield f"<{tag} style={value[:60]!r}>"
        elif name == "http-equiv" and value.lower() != "content-security-policy":
            yield f"<{tag} http-equiv={value!r}>"


def _is_file(name: str, value: str | None, folder: Path | None) -> bool:
    """Return whether an address is that of a file below a folder."""
    if folder is None or name not in _ADDRESSES or not value or value.startswith("data:"):
        return False
    path = (folder / value).resolve()
    return path.is_relative_to(folder.resolve()) and path.is_file()


def _of_data_uri(address: str) -> bytes:
    head, _, body = address.partition(",")
    return base64.b64decode(body) if head.endswith(";base64") else urllib.parse.unquote_to_bytes(body)


def formula_cells(path: Path) -> list[str]:
    """Return the cells of a CSV file, header included, that a spreadsheet would run as a formula."""
    with open(path, newline="", encoding="utf-8") as file:
        return [
            f"row {number}: {cell!r}"
            for number, row in enumerate(csv.reader(file), 1)
            for cell in row
            if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) and not _is_number(cell)
        ]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return cell == cell.strip()
