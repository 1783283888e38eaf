"""`check` and the workflow read and judge settings alike: the same sentences at once, exit code 2, and no traceback."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from genreflow.cli import main
from genreflow.cli.exits import guarded
from genreflow.config.layers import load_config
from genreflow.config.names import name_problem
from genreflow.datasets.labels import RESERVED
from genreflow.plan import make
from genreflow.plan.make import make_plan
from genreflow.project.layout import WILDCARDS

HOME = Path(__file__).parents[2]
CONFIG = {"studies": ["own.yaml"], "datasets": {"m": {"layout": "folders", "path": "music"}}}
STUDY = {
    "dataset": "m",
    "inputs": {"slices": {"segments": {"kind": "midpoint", "count": 2}}},
    "folds": {"count": 2},
    "models": {"net": {"model": "psytrance_cnn", "options": {"dropout": 0.1}}},
    "training": {"epochs": 1},
    "experiments": {"e": {"vary": {"dropout": [0.1, 0.2]}}},
}


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with music, which is the working folder of all tests here."""
    folder = tmp_path_factory.mktemp("work")
    for label in ("goa", "dark"):
        for number in range(4):
            path = folder / "music" / label / f"{number}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, np.random.default_rng([number, len(label)]).normal(0, 0.1, 64_000), 8_000)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


def write(config=CONFIG, study=STUDY):
    """Write what is given as text or bytes as it is, and all else as JSON, which is YAML."""
    for name, content in (("my.yaml", config), ("own.yaml", study)):
        content = content if isinstance(content, str | bytes) else json.dumps(content)
        Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())


def checked(capsys, *arguments):
    code = main(["check", "--configfile", "my.yaml", *arguments])
    return code, capsys.readouterr().err


def planned(capsys, *entries):
    """Do what the Snakefile does."""
    before = set(Path.cwd().rglob("*"))
    code = guarded(lambda: make_plan(load_config(HOME, ["my.yaml"], entries), home=HOME, refresh=True) and 0)
    assert code == 0 or set(Path.cwd().rglob("*")) == before, "something was written"
    return code, capsys.readouterr().err


def refused(capsys, *entries):
    """Return what both print, once it is the same, and a user's mistake."""
    code, message = checked(capsys, *(["--config", *entries] if entries else []))
    assert (code, message) == planned(capsys, *entries)
    assert code == 2, message
    assert not re.search("Traceback|bug|report it", message), message
    return message


def config(text):
    return f"studies: [own.yaml]\ndatasets: {{m: {{layout: folders, path: music}}}}\n{text}\n"


def study(text, *without):
    """Return the study as JSON, in a YAML that goes on with `text`."""
    rest = {key: value for key, value in STUDY.items() if key not in without}
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in rest.items()) + text + "\n"


def test_without_a_mistake_both_go_on(work, capsys):
    write()
    assert checked(capsys)[0] == 0
    assert planned(capsys)[0] == 0


CONFIG_MISTAKES = {
    "limits: {max_runs: 010}": "limits.max_runs.*found '010'.*plain decimals",
    "limits: {max_runs: 1:30}": "limits.max_runs.*found '1:30'.*plain decimals",
    "limits: {max_runs: 0x1F}": "limits.max_runs.*found '0x1F'",
    "limits: {memory_gb: .nan}": "limits.memory_gb.*found '.nan'",
    "limits: {memory_gb: 1e999}": "line 3: the number 1e999 is too large",
    "limits: {memory_gb: -.inf}": "limits.memory_gb",
    f"limits: {{max_runs: {'9' * 5000}}}": "line 3: a whole number of 5,000 digits is too large",
    "limits: {max_runs: 2018-02-30}": "line 3: 2018-02-30 has a meaning of its own.*in quotes",
    "limits: {max_runs: 2.5}": "limits.max_runs.*found 2.5",
    "limits: {max_runs: null}": "limits.max_runs.*found nothing",
    "limits: {max_run: 5}": "limits.max_run: this key is not known. Did you mean 'max_runs'?",
    "limits: {device: gpu}": "limits.device.*'cuda'.*found 'gpu'",
    "limits: 5": "limits: this must be `key: value` pairs; found 5",
    "limits:": "limits: this must be `key: value` pairs; found nothing",
    "limits: {device: cpu, device: cuda}": "line 3: the key 'device' is given twice",
    "limits: {[device]: cpu}": "line 3: a key is a word, and here it is a list",
    "? {a: b}\n: 1": "line 3: a key is a word, and here it is a list or a mapping",
    "=: 1": "line 3: = has a meaning",
    "on: 1": "on: this key is not known",
    "no: 1": "no: this key is not known",
    "1: 1": "1: this key is not known",
    "<<: {size: small}": "line 3: << has a meaning",
    "a: &a [1]\nb: *a": "line 4: aliases",
    "a: !!python/object:os.system x": "line 3: tags",
    "a: !!timestamp 2018-02-30": "line 3: tags",
    "__use_yte__: true\nsize: ?open('made', 'w')": "line 3: __use_yte__ is not accepted: settings hold",
    "a: " + "[" * 5000: "more than 50 levels",
    "\tlimits: {}": "line 3, column 1: a tab stands where blanks must",
    "limits: {device: cpu": "cannot be read as YAML: line",
    'limits: {device: "\\0"}': "line 3: the text.*holds a character",
    'limits: {device: "\\ud800"}': "line 3: the text.*holds a character",
    "limits: {device: \0}": "cannot be read as YAML",
    "datasets: {}": "the key 'datasets' is given twice",
    "size: [small]": "size: .*found \\['small'\\]",
    "predict: {study: owm, files: [a.mp3]}": "predict.study: 'owm' is not in `studies`. Did you mean 'own'?",
    "predict: {study: own, files: [a.mp3]}": "predict.files: 'a.mp3': there is no such file",
}
STUDY_MISTAKES = {
    "- a": "top level must be|cannot be read",
    "training: {epochs: 010}": "training.epochs.*found '010'",
    "training: {learning_rate: '5e-3'}": "training.learning_rate.*found '5e-3'",
    f"training: {{seed: {2**64 + 1}}}": "is too large",
    f"training: {{seed: {2**63 - 1}}}": "training.seed.*2147483647",
    "training: {epochs: 1, epochs: 2}": "the key 'epochs' is given twice",
    "models: {no such: {model: psytrance_cnn}}": "models.no such: names are letters",
    f"models: {{{'x' * 101}: {{model: psytrance_cnn}}}}": "names have at most 100 characters",
    "models: {psytrance_cn: {}}": "there is no model 'psytrance_cn'. Did you mean 'psytrance_cnn'?",
    "models: {a: {model: psytrance_cnn, options: {dropout: [1]}}}": "models.a.options.dropout: this must be text",
    "models: {a: {model: psytrance_cnn, options: {dropout: 1}}}": "models.a.options.dropout: 1 is not a number",
    "models: {a: {model: psytrance_cnn, options: {drop: 1}}}": "models.a.options.drop: .* has no such option",
    "models: {a: {model: psytrance_cnn, training: {epoch: 1}}}": "models.a.training.epoch: .*'epochs'",
    "models: {a: {model: random_forest}}": "models.a: it cannot be fed 'slices'",
    "models: {1: {}}": "models.1: there is no model '1'",
    "models: [psytrance_cnn]": "models: this must be `key: value` pairs",
    "experiments: {e: {vary: {}}}": "experiments.e.vary",
    "experiments: {e: {vary: {pool: [zz]}}}": "experiments.e.vary.pool: 'zz' is not one of",
    "experiments: {e: {vary: {epochs: [0]}}}": "experiments.e.vary.epochs: .*greater than or equal to 1; found 0",
    "experiments: {e: {vary: {dropout: [0.1, 0.1]}}}": "experiments.e.vary.dropout: 0.1 is given twice",
    "experiments: {e: {model: zz, vary: {dropout: [0.1]}}}": "experiments.e.model: 'zz' is not among the models",
    "experiments: {e: {vary: {optimizer: [sgd, adam], momentum: [0.9]}}}": "momentum is of sgd",
    "folds: {count: 1}": "folds: count: stratified folds are two or more",
    "folds: {count: 2018-02-28}": "folds.count.*found '2018-02-28'",
    "folds: {count: 5}": "5 folds need at least 5 tracks",
    "protocols: {p: {folds: {count: 0}}}": "protocols.p.folds.count",
    "final: {dropout: 3}": "final.dropout: 3 is not a number",
    "snippets: {s: {dropout: 0.1}}": "snippets.s.model: this key is missing",
    "fusions: {f: {models: [net, nut]}}": "fusions.f.models: 'nut' is not among the models. Did you mean 'net'?",
    "published: /etc/x": "published: .*",
    "analysis: [zz]": "analysis: 'zz' is not among the inputs",
    "inputs: {slices: {segments: {kind: zz}}}": "inputs.slices.segments: kind 'zz' is none of",
}


@pytest.mark.parametrize(("mistake", "sentence"), CONFIG_MISTAKES.items(), ids=lambda text: text[:40])
def test_mistakes_in_config(work, capsys, mistake, sentence):
    write(config(mistake))
    message = refused(capsys)
    assert re.search(sentence, message), message
    assert "my.yaml" in message


@pytest.mark.parametrize(("mistake", "sentence"), STUDY_MISTAKES.items(), ids=lambda text: text[:40])
def test_mistakes_in_a_study(work, capsys, mistake, sentence):
    without = re.findall(r"^\w+", mistake)
    write(study=study(mistake, *without))
    message = refused(capsys)
    assert re.search(sentence, message), message
    assert "own" in message


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"dataset: m\xe9\n", "own.yaml is not UTF-8 text (line 1)"),
        ("", "dataset: this key is missing"),
        ("[]", "top level must be"),
        ("text", "top level must be"),
        ("42", "top level must be"),
        ("dataset: m\n---\ndataset: m\n", "another document"),
        ("#" * 1_000_001, "a settings file has 1 MB at most"),
    ],
    ids=["latin", "empty", "list", "text", "number", "documents", "large"],
)
def test_files_that_are_no_study(work, capsys, content, sentence):
    write(study=content)
    message = refused(capsys)
    assert sentence in message and "own.yaml" in message
    write(content if content else "[]")
    assert "my.yaml" in refused(capsys)


@pytest.mark.parametrize(
    "name", ["gone.yaml", "~nobody-of-this-name/x.yaml", f"{'x' * 5000}.yaml", "music", "dir.yaml"]
)
def test_studies_whose_file_is_not_there(work, capsys, name):
    Path("dir.yaml").mkdir(exist_ok=True)
    write({**CONFIG, "studies": [name]})
    assert name[:20] in refused(capsys)


@pytest.mark.parametrize("path", ["~nobody-of-this-name/x", "x" * 5000, "gone"])
@pytest.mark.parametrize("layout", ["folders", "manifest"])
def test_music_whose_folder_is_not_there(work, capsys, path, layout):
    write({**CONFIG, "datasets": {"m": {"layout": layout, "path": path}}})
    assert path[:20] in refused(capsys)


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("limits={max_runs: 010}", "--config:\n.*limits.max_runs.*found '010'"),
        ("limits={max_runs: 1:30}", "limits.max_runs.*found '1:30'"),
        ("limits={max_runs", "--config limits cannot be read as YAML"),
        ("size=tiny", "--config:\n.*size: .*found 'tiny'"),
        ("n=5", "--config n=5 is not `key=value`"),
        ("limits", "--config limits is not `key=value`"),
        ("studies=", "studies: .*found nothing"),
    ],
)
def test_mistakes_on_the_command_line(work, capsys, entry, sentence):
    write()
    assert re.search(sentence, refused(capsys, entry))


def test_numbers_on_the_command_line_are_numbers(work, capsys):
    write()
    plan = make_plan(
        load_config(HOME, ["my.yaml"], ["limits={max_runs: 30, memory_gb: 5e-3}"]), home=HOME, refresh=True
    )
    assert (plan.settings.limits.max_runs, plan.settings.limits.memory_gb) == (30, 0.005)
    assert checked(capsys, "--config", "limits={max_runs: 30, memory_gb: 5e-3}")[0] == 0


TWELVE = """\
dataset: mm
folds: {count: 9}
models: {net: {model: psytrance_cn, options: {a: [1]}}, b c: {model: psytrance_cnn, training: {epochs: 0}}}
training: {epochs: 0, batch: x, epoks: 3}
experiments: {e: {model: b c, vary: {drop: [0.1], input: [gone]}}}
"""


def test_twelve_mistakes_of_three_files_are_told_in_one_round(work, capsys):
    Path("two.yaml").write_text(TWELVE)
    write({**CONFIG, "studies": ["own.yaml", "two.yaml", "gone.yaml"], "limits": {"max_runs": 0, "devise": 1}},
          STUDY | {"folds": {"count": 5}})  # fmt: skip
    message = refused(capsys)
    for key in (
        "limits.max_runs", "limits.devise", "gone.yaml", "dataset: 'mm'", "models.net.model", "models.net.options.a",
        "models.b c: names", "models.b c.training.epochs", "training.epochs", "training.batch", "training.epoks",
        "experiments.e.vary.drop", "experiments.e.vary.input", "5 folds need",
    ):  # fmt: skip
        assert key in message, key


def test_one_mistake_is_told_once(work, capsys):
    write(study=study("training: {optimizer: sdg, momentum: 0.9, epochs: 0}", "training"))
    message = refused(capsys)
    assert message.count("  - ") == 2 and "momentum" not in message


def test_a_grid_is_counted_before_it_is_built(work, capsys, monkeypatch):
    axes = ("batch", "epochs", "steps_per_epoch", "early_stopping_patience", "plateau_patience", "accumulate")
    write(study=STUDY | {"experiments": {"e": {"vary": {axis: list(range(1, 11)) for axis in axes}}}})
    monkeypatch.setattr(make, "StudyPlan", lambda *_: pytest.fail("the settings are worked out"))
    assert re.search("they compare 1,000,000 settings.*limits.max_runs is 2,000", refused(capsys))


def test_runs_are_counted_before_they_are_listed(work, capsys):
    folds = {"scheme": "random", "count": 1000}
    write(study=STUDY | {"folds": folds, "repeats": 100})
    assert "it has 200,001 runs; limits.max_runs is 2,000" in refused(capsys)


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_classes_that_bear_the_name_of_a_column(work, capsys, name):
    rows = [f"music/goa/{n}.wav,{name}" for n in range(4)] + [f"music/dark/{n}.wav,dark" for n in range(4)]
    Path("list.csv").write_text("\n".join(["path,label", *rows]) + "\n")
    write({**CONFIG, "datasets": {"m": {"layout": "manifest", "path": "list.csv"}}})
    assert f"'{name}' (4 tracks) cannot be the name of a class" in refused(capsys)
    aliases = {name: "other"}
    write({**CONFIG, "datasets": {"m": {"layout": "manifest", "path": "list.csv", "labels": {"aliases": aliases}}}})
    assert checked(capsys)[0] == 0


@given(name=st.text(max_size=5) | st.text("aZ0_-", max_size=101))
def test_a_name_that_is_allowed_is_one_that_the_workflow_takes(name):
    if name_problem(name) is None:
        for wildcard in ("dataset", "study", "protocol", "figure", "snippets"):
            assert re.fullmatch(WILDCARDS[wildcard], name)
        assert re.fullmatch(WILDCARDS["model_setting"], f"{name}/base")


JUNK = st.sampled_from(
    [None, True, -1, 0, 2**63 - 1, 10**30, 1e308, "", "x", "010", "m", "../m", [], [[]], {}, {"": {}}, {"a": {"b": 1}}]
)


def places(values, at=()):
    """Yield the way to each value in mappings and lists."""
    pairs = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    for key, value in pairs:
        yield (*at, key)
        yield from places(value, (*at, key))


def changed(values, place, junk, how):
    """Return a copy in which the value at a place is junk, is left out, or has another key."""
    copy = json.loads(json.dumps(values))
    inner = copy
    for step in place[:-1]:
        inner = inner[step]
    value = inner.pop(place[-1])
    if how != "leave out":
        key = f"{place[-1]}s" if how == "rename" and isinstance(inner, dict) else place[-1]
        inner.insert(key, junk) if isinstance(inner, list) else inner.update({key: value if how == "rename" else junk})
    return copy


@settings(max_examples=30)
@given(data=st.data())
def test_whatever_is_put_in_place_of_a_value_is_taken_or_refused_alike(work, data):
    files = {"config": CONFIG | {"limits": {"max_runs": 50}}, "study": STUDY}
    for _ in range(data.draw(st.integers(1, 3))):
        name = data.draw(st.sampled_from(["config", "study"]))
        if ways := list(places(files[name])):
            how = data.draw(st.sampled_from(["replace", "rename", "leave out"]))
            files[name] = changed(files[name], data.draw(st.sampled_from(ways)), data.draw(JUNK), how)
    write(**files)
    with pytest.MonkeyPatch.context() as patch:
        message = []
        patch.setattr("genreflow.cli.exits.info", message.append)
        patch.setattr("genreflow.cli.check.info", message.append, raising=False)
        codes = [
            guarded(lambda: main_check()),
            guarded(lambda: make_plan(load_config(HOME, ["my.yaml"]), home=HOME, refresh=True) and 0),
        ]
    assert set(codes) <= {0, 2} and codes[0] == codes[1], message
    assert codes[0] == 0 or message[0] == message[1]


def main_check():
    make.validate_config(load_config(HOME, ["my.yaml"]), home=HOME, look=True)
    return 0


@pytest.mark.end_to_end
def test_snakemake_prints_what_check_prints(work):
    """The Snakefile itself, with files and values that Snakemake reads in its own way."""
    write(config("limits: {max_runs: 1:30}\n"), study("models: {CNN: {model: psytrance_cnn}, a b: {}}\n", "models"))
    given = ["--configfile", "my.yaml", "--config", "audio={quality: 010}"]
    check, dry = (
        subprocess.run(
            [sys.executable, "-c", f"import sys; from genreflow.cli import main; sys.exit(main({words!r}))"],
            capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(HOME)}, check=False,
        )
        for words in (["check", *given], ["run", "--dry-run", *given])
    )  # fmt: skip
    assert check.returncode == dry.returncode == 2, dry.stderr
    assert check.stderr.count("  - ") >= 3 and dry.stderr.endswith(check.stderr)


@pytest.mark.end_to_end
def test_snakemake_takes_names_and_numbers_as_check_does(work):
    """A model in capitals, a dataset of a shipped name, and numbers that are text to Snakemake."""
    write(
        {"studies": ["own.yaml"], "datasets": {"gtzan": {"layout": "folders", "path": "music"}}},
        STUDY | {"dataset": "gtzan", "models": {"CNN": {"model": "psytrance_cnn"}}},
    )
    words = ["run", "--dry-run", "--configfile", "my.yaml", "--config", "limits={max_runs: 30, track_timeout: 5e-3}"]
    ended = subprocess.run(
        [sys.executable, "-c", f"import sys; from genreflow.cli import main; sys.exit(main({words!r}))"],
        capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(HOME)}, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert "train_run" in ended.stdout + ended.stderr
