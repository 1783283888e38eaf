"""Abela (2021), genre of GTZAN and mood in four quadrants; ConflictNET, which its End2End follows."""

from genreflow.models.entry import ModelEntry

ENTRIES: tuple[ModelEntry, ...] = ()
