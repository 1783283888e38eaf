"""Votes, metrics and intervals over prediction tables."""
