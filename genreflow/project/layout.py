"""The layout of a project folder: where products and logs lie, and how the folders of runs are named.

Paths are relative to the working folder. Rules take the patterns as they are, with wildcards in braces; Python code
fills them in:

>>> AUDIO.format(dataset="demo", shard="s0")
'results/demo/audio/s0.parquet'
>>> RunId("cnn", "base", "2", repeat=1).path
'runs/cnn/base/fold-2r2'
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from genreflow.config.names import NAME
from genreflow.store.runs import FOLD_PREFIX, HISTORY, MODEL, PREDICTIONS, RUN

RESULTS, LOGS = "results", "logs"

# Datasets.
DATASET = f"{RESULTS}/{{dataset}}"
CATALOG = f"{DATASET}/catalog.parquet"
RAW_FOLDER = f"{DATASET}/raw"
RAW = f"{RAW_FOLDER}/{{shard}}.parquet"
AUDIO_FOLDER = f"{DATASET}/audio"
AUDIO = f"{AUDIO_FOLDER}/{{shard}}.parquet"
OGG = "ogg/*/*.ogg"  # normalized tracks below the folder of audio
DUPLICATES = f"{DATASET}/duplicates.parquet"
# Spectrograms and sequences lie in slices/, feature maps and waveforms in maps/, summaries in descriptors/,
# vectors of networks in embeddings/.
INPUT = f"{DATASET}/{{kind}}/{{input}}"
SHARD = f"{INPUT}/{{shard}}.{{suffix}}"
INDEX = f"{INPUT}/index.parquet"
QUARANTINE = f"{RESULTS}/quarantine"

# Studies.
STUDY = f"{RESULTS}/{{study}}"
PROTOCOL = f"{STUDY}/protocols/{{protocol}}"
FOLDS = f"{PROTOCOL}/folds.parquet"
# No product but state: where tracks were placed so far. The job that assigns folds reads and updates it.
PLACEMENT = f"{PROTOCOL}/placement.parquet"
LEAKAGE = f"{PROTOCOL}/leakage"
BANDWIDTH = f"{PROTOCOL}/bandwidth.parquet"
RUN_FOLDER = f"{STUDY}/runs/{{model_setting}}/{FOLD_PREFIX}{{fold}}"
RUN_FILES = tuple(f"{RUN_FOLDER}/{name}" for name in (RUN, MODEL, HISTORY, PREDICTIONS))
# The setting that a search has found; its values differ from fold to fold.
SEARCHED = "search"
SEARCH = f"{STUDY}/search/{{model}}/{FOLD_PREFIX}{{fold}}"
INNER_FOLDS = f"{SEARCH}/folds.parquet"
TRIAL = f"{SEARCH}/trials/{{trial}}.json"
TRIALS = f"{SEARCH}/trials.parquet"
BEST = f"{SEARCH}/best.json"
JOURNAL = f"{SEARCH}/optuna.log"
FILTERS = f"{STUDY}/inspection/filters.parquet"
SNIPPETS = f"{STUDY}/inspection/snippets-{{snippets}}"
MAP = f"{STUDY}/inspection/map.parquet"
ANALYSIS = f"{STUDY}/analysis"
# Other datasets that the final model is tested on.
CROSS_DATASET = f"{STUDY}/cross_dataset/{{dataset}}"
CROSS_TRACKS = f"{CROSS_DATASET}/tracks.parquet"
CROSS_PREDICTIONS = f"{CROSS_DATASET}/{PREDICTIONS}"
TABLES = f"{STUDY}/tables"
HEADLINE = f"{TABLES}/headline.json"
FIGURES = f"{STUDY}/figures"
# The same for print, in the formats and the width of the settings.
PRINTED = f"{FIGURES}/print"
PAGE = f"{STUDY}/report/index.html"
SUMMARY = f"{STUDY}/report/data/summary.json"
SINGLE_PAGE = f"{STUDY}/report.html"
# Beside the page: all settings of the study, as a study file.
STUDY_FILE = f"{STUDY}/report/data/study.yaml"
# Earlier results of the study, an entry each (`genreflow.project.history`).
EARLIER = f"{STUDY}/history"
ENTRY_FACTS = "entry.json"
OVERVIEW = f"{RESULTS}/index.html"
NEW_PREDICTIONS = f"{RESULTS}/predictions.csv"

# Logs, by rule. The jobs of `train_run` keep the progress of each run beside their logs.
LOG = {
    "synthesize_tracks": f"{LOGS}/{{dataset}}/synthesize_tracks/{{shard}}.log",
    "normalize_audio": f"{LOGS}/{{dataset}}/normalize_audio/{{shard}}.log",
    "find_duplicates": f"{LOGS}/{{dataset}}/find_duplicates.log",
    "cut_slices": f"{LOGS}/{{dataset}}/cut_slices/{{kind}}/{{input}}/{{shard}}.{{suffix}}.log",
    "embed_slices": f"{LOGS}/{{dataset}}/embed_slices/{{kind}}/{{input}}/{{shard}}.{{suffix}}.log",
    "index_dataset": f"{LOGS}/{{dataset}}/index_dataset/{{kind}}/{{input}}.log",
    "list_quarantine": f"{LOGS}/list_quarantine.log",
    "assign_folds": f"{LOGS}/{{study}}/assign_folds/{{protocol}}.log",
    "audit_leakage": f"{LOGS}/{{study}}/audit_leakage/{{protocol}}.log",
    "train_run": f"{LOGS}/{{study}}/train_run/{{model_setting}}/{FOLD_PREFIX}{{fold}}.log",
    "train_folds": f"{LOGS}/{{study}}/train_run/{{model_setting}}/folds.log",
    "assign_inner_folds": f"{LOGS}/{{study}}/search/{{model}}/{FOLD_PREFIX}{{fold}}/folds.log",
    "run_trial": f"{LOGS}/{{study}}/search/{{model}}/{FOLD_PREFIX}{{fold}}/trial-{{trial}}.log",
    "choose_setting": f"{LOGS}/{{study}}/search/{{model}}/{FOLD_PREFIX}{{fold}}/best.log",
    "visualize_filters": f"{LOGS}/{{study}}/visualize_filters.log",
    "predict_snippets": f"{LOGS}/{{study}}/predict_snippets/{{snippets}}.log",
    "describe_dataset": f"{LOGS}/{{study}}/describe_dataset.log",
    "map_library": f"{LOGS}/{{study}}/map_library.log",
    "judge_cross_dataset": f"{LOGS}/{{study}}/judge_cross_dataset/{{dataset}}.log",
    "evaluate_study": f"{LOGS}/{{study}}/evaluate_study.log",
    "draw_figure": f"{LOGS}/{{study}}/draw_figure/{{figure}}.log",
    "print_figure": f"{LOGS}/{{study}}/print_figure/{{figure}}.log",
    "write_report": f"{LOGS}/{{study}}/write_report.log",
    "write_overview": f"{LOGS}/write_overview.log",
    "predict_files": f"{LOGS}/predict_files.log",
}
# What a run reports of itself while it goes on: the seconds ``left`` and the time it was ``told_at``.
PROGRESS = f"{LOGS}/progress.json"
AUDIO_PROGRESS = f"{LOGS}/{{dataset}}/progress.json"
RUN_PROGRESS = f"{LOGS}/{{study}}/train_run/{{model_setting}}/{FOLD_PREFIX}{{fold}}.progress.json"

FOLD = "[0-9]+(r[0-9]+)?|final"
# Wildcard -> the pattern of its values. Some are names that users give.
WILDCARDS = {
    "dataset": NAME,
    "study": NAME,
    "kind": "slices|maps|descriptors|embeddings",
    "input": "[a-z0-9_-]+",
    "suffix": "parquet|h5",
    "shard": "s[01]*",
    "protocol": NAME,
    "fold": FOLD,
    "model_setting": f"{NAME}/[^/]+",
    "model": NAME,
    "trial": "[0-9]{4}",
    "figure": rf"{NAME}(\+{NAME})*",  # of joined inputs
    "snippets": NAME,
}

# Tables of the description of a dataset (`genreflow.analysis.describe.TABLES`): rules name their files, and importing
# the module that makes them would slow down every dry run.
ANALYSIS_TABLES = (
    "tag_counts", "tags_per_track", "correlations", "correlated_pairs", "variance", "spectra", "envelopes",
    "spectrograms", "projections", "projection_quality", "importances", "importance_scores",
    "quantities",
)  # fmt: skip

# Products in the order in which they are made of each other: file name, or folder below a dataset or study -> rank.
_RANKS = {
    "catalog.parquet": 0,
    "raw": 1,
    "audio": 2,
    "duplicates.parquet": 3,
    "descriptors": 3,
    "embeddings": 3,
    "maps": 3,
    "slices": 3,
    "index.parquet": 4,
    "quarantine.parquet": 5,
    "folds.parquet": 5,
    "protocols": 6,
    "search": 6,
    "runs": 7,
    "cross_dataset": 8,
}
_FOLD_FOLDER = re.compile(rf"{FOLD_PREFIX}(?:([0-9]+)(?:r([0-9]+))?|(final))")


@dataclass(frozen=True)
class RunId:
    """One training: a model in a setting on a fold.

    Attributes
    ----------
    model, setting
        Names in the study.
    fold
        ``1``, ``2``, …, or ``final``.
    repeat
        0 for the first training on this fold.
    """

    model: str
    setting: str
    fold: str
    repeat: int = 0

    @property
    def name(self) -> str:
        """Name within the setting: ``2``, or ``2r3`` for the third training on fold 2."""
        return f"{self.fold}r{self.repeat + 1}" if self.repeat else self.fold

    @property
    def model_setting(self) -> str:
        """Model and setting as in the path."""
        return f"{self.model}/{self.setting}"

    @property
    def path(self) -> str:
        """Folder of the run below its study."""
        return f"runs/{self.model_setting}/{FOLD_PREFIX}{self.name}"

    @classmethod
    def parse(cls, path: str | Path) -> "RunId":
        """Return the run whose folder a path leads to; ValueError if the path is not that of a run."""
        parts = Path(path).parts[-4:]
        if len(parts) < 4 or parts[0] != "runs":
            raise ValueError(f"{path} is not the folder of a run.")
        return cls(parts[1], parts[2], *parse_fold(parts[3]))


def parse_fold(name: str) -> tuple[str, int]:
    """Return fold and repeat of a run's folder; ValueError if it is not named like one.

    >>> parse_fold("fold-2r3")
    ('2', 2)
    """
    match = _FOLD_FOLDER.fullmatch(name)
    if match is None:
        raise ValueError(f"{name!r} is not the name of a run's folder.")
    number, repeat, final = match.groups()
    return final or number, int(repeat or 1) - 1


def study_of_run(folder: Path) -> Path | None:
    """Return the results folder of the study that a run belongs to; None if the run lies elsewhere."""
    try:
        RunId.parse(folder)
    except ValueError:
        return None
    return folder.parents[3]


def within(study: Path, pattern: str, **values: str) -> Path:
    """Return a product of a study whose results, or earlier results, lie in a folder.

    >>> within(Path("results/mine/history/2026-11-30-1"), HEADLINE)
    PosixPath('results/mine/history/2026-11-30-1/tables/headline.json')
    """
    return study / Path(pattern).relative_to(STUDY).as_posix().format(**values)


def is_earlier(product: Path) -> bool:
    """Return whether a path, named below the results folder, belongs to the history of a study."""
    return product.parts[1:2] == (Path(EARLIER).name,)


def results_of(study: Path) -> Path:
    """Return the results folder that the results, or earlier results, of a study lie in."""
    return study.parents[2] if study.parent.name == Path(EARLIER).name else study.parent


def run_folders(setting: Path, file: str = RUN) -> list[Path]:
    """Return the folders of a setting's runs that hold a file, in the order of folds; repeats come last."""
    folders = [path.parent for path in setting.glob(f"*/{file}") if _FOLD_FOLDER.fullmatch(path.parent.name)]
    return sorted(folders, key=lambda folder: (parse_fold(folder.name)[1], len(folder.name), folder.name))


def settings_below(folder: Path) -> list[Path]:
    """Return the folders of settings below a folder of any level that have a finished run; none of earlier results."""
    paths = (path.relative_to(folder) for path in folder.glob(f"**/{FOLD_PREFIX}*/{RUN}"))
    return sorted({folder / path.parents[1] for path in paths if Path(EARLIER).name not in path.parts})


def rank(product: Path) -> int:
    """Return the rank of a product, named below the results folder, in the order in which products are made."""
    names = [name for name in (product.name, *product.parts[1:2]) if name in _RANKS]
    return _RANKS[names[0]] if names else max(_RANKS.values()) + 1


def filled(patterns: Sequence[str], **values: str) -> list[str]:
    """Return patterns with the same values filled in."""
    return [pattern.format(**values) for pattern in patterns]
