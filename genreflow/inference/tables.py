"""Predictions as JSON, as text for a terminal, and as bars."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas as pd

from genreflow.inference.tracks import MEANINGS, SHOWN_TAGS, Predictor, TrackPrediction
from genreflow.store.runs import MODEL

_BAR = 30
_PATH = 60


def as_json(predictor: Predictor, predictions: Sequence[TrackPrediction]) -> dict[str, Any]:
    """Return predictions and calibration as a JSON object."""
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
            for track in predictions
        ],
    }


def as_text(predictor: Predictor, predictions: Sequence[TrackPrediction]) -> str:
    """Return a table for a terminal, followed by the meaning of its codes and a note on calibration."""
    rows = [_HEADINGS, *(_row(track) for track in predictions if track.is_usable)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    widths[0] = max([widths[0], *(len(_shortened(track.file)) for track in predictions)])
    lines = [_line(_HEADINGS, widths)]
    for track in predictions:
        if track.is_usable:
            lines.append(_line(_row(track), widths))
        else:
            lines.append(f"{_shortened(track.file):<{widths[0]}}  not classified: {track.note} ({track.reason})")
    return "\n".join([*lines, "", *_remarks(predictor, predictions)])


def histogram(track: TrackPrediction) -> str:
    """Return a bar per class or tag with its number of slices, the commonest first."""
    width = max(map(len, track.counts))
    n = len(track.slices)
    lines = [f"{track.file}: {n} slice{'' if n == 1 else 's'}"]
    for name, number in sorted(track.counts.items(), key=lambda pair: (-pair[1], pair[0])):
        if number:
            lines.append(f"  {name:<{width}}  {'█' * max(1, round(_BAR * number / n))} {number}")
    return "\n".join(lines if len(lines) > 1 else [*lines, "  (none)"])


def snippet_histogram(rows: pd.DataFrame) -> str:
    """Return the answers on the snippets of one song: for each model a bar per class, the commonest first.

    Parameters
    ----------
    rows
        The rows of the song (`genreflow.inference.song_snippets.COLUMNS`).
    """
    lines = []
    for model, own in rows.groupby("model", sort=False):
        lines.append(f"{rows['file'].iloc[0]}, by {model}")
        if own["class"].isna().all():
            lines.append(f"  not classified: {own['note'].iloc[0]} ({own['reason'].iloc[0]})")
            continue
        width, n = max(map(len, own["class"])), int(own["snippets"].sum())
        for row in own.sort_values(["snippets", "class"], ascending=[False, True]).to_dict("records"):
            if row["snippets"]:
                bar = "█" * max(1, round(_BAR * row["snippets"] / n))
                lines.append(f"  {row['class']:<{width}}  {bar} {row['snippets']:.0f}")
    return "\n".join(lines)


_HEADINGS = ("file", "label", "prob.", "votes for", "", "and", "", "remarks")


def _row(track: TrackPrediction) -> tuple[str, ...]:
    votes = ("", "", "", "")
    if track.share is not None:
        votes = (track.best, f"{track.share:.0%}", *_second(track))
    codes = " ".join(code for code in track.reason.split() if code in MEANINGS)
    return _shortened(track.file), track.label, f"{track.probability:.2f}", *votes, codes


def _shortened(file: str) -> str:
    """Return the end of a long path, which holds the name of the file."""
    return file if len(file) <= _PATH else f"…{file[1 - _PATH :]}"


def _second(track: TrackPrediction) -> tuple[str, str]:
    return (track.runner_up, f"{track.runner_up_share:.0%}") if track.runner_up_share else ("", "")


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _remarks(predictor: Predictor, predictions: Sequence[TrackPrediction]) -> list[str]:
    counts = Counter(code for track in predictions for code in track.reason.split())
    lines = [f"{code} ({counts[code]}): {meaning}" for code, meaning in MEANINGS.items() if counts[code]]
    return [*lines, calibration_note(predictor)] if any(track.is_usable for track in predictions) else lines


def calibration_note(predictor: Predictor) -> str:
    """Return one or two sentences on the reliability of a model's answers."""
    calibration, profile = predictor.calibration, predictor.training_profile
    lines = []
    if predictor.has_no_record:
        origin = predictor.bundle.run["origin"]
        lines.append(
            f"{origin['name']} was trained on {origin['trained_on']}. Its {SHOWN_TAGS} most probable tags are shown; "
            "there is no record of how often they are right."
        )
        return " ".join(lines)
    if calibration is None:
        lines.append("Probabilities are not calibrated: too few tracks were held out.")
    elif calibration.right is None:
        lines.append(f"By {calibration.source} none of its answers is better than a guess, so it gives none.")
    elif predictor.is_tagged:
        lines.append(f"By {calibration.source}: {calibration.right:.0%} of the tags given were right.")
    else:
        lines.append(
            f"By {calibration.source}: it answers {calibration.answered:.0%}, those with a probability of "
            f"{calibration.abstain_below:.2f} or more, and {calibration.right:.0%} of these answers were right."
        )
    if profile is None:
        lines.append("An older genreflow made the model, so tracks it was trained on, or unlike them, are not flagged.")
    elif profile.limit is None:
        lines.append("It was trained on too few tracks to flag tracks unlike them.")
    return " ".join(lines)
