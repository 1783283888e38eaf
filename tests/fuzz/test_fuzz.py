import subprocess
import sys

import fuzz
import pytest
from fuzz import FORMATS, is_whole, mutant, run


def test_mutants_are_reproducible_and_damaged():
    assert [mutant(number, 3) for number in range(20)] == [mutant(number, 3) for number in range(20)]
    damaged = [number for number in range(len(FORMATS) * 16) if not is_whole(number)]
    assert len({mutant(number, 0)[1] for number in damaged}) > 0.95 * len(damaged)


def test_whatever_a_file_holds_it_is_used_or_refused_by_name():
    summary = run(80, seed=0)
    assert not summary.violations, summary
    assert summary.cases == sum(summary.verdicts.values()) == 80
    assert {verdict for _, verdict in summary.verdicts} == {"accept", "warn", "quarantine"}


def test_broken_promises_are_noticed(monkeypatch):
    def careless(tracks, **options):
        table = fuzz_ingest(tracks, **options)
        rows = table.to_pylist()
        rows[0]["message"] = "no sentence"
        rows[1]["verdict"] = "fine"
        (options["audio_folder"] / "left.tmp").write_bytes(b"")
        return table.from_pylist(rows, schema=table.schema)

    fuzz_ingest = fuzz.ingest
    monkeypatch.setattr(fuzz, "ingest", careless)
    monkeypatch.setattr(fuzz, "PEAK_MARGIN", -6.0)
    monkeypatch.setattr(fuzz, "LOUDNESS_MARGIN", -1.0)
    violations = "\n".join(run(8, seed=0).violations)
    for words in ("no sentence", "'fine'", "audio folder", "true peak", "LUFS"):
        assert words in violations


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["silence", "music"])
def test_what_is_long_takes_no_more_memory(kind):
    done = subprocess.run([sys.executable, fuzz.__file__, "--bomb", kind], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
