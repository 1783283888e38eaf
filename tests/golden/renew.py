"""`make golden`: store the outputs of stages whose version was raised, and of new cases."""

import importlib
import sys

import torch
from golden import CASES, FOLDER, renew


def main(expected: list[str]) -> int:
    """Renew the cases of these stages, of all if none is named; return 1 if outputs moved without their version."""
    torch.set_num_threads(1)
    for path in sorted(FOLDER.glob("golden_*.py")):
        importlib.import_module(path.stem)
    refused = []
    for case in CASES.values():
        if expected and case.stage not in expected and case.name not in expected:
            continue
        try:
            if done := renew(case):
                print(done)
        except ValueError as error:
            refused.append(str(error))
    print(*refused, sep="\n", file=sys.stderr, end="\n" if refused else "")
    return int(bool(refused))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
