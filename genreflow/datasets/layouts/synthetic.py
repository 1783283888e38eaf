"""The synthetic corpora: their tracks are known before they are made."""

from genreflow.config.datasets import Synthetic
from genreflow.datasets.layouts.listing import ListedTrack, TrackListing
from genreflow.store.digest import digest
from genreflow.synthetic.corpus import plan


def find(settings: Synthetic) -> TrackListing:
    """Name the tracks that the corpus will have; the digest of a recipe stands for the content of its file."""
    tracks = [
        ListedTrack(
            track.path.encode(),
            track.label,
            track.group,
            tags=track.tags,
            split=track.split,
            content=digest(track.recipe, length=64),
        )
        for track in plan(**settings.model_dump(exclude={"layout"}))
    ]
    return TrackListing(b"", tracks)
