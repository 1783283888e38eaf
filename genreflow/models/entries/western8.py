"""Giamatti and Smith (2020), eight genres of popular music; Roberts's networks, which they cite."""

from genreflow.models.entry import ModelEntry

ENTRIES: tuple[ModelEntry, ...] = ()
