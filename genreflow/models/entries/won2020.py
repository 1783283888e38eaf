"""Won, Ferraro, Bogdanov and Serra (2020), the twelve tagging models that the tagging study compares with."""

from genreflow.models.entry import ModelEntry

ENTRIES: tuple[ModelEntry, ...] = ()
