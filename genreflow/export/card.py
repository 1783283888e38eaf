"""The card of a model: description, training data, evaluation, limits and use.

After Mitchell et al. 2019, Model cards for model reporting. Every number is from the run and the tables of its study.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from genreflow.config.audio import AudioSettings
from genreflow.export.front_matter import UNKNOWN_LICENSE, front_matter
from genreflow.export.record import Record
from genreflow.features.front_end import FrontEnd
from genreflow.inference.confidence import Calibration
from genreflow.inference.tracks import Predictor
from genreflow.models import registry
from genreflow.report.methods import cut
from genreflow.store.runs import MODEL
from genreflow.store.text import count
from genreflow.training.novelty import FALSE_ALARMS

_MOST_ROWS = 60


def card(
    predictor: Predictor, record: Record, onnx: Mapping[str, Any], why_no_onnx: str, license_id: str = UNKNOWN_LICENSE
) -> str:
    """Return ``README.md``: the card, after what Hugging Face reads of it."""
    sections = [
        ("", _what(predictor)),
        ("Training data", _data(predictor, record)),
        ("How it was judged", _judged(record)),
        ("How sure its answers are", _sure(predictor)),
        ("Limits", _limits(predictor, record)),
        ("How to use it", _use(predictor, onnx, why_no_onnx)),
        ("Where it comes from", _origin(predictor, record)),
    ]
    title = f"# {registry.describe(predictor.bundle.run['model']).title}"
    parts = [f"## {name}\n\n{text}" if name else text for name, text in sections]
    head = front_matter(predictor.bundle.run, record, license_id=license_id)
    return head + "\n" + "\n\n".join([title, *parts]) + "\n"


def _what(predictor: Predictor) -> str:
    run, settings = predictor.bundle.run, predictor.input
    kind = "tags (any number of them a track)" if predictor.is_tagged else "classes (one a track)"
    parameters = f" It has {run['parameters']:,} trainable parameters." if run.get("parameters") else ""
    return (
        f"A classifier of music into {len(run['classes'])} {kind}: {_list(run['classes'])}.{parameters}\n\n"
        f"Tracks are mixed to mono and {_leveling(predictor.audio)} (true peak at most "
        f"{predictor.audio.true_peak:g} dBTP). {cut(settings)} become {FrontEnd.of(settings.front_end).describe()}. "
        + (
            "Probabilities of a track are the means over its slices."
            if predictor.is_tagged
            else "A track has the class for which most of its slices vote."
        )
    )


def _leveling(audio: AudioSettings) -> str:
    return "keep their level" if audio.level == "none" else f"brought to {audio.loudness:g} LUFS"


def _data(predictor: Predictor, record: Record) -> str:
    dataset = predictor.bundle.run.get("dataset", {})
    counts = dataset.get("tracks", {})
    parts = [f"{counts.get('train', 0):,} tracks, {dataset.get('slices', {}).get('train', 0):,} slices."]
    if others := {role: n for role, n in counts.items() if role != "train"}:
        parts.append("Apart from these: " + ", ".join(f"{n:,} tracks ({role})" for role, n in others.items()) + ".")
    if record.is_synthetic:
        parts.append("**The music is synthetic: the numbers below say little about other music.**")
    if predictor.training_profile is not None:
        parts.append("`model.json` holds a digest of every training file, by which the model recognizes them.")
    return " ".join(parts)


def _judged(record: Record) -> str:
    if not record.row:
        return "The tables of its study were not found beside the run, so there are no metrics."
    row = record.row
    parts = [
        f"Under the protocol `{_plain(row.get('protocol', ''))}` of the study `{_plain(record.study)}`, by "
        f"{count(int(row['folds']), 'model')} trained alike, each tested on tracks outside its training: "
        f"{int(row['tracks']):,} tracks of {int(row['groups']):,} groups. Intervals are 95 %, over groups.",
        _table(["metric", "value", "95 % interval"], _metrics(row)),
    ]
    if len(record.holdout) and "correct" in record.holdout:
        right, n = int(record.holdout["correct"].sum()), len(record.holdout)
        parts.append(f"The final model gets {right} of {n} tracks right that were held out from everything before.")
    if sentence := record.verdict.sentence:
        parts.append(f"**{_plain(sentence)}**")
    if record.checks:
        parts.append(
            f"{record.checks} checks for leakage and confounding were made; "
            + (f"{len(record.leakage)} found leakage:" if len(record.leakage) else "none found leakage.")
        )
        parts += [f"* {_plain(message)}" for message in record.leakage.get("message", [])]
    if len(record.classes):
        columns = ["class", "precision", "recall", "f1", "support"]
        parts.append("By class, of tracks:\n\n" + _frame(record.classes, columns))
    if len(record.tags):
        columns = ["tag", "positives", "roc_auc", "roc_auc_low", "roc_auc_high", "pr_auc", "pr_auc_low", "pr_auc_high"]
        parts.append("By tag, of tracks:\n\n" + _frame(record.tags, columns))
    return "\n\n".join(parts)


def _metrics(row: Mapping[str, Any]) -> Iterable[Sequence[str]]:
    names = {
        "track_majority": "tracks right, by majority vote of their slices",
        "track_mean": "tracks right, by mean probability",
        "roc_auc": "area under the ROC curve, mean over tags",
        "pr_auc": "area under the precision-recall curve, mean over tags",
    }
    for name, text in names.items():
        if name in row:
            yield text, _number(row[name]), _interval(row, name)
    if "slice_accuracy" in row:
        yield "slices right", _number(row["slice_accuracy"]), _interval(row, "slice")
    if "baseline" in row:
        yield "always predicting the most common class", _number(row["baseline"]), ""


def _sure(predictor: Predictor) -> str:
    known: Calibration | None = predictor.calibration
    if known is None:
        return "Too few tracks were held out: probabilities are not calibrated."
    if known.right is None:
        return f"By {known.source} none of its answers is better than a guess: it answers `unknown` for every track."
    if predictor.is_tagged:
        return (
            f"By {known.source}, each tag has the threshold that gives the largest F1. With thresholds of other "
            f"tracks, {known.right:.0%} of the tags given there are right."
        )
    return (
        f"By {known.source}, probabilities of tracks are brought to temperature {known.temperature:.2f}. Below "
        f"{known.abstain_below:.2f} the answer is `unknown`: it is then more likely wrong than right, or worth no "
        f"more than the commonest class. There {known.answered:.0%} of the tracks get an answer, and {known.right:.0%} "
        "of the answers are right, counted with the temperature and the limit of other tracks."
    )


def _limits(predictor: Predictor, record: Record) -> str:
    training_profile = predictor.training_profile
    parts = [
        "It assigns every track to one of its own classes."
        if not predictor.is_tagged
        else "It predicts its own tags only.",
        "Labels are those of the people who labeled the tracks; others would label some tracks otherwise.",
        "Metrics hold for tracks like the tested ones only.",
    ]
    if training_profile is None or training_profile.limit is None:
        parts.append("It cannot flag tracks unlike its training tracks: there were too few of these.")
    else:
        parts.append(
            "`genreflow predict` warns of tracks that sound unlike the training tracks (W_FOREIGN): farther from them "
            f"than {1 - FALSE_ALARMS:.0%} of these are from tracks of other groups. Other music that "
            "sounds like them passes."
        )
    if predictor.bundle.run.get("status") == "diverged":
        parts.append("**Its training diverged: do not use it.**")
    if record.row and int(record.row.get("tracks", 0)) < 100:
        parts.append(f"It was tested on {int(record.row['tracks'])} tracks only.")
    return "\n".join(f"* {sentence}" for sentence in parts)


def _use(predictor: Predictor, onnx: Mapping[str, Any], why_not: str) -> str:
    parts = ["    genreflow predict THIS_FOLDER song.mp3\n    genreflow explain THIS_FOLDER song.mp3"]
    if not onnx:
        parts.append(f"No `model.onnx`: {why_not}.")
        return "\n\n".join(parts)
    shape = " x ".join(str(size) for size in onnx["input"])
    rate = predictor.input.front_end.sample_rate
    if onnx["front_end"]:
        what = f"samples (mono, {rate:,} Hz, levelled as above), float32 [{shape}], a segment a row"
    else:
        what = f"segments as the front-end makes them, float32 [{shape}], as {why_not}"
    parts.append(
        f"`model.onnx` (opset {onnx['opset']}) takes `segments`: {what}; and gives `probabilities`, float32 [batch, "
        f"{len(predictor.bundle.classes)}], in the order of the classes above. Silent segments (below -60 dBFS) are to "
        f"be left out. On {onnx['compared_segments']} segments of music its probabilities differ from those of this "
        f"pipeline by at most {onnx['largest_difference']:.1e}. Temperature and thresholds are in `model.json` alone."
    )
    return "\n\n".join(parts)


def _origin(predictor: Predictor, record: Record) -> str:
    run = predictor.bundle.run
    entry, versions = registry.describe(run["model"]), run.get("versions", {})
    place = [f"`{_plain(name)}`" for name in (record.study, record.setting, run.get("fold", "")) if name]
    rows = [
        ("model", f"`{run['model']}`"),
        ("source", _plain(entry.source)),
        ("study, setting, fold", ", ".join(place)),
        ("key", f"`{run.get('key', '')}`"),
        ("SHA-256 of the weights", f"`{run['files'][MODEL]}`"),
        ("made with", ", ".join(f"{name} {version}" for name, version in versions.items())),
    ]
    return _table(["", ""], rows)


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _frame(frame: pd.DataFrame, columns: Sequence[str]) -> str:
    shown = frame[[name for name in columns if name in frame]].head(_MOST_ROWS)
    rows = [[_number(value) for value in row] for row in shown.itertuples(index=False)]
    more = f"\n\n… and {len(frame) - len(shown)} more." if len(frame) > len(shown) else ""
    return _table(list(shown.columns), rows) + more


def _number(value: Any) -> str:
    if isinstance(value, str):
        return _plain(value)
    if pd.isna(value):
        return ""
    return f"{int(value):,}" if float(value).is_integer() and abs(value) > 1 else f"{value:.3f}"


def _interval(row: Mapping[str, Any], name: str) -> str:
    low, high = row.get(f"{name}_low"), row.get(f"{name}_high")
    return "" if low is None or high is None else f"{low:.3f} to {high:.3f}"


def _list(names: Sequence[str]) -> str:
    return ", ".join(f"`{_plain(name)}`" for name in names)


def _plain(text: object) -> str:
    """Return text that stays text in Markdown and in a cell of a table: names of classes may be anything."""
    shown = "".join(character if character.isprintable() else "�" for character in str(text))
    for special in "\\`|<>[]":
        shown = shown.replace(special, f"\\{special}" if special not in "<>" else {"<": "&lt;", ">": "&gt;"}[special])
    return shown
