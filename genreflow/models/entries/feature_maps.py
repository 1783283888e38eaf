"""Senac et al. (2017), spectrograms against eight music features; Zhang et al. (2016), which it follows."""

from genreflow.models.entry import ModelEntry

ENTRIES: tuple[ModelEntry, ...] = ()
