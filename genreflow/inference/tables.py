"""Predictions as tables, as JSON and as text."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from genreflow.inference.tracks import COLUMNS, MEANINGS, Predictor, TrackPrediction
from genreflow.store.runs import MODEL

_BAR = 30
_PATH = 60


def tracks_table(judged: Sequence[TrackPrediction]) -> pd.DataFrame:
    """Return a row a track: `COLUMNS` of `genreflow.inference.tracks`."""
    return pd.DataFrame([track.row() for track in judged], columns=COLUMNS)


def slices_table(judged: Sequence[TrackPrediction], classes: Sequence[str]) -> pd.DataFrame:
    """Return a row a slice: ``file, slice, start_s, label`` and the probability of every class."""
    parts = [track.slices.assign(file=track.file, slice=np.arange(len(track.slices))) for track in judged]
    columns = ["file", "slice", "start_s", "label", *classes]
    usable = [part for part in parts if len(part)]
    return pd.concat(usable, ignore_index=True)[columns] if usable else pd.DataFrame(columns=columns)


def as_json(predictor: Predictor, judged: Sequence[TrackPrediction]) -> dict[str, Any]:
    """Return all that is known, of numbers, texts, lists and mappings alone."""
    run, calibration = predictor.bundle.run, predictor.calibration
    return {
        "model": {
            "name": run["model"],
            "classes": list(predictor.bundle.classes),
            "tags": predictor.is_tagged,
            "weights_sha256": run["files"][MODEL],
            "calibration": calibration and calibration.facts(),
        },
        "tracks": [
            track.row()
            | {
                "probabilities": track.probabilities,
                "counts": track.counts,
                "slices": track.slices.to_dict("records"),
            }
            for track in judged
        ],
    }


def as_text(predictor: Predictor, judged: Sequence[TrackPrediction]) -> str:
    """Return a table for a terminal, and below it what its codes mean and what the probabilities are worth."""
    rows = [_HEADINGS, *(_row(track) for track in judged if track.is_usable)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    widths[0] = max([widths[0], *(len(_shortened(track.file)) for track in judged)])
    lines = [_line(_HEADINGS, widths)]
    for track in judged:
        if track.is_usable:
            lines.append(_line(_row(track), widths))
        else:
            lines.append(f"{_shortened(track.file):<{widths[0]}}  not classified: {track.note} ({track.reason})")
    return "\n".join([*lines, "", *_remarks(predictor, judged)])


def histogram(track: TrackPrediction) -> str:
    """Return how many slices of a track say each class or tag, a bar each, the commonest first."""
    width = max(map(len, track.counts))
    n = len(track.slices)
    lines = [f"{track.file}: {n} slice{'' if n == 1 else 's'}"]
    for name, number in sorted(track.counts.items(), key=lambda pair: (-pair[1], pair[0])):
        if number:
            lines.append(f"  {name:<{width}}  {'█' * max(1, round(_BAR * number / n))} {number}")
    return "\n".join(lines if len(lines) > 1 else [*lines, "  (none)"])


_HEADINGS = ("file", "label", "prob.", "votes for", "", "and", "", "remarks")


def _row(track: TrackPrediction) -> tuple[str, ...]:
    votes = ("", "", "", "")
    if track.share is not None:
        votes = (track.best, f"{track.share:.0%}", *_second(track))
    codes = " ".join(code for code in track.reason.split() if code in MEANINGS)
    return _shortened(track.file), track.label, f"{track.probability:.2f}", *votes, codes


def _shortened(file: str) -> str:
    """Return the end of a long path: it is the name that matters."""
    return file if len(file) <= _PATH else f"…{file[1 - _PATH :]}"


def _second(track: TrackPrediction) -> tuple[str, str]:
    return (track.runner_up, f"{track.runner_up_share:.0%}") if track.runner_up_share else ("", "")


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _remarks(predictor: Predictor, judged: Sequence[TrackPrediction]) -> list[str]:
    said = Counter(code for track in judged for code in track.reason.split())
    lines = [f"{code} ({said[code]}): {meaning}" for code, meaning in MEANINGS.items() if said[code]]
    return [*lines, worth(predictor)]


def worth(predictor: Predictor) -> str:
    """Return what the model's answers are worth, in a sentence or two."""
    known, training_profile = predictor.calibration, predictor.training_profile
    lines = []
    if known is None:
        lines.append("Probabilities are the network's own: too few tracks were held out to say what they are worth.")
    elif known.right is None:
        lines.append(f"By {known.source} none of its answers is worth more than a guess, so it gives none.")
    elif predictor.is_tagged:
        lines.append(f"By {known.source}: {known.right:.0%} of the tags given were right.")
    else:
        lines.append(
            f"By {known.source}: it answers {known.answered:.0%}, those with a probability of "
            f"{known.abstain_below:.2f} or more, and of these answers {known.right:.0%} were right."
        )
    if training_profile is None:
        lines.append("It was made by an older genreflow: which tracks it was trained on, and what they sound like, is"
                     " not known.")  # fmt: skip
    elif training_profile.limit is None:
        lines.append("It was trained on too few tracks to say which sound unlike them.")
    return " ".join(lines)
