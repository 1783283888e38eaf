"""Neacșu-Miclea (2023), the ten commonest tags of MagnaTagATune."""

from genreflow.models.entry import ModelEntry

ENTRIES: tuple[ModelEntry, ...] = ()
