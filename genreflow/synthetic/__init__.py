"""Synthetic corpora made from scratch: sub-genres of psychedelic trance, genres, moods, and clips with tags."""
