"""Samples to arrays: where to cut (segments) and what to compute (front-ends)."""
