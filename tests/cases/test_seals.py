"""Forged and exchanged products: whoever reads one refuses it, names it and says what to do; nothing believes it."""

import json
import re
import shutil
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from finished_runs import write_folds, write_setting
from little_model import ENTRY, write_music, write_predictions, write_run
from resealing import reseal

from genreflow import repair
from genreflow.audio.vorbis import check_pages, encode_ogg, serial_of
from genreflow.cli import main
from genreflow.errors import Damaged, UserError
from genreflow.evaluation.headline import read_headline, write_headline
from genreflow.evaluation.study import read_runs
from genreflow.figures.registry import draw
from genreflow.figures.sources import Sources, Tables
from genreflow.inference.confidence import of_model
from genreflow.job import job
from genreflow.models.registry import MODELS
from genreflow.report.folder import DATA, SUMMARY
from genreflow.report.overview import overview
from genreflow.report.study import _run_facts
from genreflow.store import costs, hdf5, parquet
from genreflow.store.parquet import Header, array_column, read_frame, read_header, write_table
from genreflow.store.runs import EXPORTED, HISTORY, MODEL, PREDICTIONS, RUN, RUN_VERSION, read_run
from genreflow.store.sealed import read_sealed, write_sealed
from genreflow.training.checkpoint import Checkpoints

TESTS = Path(__file__).parents[1]
CNN = "results/one/runs/cnn"
GOOD, POOR = f"{CNN}/good", f"{CNN}/poor"
HALVES = "results/little/runs/halves/base/fold-final"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Finished runs of a made-up study, and of a model that can be asked."""
    folder = tmp_path_factory.mktemp("made")
    folds = write_folds(folder / "results/one")
    for setting, wrong in (("good", ()), ("poor", (1, 2))):
        write_setting(folder / "results/one", folds, setting=setting, wrong=wrong)
    proba = np.tile([[0.9, 0.1], [0.2, 0.8]], (15, 1))
    for fold in ("fold-1", "fold-final"):
        home = write_run(folder / HALVES.replace("fold-final", fold))
        write_predictions(home, proba, ["high", "low"] * 15)
    write_music(folder / "music", ("low",), 1)
    return folder


@pytest.fixture
def here(made, tmp_path, monkeypatch):
    shutil.copytree(made, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setitem(MODELS, "halves", ENTRY)
    return tmp_path / "here"


def swap_classes(facts):
    facts["classes"] = facts["classes"][::-1]


def other_loudness(facts):
    facts["audio"]["loudness"] = -23.0


def other_front_end(facts):
    facts["input"]["front_end"]["hop"] = 100


def other_key(facts):
    facts["key"] = "fedcba9876543210"


def other_fold(facts):
    facts["fold"] = "7"


def other_status(facts):
    facts["status"] = "diverged"


def other_threshold(facts):
    facts["calibration"]["least"] = 0.0


FORGERIES = [swap_classes, other_loudness, other_front_end, other_key, other_fold, other_status]


def forge(path, change):
    """Change facts in a JSON file that stays valid, as an editor would."""
    facts = json.loads(path.read_text())
    facts.setdefault("audio", {})
    facts.setdefault("input", {}).setdefault("front_end", {})
    change(facts)
    path.write_text(json.dumps(facts, indent=2))


def refused(capsys, *arguments):
    """Return what a command says that must end with 5, having written nothing."""
    before = sorted(Path.cwd().rglob("*"))
    assert main(arguments) == 5
    message = capsys.readouterr().err
    assert "Traceback" not in message and sorted(Path.cwd().rglob("*")) == before
    return message


@pytest.mark.parametrize("change", FORGERIES)
def test_a_forged_description_of_a_run_is_believed_by_no_command(here, capsys, change):
    forge(here / HALVES / RUN, change)
    for command in (["predict", HALVES, "music"], ["export", HALVES, "away"], ["explain", HALVES, "music"]):
        message = refused(capsys, *command)
        assert f"{HALVES}/run.json is damaged (its seal is broken" in message
        assert "`genreflow verify --repair` makes damaged products again." in message
    forge(here / GOOD / "fold-1" / RUN, change)
    message = refused(capsys, "compare", GOOD, POOR)
    assert "good/fold-1/run.json is damaged" in message and "verify --repair" in message
    assert main(["verify"]) == 5
    printed = capsys.readouterr().out
    assert f"{HALVES}/run.json is damaged" in printed and f"{GOOD}/fold-1/run.json is damaged" in printed


def test_a_forged_run_beside_the_model_takes_no_part_in_its_calibration(here, capsys):
    facts = read_run(HALVES)
    assert of_model(Path(HALVES), facts).tracks == 30
    forge(here / HALVES.replace("final", "1") / RUN, other_status)
    message = refused(capsys, "predict", HALVES, "music")
    assert "fold-1/run.json is damaged" in message


def study_of(*settings, key=None):
    """Return what jobs are told of the runs of a made-up study."""
    runs = [
        {"model": "cnn", "setting": setting, "protocol": "standard", "fold": fold, "repeat": 0, "key": key,
         "path": f"runs/cnn/{setting}/fold-{fold}"}
        for setting in settings for fold in ("1", "2")
    ]  # fmt: skip
    chosen = {"model": "cnn", "setting": settings[0]}
    return {"runs": runs, "protocols": {"standard": {"folds": {"scheme": "stratified"}}}, "headline": chosen}


def readers_of_runs(study):
    """Return what the jobs that evaluate, draw and report do with the runs of a study."""
    folder = Path("results/one")
    sources = Sources(study=study, tables={}, published={}, index=Path(), folder=folder)
    return {
        "evaluate_study": lambda: read_runs(folder, study),
        "draw_figure": lambda: draw({"kind": "architecture", "model": "cnn"}, sources),
        "write_report": lambda: _run_facts(study, folder),
    }


@pytest.mark.parametrize("reader", ["evaluate_study", "draw_figure", "write_report"])
@pytest.mark.parametrize("change", FORGERIES)
def test_a_job_that_meets_a_forged_run_puts_it_aside(here, change, reader):
    read = readers_of_runs(study_of("good"))[reader]
    path = here / GOOD / "fold-1" / RUN
    forge(path, change)
    with pytest.raises(SystemExit), job(here / "a.log"):
        read()
    message = (here / "a.log").read_text()
    assert (
        f"{GOOD}/fold-1/run.json is damaged" in message
        and "will be made again" in message
        and "Traceback" not in message
    )
    assert not path.exists() and path.with_name(".run.json.damaged").exists()
    assert repair.missing_stages(here / "results") == [[path]]


@pytest.mark.parametrize("name", [MODEL, HISTORY, PREDICTIONS])
def test_a_file_of_another_run_is_noticed_beside_the_facts_of_this_one(here, capsys, name):
    study = study_of("good", "poor")
    if name == MODEL:
        for setting in ("good", "poor"):
            (here / CNN / setting / "fold-1" / MODEL).write_bytes(setting.encode())
            reseal(here / CNN / setting / "fold-1")
    one, two = (here / CNN / setting / "fold-1" / name for setting in ("good", "poor"))
    if name == HISTORY:
        write_table(one, read_frame(one, "history").assign(loss=0.1), Header("history"))
        reseal(one.parent)
    content = one.read_bytes()
    assert content != two.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(content)
    assert main(["verify"]) == 5
    printed = capsys.readouterr().out
    for path in (one, two):
        assert f"{path.relative_to(here)} is damaged (it is not the file that was written with the facts" in printed
    if name != MODEL:
        assert name in refused(capsys, "compare", GOOD, POOR)
        with pytest.raises(Damaged, match=name):
            readers_of_runs(study)["evaluate_study"]()


def test_weights_of_one_run_beside_the_facts_of_another_are_refused(here, capsys):
    other = write_run(here / "other/fold-final", classes=("low", "high"))
    weights = (here / HALVES / MODEL).read_bytes()
    (other / MODEL).write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))
    reseal(other)
    shutil.copy(other / MODEL, here / HALVES / MODEL)
    for command in (["predict", HALVES, "music"], ["export", HALVES, "away"], ["explain", HALVES, "music"]):
        assert f"{HALVES}/{MODEL} is damaged" in refused(capsys, *command)


def test_whole_runs_that_changed_places_are_noticed(here, capsys):
    one, two = here / GOOD / "fold-1", here / GOOD / "fold-2"
    for source, target in ((one, here / "kept"), (two, one), (here / "kept", two)):
        source.rename(target)
    with pytest.raises(Damaged, match=r"fold-1/run.json is damaged \(it is that of fold-2\)"):
        readers_of_runs(study_of("good"))["evaluate_study"]()
    assert "it is that of fold-2" in refused(capsys, "compare", GOOD, POOR)
    study = study_of("good", key="0123456789abcdef")
    reseal(here / POOR / "fold-1", key="fedcba9876543210")
    with pytest.raises(Damaged, match="its key is that of other settings"):
        read_runs(Path("results/one"), study | {"runs": study_of("poor", key="0123456789abcdef")["runs"]})


def test_facts_without_a_seal_or_of_another_version_are_refused_in_a_sentence(here, capsys):
    path = here / HALVES / RUN
    facts = json.loads(path.read_text())
    path.write_text(json.dumps({name: value for name, value in facts.items() if name != "seal"}))
    assert "it has no seal: an older genreflow wrote it" in refused(capsys, "predict", HALVES, "music")
    reseal(here / HALVES, version=RUN_VERSION - 1)
    assert main(["predict", HALVES, "music"]) == 2
    assert "another version of genreflow" in capsys.readouterr().err


@pytest.mark.parametrize("change", [swap_classes, other_loudness, other_front_end, other_threshold])
def test_a_forged_export_is_refused_and_left_where_it_is(here, capsys, change):
    facts = read_run(HALVES)
    away = here / "away"
    away.mkdir()
    shutil.copy(here / HALVES / MODEL, away / MODEL)
    bare = {name: value for name, value in facts.items() if name not in ("seal", "name")}
    calibration = of_model(Path(HALVES), facts).facts()
    write_sealed(away / EXPORTED, bare | {"kind": "model", "calibration": calibration}, files=[MODEL])
    assert main(["predict", "away", "music", "--json"]) == 0
    capsys.readouterr()
    forge(away / EXPORTED, change)
    message = refused(capsys, "predict", "away", "music")
    assert "away/model.json is damaged" in message and "Export the model again, or take a fresh copy" in message
    with pytest.raises(SystemExit), job(here / "a.log"):
        read_sealed(away / EXPORTED, remedy="Export the model again.")
    assert (away / EXPORTED).exists() and "Export the model again." in (here / "a.log").read_text()


def rewritten(path, change, *, facts=None):
    """Write a table anew with other cells, or other facts in its header, by the library itself."""
    table = pq.read_table(path, partitioning=None)
    metadata = dict(table.schema.metadata)
    if facts:
        header = json.loads(metadata[b"genreflow"])
        metadata[b"genreflow"] = json.dumps(header | facts).encode()
    table = change(table).replace_schema_metadata(metadata)
    arrays = [name for name in table.schema.names if pa.types.is_fixed_size_binary(table.schema.field(name).type)]
    plain = [name for name in table.schema.names if name not in arrays]
    pq.write_table(
        table, path, compression={name: "none" if name in arrays else "zstd" for name in table.schema.names},
        use_dictionary=plain, write_statistics=plain, write_page_checksum=True,
    )  # fmt: skip


def test_a_table_that_was_written_anew_is_refused(tmp_path):
    path, frame = tmp_path / "x.parquet", pd.DataFrame({"label": ["goa", "techno"], "p0": [0.2, 0.9]})
    forgeries = {
        "another key": lambda: rewritten(path, lambda table: table, facts={"key": "another"}),
        "other facts": lambda: rewritten(path, lambda table: table, facts={"facts": {"classes": ["techno", "goa"]}}),
        "another cell": lambda: rewritten(path, lambda t: t.set_column(1, "p0", pa.array([0.9, 0.2]))),
        "no header": lambda: frame.to_parquet(path),
    }
    for name, forged in forgeries.items():
        write_table(path, frame, Header("predictions", "key", facts={"classes": ["goa", "techno"]}))
        forged()
        with pytest.raises(Damaged):
            read_frame(path, "predictions")
        with pytest.raises(Damaged):
            assert read_header(path) is name
        assert repair.find_damage([path]).__next__() is not None


@pytest.mark.parametrize("what", ["key", "facts", "cells", "another cell", "seal", "chunks"])
def test_a_shard_that_was_edited_is_refused(tmp_path, what):
    path = tmp_path / "s0.h5"
    arrays = {"track_id": np.array(["a", "b"] * 50), "array": np.arange(200_000.0).reshape(100, 2_000)}
    hdf5.write_shard(path, arrays, Header("slices", "key", facts={"shape": [2_000]}))
    assert hdf5.read_shard(path, "slices", rows=slice(2))["array"].shape == (2, 2_000)
    with h5py.File(path, "r+") as file:
        match what:
            case "key" | "facts":
                output = file["header"][:].tobytes()
                forged = output.replace(b'"key": "key"', b'"key": "yek"').replace(b"[2000]", b"[1000]")
                file["header"][:] = np.frombuffer(forged, np.uint8)
            case "cells":
                file["arrays/array"][99, 1_999] = 0.0  # in a chunk that the reader below does not read
            case "another cell":
                file["arrays/track_id"][0] = b"c"
            case "seal":
                del file.attrs["seal"]
            case "chunks":
                file["arrays/array"][:] = arrays["array"][::-1]
    for read in (hdf5.read_header, lambda path: hdf5.read_shard(path, "slices", ["track_id"], rows=slice(1))):
        with pytest.raises(Damaged):
            read(path)


def test_tables_and_shards_that_changed_places_are_noticed(tmp_path):
    one, two = tmp_path / "s0.parquet", tmp_path / "s1.parquet"
    for path in (one, two):
        table = pa.table({"array": array_column(np.full((3, 2), len(path.name), np.float16))})
        write_table(path, table, Header("slices", "key"))
        hdf5.write_shard(path.with_suffix(".h5"), {"array": np.zeros((3, 2))}, Header("slices", "key"))
    for suffix, read in ((".parquet", parquet.read_header), (".h5", hdf5.read_header)):
        shutil.copy(two.with_suffix(suffix), one.with_suffix(suffix))
        with pytest.raises(Damaged, match=r"written as s1"):
            read(one.with_suffix(suffix))
        read(two.with_suffix(suffix))
    write_table(one, pd.DataFrame({"a": [1]}), Header("folds"))
    with pytest.raises(Damaged, match="holds 'folds', where 'slices' belongs"):
        parquet.read_header(one, "slices")


def test_a_normalized_track_under_the_name_of_another_is_noticed(tmp_path):
    names = ["00000000deadbeef.ogg", "0123456789abcdef.ogg"]
    noise = np.random.default_rng(0).normal(0, 0.1, 8_000).astype(np.float32)
    for name in names:
        path = tmp_path / name
        path.write_bytes(encode_ogg(noise, 8_000, quality=1, serial=serial_of(path)))
        check_pages(path)
    shutil.copy(tmp_path / names[0], tmp_path / names[1])
    with pytest.raises(Damaged, match="written under another name"):
        check_pages(tmp_path / names[1])


def test_headlines_and_summaries_are_sealed_and_belong_to_their_tables(tmp_path):
    message = {"sentences": ["80.0 % of 40 tracks."], "tracks": 40, "accuracy": 0.8}
    write_headline(tmp_path / "headline.json", message, key="key")
    assert read_headline(tmp_path / "headline.json", key="key") == message
    with pytest.raises(Damaged, match="headline of other tables"):
        read_headline(tmp_path / "headline.json", key="another")
    for path in (tmp_path / "headline.json", tmp_path / "one/report" / DATA / SUMMARY):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_sealed(path, message)
        path.write_text(path.read_text().replace("80.0 %", "99.9 %"))
    with pytest.raises(Damaged, match=r"headline\.json is damaged \(its seal is broken"):
        read_headline(tmp_path / "headline.json")
    with pytest.raises(Damaged, match=r"summary\.json is damaged \(its seal is broken"):
        overview([tmp_path / "one/report" / DATA / SUMMARY], tmp_path)
    for name, key in (("runs", "key"), ("settings", "another")):
        write_table(tmp_path / f"{name}.parquet", pd.DataFrame({"a": [1]}), Header("table", key))
    tables = Tables([tmp_path / "runs.parquet", tmp_path / "settings.parquet"])
    assert len(tables["runs"]) == 1
    with pytest.raises(Damaged, match=r"settings\.parquet is damaged \(it was not made together"):
        _ = tables["settings"]


def test_a_forged_line_of_costs_does_not_count(tmp_path):
    for _ in range(2):
        with costs.recorded(tmp_path / "a.log", since=0.0):
            pass
    path = tmp_path / "a.cost.jsonl"
    first, second = path.read_text().splitlines()
    path.write_text(re.sub(r'"seconds": [\d.]+', '"seconds": 1.0', first) + "\n" + second + "\n[]\n")
    assert [attempt["seconds"] for attempt in costs.attempts(tmp_path / "a.log")] == [json.loads(second)["seconds"]]


def test_the_checkpoint_of_another_fold_is_as_if_it_were_not_there(tmp_path):
    for name in ("fold-1", "fold-2"):
        (tmp_path / name).mkdir()
    Checkpoints(tmp_path / "fold-1", "key").save({"step": 7})
    shutil.copy(tmp_path / "fold-1/.checkpoint", tmp_path / "fold-2/.checkpoint")
    assert Checkpoints(tmp_path / "fold-2", "key").load() is None
    (tmp_path / "fold-1").rename(tmp_path / ".fold-1")  # in which a run waits for others of its job
    assert Checkpoints(tmp_path / ".fold-1", "key").load() == {"step": 7}


def test_json_is_read_in_few_places_all_of_which_verify_it_or_hold_no_results():
    """Whoever adds a reader of JSON takes `read_sealed`, or has to argue here."""
    allowed = {
        "store/sealed.py": "verifies the seal",
        "store/parquet.py": "the header, within a sealed footer",
        "store/hdf5.py": "the header, within a sealed file",
        "store/costs.py": "verifies the seal of each line",
        "embeddings/sources.py": "the shapes in the header of weights, whose digest counts in keys",
        "evaluation/search.py": "the values of a trial, a cell of a table that has been verified",
        "audio/normalize.py": "the comment of a track, whose pages have been checked",
        "cli/run.py": "who holds the lock",
        "cli/run_tracker.py": "how far jobs have come, from logs/",
        "cli/status.py": "how far a run has come, from logs/",
        "datasets/catalog.py": "the tags of files, cells of a table that has been verified",
        "datasets/file_facts.py": "the same",
        "datasets/layouts/export.py": "an export of another program",
        "plan/pace.py": "how fast this machine is, for forecasts alone",
        "export/tags.py": "an undo file, whose lines are checked",
        "training/tracking.py": "the identifier that a tracker gave a run; no result depends on it",
        "datasets/progress.py": "how far a stage has come, from logs/",
    }
    package = TESTS.parent / "genreflow"
    readers = {str(path.relative_to(package)) for path in package.rglob("*.py") if "json.load" in path.read_text()}
    assert readers == set(allowed)


def test_a_missing_file_of_a_run_is_the_users_to_make_again(here):
    (here / GOOD / "fold-1" / PREDICTIONS).unlink()
    with pytest.raises(UserError, match=r"predictions\.parquet is missing. `genreflow run` remakes it"):
        read_run(here / GOOD / "fold-1", files=[PREDICTIONS])
