"""No name of a stranger steers a terminal, a log, a table or a page; and what a crash leaves is its owner's alone."""

import io
import json
import os
import pickle
import re
import stat
import sys
import tempfile
import unicodedata
from pathlib import Path

import pandas as pd
import pytest
from docutils.core import publish_string
from hypothesis import given
from hypothesis import strategies as st

from genreflow.cli import console, main, models
from genreflow.datasets.labels import tidy
from genreflow.datasets.layouts.manifest import Manifest
from genreflow.datasets.scan import list_dataset as find
from genreflow.errors import Problems, UserError
from genreflow.job import job
from genreflow.report.captions import label_of, rst_of
from genreflow.report.overview import overview
from genreflow.store.csvs import write_csv
from genreflow.store.sealed import write_sealed
from genreflow.store.text import Sanitized, Unmarked, sanitize, sanitize_name

HOME = Path(__file__).parents[2]
HOSTILE = {
    "color": "\x1b[31mred\x1b[0m",
    "title of the window": "\x1b]0;owned\x07",
    "link": "\x1b]8;;https://example.org\x1b\\here\x1b]8;;\x1b\\",
    "C1": "\x9b2Jgone\x9d0;title\x9c",
    "back to the start of the line": "safe\rFAKE",
    "erased": "abc\x08\x08\x08xyz",
    "bell": "\x07",
    "turned around": "\u202egpj.exe\u202c",
    "isolated": "\u2066x\u2069",
    "invisible": "ro\u200bck\ufeff\u2060",
    "line separator": "one\u2028two\u2029three\x85four",
    "soft hyphen": "so\xadft",
    "half of a pair": "\ud83d",
    "odd byte": "\udcff",
}
every = pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
WRITABLE = [name for name in HOSTILE.values() if not set(name) & set("\ud83d\udcff")]  # which no UTF-8 file can hold


def is_harmless(text):
    kinds = {char: unicodedata.category(char) for char in text if char not in "\n\u200c\u200d"}
    return not any(kind[0] == "C" or kind in ("Zl", "Zp") for kind in kinds.values())


@every
def test_what_is_hidden_is_shown_as_an_escape(name):
    assert is_harmless(sanitize(name))
    assert sanitize_name(f"{name}\n{name}").count("\n") == 0


@given(st.text())
def test_any_text_is_harmless_and_stays_as_it_is_the_second_time(text):
    shown = sanitize(text)
    assert is_harmless(shown)
    assert sanitize(shown) == shown
    assert shown.count("\n") == text.count("\n")


@pytest.mark.parametrize("name", ["Hip-Hop", "日本語", "caf\xe9", "می\u200cخواهم", "👩\u200d🎤", "a\nb", "Δ µ ∑"])
def test_plain_text_is_left_alone(name):
    assert sanitize(name) == name


@every
def test_all_that_a_command_prints(name, monkeypatch, capsys):
    monkeypatch.setattr(models, "table", lambda: f"printed {name}")
    assert main(["models"]) == 0
    out, err = capsys.readouterr()
    assert "printed" in out
    assert is_harmless(out + err)


@every
def test_mistakes_progress_and_last_lines(name, monkeypatch, capsys):
    console.progress(f"1 of 2 {name}")
    console.info(name)
    console.print_result(name, following=name)

    def fail():
        raise Problems("config:", [f"{name} is wrong"])

    monkeypatch.setattr(models, "table", fail)
    assert main(["models"]) == 2
    assert is_harmless(capsys.readouterr().err.replace("\r1 of 2", "1 of 2"))


def test_json_is_left_alone(monkeypatch, capsys):
    monkeypatch.setattr(models, "table", lambda: json.dumps(HOSTILE))
    assert main(["models"]) == 0
    out = capsys.readouterr().out
    assert json.loads(out[: out.rindex("}") + 1]) == HOSTILE


@every
@pytest.mark.parametrize("kind", [UserError, ValueError])
def test_what_a_job_says_and_writes_into_its_log(name, kind, tmp_path, capsys):
    with pytest.raises(SystemExit), job(tmp_path / "job.log") as say:
        print(f"printed {name}")
        print(f"warned of {name}", file=sys.stderr)
        say(f"said {name}")
        raise kind(name)
    log = (tmp_path / "job.log").read_text(encoding="utf-8")
    assert all(word in log for word in ("printed", "warned of", "said", "failed after"))
    assert is_harmless(log)
    assert is_harmless(capsys.readouterr().err)


def test_a_sanitized_stream_is_the_stream_in_all_else(tmp_path):
    with open(tmp_path / "log", "w", encoding="utf-8") as file:
        stream = Sanitized(file)
        assert (stream.fileno(), stream.isatty(), stream.encoding) == (file.fileno(), False, "utf-8")
        assert stream.write("\x1b[1mx") == 5
        stream.flush()
        assert (tmp_path / "log").read_text() == r"\x1b[1mx"
    assert Sanitized(io.StringIO()).writable() is not None


@every
def test_tables_for_people(name, tmp_path):
    write_csv(
        tmp_path / "t.csv", pd.DataFrame([[name]], columns=pd.Index([f"column {name}"], dtype=object), dtype=object)
    )
    assert is_harmless((tmp_path / "t.csv").read_text(encoding="utf-8").replace("\r\n", "\n"))


@pytest.mark.parametrize("name", [name for name in WRITABLE if not set(name) & set(";\r")])
def test_classes_and_artists_of_a_manifest(name, tmp_path):
    rows = [{"path": f"{n}.wav", "label": f"{label}{name}", "artist": f"a{name}"} for n, label in enumerate("xy")]
    for row in rows:
        (tmp_path / row["path"]).write_bytes(b"x")
    pd.DataFrame(rows).to_csv(tmp_path / "list.csv", index=False)
    result = find(Manifest(layout="manifest", path=str(tmp_path / "list.csv")))
    assert {track.label for track in result.tracks} == {tidy(row["label"]) for row in rows}
    assert all(is_harmless(track.label + track.artist) for track in result.tracks)


@pytest.mark.parametrize("name", WRITABLE)
def test_the_page_over_all_studies(name, tmp_path):
    place = tmp_path / "mine/report/data/summary.json"
    place.parent.mkdir(parents=True)
    message = {
        "tracks": 1,
        "classes": 2,
        "quarantined": 0,
        "level": "track",
        "baseline": 0.5,
        "accuracy": 1,
        "low": 0,
        "high": 1,
    }
    place.parents[1].joinpath("index.html").touch()
    write_sealed(place, message | {"title": f"<b>{name}", "sentences": [name], "level": name})
    page = overview([place], tmp_path)
    assert is_harmless(page)
    assert "<b>" not in page.split("<tbody>")[1].split("</tbody>")[0]
    assert "<b>" not in page.split("<h2")[1].split("</h2>")[0]


MARKUP = [
    "x_ and __y__ and `z`_",
    "|sub| *em* **strong** :raw:`x`",
    ".. raw:: html\n\n   <script>alert(1)</script>",
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "{wildcards.x} {study} {",
    "[1]_ `<javascript:alert(1)>`__",
    "ends in a backslash \\",
    *HOSTILE.values(),
]


@pytest.mark.parametrize("title", MARKUP)
def test_titles_are_text_in_snakemakes_own_report(title):
    shown = {"kind": "architecture", "model": title}
    words = rst_of(shown, {"title": title, "headline": None, "protocols": {}})
    text = f"**{words['title']}**\n\n{words['caption']}\n\nStudy: {words['study']}.\n"
    page = publish_string(text, writer="html", settings_overrides={"report_level": 1}).decode()
    body = page[page.index("<body") :]
    assert "system-message" not in body and "<script" not in body and "<a " not in body and "problematic" not in body
    assert is_harmless(words["title"] + words["study"])
    label = label_of(title, {"standin": False})
    assert not set(label) & set("<>{}") and is_harmless(label) and "\n" not in label


def test_parameters_end_no_script_in_snakemakes_own_report():
    given = Unmarked(study={"title": "</script><script>alert(1)</script>\x1b[1m"})
    assert given["study"]["title"].startswith("</script>")
    assert "<" not in f"{given}" + repr(given) and is_harmless(f"{given}")
    assert repr(given) != repr(Unmarked(study={"title": "another"}))
    assert pickle.loads(pickle.dumps(given)) == given


def test_what_a_crash_leaves_is_its_owners_alone(tmp_path, monkeypatch, capsys):
    def fail():
        raise KeyError(HOSTILE["color"])

    monkeypatch.setattr(models, "table", fail)
    old = os.umask(0)
    try:
        for place in ("logs", "temporary"):
            (tmp_path / place).mkdir()
            monkeypatch.chdir(tmp_path if place == "logs" else tmp_path / place)
            monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
            assert main(["models"]) == 1
            [story] = (tmp_path / place).rglob("genreflow-bug-*.txt")
            assert stat.S_IMODE(story.stat().st_mode) == 0o600
            assert stat.S_IMODE(story.parent.stat().st_mode) == 0o700
            assert "Traceback" in story.read_text() and is_harmless(story.read_text())
    finally:
        os.umask(old)
    assert is_harmless(capsys.readouterr().err)


def test_a_folder_that_was_open_to_all_is_closed_first(tmp_path, monkeypatch):
    def fail():
        raise KeyError("lost")

    (tmp_path / "logs/bugs").mkdir(parents=True)
    (tmp_path / "logs/bugs").chmod(0o777)
    monkeypatch.setattr(models, "table", fail)
    monkeypatch.chdir(tmp_path)
    assert main(["models"]) == 1
    assert stat.S_IMODE((tmp_path / "logs/bugs").stat().st_mode) == 0o700


def test_nothing_in_the_snakefile_is_printed_as_it_is():
    for path in [HOME / "Snakefile", *(HOME / "workflow/rules").glob("*.smk")]:
        printed = re.findall(r"print\(\s*(\w+)", path.read_text())
        assert {name for name in printed if not name.isupper()} <= {"sanitize"}, path  # constants are our own
