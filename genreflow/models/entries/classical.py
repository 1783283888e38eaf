"""Classifiers that are fitted at once, on numbers that sum up a segment."""

from genreflow.models.entry import ModelEntry

ENTRIES: tuple[ModelEntry, ...] = ()
