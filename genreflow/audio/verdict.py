"""Verdicts on a track: accepted, accepted with warnings, or rejected. Codes are stable, messages are for people."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class WarningKind(StrEnum):
    """The severity of a warning about a track that is used."""

    DOUBT = "doubt"  # the track is damaged, or not what it should be
    NOTE = "note"  # the track is intact, and was handled as planned


# Every code of a warning, wherever it is raised, and its kind.
WARNINGS = {
    "W_BANDLIMITED": WarningKind.DOUBT,
    "W_CLIPPED": WarningKind.DOUBT,
    "W_DC": WarningKind.NOTE,
    "W_DECODE_ERRORS": WarningKind.DOUBT,
    "W_DROPOUT": WarningKind.DOUBT,
    "W_DUPLICATE": WarningKind.NOTE,
    "W_EXTENSION": WarningKind.NOTE,
    "W_FEWER_SLICES": WarningKind.NOTE,
    "W_FLAC_MD5": WarningKind.DOUBT,
    "W_FOREIGN": WarningKind.DOUBT,
    "W_FORMAT_CHANGE": WarningKind.DOUBT,
    "W_GAIN_LIMITED": WarningKind.DOUBT,
    "W_GAP": WarningKind.DOUBT,
    "W_HEADER": WarningKind.DOUBT,
    "W_KNOWN_ISSUE": WarningKind.DOUBT,
    "W_LAME_CRC": WarningKind.DOUBT,
    "W_LEADING_JUNK": WarningKind.NOTE,
    "W_LEAD_SILENCE": WarningKind.NOTE,
    "W_LENGTH_MISMATCH": WarningKind.DOUBT,
    "W_LONG": WarningKind.NOTE,
    "W_LOW_BITDEPTH": WarningKind.DOUBT,
    "W_MULTICHANNEL": WarningKind.NOTE,
    "W_MULTI_STREAM": WarningKind.NOTE,
    "W_NEAR_DUP": WarningKind.NOTE,
    "W_NO_BANDWIDTH": WarningKind.DOUBT,
    "W_NO_EOS": WarningKind.DOUBT,
    "W_ONE_SIDED": WarningKind.DOUBT,
    "W_OTHER_LABEL": WarningKind.DOUBT,
    "W_OUTSIDE": WarningKind.NOTE,
    "W_OVER_FS": WarningKind.NOTE,
    "W_PEAK_LIMITED": WarningKind.NOTE,
    "W_PHASE": WarningKind.DOUBT,
    "W_SEEN": WarningKind.DOUBT,
    "W_SILENT_SLICES": WarningKind.NOTE,
    "W_TAG": WarningKind.NOTE,
    "W_TRUNCATED": WarningKind.DOUBT,
    "W_UNICODE_TWIN": WarningKind.DOUBT,
    "W_UNSURE": WarningKind.DOUBT,
}

# Rejections that are not about the bytes of a file: another machine, more memory or another day may lift them.
UNSETTLED = ("Q_DECODER_TIMEOUT", "Q_INTERNAL", "Q_MACHINE", "Q_MEMORY")


def verdict_of(codes: str | Iterable[str]) -> str:
    """Return the verdict on a track with these codes (separated by spaces, or a sequence).

    `quarantine` if it is rejected, `warn` if there is a doubt, else `accept`, whatever the notes.
    """
    codes = codes.split() if isinstance(codes, str) else list(codes)
    if any(code.startswith("Q_") for code in codes):
        return "quarantine"
    return "warn" if any(WARNINGS[code] is WarningKind.DOUBT for code in codes) else "accept"


class RejectedTrack(Exception):
    """A track that cannot be used.

    Parameters
    ----------
    reason
        A stable code, `Q_...`.
    message
        A plain sentence for the owner of the file.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message


@dataclass(frozen=True)
class TrackWarning:
    """An oddity of a track that is used nevertheless; `reason` is a stable code, `W_...`."""

    reason: str
    message: str
