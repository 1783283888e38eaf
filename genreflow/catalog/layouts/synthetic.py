"""The synthetic corpora: their tracks are known before they are made."""

from genreflow.catalog.layouts.found import Found, FoundTrack
from genreflow.config.datasets import Synthetic
from genreflow.demo.corpus import plan
from genreflow.store.digest import digest


def find(settings: Synthetic) -> Found:
    """Name the tracks that the corpus will have; the digest of a recipe stands for the content of its file."""
    tracks = [
        FoundTrack(
            track.path.encode(),
            track.label,
            track.group,
            tags=track.tags,
            split=track.split,
            content=digest(track.recipe, length=64),
        )
        for track in plan(**settings.model_dump(exclude={"layout"}))
    ]
    return Found(b"", tracks)
