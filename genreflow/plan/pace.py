"""How fast a machine trains networks: this one, measured once, and a GPU, which is assumed."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import joblib
from platformdirs import user_cache_path

from genreflow.models.sizes import Size
from genreflow.store.atomic import write_text

_VERSION = 1  # raise it when the measurement changes
# Of a network that only answers, a third of the arithmetic of training remains, and of the values it makes a quarter
# of the time: no gradients, and nothing is kept.
_ANSWERING = 0.25


@dataclass(frozen=True)
class Pace:
    """Speed of a machine that trains networks.

    Attributes
    ----------
    name
        In words.
    gmac
        Billions of multiply-accumulates a second.
    mvalues
        Millions of values a second that layers make, with their gradients.
    mparameters
        Millions of parameters a second that an optimizer updates.
    step_s
        Seconds of a step besides.
    """

    name: str
    gmac: float
    mvalues: float
    mparameters: float
    step_s: float

    def training(self, size: Size, *, examples: float, steps: float) -> float:
        """Return the seconds of so many steps over so many examples in all."""
        of_example = 3 * size.gmac / self.gmac + size.mvalues / self.mvalues
        return examples * of_example + steps * (size.parameters / 1e6 / self.mparameters + self.step_s)

    def answering(self, size: Size, examples: float) -> float:
        """Return the seconds of predicting so many examples."""
        return examples * (size.gmac / self.gmac + _ANSWERING * size.mvalues / self.mvalues)


# Nothing was measured on it: a tenth of the 156 TMAC/s that an A100 multiplies in bfloat16 at most, as networks of this
# size leave most of it idle, and a quarter of its 2 TB/s at about ten bytes a value.
GPU = Pace("a data-center GPU (NVIDIA A100 or alike)", gmac=15_000, mvalues=50_000, mparameters=20_000, step_s=4e-3)


def of_this_machine() -> dict[str, Pace]:
    """Return the pace of one core of this machine: setting of `precision` -> pace.

    It is measured once, in about two seconds, and kept in the user's cache folder; where that cannot be written, it is
    measured again.
    """
    path = user_cache_path("genreflow", appauthor=False) / "pace.json"
    measured = _kept(path)
    if measured is None:
        measured = _measured()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, json.dumps({"machine": _machine(), "measured": measured}))
        except OSError:
            pass
    return {name: Pace("one core of this machine", **rates) for name, rates in measured.items()}


def _kept(path: Path) -> dict[str, dict[str, float]] | None:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        known = {
            name: {rate: float(value) for rate, value in rates.items()} for name, rates in facts["measured"].items()
        }
        expected = set(asdict(GPU)) - {"name"}
        is_whole = {"auto", "float32"} <= set(known) and all(set(rates) == expected for rates in known.values())
        is_right = is_whole and all(value > 0 for rates in known.values() for value in rates.values())
        return known if is_right and facts["machine"] == _machine() else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _measured() -> dict[str, dict[str, float]]:
    from genreflow.training.pace import measure, precisions  # here, as PyTorch is slow to load

    of_setting = precisions()
    rates: Mapping[str, dict[str, float]] = {precision: measure(precision) for precision in set(of_setting.values())}
    return {name: rates[precision] for name, precision in of_setting.items()}


def _machine() -> list[str]:
    """Return the versions and the processor that a measured pace holds for."""
    import platform
    from importlib.metadata import version

    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        lines = []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return [str(_VERSION), platform.machine(), model, version("torch"), str(joblib.cpu_count())]
