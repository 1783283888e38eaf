"""Genreflow: a folder of music becomes a trained, audited classifier of genre, mood or tags."""

__version__ = "0.1.0"
