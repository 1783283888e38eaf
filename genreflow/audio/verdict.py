"""What is said of a track: accepted, accepted with cautions, or refused. Codes are stable, messages are for people."""

from dataclasses import dataclass


class Refused(Exception):
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
class Caution:
    """Something odd about a track that is used all the same; `reason` is a stable code, `W_...`."""

    reason: str
    message: str
