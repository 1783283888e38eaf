"""Synthetic corpora made from scratch: sub-genres of psychedelic trance, moods, and clips with tags."""
