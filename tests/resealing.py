"""Facts of runs that tests make up or change, sealed anew as if a run had written them."""

import json
from pathlib import Path

from genreflow.store.runs import HISTORY, MODEL, PREDICTIONS, RUN, RUN_VERSION
from genreflow.store.sealed import FILES, write_sealed


def write_facts(folder, **facts):
    """Write the facts of a made-up run, bound to those of its files that are there."""
    there = [name for name in (MODEL, HISTORY, PREDICTIONS) if Path(folder, name).exists()]
    whole = {"kind": "run", "version": RUN_VERSION, "name": Path(folder).name, FILES: {}} | facts
    return write_sealed(Path(folder, RUN), whole, files=there)


def reseal(folder, **changes):
    """Change facts of a run, and seal them and its files as they are now."""
    facts = json.loads(Path(folder, RUN).read_text())
    return write_facts(folder, **{name: value for name, value in (facts | changes).items() if name != "seal"})
