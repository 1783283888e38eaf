"""The front matter of a card, which Hugging Face reads: YAML before the text.

Every value is written as JSON, which is YAML too. The keys are those of
https://huggingface.co/docs/hub/model-cards, metrics those of its ``model-index``.
"""

import json
from collections.abc import Mapping
from typing import Any

from genreflow.evaluation.tables import SYNTHETIC
from genreflow.export.record import Record
from genreflow.store.text import printable

UNKNOWN_LICENSE = "unknown"
# Column of the table of settings -> metric of Hugging Face, and its name for people.
_METRICS = {
    "track_majority": ("accuracy", "tracks right, by majority vote of their slices"),
    "roc_auc": ("roc_auc", "area under the ROC curve, mean over tags"),
    "pr_auc": ("average_precision", "area under the precision-recall curve, mean over tags"),
}


def front_matter(run: Mapping[str, Any], record: Record, *, license_id: str) -> str:
    """Return the front matter, with the lines that enclose it.

    Parameters
    ----------
    run
        The facts of the run.
    record
        Its results in the tables of its study; without them there are no metrics.
    license_id
        Identifier of the license of the model, as Hugging Face and SPDX have it.
    """
    facts: dict[str, Any] = {
        "license": license_id,
        "library_name": "genreflow",
        "pipeline_tag": "audio-classification",
        "tags": ["music", "music-tagging" if run["tags"] else "music-genre-classification", run["model"]],
    }
    dataset = printable(str(record.row.get("music", ""))).removesuffix(SYNTHETIC)
    metrics = [
        {"type": kind, "name": name, "value": round(float(record.row[column]), 4)}
        for column, (kind, name) in _METRICS.items()
        if _is_number(record.row.get(column))
    ]
    if dataset:
        facts["datasets"] = [dataset]
    if metrics:
        facts["metrics"] = [metric["type"] for metric in metrics]
    if metrics and dataset:
        kind = "synthetic" if record.is_synthetic else "cross-validated"
        measured = {
            "task": {"type": "audio-classification", "name": "Music classification"},
            "dataset": {"type": dataset, "name": f"{dataset} ({kind}, protocol {printable(record.row['protocol'])})"},
            "metrics": metrics,
        }
        name = printable(f"{record.study} {run['model']}".strip())
        facts["model-index"] = [{"name": name, "results": [measured]}]
    lines = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in facts.items()]
    return "\n".join(["---", *lines, "---", ""])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and value == value
