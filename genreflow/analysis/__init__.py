"""Describe a dataset before any training: its tags, its sounds, and the features that separate its tags."""
