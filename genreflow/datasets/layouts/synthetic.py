"""The synthetic corpora: their tracks are known before they are made."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from genreflow.config.base import MAX_SEED
from genreflow.config.datasets import Layout
from genreflow.datasets.listing import ListedTrack, TrackListing
from genreflow.store.digest import digest

if TYPE_CHECKING:
    from genreflow.synthetic.corpus import DemoTrack


class Synthetic(Layout):
    """A corpus made from scratch, to try everything without music."""

    layout: Literal["synthetic"]
    corpus: Literal["subgenres", "genres", "western", "moods", "tags"] = Field(
        "subgenres",
        description="subgenres: five of psychedelic trance; genres: ten, named as GTZAN's; western: eight, named as "
        "western8's; moods: four quadrants; tags: clips with several tags each.",
    )
    tracks_per_class: int = Field(
        24, ge=1, le=100_000, description="Tracks in each class; of tags, in each of ten families."
    )
    seconds: float = Field(35.0, ge=3, le=900, description="Length of a track, s.")
    seed: int = Field(0, ge=0, le=MAX_SEED, description="Another seed, another corpus.")

    def find(self) -> TrackListing:
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
            for track in self.planned()
        ]
        return TrackListing(b"", tracks)

    def planned(self) -> "list[DemoTrack]":
        """Return the tracks of the corpus as the synthesizer makes them."""
        from genreflow.synthetic.corpus import plan  # loads the synthesizer

        return plan(**self.model_dump(exclude={"layout", *Layout.model_fields}))
